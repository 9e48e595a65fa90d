/* dlib_hog.c - dlib's frontal_face_detector: HOG features, a pyramid with steps of 5/6, five filters (D. King 2015, "Max-Margin Object
 * Detection", for their training). Upstream's use of it: deepface 0.0.103 models/face_detection/Dlib.py. */
#include "detect/dlib_hog.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "detect/detector.h"
#include "detect/fhog.h"
#include "detect/hog_scan.h"
#include "image/warp.h"

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

/* ---- geometry: dlib 19.24 image_transforms/image_pyramid.h, fhog.h ---- */

static double point_down(double v) { return (v - 0.3) * (5.0 / 6.0); }
static double point_up(double v) { return v * (6 / 5.0) + 0.3; }

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

/* Pixel in the middle of a cell of the map of responses. */
static long pixel_of(int cell)
{
    int p = (cell + 1 - (DF_HOG_SIDE - 1) / 2) * DF_FHOG_CELL + 1;
    return p + (p < 0 ? -DF_FHOG_CELL / 2 : DF_FHOG_CELL / 2);
}

static long up(long v, int levels)
{
    double at = (double)v;
    for (int i = 0; i < levels; i++)
        at = point_up(at);
    return lround(at);
}

static df_hog_face face_of(const df_hog_window *w)
{
    return (df_hog_face){.score = w->score, .filter = w->filter,
                         .left = up(pixel_of(w->x), w->level), .right = up(pixel_of(w->x + DF_HOG_SIDE - 1), w->level),
                         .top = up(pixel_of(w->y), w->level), .bottom = up(pixel_of(w->y + DF_HOG_SIDE - 1), w->level)};
}

/* From the enlarged picture to the photo. */
static void halve(df_hog_face *f)
{
    f->left = lround((double)f->left / 2.0 - 1.25), f->right = lround((double)f->right / 2.0 - 1.25);
    f->top = lround((double)f->top / 2.0 - 0.75), f->bottom = lround((double)f->bottom / 2.0 - 0.75);
}

/* ---- one face a heap: dlib 19.24 image_processing/box_overlap_testing.h ---- */

static double area(long left, long top, long right, long bottom)
{
    return right < left || bottom < top ? 0 : (double)(right - left + 1) * (double)(bottom - top + 1);
}

static long least_of(long a, long b) { return a < b ? a : b; }
static long most_of(long a, long b) { return a > b ? a : b; }

/* "Union" is the box around both. */
static bool same_face(const df_dlib_hog *hog, const df_hog_face *a, const df_hog_face *b)
{
    double both = area(most_of(a->left, b->left), most_of(a->top, b->top), least_of(a->right, b->right), least_of(a->bottom, b->bottom));
    if (both == 0)
        return false;
    double around = area(least_of(a->left, b->left), least_of(a->top, b->top), most_of(a->right, b->right), most_of(a->bottom, b->bottom));
    return both / around > hog->overlap || both / area(a->left, a->top, a->right, a->bottom) > hog->covered ||
           both / area(b->left, b->top, b->right, b->bottom) > hog->covered;
}

/* Best first; windows of one score in the order of the scan, so that threads do not matter. */
static int better_first(const void *a, const void *b)
{
    const df_hog_window *p = a, *q = b;
    if (p->score != q->score)
        return p->score < q->score ? 1 : -1;
    if (p->filter != q->filter)
        return p->filter - q->filter;
    if (p->level != q->level)
        return p->level - q->level;
    return p->y != q->y ? p->y - q->y : p->x - q->x;
}

static df_status faces_of(const df_dlib_hog *hog, df_hog_windows *windows, df_arena *scratch, df_hog_face **faces, size_t *n, df_error *err)
{
    size_t kept = 0;
    *faces = df__arena_calloc(scratch, windows->n, sizeof **faces);
    if (!*faces)
        return df__no_memory(err, "list of faces", windows->n * sizeof **faces);
    if (windows->n)
        qsort(windows->items, windows->n, sizeof *windows->items, better_first);
    for (size_t i = 0; i < windows->n; i++) {
        df_hog_face f = face_of(&windows->items[i]);
        bool keep = true;
        for (size_t k = 0; keep && k < kept; k++)
            keep = !same_face(hog, &(*faces)[k], &f);
        if (keep)
            (*faces)[kept++] = f;
    }
    *n = kept;
    return DF_OK;
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
    uint8_t              *pairs; /* the same */
    size_t                pairs_room;
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
    df__packed_resize(j->plan, j->picture, j->next, first, end, j->pairs + (size_t)worker * j->pairs_room);
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

/* ---- the pyramid ---- */

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
    j->pairs_room = df__resize_room(picture.width);
    j->work = df__arena_alloc(scratch, (size_t)workers * j->work_room * sizeof *j->work);
    j->pairs = df__arena_alloc(scratch, (size_t)workers * j->pairs_room * sizeof *j->pairs);
    if (!j->work || !j->pairs)
        return df__no_memory(err, "HOG pyramid", (size_t)workers * (j->work_room * sizeof *j->work + j->pairs_room * sizeof *j->pairs));
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
    int workers = threads < MAX_TASKS ? threads : MAX_TASKS;
    level_job *j = df__arena_calloc(scratch, 1, sizeof *j);
    uint8_t *pairs = df__arena_alloc(scratch, (size_t)workers * df__resize_room(plan.width) * sizeof *pairs);
    if (!j || !pairs)
        DF_TRY(df__no_memory(err, "enlarged photo", (size_t)workers * df__resize_room(plan.width) * sizeof *pairs));
    j->picture = &photo, j->next = &large, j->plan = &plan, j->pairs = pairs, j->pairs_room = df__resize_room(plan.width);
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
    DF_TRY(faces_of(finder->hog, &windows, scratch, faces, n, err));
    for (size_t i = 0; enlarge && i < *n; i++)
        halve(&(*faces)[i]);
done:
    free(windows.items);
    return st;
}

/* ---- the detector ---- */

static df_status dlib_open(const df_loader *loader, void **self, df_error *err)
{
    df_status st = DF_OK;
    df_bytes file = {0};
    df_dlib_hog *hog = NULL;
    df_hog_finder *finder = NULL;
    DF_TRY(df__weights_open(loader, "dlib", &file, err));
    DF_TRY(df__dlib_hog_parse(&file, "dlib", &hog, err));
    DF_TRY(df__hog_finder_new(hog, &finder, err));
done:
    df__bytes_free(&file);
    *self = finder;
    return st;
}

static void dlib_close(void *self) { df__hog_finder_free(self); }

/* Upstream enlarges each photo to twice its size, which finds faces from 40 pixels on; `side` asks for another size. */
static df_status dlib_detect(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    int longer = px.width > px.height ? px.width : px.height;
    bool enlarge = params->side <= 0 || params->side / 2 >= longer;
    double scale = 1, least = isnan(params->score) ? 0 : params->score;
    if (!enlarge && params->side != longer) {
        df_pixels sized;
        scale = (double)longer / params->side;
        int w = (int)lround(px.width / scale), h = (int)lround(px.height / scale);
        DF_TRY(df__pixels_in(scratch, w > 0 ? w : 1, h > 0 ? h : 1, &sized, err));
        DF_TRY(df__resize(px, sized, scale > 1 ? DF_AREA : DF_LINEAR, scratch, err));
        px = sized;
    }
    df_hog_face *faces;
    size_t n;
    DF_TRY(df__hog_find(self, px, enlarge, least, params->threads, scratch, &faces, &n, err));
    for (size_t i = 0; i < n; i++) {
        const df_hog_face *f = &faces[i];
        df_face face = {.x = (float)((double)f->left * scale), .y = (float)((double)f->top * scale),
                        .w = (float)((double)(f->right - f->left) * scale), .h = (float)((double)(f->bottom - f->top) * scale),
                        .confidence = (float)fmin(f->score, 1)};
        DF_TRY(df__face_list_add(out, &face, err));
    }
done:
    return st;
}

const df_detector_ops df__detector_dlib = {
    .name = "dlib", .side = 0, .dlib = {0, 0, 1, 1}, .last_pixel = 1, .open = dlib_open, .detect = dlib_detect, .close = dlib_close,
};
