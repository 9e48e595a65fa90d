/* mmod_find.c - the network over the tiled pyramid, in bands, and its scores as boxes (dlib 19.24 dnn/loss.h, loss_mmod_).
 *
 * A band of the picture gives the very scores that the whole would: three convolutions of 5 x 5 halve the picture without a border, and what
 * the others put around theirs reaches 10 rows of eight pixels inwards; so many are computed and left out where two bands meet. */
#include "detect/mmod_find.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "detect/tiled.h"

enum {
    STEP = 8,      /* pixels from window to window */
    REACH = 29,    /* pixels that a cell of the last halved picture comes from */
    HALO = 10,     /* cells */
    CENTRE = 14,   /* of the window of cell 0 */
    CELLS = 60000, /* of a band, at most: 50 MB of values of the first layer */
    LEAST_ROWS = 40
};

static int cells_of(int pixels) { return pixels < REACH ? 0 : (pixels - REACH) / STEP + 1; }

typedef struct band_job {
    df_net     *net;
    const float *picture;
    const df_tiled *tiled;
    int         rows, columns; /* cells of the whole */
    int         each, bands;   /* rows of cells of a band, border and all */
    float      *scores;
    df_arena   *arenas;        /* one a worker */
    df_status  *st;
    df_error   *errors;
} band_job;

/* First row of a band; the last one ends with the picture. */
static int band_first(const band_job *j, int band)
{
    int first = band * (j->each - 2 * HALO);
    return first < j->rows - j->each ? first : j->rows - j->each;
}

static df_status run_cells(const band_job *j, int first, int keep_first, int keep_end, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    size_t width = (size_t)j->tiled->width, plane = width * (size_t)j->tiled->height, rows = (size_t)((j->each - 1) * STEP + REACH);
    df_tensor in = {.type = DF_F32, .rank = 4, .dims = {1, 3, (int64_t)rows, (int64_t)width}, .data = (void *)(uintptr_t)j->picture}, out;
    if (j->bands > 1 || rows != (size_t)j->tiled->height) {
        float *copy = df__arena_alloc(scratch, 3 * rows * width * sizeof *copy);
        if (!copy)
            return df__no_memory(err, "band of dlib-cnn", 3 * rows * width * sizeof *copy);
        for (size_t c = 0; c < 3; c++)
            memcpy(copy + c * rows * width, j->picture + c * plane + (size_t)first * STEP * width, rows * width * sizeof *copy);
        in.data = copy;
    }
    DF_TRY(df__net_run(j->net, &in, 1, &out, 1, 1, scratch, err));
    if (out.type != DF_F32 || out.rank != 4 || out.dims[1] != 1 || out.dims[2] != j->each || out.dims[3] != j->columns)
        DF_TRY(df__fail(err, DF_E_BAD_MODEL, "dlib-cnn: the scores are not [1][1][%d][%d]", j->each, j->columns));
    memcpy(j->scores + (size_t)keep_first * (size_t)j->columns, (const float *)out.data + (size_t)(keep_first - first) * (size_t)j->columns,
           (size_t)(keep_end - keep_first) * (size_t)j->columns * sizeof(float));
done:
    return st;
}

static void run_band(void *arg, size_t i, int worker)
{
    band_job *j = arg;
    int band = (int)i, first = band_first(j, band);
    int keep_first = band ? band_first(j, band - 1) + j->each - HALO : 0, keep_end = band + 1 < j->bands ? first + j->each - HALO : j->rows;
    df_arena_mark mark = df__arena_mark(&j->arenas[worker]);
    j->st[i] = run_cells(j, first, keep_first, keep_end, &j->arenas[worker], &j->errors[i]);
    df__arena_release(&j->arenas[worker], mark);
}

/* One band a thread, more where the picture is large. All have one shape, so that the network is compiled once. */
static void cut(band_job *j, int threads)
{
    int bands = (int)(((int64_t)j->rows * j->columns + CELLS - 1) / CELLS);
    bands = (bands + threads - 1) / threads * threads;
    int most = j->rows / LEAST_ROWS;
    bands = bands < most ? bands : most;
    bands = bands > 1 ? bands : 1;
    j->each = (j->rows + 2 * HALO * (bands - 1) + bands - 1) / bands;
    j->bands = bands == 1 ? 1 : (j->rows - 2 * HALO + j->each - 2 * HALO - 1) / (j->each - 2 * HALO);
}

static df_status score(band_job *j, int threads, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    threads = threads < j->bands ? threads : j->bands;
    j->st = df__arena_calloc(scratch, (size_t)j->bands, sizeof *j->st);
    j->errors = df__arena_alloc(scratch, (size_t)j->bands * sizeof *j->errors);
    j->arenas = df__arena_calloc(scratch, (size_t)threads, sizeof *j->arenas);
    if (!j->st || !j->errors || !j->arenas)
        return df__no_memory(err, "bands of dlib-cnn", (size_t)j->bands * sizeof *j->errors);
    df__parallel_for((size_t)j->bands, threads, run_band, j);
    for (int i = 0; i < threads; i++)
        df__arena_free(&j->arenas[i]);
    for (int i = 0; i < j->bands; i++) {
        if (j->st[i] != DF_OK && err)
            *err = j->errors[i];
        DF_TRY(j->st[i]);
    }
done:
    return st;
}

/* ---- from scores to faces ---- */

static long whole(double v) { return (long)floor(v + 0.5); }

static df_mmod_face face_at(const df_dlib_mmod *mmod, const df_tiled *tiled, int x, int y, float value)
{
    double cx = STEP * x + CENTRE, cy = STEP * y + CENTRE, w = (mmod->width - 1) / 2.0, h = (mmod->height - 1) / 2.0;
    double box[4] = {cx - w, cy - h, cx + w, cy + h};
    df__tiled_to_photo(tiled, box);
    return (df_mmod_face){whole(box[0]), whole(box[1]), whole(box[2]), whole(box[3]), value};
}

static int by_score(const void *a, const void *b)
{
    const df_mmod_face *p = a, *q = b;
    if (p->score != q->score)
        return p->score > q->score ? -1 : 1;
    if (p->top != q->top)
        return p->top < q->top ? -1 : 1;
    return p->left < q->left ? -1 : p->left > q->left;
}

static double area(const df_mmod_face *f) { return (double)(f->right - f->left + 1) * (double)(f->bottom - f->top + 1); }

/* dlib's test_box_overlap: the intersection over the box around both, not over their union. */
static bool overlap(const df_dlib_mmod *mmod, const df_mmod_face *a, const df_mmod_face *b)
{
    long left = a->left > b->left ? a->left : b->left, right = a->right < b->right ? a->right : b->right;
    long top = a->top > b->top ? a->top : b->top, bottom = a->bottom < b->bottom ? a->bottom : b->bottom;
    if (right < left || bottom < top)
        return false;
    df_mmod_face inner = {left, top, right, bottom, 0};
    df_mmod_face around = {a->left < b->left ? a->left : b->left, a->top < b->top ? a->top : b->top, a->right > b->right ? a->right : b->right,
                           a->bottom > b->bottom ? a->bottom : b->bottom, 0};
    double both = area(&inner);
    return both / area(&around) > mmod->overlap || both / area(a) > mmod->covered || both / area(b) > mmod->covered;
}

static df_status pick(const df_dlib_mmod *mmod, const df_tiled *tiled, const band_job *j, double least, df_arena *scratch, df_mmod_face **faces,
                      size_t *n, df_error *err)
{
    size_t cells = (size_t)j->rows * (size_t)j->columns, found = 0, kept = 0;
    for (size_t i = 0; i < cells; i++)
        found += (double)j->scores[i] > least;
    df_mmod_face *f = df__arena_alloc(scratch, found * sizeof *f);
    if (!f)
        return df__no_memory(err, "faces of dlib-cnn", found * sizeof *f);
    found = 0;
    for (size_t i = 0; i < cells; i++)
        if ((double)j->scores[i] > least)
            f[found++] = face_at(mmod, tiled, (int)(i % (size_t)j->columns), (int)(i / (size_t)j->columns), j->scores[i]);
    qsort(f, found, sizeof *f, by_score);
    for (size_t i = 0; i < found; i++) {
        bool keep = true;
        for (size_t k = 0; keep && k < kept; k++)
            keep = !overlap(mmod, &f[k], &f[i]);
        if (keep)
            f[kept++] = f[i];
    }
    *faces = f, *n = kept;
    return DF_OK;
}

df_status df__mmod_find(const df_dlib_mmod *mmod, df_net *net, df_pixels px, double least, int threads, df_arena *scratch, df_mmod_face **faces,
                        size_t *n, df_error *err)
{
    df_status st = DF_OK;
    df_tiled *tiled = df__arena_alloc(scratch, sizeof *tiled);
    *faces = NULL, *n = 0;
    if (!tiled)
        return df__no_memory(err, "pyramid", sizeof *tiled);
    threads = threads > 1 ? threads : 1;
    df__tiled_layout(px.width, px.height, tiled);
    band_job j = {.net = net, .tiled = tiled, .rows = cells_of(tiled->height), .columns = cells_of(tiled->width)};
    if (j.rows < 1 || j.columns < 1)
        return DF_OK;
    size_t plane = (size_t)tiled->width * (size_t)tiled->height;
    float *picture = df__arena_alloc(scratch, 3 * plane * sizeof *picture);
    j.scores = df__arena_alloc(scratch, (size_t)j.rows * (size_t)j.columns * sizeof *j.scores);
    if (!picture || !j.scores)
        DF_TRY(df__no_memory(err, "pyramid", 3 * plane * sizeof *picture));
    j.picture = picture;
    DF_TRY(df__tiled_fill(tiled, px, mmod->mean, threads, scratch, picture, err));
    cut(&j, threads);
    DF_TRY(score(&j, threads, scratch, err));
    DF_TRY(pick(mmod, tiled, &j, least, scratch, faces, n, err));
done:
    return st;
}
