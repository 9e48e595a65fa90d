/* kernel_pixels.c - two halves of squeeze and excitation in channels last: the mean of each channel of a photo, and a photo by a number a channel.
 * Threads take photos, or ranges of pixels of one. */
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "nn/kernel.h"
#include "nn/lanes.h"

enum { LINE = 16 /* floats */, CHUNK_BYTES = 16 << 10 /* whose channels are read in several goes */, MOST_RANGES = 64 };

typedef struct pixels {
    df_kernel base;
    bool      half_x, half_y;
    int       x, by;              /* inputs */
    int64_t   n, pixels, c, room; /* room: floats of a range's sums */
    int64_t   ranges;             /* of a photo's pixels */
} pixels;

static void pixels_free(df_kernel *base) { free(base); }

typedef struct work { const pixels *k; const df_call *call; float *sums; } work;

/* Pixels from .. from + n of a photo. */
static void range_of(const pixels *k, size_t i, int64_t *photo, int64_t *from, int64_t *n)
{
    int64_t range = (int64_t)i % k->ranges;
    *photo = (int64_t)i / k->ranges;
    *from = k->pixels * range / k->ranges;
    *n = k->pixels * (range + 1) / k->ranges - *from;
}

static void sum_range(void *arg, size_t i, int worker)
{
    const work *w = arg;
    const pixels *k = w->k;
    float *sums = w->sums + (int64_t)i * k->room;
    int64_t photo, from, n, most = CHUNK_BYTES / (k->c * (k->half_x ? 2 : 4)) + 1;
    (void)worker;
    range_of(k, i, &photo, &from, &n);
    memset(sums, 0, (size_t)k->c * sizeof *sums);
    for (int64_t p = 0; p < n; p += most)
        df__lanes()->sum_pixels[k->half_x](df__element(&w->call->in[0], (photo * k->pixels + from + p) * k->c), n - p < most ? n - p : most, k->c, sums);
}

static df_status mean_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const pixels *k = (const pixels *)base;
    work w = {k, call, exec->scratch};
    df__parallel_for((size_t)(k->n * k->ranges), exec->threads, sum_range, &w);
    for (int64_t i = 0; i < k->n; i++) {
        float *sums = w.sums + i * k->ranges * k->room, *y = (float *)call->out[0].data + i * k->c;
        for (int64_t c = 0; c < k->c; c++) {
            double sum = 0;
            for (int64_t r = 0; r < k->ranges; r++)
                sum += (double)sums[r * k->room + c];
            y[c] = (float)(sum / (double)k->pixels);
        }
    }
    return DF_OK;
}

static void scale_range(void *arg, size_t i, int worker)
{
    const work *w = arg;
    const pixels *k = w->k;
    const df_tensor *by = &w->call->in[k->by];
    int64_t photo, from, n;
    (void)worker;
    range_of(k, i, &photo, &from, &n);
    int64_t at = (photo * k->pixels + from) * k->c;
    df__lanes()->scale_pixels[k->half_x][k->half_y](df__element(&w->call->in[k->x], at), n, k->c, (const float *)by->data + (by->dims[0] > 1 ? photo * k->c : 0),
                                                     df__element(&w->call->out[0], at));
}

static df_status scale_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const pixels *k = (const pixels *)base;
    work w = {k, call, NULL};
    df__parallel_for((size_t)(k->n * k->ranges), exec->threads, scale_range, &w);
    return DF_OK;
}

/* ---- compilation ---- */

static bool floats(const df_tensor *t) { return t->rank == 4 && (t->type == DF_F32 || df__is_half(t)); }

/* A number each channel, of every photo or of all. */
static bool one_pixel(const df_tensor *t, const df_tensor *y)
{
    return t->rank == 4 && t->type == DF_F32 && t->dims[1] * t->dims[2] == 1 && t->dims[3] == y->dims[3] && (t->dims[0] == 1 || t->dims[0] == y->dims[0]);
}

static bool same_dims(const df_tensor *a, const df_tensor *b) { return memcmp(a->dims, b->dims, 4 * sizeof *a->dims) == 0; }

static bool is_mean(const df_op *op) { return strcmp(op->name, "GlobalAveragePool") == 0; }

bool df__pixels_know(const df_op *op) { return is_mean(op) || strcmp(op->name, "Mul") == 0; }

df_status df__pixels_compile(const df_call *call, const df_op *op, df_kernel **out)
{
    bool mean = is_mean(op);
    const df_tensor *y = &call->out[0];
    *out = NULL;
    if (!df__pixels_know(op) || !call->nhwc || call->n_out != 1 || !floats(y) || df__tensor_count(y) < 1)
        return DF_OK;
    int x = !mean && call->n_in == 2 && one_pixel(&call->in[0], y) ? 1 : 0;
    const df_tensor *from = &call->in[x];
    bool fits = mean ? call->n_in == 1 && one_pixel(y, y) : call->n_in == 2 && one_pixel(&call->in[1 - x], y) && same_dims(from, y);
    if (!fits || !floats(from) || from->dims[3] < DF_LANES_MOST || df__tensor_count(from) < 1)
        return DF_OK;
    pixels *k = calloc(1, sizeof *k);
    if (!k)
        return df__no_memory(call->err, "kernel", sizeof *k);
    *k = (pixels){.half_x = df__is_half(from), .half_y = df__is_half(y), .x = x, .by = 1 - x, .n = from->dims[0], .pixels = from->dims[1] * from->dims[2], .c = from->dims[3]};
    k->ranges = k->pixels * k->c / DF_PART_NUMBERS + 1; /* whatever the number of threads, which these sums do not depend on */
    k->ranges = k->ranges < MOST_RANGES ? k->ranges : MOST_RANGES;
    k->ranges = k->ranges < k->pixels ? k->ranges : k->pixels;
    k->room = (k->c + LINE - 1) / LINE * LINE;
    k->base = (df_kernel){.run = mean ? mean_run : scale_run, .free = pixels_free, .scratch_bytes = mean ? (size_t)(k->n * k->ranges * k->room) * sizeof(float) : 0,
                          .name = mean ? "means of pixels" : "scaled pixels"};
    *out = &k->base;
    return DF_OK;
}
