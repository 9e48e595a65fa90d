/* bench_model.c - `deepface bench model FILE.onnx`: how long a network takes to load and to run, and which layer takes it.
 *
 * Load is opening the file and what the first run takes beyond a later one: that is when it is compiled for the inputs' shapes. Both loads
 * are timed in processes of their own before anything else happens here; the second one leaves a cache behind for this process. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "npy.h"
#include "print.h"
#include "progress.h"
#include "text.h"

enum { MOST_INPUTS = 32, MOST_RUNS = 100000, LEAST_RUNS = 5, SLOWEST = 10 };
static const double two_seconds = 2, half_second = 0.5;

typedef struct session {
    const cli_args *args;
    const char     *path;
    df_engine      *engine;
    df_network     *net;
    df_tensor       in[MOST_INPUTS];
    size_t          n_in;
    df_tensors     *out; /* of the last run */
    double          load_ms, cold_ms; /* NaN: not known */
    double         *ms, *cpu_ms; /* of the timed runs: by the clock, and time of processors that all threads of the process had */
    size_t          runs;
    double          before_mb, resident_mb;
    df_layers      *layers;
} session;

static df_status fail(df_error *err, const char *what, const char *name, const char *more)
{
    snprintf(err->message, sizeof err->message, "%s: %s%s", name, what, more);
    return err->status = DF_E_ARGUMENT;
}

/* ---- inputs ---- */

/* splitmix64 (Steele, Lea, Flood 2014): the same numbers everywhere. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* Floats of 0..1 (halves of 0.5..1), bytes of 0..255, other integers 0 and 1. */
static void fill(df_tensor *t, size_t n, uint64_t seed)
{
    size_t each = cli_type_size(t->type);
    uint8_t *to = t->data;
    bool little = *(const uint8_t *)&(const uint16_t){1};
    memset(to, 0, n * each);
    for (size_t i = 0; i < n; i++, to += each) {
        uint64_t r = next_random(&seed);
        if (t->type == DF_F32)
            memcpy(to, &(float){(float)(r >> 40) * 0x1p-24f}, each);
        else if (t->type == DF_F64)
            memcpy(to, &(double){(double)(r >> 11) * 0x1p-53}, each);
        else if (t->type == DF_F16)
            memcpy(to, &(uint16_t){(uint16_t)(0x3800 | (r & 0x3FF))}, each);
        else if (t->type == DF_BF16)
            memcpy(to, &(uint16_t){(uint16_t)(0x3F00 | (r & 0x7F))}, each);
        else if (t->type == DF_U8)
            *to = (uint8_t)r;
        else
            to[little ? 0 : each - 1] = (uint8_t)(r & 1);
    }
}

static bool read_size(const char *text, int64_t *width, int64_t *height)
{
    int used = 0;
    return sscanf(text, "%5" SCNd64 "x%5" SCNd64 "%n", width, height, &used) == 2 && !text[used] && *width > 0 && *height > 0;
}

/* The first dim that the file leaves open is the batch, two more are height and width. */
static df_status shape_of(const df_port *port, const cli_args *a, df_tensor *out, df_error *err)
{
    int64_t size[2] = {0, 0}; /* height, width */
    int open = 0, batch = a->batch ? a->batch : 1;
    *out = port->shape;
    if (out->rank < 0)
        return fail(err, "the file does not tell its rank: give --input", port->name, "");
    for (int i = 1; i < out->rank; i++)
        open += out->dims[i] < 0;
    if (open != 0 && open != 2)
        return fail(err, "not its height and width alone may be of any size: give --input", port->name, "");
    if (open && !a->size)
        return fail(err, "it takes any height and width: give --size WxH", port->name, "");
    if (a->size && !read_size(a->size, &size[1], &size[0]))
        return fail(err, a->size, "--size", " is no WxH, such as 640x480");
    if (out->rank > 0 && out->dims[0] < 0)
        out->dims[0] = batch;
    else if (a->batch && (out->rank == 0 || out->dims[0] != batch))
        return fail(err, "its first dimension is fixed: --batch will not do", port->name, "");
    for (int i = 1, k = 0; i < out->rank; i++)
        if (out->dims[i] < 0)
            out->dims[i] = size[k++];
    return DF_OK;
}

static df_status make_input(session *s, size_t i, const df_port *port, df_error *err)
{
    char name[4096];
    df_tensor *t = &s->in[i];
    if (s->args->input) {
        if (!cli_npy_name(s->args->input, i, name, sizeof name))
            return fail(err, "the name is too long", "--input", "");
        return cli_npy_read(name, t, err);
    }
    df_status st = shape_of(port, s->args, t, err);
    if (st != DF_OK)
        return st;
    int64_t n = cli_tensor_count(t);
    size_t each = cli_type_size(t->type);
    if (n < 0 || each == 0 || (uint64_t)n > ((uint64_t)1 << 32) / each)
        return fail(err, "the input is larger than 4 GiB", port->name, "");
    t->data = malloc((size_t)n * each + 1);
    if (!t->data) {
        fail(err, "out of memory", port->name, "");
        return err->status = DF_E_NO_MEMORY;
    }
    fill(t, (size_t)n, i + 1);
    return DF_OK;
}

static df_status make_inputs(session *s, df_error *err)
{
    df_status st = DF_OK;
    const df_port *port;
    for (size_t i = 0; st == DF_OK && (port = df_network_input(s->net, i)); i++) {
        if (i == MOST_INPUTS)
            return fail(err, "more than 32 inputs", s->path, "");
        st = make_input(s, i, port, err);
        s->n_in = i + 1;
    }
    return st;
}

/* ---- loading ---- */

static df_status run_once(session *s, double *seconds, df_error *err)
{
    df_tensors_free(s->out);
    double begun = cli_now();
    df_status st = df_network_run(s->net, s->in, s->n_in, &s->out, err);
    *seconds = cli_now() - begun;
    return st;
}

static df_status load(session *s, df_error *err)
{
    double first, later[2];
    df_engine_opts opts = s->args->engine;
    opts.log = s->args->verbose ? cli_tell : NULL;
    df_status st = s->engine ? DF_OK : df_engine_new(&opts, &s->engine, err);
    double begun = cli_now();
    if (st == DF_OK)
        st = df_network_open(s->engine, s->path, NULL, &s->net, err);
    double open = cli_now() - begun;
    if (st == DF_OK)
        st = make_inputs(s, err);
    if (st == DF_OK)
        st = run_once(s, &first, err);
    for (int i = 0; st == DF_OK && i < 2; i++)
        st = run_once(s, &later[i], err);
    if (st == DF_OK)
        s->load_ms = 1e3 * (open + fmax(0, first - fmin(later[0], later[1])));
    return st;
}

static void unload(session *s)
{
    df_layers_free(s->layers);
    df_tensors_free(s->out);
    for (size_t i = 0; i < s->n_in; i++)
        free(s->in[i].data);
    df_network_free(s->net);
    df_engine_free(s->engine);
    free(s->ms);
    free(s->cpu_ms);
}

/* Milliseconds of a load in a process of its own, NaN when it fails: then it will fail here too, and be told. */
static double load_apart(const session *of, bool cache)
{
    int ends[2];
    double ms = NAN;
    if (pipe(ends) != 0)
        return ms;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        df_error err;
        session s = {.args = of->args, .path = of->path};
        bool ok = cache || setenv("DEEPFACE_CACHE", "off", 1) == 0;
        ok = ok && load(&s, &err) == DF_OK && write(ends[1], &s.load_ms, sizeof s.load_ms) == sizeof s.load_ms;
        unload(&s); /* writes the cache */
        fflush(stderr); /* what -v told */
        _exit(ok ? 0 : 1);
    }
    close(ends[1]);
    if (child > 0 && read(ends[0], &ms, sizeof ms) != sizeof ms)
        ms = NAN;
    close(ends[0]);
    if (child > 0)
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            ;
    return ms;
}

/* ---- timing ---- */

/* What this process holds of the memory, in MB. */
static double resident_mb(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    bool known = f && fscanf(f, "%*d %ld", &pages) == 1;
    if (f)
        fclose(f);
    struct rusage use = {0};
    if (!known && getrusage(RUSAGE_SELF, &use) == 0) /* at its highest, in KiB */
        return (double)use.ru_maxrss * 1024 / 1e6;
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static double median_of(const double *sorted, size_t n) { return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2; }
static double median(const session *s) { return median_of(s->ms, s->runs); }

/* On a machine that does other work too, the clock says more about that. */
static double cpu_seconds(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double at_share(const session *s, double share) { return s->ms[(size_t)ceil(share * (double)s->runs) - 1]; }

static df_status time_runs(session *s, df_error *err)
{
    df_status st = DF_OK;
    double begun = cli_now(), seconds;
    size_t most = s->args->runs ? (size_t)s->args->runs : MOST_RUNS;
    s->ms = calloc(most, sizeof *s->ms);
    s->cpu_ms = calloc(most, sizeof *s->cpu_ms);
    if (!s->ms || !s->cpu_ms) {
        fail(err, "out of memory", s->path, "");
        return err->status = DF_E_NO_MEMORY;
    }
    while (st == DF_OK && s->runs < most && (s->args->runs || s->runs < LEAST_RUNS || cli_now() - begun < two_seconds)) {
        double cpu = cpu_seconds();
        st = run_once(s, &seconds, err);
        s->cpu_ms[s->runs] = 1e3 * (cpu_seconds() - cpu);
        s->ms[s->runs++] = 1e3 * seconds;
    }
    qsort(s->ms, s->runs, sizeof *s->ms, by_size);
    qsort(s->cpu_ms, s->runs, sizeof *s->cpu_ms, by_size);
    return st;
}

static df_status write_outputs(const session *s, df_error *err)
{
    df_status st = DF_OK;
    char name[4096];
    for (size_t i = 0; st == DF_OK && s->args->output && i < df_tensors_count(s->out); i++)
        st = cli_npy_name(s->args->output, i, name, sizeof name) ? cli_npy_write(name, df_tensors_at(s->out, i), err)
                                                                 : fail(err, "the name is too long", "--output", "");
    return st;
}

static df_status measure(session *s, df_error *err)
{
    s->cold_ms = load_apart(s, false);
    load_apart(s, true);
    if (cli_engine(s->args, &s->engine) != CLI_OK) {
        err->message[0] = '\0'; /* it is told */
        return err->status = DF_E_ARGUMENT;
    }
    s->before_mb = resident_mb();
    df_status st = load(s, err);
    if (st == DF_OK)
        st = time_runs(s, err);
    s->resident_mb = resident_mb() - s->before_mb;
    if (st == DF_OK)
        st = write_outputs(s, err);
    if (st == DF_OK) {
        double runs = 1e3 * half_second / fmax(1e-3, median(s));
        st = df_network_profile(s->net, s->in, s->n_in, (int)fmax(3, fmin(100, runs)), &s->layers, err);
    }
    return st;
}

/* ---- showing ---- */

static double rate(const df_layer *l) { return l->seconds > 0 ? l->flops / l->seconds / 1e9 : 0; }
static int64_t batch_of(const session *s) { return s->n_in > 0 && s->in[0].rank > 0 ? s->in[0].dims[0] : 1; }
static double photos_a_second(const session *s) { return median(s) > 0 ? 1e3 * (double)batch_of(s) / median(s) : 0; }

static void shape_text(const df_tensor *t, char *out, size_t size)
{
    size_t at = 0;
    snprintf(out, size, "scalar");
    for (int i = 0; i < t->rank && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%" PRId64, i ? "x" : "", t->dims[i]);
}

static void json_text(const char *key, const char *text)
{
    printf("\"%s\": ", key);
    cli_json_text(stdout, text);
    fputs(", ", stdout);
}

static void print_json(const session *s)
{
    char shape[256];
    double peak = df_layers_peak(s->layers) / 1e9;
    putchar('{');
    json_text("model", s->path);
    json_text("precision", df_network_precision(s->net));
    printf("\"threads\": %d, \"batch\": %" PRId64 ", \"inputs\": [", df_network_threads(s->net), batch_of(s));
    for (size_t i = 0; i < s->n_in; i++) {
        shape_text(&s->in[i], shape, sizeof shape);
        printf("%s\"%s\"", i ? ", " : "", shape);
    }
    printf("], \"load_ms\": %.3f, \"cold_load_ms\": ", s->load_ms);
    if (isnan(s->cold_ms))
        fputs("null", stdout);
    else
        printf("%.3f", s->cold_ms);
    printf(", \"median_ms\": %.4f, \"min_ms\": %.4f, \"p90_ms\": %.4f, \"cpu_ms\": %.4f, \"runs\": %zu, \"images_per_s\": %.2f, \"resident_mb\": %.2f, \"peak_gflop_per_s\": %.1f",
           median(s), s->ms[0], at_share(s, 0.9), median_of(s->cpu_ms, s->runs), s->runs, photos_a_second(s), s->resident_mb, peak);
    fputs(", \"layers\": [", stdout);
    const df_layer *l;
    for (size_t i = 0; (l = df_layers_at(s->layers, i)); i++) {
        fputs(i ? ", {" : "{", stdout);
        json_text("name", l->name);
        json_text("op", l->op);
        json_text("kernel", l->kernel);
        printf("\"ms\": %.5f, \"gflop_per_s\": %.1f, \"share_of_peak\": %.3f}", 1e3 * l->seconds, rate(l), peak > 0 ? rate(l) / peak : 0);
    }
    puts("]}");
}

static int slowest_first(const void *a, const void *b)
{
    const df_layer *p = *(const df_layer *const *)a, *q = *(const df_layer *const *)b;
    return (p->seconds < q->seconds) - (p->seconds > q->seconds);
}

static void add_layer(cli_table *t, const df_layer *l, double all, double peak)
{
    cli_table_add(t, CLI_PLAIN, "%.48s", l->name);
    cli_table_add(t, CLI_PLAIN, "%s", l->op);
    cli_table_add(t, CLI_PLAIN, "%s", l->kernel);
    cli_table_add(t, CLI_PLAIN, "%.3f", 1e3 * l->seconds);
    cli_table_add(t, CLI_PLAIN, "%.1f", all > 0 ? 100 * l->seconds / all : 0);
    if (l->flops > 0 && l->seconds > 0) {
        cli_table_add(t, CLI_PLAIN, "%.1f", rate(l));
        cli_table_add(t, CLI_PLAIN, "%.0f", peak > 0 ? 100 * rate(l) / peak : 0);
    } else {
        cli_table_add(t, CLI_PLAIN, "%s", "");
        cli_table_add(t, CLI_PLAIN, "%s", "");
    }
}

static bool print_layers(const session *s)
{
    static const char *const head[] = {"layer", "operator", "kernel", "ms", "% of all", "GFLOP/s", "% of peak"};
    size_t n = df_layers_count(s->layers);
    double all = 0, peak = df_layers_peak(s->layers) / 1e9;
    cli_table t;
    const df_layer **order = calloc(n + 1, sizeof *order);
    if (!order)
        return false;
    for (size_t i = 0; i < n; i++) {
        order[i] = df_layers_at(s->layers, i);
        all += order[i]->seconds;
    }
    if (!s->args->layers)
        qsort(order, n, sizeof *order, slowest_first);
    cli_table_start(&t, "lllrrrr");
    for (size_t i = 0; i < t.columns; i++)
        cli_table_add(&t, CLI_BOLD, "%s", head[i]);
    for (size_t i = 0; i < n && (s->args->layers || i < SLOWEST); i++)
        add_layer(&t, order[i], all, peak);
    free(order);
    return cli_table_end(&t);
}

static bool print_text(const session *s)
{
    char shape[256] = "none";
    if (s->n_in > 0)
        shape_text(&s->in[0], shape, sizeof shape);
    fputs("\n  ", stdout);
    cli_print_safe(stdout, cli_file_name(s->path));
    printf("  input %s, %s, %d thread%s\n\n", shape, df_network_precision(s->net), df_network_threads(s->net), df_network_threads(s->net) == 1 ? "" : "s");
    printf("  median %.3f ms, least %.3f, nine of ten within %.3f (%zu runs)   %.1f images/s\n", median(s), s->ms[0], at_share(s, 0.9), s->runs,
           photos_a_second(s));
    printf("  load %.1f ms", s->load_ms);
    if (!isnan(s->cold_ms))
        printf(", without a cache %.1f", s->cold_ms);
    printf("   resident %.1f MB more than before\n", s->resident_mb);
    if (df_layers_count(s->layers) == 0) {
        puts("  no layers: shapes depend on data, each run goes through the graph anew");
        return true;
    }
    printf("  peak %.0f GFLOP/s: a product of 1024 x 1024 matrices\n\n", df_layers_peak(s->layers) / 1e9);
    return print_layers(s);
}

int cli_bench_model(const cli_args *args)
{
    df_error err = {0};
    int code = CLI_OK;
    const char *const given[] = {args->n > 1 ? args->paths[1] : NULL, args->input};
    if (args->n != 2)
        return cli_fail(CLI_BAD_INPUT, "bench model needs one file, %zu given: deepface bench model FILE.onnx (a photo of that name: ./model)", args->n - 1);
    if (args->input && (args->batch || args->size))
        return cli_fail(CLI_BAD_INPUT, "--input has a shape of its own: without --batch and --size");
    session s = {.args = args, .path = args->paths[1], .load_ms = NAN, .cold_ms = NAN};
    df_status st = measure(&s, &err);
    if (st != DF_OK && !err.message[0])
        code = CLI_BAD_INPUT;
    else if (st != DF_OK)
        code = cli_fail(st == DF_E_BAD_MODEL ? CLI_BAD_INPUT : cli_code(st, given, args->input ? 2 : 1), "%s", err.message);
    else if (args->json)
        print_json(&s);
    else if (!args->quiet && !print_text(&s))
        code = cli_fail(CLI_FAILED, "out of memory");
    unload(&s);
    return code;
}
