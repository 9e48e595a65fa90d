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
static const int64_t least_work = 1 << 18; /* numbers read by a part, to be worth a thread */

/* The taps of the window at one output index along one axis. */
typedef struct taps { int64_t first, n, counted; } taps;

typedef struct pool {
    df_kernel base;
    df_window w;
    bool      max, with_pad, half_x, half_y;
    int64_t   line; /* numbers of scratch of a part: rows of the input, widened, their combination, and a row of outputs */
    int       parts;
    taps     *down, *along; /* by output row, by output column */
} pool;

static void pool_free(df_kernel *base)
{
    pool *p = (pool *)base;
    free(p->down);
    free(p);
}

DF_CLONES static void max_of(float *acc, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        acc[i] = x[i] > acc[i] || x[i] != x[i] ? x[i] : acc[i]; /* what is no number stays */
}

DF_CLONES static void max_of_2(float *y, const float *a, const float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = b[i] > a[i] || b[i] != b[i] ? b[i] : a[i];
}

DF_CLONES static void max_of_3(float *y, const float *a, const float *b, const float *c, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float m = b[i] > a[i] || b[i] != b[i] ? b[i] : a[i];
        y[i] = c[i] > m || c[i] != c[i] ? c[i] : m;
    }
}

DF_CLONES static void sum_of(float *acc, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        acc[i] += x[i];
}

DF_CLONES static void scale(float *y, int64_t n, float by)
{
    for (int64_t i = 0; i < n; i++)
        y[i] /= by;
}

/* One run of numbers from `n` runs that lie `step` apart. */
static void combine(bool max, const float *x, int64_t n, int64_t step, int64_t count, float *y)
{
    if (n < 1) {
        for (int64_t i = 0; i < count; i++)
            y[i] = max ? -INFINITY : 0;
    } else if (max && n == 2) {
        max_of_2(y, x, x + step, count);
    } else if (max && n == 3) {
        max_of_3(y, x, x + step, x + 2 * step, count);
    } else {
        memcpy(y, x, (size_t)count * sizeof *y);
        for (int64_t k = 1; k < n; k++)
            (max ? max_of : sum_of)(y, x + k * step, count);
    }
}

typedef struct work { const pool *p; const df_tensor *x, *y; char *lines; } work;

/* The rows of the window, those of bfloat16 in `line`; *step from one to the next. */
static const float *rows_of(const pool *p, const void *photo, const taps *down, float *line, int64_t *step)
{
    const df_window *w = &p->w;
    int64_t row = w->in[1] * w->c;
    *step = p->half_x ? row : w->dilation[0] * row;
    if (!p->half_x)
        return (const float *)photo + down->first * row;
    for (int64_t i = 0; i < down->n; i++)
        df__lanes()->from_bf16((const uint16_t *)photo + (down->first + i * w->dilation[0]) * row, line + i * row, row);
    return line;
}

static void pool_line(const pool *p, const void *photo, const taps *down, float *line, void *out)
{
    const df_window *w = &p->w;
    int64_t row = w->in[1] * w->c, step;
    const float *from = rows_of(p, photo, down, line, &step);
    float *made = line + (p->half_x ? w->kernel[0] * row : 0), *y = p->half_y ? made + row : out;
    if (down->n != 1) {
        combine(p->max, from, down->n, step, row, made);
        from = made;
    }
    for (int64_t i = 0; i < w->out[1]; i++) {
        const taps *t = &p->along[i];
        combine(p->max, from + t->first * w->c, down->n < 1 ? 0 : t->n, w->dilation[1] * w->c, w->c, y + i * w->c);
        int64_t many = p->with_pad ? down->counted * t->counted : down->n * t->n;
        if (!p->max && many != 1)
            scale(y + i * w->c, w->c, (float)many);
    }
    if (p->half_y)
        df__lanes()->to_bf16(y, out, w->out[1] * w->c);
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
        pool_line(p, df__element(k->x, i / w->out[0] * w->in[0] * w->in[1] * w->c), &p->down[i % w->out[0]], line, df__element(k->y, i * w->out[1] * w->c));
}

static df_status pool_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    work k = {(const pool *)base, &call->in[0], &call->out[0], exec->scratch};
    df__parallel_for((size_t)k.p->parts, exec->threads, run_part, &k);
    return DF_OK;
}

/* As op_pool.c has it: taps inside the input; what a mean over padding counts, which is not what ceil_mode hangs over. */
static void fill_taps(const df_window *w, int axis, taps *out)
{
    for (int64_t at = 0; at < w->out[axis]; at++) {
        int64_t begin = at * w->stride[axis] - w->pad[axis], d = w->dilation[axis], in = w->in[axis], kernel = w->kernel[axis];
        int64_t skip = begin < 0 ? (-begin + d - 1) / d : 0;
        int64_t all = begin + (kernel - 1) * d < in ? kernel : in > begin ? (in - 1 - begin) / d + 1 : 0;
        int64_t end = in + w->pad_end[axis], counted = begin + (kernel - 1) * d < end ? kernel : (end - 1 - begin) / d + 1;
        out[at] = (taps){begin + skip * d, all > skip ? all - skip : 0, counted};
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
    p->line = w.in[1] * w.c * (1 + (p->half_x ? w.kernel[0] : 0)) + (p->half_y ? w.out[1] * w.c : 0);
    p->with_pad = df__node_int(call->node, "count_include_pad", 0) != 0;
    p->down = calloc((size_t)(w.out[0] + w.out[1]), sizeof *p->down);
    if (!p->down)
        DF_TRY(df__no_memory(call->err, "pool", (size_t)(w.out[0] + w.out[1]) * sizeof *p->down));
    p->along = p->down + w.out[0];
    fill_taps(&w, 0, p->down);
    fill_taps(&w, 1, p->along);
    int64_t parts = df__tensor_count(&call->in[0]) / least_work + 1, lines = w.n * w.out[0];
    parts = parts > call->threads ? call->threads : parts;
    parts = parts > lines ? lines : parts;
    p->parts = (int)(parts < 1 ? 1 : parts > MAX_PARTS ? MAX_PARTS : parts);
    p->base = (df_kernel){.run = pool_run, .free = pool_free, .scratch_bytes = (size_t)(p->parts * p->line) * sizeof(float), .name = "rows first"};
    *out = &p->base;
    p = NULL;
done:
    if (p)
        pool_free(&p->base);
    return st;
}
