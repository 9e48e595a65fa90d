/* bench_detectors.c - what each detector finds on photos, and how long it takes, as CSV.
 *
 *     bench_detectors scale DIR PHOTO...        the photos at 1 megapixel, as DIR/0.png, DIR/1.png, ...: what all tools are timed on
 *     bench_detectors faces NAMES PHOTO...      face,detector,photo,score,x,y,w,h,points: five pairs x,y, empty where a detector has none
 *     bench_detectors times NAMES PHOTO...      time,detector,photo,ms,runs: the least of some runs, on one thread, of processor
 *                                               time, which on an idle machine is that of the clock and hardly changes on a busy one
 *
 * NAMES are those of detectors with commas between, or "all". One whose weights are not here is left out. DF_BENCH_PRECISION: "strict" and
 * so on, in place of the default. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/photo.h"
#include "clock.h"
#include "detect/detector.h"
#include "image/warp.h"

enum { MEGAPIXEL = 1000000, LEAST_RUNS = 2, MOST_RUNS = 20 };
static const double time_each = 250; /* ms that a photo is run for, if LEAST_RUNS do not take longer */

typedef struct bench {
    df_engine *engine;
    const df_detector_ops *ops;
    void      *self;
    df_arena   scratch;
} bench;

typedef df_status (*act)(bench *b, const char *path, df_pixels px, df_error *err);

static df_status look(bench *b, df_pixels px, df_face_list *list, df_error *err)
{
    df_detect_params params = {.score = (double)NAN, .threads = 1};
    df__arena_reset(&b->scratch);
    list->n = 0;
    return b->ops->detect(b->self, px, &params, &b->scratch, list, err);
}

static void print_point(bool known, df_point p)
{
    if (known)
        printf(",%.3f,%.3f", (double)p.x, (double)p.y);
    else
        printf(",,");
}

static df_status faces(bench *b, const char *path, df_pixels px, df_error *err)
{
    df_face_list list = {0};
    df_status st = look(b, px, &list, err);
    for (size_t i = 0; st == DF_OK && i < list.n; i++) {
        const df_face *f = &list.items[i];
        printf("face,%s,%s,%.6f,%.3f,%.3f,%.3f,%.3f", b->ops->name, path, (double)f->confidence, (double)f->x, (double)f->y, (double)f->w,
               (double)f->h);
        print_point(f->has & DF_HAS_EYES, f->right_eye);
        print_point(f->has & DF_HAS_EYES, f->left_eye);
        print_point(f->has & DF_HAS_NOSE, f->nose);
        print_point(f->has & DF_HAS_MOUTH, f->mouth_right);
        print_point(f->has & DF_HAS_MOUTH, f->mouth_left);
        putchar('\n');
    }
    df__face_list_free(&list);
    return st;
}

static df_status times(bench *b, const char *path, df_pixels px, df_error *err)
{
    df_face_list list = {0};
    double least = INFINITY, begun = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    int runs = 0;
    df_status st = look(b, px, &list, err); /* one that is not counted */
    for (; st == DF_OK && (runs < LEAST_RUNS || (runs < MOST_RUNS && clock_ms(CLOCK_PROCESS_CPUTIME_ID) - begun < time_each)); runs++) {
        double at = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
        st = look(b, px, &list, err);
        least = fmin(least, clock_ms(CLOCK_PROCESS_CPUTIME_ID) - at);
    }
    if (st == DF_OK)
        printf("time,%s,%s,%.3f,%d\n", b->ops->name, path, least, runs);
    df__face_list_free(&list);
    return st;
}

static df_status each_photo(bench *b, char **photos, int n, act fn, df_error *err)
{
    df_status st = DF_OK;
    for (int i = 0; i < n && st == DF_OK; i++) {
        df_photo photo = {0};
        st = df__photo_open(b->engine, photos[i], 0, &photo, err);
        if (st == DF_OK)
            st = fn(b, photos[i], photo.px, err);
        df__photo_close(&photo);
    }
    fflush(stdout);
    return st;
}

static bool wanted(const char *names, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = names; (at = strstr(at, name)); at += len)
        if ((at == names || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
            return true;
    return strcmp(names, "all") == 0;
}

static df_status each_detector(bench *b, const char *names, char **photos, int n, act fn, df_error *err)
{
    df_status st = DF_OK;
    for (size_t i = 0; df__detector_at(i); i++) {
        b->ops = df__detector_at(i);
        if (b->ops == &df__detector_skip || !wanted(names, b->ops->name))
            continue;
        st = df__engine_detector(b->engine, b->ops, &b->self, err);
        if (st == DF_E_NO_MODEL) {
            fprintf(stderr, "bench: %s is left out: its weights are not here\n", b->ops->name);
            st = DF_OK;
            continue;
        }
        DF_TRY(st);
        fprintf(stderr, "bench: %s\n", b->ops->name);
        DF_TRY(each_photo(b, photos, n, fn, err));
    }
done:
    return st;
}

static df_status scale(bench *b, const char *folder, char **photos, int n, df_error *err)
{
    df_status st = DF_OK;
    df_photo photo = {0};
    df_pixels small;
    df_image *img = NULL;
    char name[4096];
    for (int i = 0; i < n; i++) {
        DF_TRY(df__photo_open(b->engine, photos[i], 0, &photo, err));
        double by = sqrt(MEGAPIXEL / ((double)photo.px.width * photo.px.height));
        df__arena_reset(&b->scratch);
        DF_TRY(df__pixels_in(&b->scratch, (int)lround(photo.px.width * by), (int)lround(photo.px.height * by), &small, err));
        DF_TRY(df__resize(photo.px, small, by < 1 ? DF_AREA : DF_LINEAR, &b->scratch, err));
        DF_TRY(df_image_from_rgb(small.width, small.height, small.stride, small.data, &img, err));
        snprintf(name, sizeof name, "%s/%d.png", folder, i);
        DF_TRY(df_image_save(img, name, err));
        df_image_free(img), img = NULL;
        df__photo_close(&photo);
    }
done:
    df_image_free(img);
    df__photo_close(&photo);
    return st;
}

int main(int argc, char **argv)
{
    static bench b;
    df_error error, *err = &error;
    df_status st = DF_OK;
    df_engine_opts opts = df_engine_opts_default();
    opts.threads = 1;
    opts.precision = getenv("DF_BENCH_PRECISION");
    if (argc < 4 || (strcmp(argv[1], "scale") != 0 && strcmp(argv[1], "faces") != 0 && strcmp(argv[1], "times") != 0)) {
        fprintf(stderr, "usage: bench_detectors scale DIR PHOTO... | faces NAMES PHOTO... | times NAMES PHOTO...\n");
        return 2;
    }
    DF_TRY(df_engine_new(&opts, &b.engine, err));
    if (strcmp(argv[1], "scale") == 0)
        DF_TRY(scale(&b, argv[2], argv + 3, argc - 3, err));
    else
        DF_TRY(each_detector(&b, argv[2], argv + 3, argc - 3, strcmp(argv[1], "faces") == 0 ? faces : times, err));
done:
    if (st != DF_OK)
        fprintf(stderr, "bench: %s\n", err->message);
    df__arena_free(&b.scratch);
    df_engine_free(b.engine);
    return st == DF_OK ? 0 : 3;
}
