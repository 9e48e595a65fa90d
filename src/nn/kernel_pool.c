/* kernel_pool.c - maximum and mean pools in channels last: first down the rows, where a whole line is one run of numbers whatever the channels,
 * then along the line. Threads take ranges of output lines. */
#include "nn/kernel_pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/simd.h"
#include "core/threads.h"
#include "nn/kernel.h"

enum { MAX_PARTS = 64 };

typedef struct pool {
    df_kernel base;
    df_window w;
    bool      max, with_pad, half_x, half_y;
    int64_t   line; /* numbers of scratch of a part: what the rows of a window make together, and a vector behind it that is read and not used */
    int       parts;
    df_taps  *down, *along; /* by output row, by output column */
} pool;

static void pool_free(df_kernel *base)
{
    pool *p = (pool *)base;
    free(p->down);
    free(p);
}

typedef struct work { const pool *p; const df_tensor *x, *y; char *lines; } work;

/* Nothing in the window: a maximum of nothing, or a mean of zeros. */
static void fill_empty(const pool *p, const df_tensor *out, int64_t at)
{
    for (int64_t i = at; i < at + p->w.c; i++)
        if (p->half_y)
            ((uint16_t *)out->data)[i] = p->max ? 0xFF80 : 0;
        else
            ((float *)out->data)[i] = p->max ? -INFINITY : 0;
}

static void pool_line(const pool *p, const df_tensor *x, int64_t photo, const df_taps *down, float *line, const df_tensor *out, int64_t to)
{
    const df_window *w = &p->w;
    const df_lanes *lanes = df__lanes();
    int64_t row = w->in[1] * w->c;
    df_pool_line g = {.ow = w->out[1], .c = w->c, .step = w->dilation[1] * w->c, .along = p->along, .down = *down, .max = p->max, .with_pad = p->with_pad};
    const void *from = df__element(x, photo * w->in[0] * row + down->first * row);
    bool half = p->half_x;
    if (down->n > 1) {
        lanes->pool[half](from, w->dilation[0] * row, (int)down->n, row, p->max ? 0 : 1, line);
        from = line;
        half = false;
        g.room = true;
    }
    if (down->n > 0)
        lanes->pool_line[half][p->half_y](&g, from, df__element(out, to));
    for (int64_t i = 0; i < w->out[1]; i++)
        if (down->n < 1 || p->along[i].n < 1)
            fill_empty(p, out, to + i * w->c);
}

static void run_part(void *arg, size_t part, int worker)
{
    const work *k = arg;
    const pool *p = k->p;
    const df_window *w = &p->w;
    int64_t lines = w->n * w->out[0], first = lines * (int64_t)part / p->parts, end = lines * ((int64_t)part + 1) / p->parts;
    float *line = (float *)(void *)k->lines + (int64_t)part * p->line;
    (void)worker;
    for (int64_t i = first; i < end; i++)
        pool_line(p, k->x, i / w->out[0], &p->down[i % w->out[0]], line, k->y, i * w->out[1] * w->c);
}

static df_status pool_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    work k = {(const pool *)base, &call->in[0], &call->out[0], exec->scratch};
    df__parallel_for((size_t)k.p->parts, exec->threads, run_part, &k);
    return DF_OK;
}

/* As op_pool.c has it: taps inside the input; what a mean over padding counts, which is not what ceil_mode hangs over. */
static void fill_taps(const df_window *w, int axis, df_taps *out)
{
    for (int64_t at = 0; at < w->out[axis]; at++) {
        int64_t begin = at * w->stride[axis] - w->pad[axis], d = w->dilation[axis], in = w->in[axis], kernel = w->kernel[axis];
        int64_t skip = begin < 0 ? (-begin + d - 1) / d : 0;
        int64_t all = begin + (kernel - 1) * d < in ? kernel : in > begin ? (in - 1 - begin) / d + 1 : 0;
        int64_t end = in + w->pad_end[axis], counted = begin + (kernel - 1) * d < end ? kernel : (end - 1 - begin) / d + 1;
        out[at] = (df_taps){begin + skip * d, all > skip ? all - skip : 0, counted};
    }
}

df_status df__pool_compile(const df_call *call, bool max, df_kernel **out)
{
    df_status st = DF_OK;
    pool *p = NULL;
    df_window w;
    *out = NULL;
    if (!call->nhwc || (call->in[0].type != DF_F32 && !df__is_half(&call->in[0])) || call->in[0].rank != 4 || df__wanted(call, 1) || df__tensor_count(&call->out[0]) < 1 ||
        df__tensor_count(&call->in[0]) < 1)
        goto done;
    DF_TRY(df__window(call, NULL, &w));
    p = calloc(1, sizeof *p);
    if (!p)
        DF_TRY(df__no_memory(call->err, "kernel", sizeof *p));
    p->w = w;
    p->max = max;
    p->half_x = df__is_half(&call->in[0]);
    p->half_y = df__is_half(&call->out[0]);
    p->line = w.in[1] * w.c + DF_LANES_MOST;
    p->with_pad = df__node_int(call->node, "count_include_pad", 0) != 0;
    p->down = calloc((size_t)(w.out[0] + w.out[1]), sizeof *p->down);
    if (!p->down)
        DF_TRY(df__no_memory(call->err, "pool", (size_t)(w.out[0] + w.out[1]) * sizeof *p->down));
    p->along = p->down + w.out[0];
    fill_taps(&w, 0, p->down);
    fill_taps(&w, 1, p->along);
    int64_t rows = w.n * w.out[0];
    p->parts = (int)df__parts(call, (double)df__tensor_count(&call->in[0]), DF_PART_NUMBERS, rows < MAX_PARTS ? rows : MAX_PARTS);
    p->base = (df_kernel){.run = pool_run, .free = pool_free, .scratch_bytes = (size_t)(p->parts * p->line) * sizeof(float), .name = "rows first"};
    *out = &p->base;
    p = NULL;
done:
    if (p)
        pool_free(&p->base);
    return st;
}
