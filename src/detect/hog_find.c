/* hog_find.c - the pyramid, level by level. */
#include "detect/hog_find.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "detect/fhog.h"

enum { BAND = 16, RESIZE_BAND = 64, MAX_TASKS = 256 }; /* rows of a task at least; a band of responses costs 9 rows of features more */

struct df_hog_finder {
    df_arena       arena;
    df_dlib_hog   *hog;
    df_hog_filters filters;
};

df_status df__hog_finder_new(df_dlib_hog *hog, df_hog_finder **out, df_error *err)
{
    df_hog_finder *f = calloc(1, sizeof *f);
    *out = NULL;
    if (!f) {
        df__dlib_hog_free(hog);
        return df__no_memory(err, "HOG detector", sizeof *f);
    }
    f->hog = hog;
    df_status st = df__hog_filters(hog, &f->arena, &f->filters, err);
    if (st != DF_OK) {
        df__hog_finder_free(f);
        return st;
    }
    *out = f;
    return DF_OK;
}

void df__hog_finder_free(df_hog_finder *finder)
{
    if (!finder)
        return;
    df__dlib_hog_free(finder->hog);
    df__arena_free(&finder->arena);
    free(finder);
}

/* ---- a level: its bands are scanned while those of the next are made ---- */

typedef struct level_job {
    const df_hog_finder  *finder;
    const df_packed      *picture, *next;
    const df_resize_plan *plan;  /* picture to next; NULL at the last level */
    double                least;
    int                   level, rows, scans, resizes;
    float                *work;  /* of worker i: work + i * work_room */
    size_t                work_room;
    df_hog_windows        found[MAX_TASKS];
    df_status             st[MAX_TASKS];
    df_error              err[MAX_TASKS];
} level_job;

static void run_task(void *arg, size_t i, int worker)
{
    level_job *j = arg;
    int t = (int)i;
    if (t < j->scans) {
        int first = (int)((int64_t)j->rows * t / j->scans), end = (int)((int64_t)j->rows * (t + 1) / j->scans);
        j->st[t] = df__hog_scan(j->picture, j->finder->hog, &j->finder->filters, j->least, j->level, first, end,
                                j->work + (size_t)worker * j->work_room, &j->found[t], &j->err[t]);
        return;
    }
    t -= j->scans;
    int first = (int)((int64_t)j->next->height * t / j->resizes), end = (int)((int64_t)j->next->height * (t + 1) / j->resizes);
    df__packed_resize(j->plan, j->picture, j->next, first, end);
}

static int tasks_of(int rows, int least_rows, int threads)
{
    int n = rows / least_rows, most = 2 * threads < MAX_TASKS / 2 ? 2 * threads : MAX_TASKS / 2;
    n = threads > 1 && n > 1 ? n : 1;
    return n < most ? n : most;
}

static df_status merge(level_job *j, df_hog_windows *all, df_error *err)
{
    size_t n = all->n;
    for (int t = 0; t < j->scans; t++) {
        if (j->st[t] != DF_OK) {
            if (err)
                *err = j->err[t];
            return j->st[t];
        }
        n += j->found[t].n;
    }
    if (n > all->cap) {
        df_hog_window *items = realloc(all->items, 2 * n * sizeof *items);
        if (!items)
            return df__no_memory(err, "list of windows", 2 * n * sizeof *items);
        all->items = items;
        all->cap = 2 * n;
    }
    for (int t = 0; t < j->scans; t++) {
        if (j->found[t].n)
            memcpy(all->items + all->n, j->found[t].items, j->found[t].n * sizeof *all->items);
        all->n += j->found[t].n;
    }
    return DF_OK;
}

static df_status run_level(level_job *j, int threads, df_hog_windows *all, df_error *err)
{
    j->rows = df__fhog_columns(j->picture->width) > 0 ? df__fhog_rows(j->picture->height) : 0;
    j->scans = j->rows > 0 ? tasks_of(j->rows, BAND, threads) : 0;
    j->resizes = j->plan ? tasks_of(j->next->height, RESIZE_BAND, threads) : 0;
    for (int t = 0; t < j->scans; t++)
        j->found[t] = (df_hog_windows){0}, j->st[t] = DF_OK;
    df__parallel_for((size_t)(j->scans + j->resizes), threads, run_task, j);
    df_status st = merge(j, all, err);
    for (int t = 0; t < j->scans; t++)
        free(j->found[t].items);
    return st;
}

/* ---- the pyramid: dlib 19.24 image_processing/scan_fhog_pyramid.h ---- */

static double point_down(double v) { return (v - 0.3) * (5.0 / 6.0); }

/* How many levels dlib's pyramid has: it asks the rounded box of the picture, not the picture. */
static int levels_of(const df_dlib_hog *hog, int width, int height)
{
    long left = 0, top = 0, right = width - 1, bottom = height - 1;
    int levels = 0;
    do {
        left = lround(point_down((double)left)), right = lround(point_down((double)right));
        top = lround(point_down((double)top)), bottom = lround(point_down((double)bottom));
        width = 5 * width / 6, height = 5 * height / 6;
        levels++;
    } while (right - left + 1 >= hog->min_width && bottom - top + 1 >= hog->min_height && levels < hog->max_levels && width > 0 && height > 0);
    return levels;
}

/* Two memories in turn: a level and the one that is made from it. memory[0] holds the first. */
static df_status run_pyramid(const df_hog_finder *finder, df_packed picture, void *memory[2], double least, int threads, df_arena *scratch,
                             df_hog_windows *all, df_error *err)
{
    df_status st = DF_OK;
    int levels = levels_of(finder->hog, picture.width, picture.height);
    int workers = threads < MAX_TASKS ? threads : MAX_TASKS;
    level_job *j = df__arena_calloc(scratch, 1, sizeof *j);
    if (!j)
        return df__no_memory(err, "HOG pyramid", sizeof *j);
    j->finder = finder, j->least = least;
    j->work_room = (df__hog_scan_room(picture.width, &finder->filters) + 15) & ~(size_t)15;
    j->work = df__arena_alloc(scratch, (size_t)workers * j->work_room * sizeof *j->work);
    if (!j->work)
        return df__no_memory(err, "HOG pyramid", (size_t)workers * j->work_room * sizeof *j->work);
    for (int level = 0; level < levels; level++) {
        df_packed next = {0};
        df_resize_plan plan;
        df_arena_mark mark = df__arena_mark(scratch);
        j->level = level, j->picture = &picture, j->next = &next, j->plan = NULL;
        if (level + 1 < levels) {
            next = df__packed_at(memory[(level + 1) % 2], 5 * picture.width / 6, 5 * picture.height / 6);
            DF_TRY(df__resize_plan(picture.width, picture.height, next.width, next.height, scratch, &plan, err));
            j->plan = &plan;
        }
        DF_TRY(run_level(j, threads, all, err));
        df__arena_release(scratch, mark);
        picture = next;
    }
done:
    return st;
}

/* dlib's pyramid_up: 2 w + 2 columns and 2 h + 1 rows. */
static df_status enlarge_photo(df_packed photo, df_packed large, int threads, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    df_resize_plan plan;
    df_arena_mark mark = df__arena_mark(scratch);
    DF_TRY(df__resize_plan(photo.width, photo.height, large.width, large.height, scratch, &plan, err));
    level_job *j = df__arena_calloc(scratch, 1, sizeof *j);
    if (!j)
        DF_TRY(df__no_memory(err, "enlarged photo", sizeof *j));
    j->picture = &photo, j->next = &large, j->plan = &plan;
    j->resizes = tasks_of(large.height, RESIZE_BAND, threads);
    df__parallel_for((size_t)j->resizes, threads, run_task, j);
    df__arena_release(scratch, mark);
done:
    return st;
}

df_status df__hog_find(const df_hog_finder *finder, df_pixels px, bool enlarge, double least, int threads, df_arena *scratch,
                       df_hog_face **faces, size_t *n, df_error *err)
{
    df_status st = DF_OK;
    df_hog_windows windows = {0};
    *faces = NULL, *n = 0;
    int w = enlarge ? 2 * px.width + 2 : px.width, h = enlarge ? 2 * px.height + 1 : px.height;
    threads = threads > 1 ? threads : 1;
    /* The photo lies where the second level will: it is no larger. A photo of a few pixels may be. */
    size_t first = df__packed_bytes(w, h), second = df__packed_bytes(5 * w / 6 + 1, 5 * h / 6 + 1), photo = df__packed_bytes(px.width, px.height);
    void *memory[2] = {df__arena_alloc(scratch, first), df__arena_alloc(scratch, second > photo ? second : photo)};
    if (!memory[0] || !memory[1])
        DF_TRY(df__no_memory(err, "copies of the photo", first + second));
    df_packed picture = df__packed_at(memory[0], w, h);
    if (enlarge) {
        df_packed small = df__packed_at(memory[1], px.width, px.height);
        df__pack(px, &small);
        DF_TRY(enlarge_photo(small, picture, threads, scratch, err));
    } else {
        df__pack(px, &picture);
    }
    DF_TRY(run_pyramid(finder, picture, memory, least, threads, scratch, &windows, err));
    DF_TRY(df__hog_faces(finder->hog, &windows, scratch, faces, n, err));
    for (size_t i = 0; enlarge && i < *n; i++)
        df__hog_face_halve(&(*faces)[i]);
done:
    free(windows.items);
    return st;
}
