/* bench.c - `deepface bench`: milliseconds of each stage on given photos; of a network: bench_model.c. Tools to compare with others live in bench/. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "photos.h"
#include "print.h"
#include "progress.h"

/* What is timed, in the order of a photo's walk. Align and network are what a longer walk takes beyond a shorter one, taken in turn
 * on the same photo. */
typedef enum stage { DECODE, DETECT, ALIGN, NETWORK, REPRESENT, VERIFY_WARM, VERIFY_COLD, STAGES } stage;

static const char *const names[STAGES] = {"decode", "detect", "align", "network", "represent", "verify warm", "verify cold"};
static const char *const what[STAGES] = {
    "file to pixels, full scale", "faces of the pixels", "chips: extract less detect", "vectors: represent less extract",
    "pixels to vectors, all of it", "two files to a verdict", "the same with a new engine, weights read and checked"};

enum { MOST_COLD = 10 };

typedef struct bench {
    const cli_args *args;
    df_engine      *engine;
    double         *ms[STAGES];
    size_t          n[STAGES];
} bench;

static void note(bench *b, stage s, double seconds) { b->ms[s][b->n[s]++] = seconds > 0 ? 1e3 * seconds : 0; }

static df_status time_photo(bench *b, const char *path, df_error *err)
{
    df_status st = DF_OK;
    df_image *img = NULL;
    df_faces *faces = NULL;
    df_chips *chips = NULL;
    df_embeddings *e = NULL;
    double t[5];
    t[0] = cli_now();
    st = df_image_load(b->engine, path, &img, err);
    t[1] = cli_now();
    if (st == DF_OK)
        st = df_detect_image(b->engine, img, &b->args->opts, &faces, err);
    t[2] = cli_now();
    if (st == DF_OK)
        st = df_extract_image(b->engine, img, &b->args->opts, &chips, err);
    t[3] = cli_now();
    if (st == DF_OK)
        st = df_represent_image(b->engine, img, &b->args->opts, &e, err);
    t[4] = cli_now();
    if (st == DF_OK) {
        double detect = t[2] - t[1], extract = t[3] - t[2], represent = t[4] - t[3];
        note(b, DECODE, t[1] - t[0]);
        note(b, DETECT, detect);
        note(b, ALIGN, extract - detect);
        note(b, NETWORK, represent - extract);
        note(b, REPRESENT, represent);
    }
    df_embeddings_free(e);
    df_chips_free(chips);
    df_faces_free(faces);
    df_image_free(img);
    return st;
}

static df_status time_pair(bench *b, const char *path1, const char *path2, df_error *err)
{
    df_verify_result r;
    double begun = cli_now();
    df_status st = df_verify(b->engine, path1, path2, &b->args->opts, &r, err);
    note(b, VERIFY_WARM, cli_now() - begun);
    return st;
}

static df_status time_cold(bench *b, const char *path1, const char *path2, df_error *err)
{
    df_engine *fresh = NULL;
    df_verify_result r;
    double begun = cli_now();
    df_status st = df_engine_new(&b->args->engine, &fresh, err);
    if (st == DF_OK)
        st = df_verify(fresh, path1, path2, &b->args->opts, &r, err);
    note(b, VERIFY_COLD, cli_now() - begun);
    df_engine_free(fresh);
    return st;
}

/* One walk first that is not counted: it loads the models. */
static df_status time_all(bench *b, df_error *err)
{
    const cli_args *a = b->args;
    df_status st = DF_OK;
    cli_progress bar;
    cli_progress_start(&bar, "rounds", (size_t)a->runs + 1, a->quiet);
    for (int r = 0; st == DF_OK && r <= a->runs; r++) {
        for (size_t i = 0; st == DF_OK && i < a->n; i++) {
            st = time_photo(b, a->paths[i], err);
            if (st == DF_OK)
                st = time_pair(b, a->paths[i], a->paths[(i + 1) % a->n], err);
        }
        if (r == 0)
            memset(b->n, 0, sizeof b->n);
        if (st == DF_OK && r < MOST_COLD)
            st = time_cold(b, a->paths[0], a->paths[a->n > 1 ? 1 : 0], err);
        cli_progress_step(&bar);
    }
    cli_progress_end(&bar);
    return st;
}

static int by_size(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static bool show(const bench *b)
{
    cli_table t;
    cli_table_start(&t, "lrrl");
    cli_table_add(&t, CLI_BOLD, "stage");
    cli_table_add(&t, CLI_BOLD, "median ms");
    cli_table_add(&t, CLI_BOLD, "min ms");
    cli_table_add(&t, CLI_BOLD, "what");
    for (int s = 0; s < STAGES; s++) {
        qsort(b->ms[s], b->n[s], sizeof(double), by_size);
        double median = (b->ms[s][(b->n[s] - 1) / 2] + b->ms[s][b->n[s] / 2]) / 2, least = b->ms[s][0];
        if (b->args->json)
            printf("%s{\"stage\": \"%s\", \"median_ms\": %.3f, \"min_ms\": %.3f}", s ? ", " : "[", names[s], median, least);
        cli_table_add(&t, CLI_PLAIN, "%s", names[s]);
        cli_table_add(&t, CLI_PLAIN, "%.2f", median);
        cli_table_add(&t, CLI_PLAIN, "%.2f", least);
        cli_table_add(&t, CLI_DIM, "%s", what[s]);
    }
    if (b->args->json)
        puts("]");
    if (!b->args->json && !b->args->quiet)
        return cli_table_end(&t);
    cli_table_drop(&t);
    return true;
}

static int run(const cli_args *given)
{
    df_error err;
    cli_args args = *given;
    if (strcmp(args.paths[0], "model") == 0)
        return cli_bench_model(given);
    if (args.batch || args.size || args.input || args.output || args.layers)
        return cli_fail(CLI_BAD_INPUT, "--batch, --size, --layers, --input and --output belong to bench model FILE.onnx");
    if (args.runs == 0)
        args.runs = 20;
    for (size_t i = 0; i < args.n; i++)
        if (strcmp(args.paths[i], "-") == 0)
            return cli_fail(CLI_BAD_INPUT, "bench reads its photos many times: standard input (-) will not do");
    bench b = {.args = &args};
    bool memory = true;
    for (int s = 0; s < STAGES; s++)
        memory = (b.ms[s] = calloc(((size_t)args.runs + 1) * args.n + MOST_COLD, sizeof(double))) && memory;
    int code = memory ? cli_engine(&args, &b.engine) : cli_fail(CLI_FAILED, "out of memory");
    if (code == CLI_OK && time_all(&b, &err) != DF_OK)
        code = cli_fail_reading(&err, args.paths, args.n);
    else if (code == CLI_OK && !show(&b))
        code = cli_fail(CLI_FAILED, "out of memory");
    for (int s = 0; s < STAGES; s++)
        free(b.ms[s]);
    df_engine_free(b.engine);
    return code;
}

static const cli_flag flags[] = {
    {"runs", 0, CLI_INT, "N", offsetof(cli_args, runs), 1, 100000, "rounds over the photos, 20 unless told; of a model, as many as two seconds hold"},
    {"batch", 0, CLI_INT, "N", offsetof(cli_args, batch), 1, 4096, "of a model: as many photos at once, 1 unless told"},
    {"size", 0, CLI_TEXT, "WxH", offsetof(cli_args, size), 0, 0, "of a model that takes any size: width and height of its input"},
    {"layers", 0, CLI_SWITCH, NULL, offsetof(cli_args, layers), 0, 0, "of a model: all its layers in order, not the ten slowest"},
    {"input", 0, CLI_TEXT, "X.npy", offsetof(cli_args, input), 0, 0, "of a model: what to feed, not random numbers; further inputs are X-1.npy, X-2.npy, ..."},
    {"output", 0, CLI_TEXT, "Y.npy", offsetof(cli_args, output), 0, 0, "of a model: where its answer goes; further outputs to Y-1.npy, Y-2.npy, ..."},
    {0},
};

const cli_command cli_bench = {"bench", "IMG...|model FILE.onnx", "milliseconds of each stage on your photos, or of a network", flags, true, 1, 1000,
                              "a photo", run};
