/* bench_stages.c - milliseconds of each stage on two photos of one person, as CSV: stage,tool,version,threads,median_ms,min_ms.
 *
 *     bench_stages [PHOTOS [RUNS [DEEPFACE]]]     PHOTOS holds obama.jpg and obama2.jpg; DEEPFACE is the command line of the cold starts
 *
 * Weights where the library looks for them. A stage is timed on obama.jpg, after a run that is not counted; verify on both photos.
 * Cold is a whole process, from fork to its end, with the files in the page cache. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/pipeline.h"
#include "clock.h"
#include "image/decode.h"
#include "image/warp.h"

enum { RUNS = 30, MOST_RUNS = 10000, COLD_RUNS = 10, DETECTOR_SIDE = 640 };

typedef struct bench {
    df_engine *engine;
    char       photo[2][4096];
    const char *deepface;
    int        runs;
    /* what one stage hands to the next, filled before it is timed */
    df_bytes   file;
    df_pixels  px, small;
    df_image  *img;
    df_opts    opts;
    df_pipeline p;
    df_photo   view;
    df_face_list faces;
    df_pixels *crops;
    df_arena   scratch, own; /* own: what `crops` live in */
    float      vector[4096];
} bench;

typedef df_status (*act)(bench *b, df_error *err);

static int by_size(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

/* One run that is not counted, then `runs`. */
static df_status timed(bench *b, const char *stage, int runs, act fn, df_error *err)
{
    static double ms[MOST_RUNS];
    df_status st = fn(b, err);
    for (int i = 0; st == DF_OK && i < runs; i++) {
        double begun = now_ms();
        st = fn(b, err);
        ms[i] = now_ms() - begun;
    }
    if (st != DF_OK)
        return st;
    qsort(ms, (size_t)runs, sizeof *ms, by_size);
    printf("%s,deepface-c,%s,%d,%.3f,%.3f\n", stage, df_version(), b->engine->threads, (ms[(runs - 1) / 2] + ms[runs / 2]) / 2, ms[0]);
    fflush(stdout);
    return DF_OK;
}

/* ---- stages ---- */

static df_status decode(bench *b, df_error *err)
{
    df__pixels_free(&b->px);
    return df__photo_decode(b->file.data, b->file.len, &b->engine->limits, 0, &b->px, err);
}

static df_status decode_small(bench *b, df_error *err)
{
    df__pixels_free(&b->small);
    return df__photo_decode(b->file.data, b->file.len, &b->engine->limits, DETECTOR_SIDE, &b->small, err);
}

static df_status resize(bench *b, df_error *err)
{
    df__arena_reset(&b->scratch);
    return df__resize(b->px, b->small, DF_LINEAR, &b->scratch, err);
}

static df_status detect(bench *b, df_error *err)
{
    df_faces *faces = NULL;
    df_status st = df_detect_image(b->engine, b->img, &b->opts, &faces, err);
    df_faces_free(faces);
    return st;
}

static df_status align(bench *b, df_error *err)
{
    df__arena_reset(&b->own);
    return df__pipeline_crops(&b->p, &b->view, &b->faces, &b->own, &b->crops, err);
}

static df_status represent(bench *b, df_error *err)
{
    df__arena_reset(&b->scratch);
    return df__recogniser_run(b->p.net, b->crops, 1, b->p.range, b->p.flip, 1, &b->scratch, b->vector, err);
}

static df_status verify_warm(bench *b, df_error *err)
{
    df_verify_result r;
    df_status st = df_verify(b->engine, b->photo[0], b->photo[1], &b->opts, &r, err);
    return st == DF_OK && !r.verified ? df__fail(err, DF_E_INTERNAL, "%s and %s are told apart", b->photo[0], b->photo[1]) : st;
}

static df_status verify_cold(bench *b, df_error *err)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        execl(b->deepface, b->deepface, "verify", "-q", "--detector", b->opts.detector, "--align", b->opts.align, "--", b->photo[0],
              b->photo[1], (char *)NULL);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return df__fail(err, DF_E_INTERNAL, "%s verify --detector %s --align %s ended with %d", b->deepface, b->opts.detector, b->opts.align,
                        WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return DF_OK;
}

/* ---- in their order ---- */

static df_status image_stages(bench *b, df_error *err)
{
    df_status st = DF_OK;
    DF_TRY(df__read_file(b->photo[0], b->engine->limits.bytes, &b->file, err));
    DF_TRY(timed(b, "decode", b->runs, decode, err));
    DF_TRY(timed(b, "decode for the detector", b->runs, decode_small, err));
    df__pixels_free(&b->small);
    double scale = (double)DETECTOR_SIDE / (b->px.width > b->px.height ? b->px.width : b->px.height);
    DF_TRY(df__pixels_new((int)(b->px.width * scale), (int)(b->px.height * scale), &b->small, err));
    DF_TRY(timed(b, "resize to 640", b->runs, resize, err));
    DF_TRY(df_image_load(b->engine, b->photo[0], &b->img, err));
done:
    return st;
}

static df_status detect_stages(bench *b, df_error *err)
{
    df_status st = DF_OK;
    char stage[64];
    for (size_t i = 0; df__detector_at(i); i++) {
        b->opts = df_opts_default();
        b->opts.detector = df__detector_at(i)->name;
        if (df__detector_at(i) == &df__detector_skip)
            continue;
        snprintf(stage, sizeof stage, "detect %s", b->opts.detector);
        st = timed(b, stage, b->runs, detect, err);
        if (st != DF_E_NO_MODEL)
            DF_TRY(st);
        else
            fprintf(stderr, "bench: %s is left out: its weights are not here\n", stage);
        st = DF_OK;
    }
done:
    return st;
}

static df_status face_stages(bench *b, const char *way, df_error *err)
{
    df_status st = DF_OK;
    char stage[64];
    b->opts = df_opts_default();
    b->opts.align = way;
    df__face_list_free(&b->faces);
    b->faces = (df_face_list){0};
    DF_TRY(df__pipeline_open(b->engine, &b->opts, true, &b->p, err));
    DF_TRY(df__photo_of(b->img, &b->view, err));
    DF_TRY(df__pipeline_detect(&b->p, &b->view, b->engine->threads, &b->scratch, &b->faces, err));
    snprintf(stage, sizeof stage, "align %s", way);
    DF_TRY(timed(b, stage, b->runs, align, err));
    snprintf(stage, sizeof stage, "represent Dlib %s", way);
    DF_TRY(timed(b, stage, b->runs, represent, err));
done:
    return st;
}

static df_status verify_stages(bench *b, const char *detector, const char *way, df_error *err)
{
    df_status st = DF_OK;
    char stage[96];
    b->opts = df_opts_default();
    b->opts.detector = detector;
    b->opts.align = way;
    snprintf(stage, sizeof stage, "verify warm %s+%s+Dlib", detector, way);
    DF_TRY(timed(b, stage, b->runs, verify_warm, err));
    snprintf(stage, sizeof stage, "verify cold %s+%s+Dlib", detector, way);
    if (access(b->deepface, X_OK) == 0)
        DF_TRY(timed(b, stage, COLD_RUNS, verify_cold, err));
    else
        fprintf(stderr, "bench: no %s: cold starts are left out\n", b->deepface);
done:
    return st;
}

int main(int argc, char **argv)
{
    static bench b;
    df_status st = DF_OK;
    df_error error, *err = &error;
    const char *photos = argc > 1 ? argv[1] : DF_SOURCE_DIR "/build/photos";
    b.runs = argc > 2 ? atoi(argv[2]) : RUNS;
    b.deepface = argc > 3 ? argv[3] : DF_CLI;
    if (b.runs < 1 || b.runs > MOST_RUNS || argc > 4) {
        fprintf(stderr, "usage: bench_stages [PHOTOS [RUNS [DEEPFACE]]], RUNS in 1..%d\n", MOST_RUNS);
        return 2;
    }
    snprintf(b.photo[0], sizeof b.photo[0], "%s/obama.jpg", photos);
    snprintf(b.photo[1], sizeof b.photo[1], "%s/obama2.jpg", photos);
    puts("stage,tool,version,threads,median_ms,min_ms");
    DF_TRY(df_engine_new(NULL, &b.engine, err));
    DF_TRY(image_stages(&b, err));
    DF_TRY(detect_stages(&b, err));
    DF_TRY(face_stages(&b, "points", err));
    DF_TRY(face_stages(&b, "eyes", err));
    DF_TRY(verify_stages(&b, "retinaface", "points", err));
    DF_TRY(verify_stages(&b, "ssd", "eyes", err));
    DF_TRY(verify_stages(&b, "opencv", "eyes", err)); /* the ways that bench/peers/upstream_verify.py times */
done:
    if (st != DF_OK)
        fprintf(stderr, "bench: %s\n", err->message);
    df__face_list_free(&b.faces);
    df__arena_free(&b.own);
    df__arena_free(&b.scratch);
    df_image_free(b.img);
    df__pixels_free(&b.px);
    df__pixels_free(&b.small);
    df__bytes_free(&b.file);
    df_engine_free(b.engine);
    return st == DF_OK ? 0 : 3;
}
