/* kernel_dots.c - a few rows times a constant matrix: the time goes into reading the matrix once, so each of its columns lies in one piece, in
 * bfloat16, 16-bit whole numbers or 8 bits where that is allowed, and threads take ranges of columns. Also for a convolution whose window is the whole photo. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "nn/half.h"
#include "nn/kernel.h"
#include "nn/lanes.h"

enum { MAX_ROWS = 8, MAX_PARTS = 64, LINE = 64, COLUMNS = 4 /* taken at once */, TILE = 16, MOST_S8 = 65536 /* longest column of 8-bit numbers */ };
static const double least_bytes = 64 << 10; /* of the matrix, read by a part */

typedef struct dots {
    df_kernel       base;
    df_num          num;
    int64_t         m, k, n, padded; /* length of a column with zeros behind, to whole lines */
    int             parts;
    df_weights_at   weights;
    float          *bias;
    const df_fused *fused;
} dots;

static void dots_free(df_kernel *base)
{
    dots *d = (dots *)base;
    free(d->weights.own);
    free(d->bias);
    free(d);
}

typedef struct work { const dots *d; const void *x; float *y, steps[MAX_ROWS]; /* of 8-bit rows */ } work;

static int64_t first_of(const dots *d, size_t part) { return d->n * (int64_t)part / d->parts / COLUMNS * COLUMNS; }

/* What is multiplied with the matrix: whole numbers of 16 bits become float32 on the way. */
static df_num rows_num(const dots *d) { return d->num == DF_NUM_S16 ? DF_NUM_F32 : d->num; }

/* 8 bits: behind the matrix what a step of each column is worth, then each column's sum. The rows are shifted by 128 to be unsigned. */
static void columns_s8(const work *w, int64_t row, int64_t first, int64_t columns, float *y)
{
    const dots *d = w->d;
    const int8_t *matrix = d->weights.data;
    const float *steps = (const float *)(const void *)(matrix + d->n * d->padded);
    int32_t sums[COLUMNS], wholes[COLUMNS];
    memcpy(wholes, (const char *)(steps + d->n) + (size_t)first * sizeof *wholes, (size_t)columns * sizeof *wholes);
    df__lanes()->dots_s8(matrix + first * d->padded, (const uint8_t *)w->x + row * d->padded, d->padded, columns, sums);
    for (int64_t c = 0; c < columns; c++)
        y[c] = (float)(sums[c] - 128 * wholes[c]) * steps[first + c] * w->steps[row];
}

/* Behind the matrix is what 1 is worth in each column. */
static void columns_s16(const dots *d, const float *x, int64_t first, int64_t columns, float *y)
{
    const int16_t *matrix = d->weights.data;
    const float *worth = (const float *)(const void *)(matrix + d->n * d->padded) + first;
    df__lanes()->dots_s16(matrix + first * d->padded, x, d->padded, columns, y);
    for (int64_t c = 0; c < columns; c++)
        y[c] *= worth[c];
}

static void run_part(void *arg, size_t i, int worker)
{
    const work *w = arg;
    const dots *d = w->d;
    const df_lanes *lanes = df__lanes();
    int64_t first = first_of(d, i), end = (int)i + 1 < d->parts ? first_of(d, i + 1) : d->n;
    size_t size = df__num_size(d->num), row = (size_t)d->padded * df__num_size(rows_num(d));
    (void)worker;
    for (int64_t c = first; c < end; c += COLUMNS) {
        int64_t columns = end - c < COLUMNS ? end - c : COLUMNS;
        const char *matrix = (const char *)d->weights.data + (size_t)(c * d->padded) * size;
        for (int64_t r = 0; r < d->m; r++) {
            const char *x = (const char *)w->x + (size_t)r * row;
            float *y = w->y + r * d->n + c;
            if (d->num == DF_NUM_S8)
                columns_s8(w, r, c, columns, y);
            else if (d->num == DF_NUM_S16)
                columns_s16(d, (const float *)(const void *)x, c, columns, y);
            else if (d->num == DF_NUM_BF16)
                lanes->dots_bf16((const uint16_t *)(const void *)matrix, (const uint16_t *)(const void *)x, d->padded, columns, y);
            else
                lanes->dots((const float *)(const void *)matrix, (const float *)(const void *)x, d->padded, columns, y);
            for (int64_t k = 0; d->bias && k < columns; k++)
                y[k] += d->bias[c + k];
        }
    }
}

/* Zero becomes 128; what is behind the row meets zeros of the matrix. Returns what a step is worth. */
static float row_s8(const float *x, int64_t n, char *to)
{
    float least, most, step;
    df__lanes()->range(x, n, &least, &most);
    step = fmaxf(most, -least) / 127;
    step = step > 1e-30f && isfinite(step) ? step : 1;
    df__lanes()->to_s8(x, (int8_t *)to, n, 1 / step);
    for (int64_t i = 0; i < n; i++)
        to[i] = (char)(to[i] ^ (char)0x80);
    return step;
}

static df_status dots_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const dots *d = (const dots *)base;
    const df_tensor *x = &call->in[0];
    df_num num = rows_num(d);
    size_t row = (size_t)d->padded * df__num_size(num), used = (size_t)d->k * df__num_size(num);
    work w = {.d = d, .x = exec->scratch, .y = call->out[0].data};
    float *wide = (float *)(void *)((char *)exec->scratch + (size_t)d->m * row);
    for (int64_t r = 0; r < d->m; r++) {
        char *to = (char *)exec->scratch + (size_t)r * row;
        if (d->num == DF_NUM_S8 && df__is_half(x))
            df__copy_as(x, r * d->k, d->k, DF_NUM_F32, wide);
        if (d->num == DF_NUM_S8)
            w.steps[r] = row_s8(df__is_half(x) ? wide : df__element(x, r * d->k), d->k, to);
        else
            df__copy_as(x, r * d->k, d->k, num, to);
        memset(to + used, 0, row - used);
    }
    df__parallel_for((size_t)d->parts, exec->threads, run_part, &w);
    if (d->fused && d->fused->n_post)
        df__fused_apply(call, d->fused, false);
    return DF_OK;
}

typedef struct filling { const dots *d; const df_dots_job *job; const float *scale; } filling;

/* Element i of column c of the matrix, times the column's factor. */
static float at(const filling *f, int64_t i, int64_t c)
{
    const df_dots_job *job = f->job;
    int64_t a = i / (job->dims[1] * job->dims[2]), b = i / job->dims[2] % job->dims[1], e = i % job->dims[2];
    float v;
    memcpy(&v, (const char *)job->matrix + (size_t)(a * job->steps[0] + b * job->steps[1] + e * job->steps[2] + c * job->step_n) * sizeof v, sizeof v);
    return f->scale ? v * f->scale[c] : v;
}

static void put_s8(const filling *f, int64_t c, char *out)
{
    const dots *d = f->d;
    int8_t *to = (int8_t *)out + c * d->padded;
    float most = 0, *steps = (float *)(void *)(out + d->n * d->padded);
    int32_t sum = 0, *sums = (int32_t *)(void *)(steps + d->n);
    for (int64_t i = 0; i < d->k; i++)
        most = fmaxf(most, fabsf(at(f, i, c)));
    float step = most > 1e-30f && isfinite(most) ? most / 127 : 1;
    for (int64_t i = 0; i < d->k; i++) {
        float v = at(f, i, c) / step;
        to[i] = isfinite(v) ? (int8_t)lrintf(fminf(fmaxf(v, -127), 127)) : 0;
        sum += to[i];
    }
    steps[c] = step;
    sums[c] = sum;
}

/* A column that is not finite makes products that are no number. */
static void put_s16(const filling *f, int64_t c, char *out)
{
    const dots *d = f->d;
    int16_t *to = (int16_t *)(void *)out + c * d->padded;
    float most = 0, *worth = (float *)(void *)(out + (size_t)(d->n * d->padded) * sizeof *to) + c;
    bool odd = false;
    for (int64_t i = 0; i < d->k; i++) {
        odd = odd || !isfinite(at(f, i, c));
        most = fmaxf(most, fabsf(at(f, i, c)));
    }
    bool any = !odd && most > FLT_MIN * INT16_MAX; /* below, the inverse is infinite */
    *worth = odd ? NAN : any ? most / INT16_MAX : 0;
    for (int64_t i = 0; i < d->k && any; i++)
        to[i] = (int16_t)lrintf(at(f, i, c) * (INT16_MAX / most));
}

/* Each column in the order of the input. Tiles of columns: they may be neighbours in the file. */
static df_status fill(void *arg, void *out, df_error *err)
{
    const filling *f = arg;
    (void)err;
    const dots *d = f->d;
    size_t size = df__num_size(d->num);
    memset(out, 0, (size_t)(d->n * d->padded) * size);
    for (int64_t c = 0; c < d->n && d->num == DF_NUM_S8; c++)
        put_s8(f, c, out);
    for (int64_t c = 0; c < d->n && d->num == DF_NUM_S16; c++)
        put_s16(f, c, out);
    for (int64_t c = 0; c < d->n && (d->num == DF_NUM_F32 || d->num == DF_NUM_BF16); c += TILE)
        for (int64_t i = 0; i < d->k; i++)
            for (int64_t t = c; t < c + TILE && t < d->n; t++) {
                float v = at(f, i, t);
                char *to = (char *)out + (size_t)(t * d->padded + i) * size;
                if (d->num == DF_NUM_BF16)
                    df__f32_to_halves(DF_BF16, &v, to, 1);
                else
                    memcpy(to, &v, sizeof v);
            }
    return DF_OK;
}

static df_num num_of(const df_call *call, const df_dots_job *job)
{
    if (call->precision == DF_PRECISION_INT8 && df__dnn_has(DF_NUM_S8) && job->k <= MOST_S8 && call->advantage < DF_ADVANTAGE_MOST)
        return DF_NUM_S8;
    if (call->precision != DF_PRECISION_STRICT && call->whole && call->advantage < DF_ADVANTAGE_MOST && df__lanes_whole() && !df__dnn_has(DF_NUM_BF16))
        return DF_NUM_S16;
    return df__half_products(call) ? DF_NUM_BF16 : DF_NUM_F32;
}

df_status df__dots(const df_call *call, const df_dots_job *job, const df_fused *fused, df_packer *packer, df_trial *trial, df_kernel **out)
{
    df_status st = DF_OK;
    *out = NULL;
    if (job->m > MAX_ROWS || job->m < 1 || job->n < COLUMNS || job->k > INT32_MAX || job->n > INT32_MAX || job->k * job->n < 1 << 14)
        return DF_OK;
    dots *d = calloc(1, sizeof *d);
    if (!d)
        return df__no_memory(call->err, "kernel", sizeof *d);
    static const char *const names[] = {[DF_NUM_F32] = "dots f32", [DF_NUM_BF16] = "dots bf16", [DF_NUM_S8] = "dots s8", [DF_NUM_S16] = "dots int16"};
    d->num = num_of(call, job);
    if (df__is_half(&call->out[0])) {
        free(d);
        return DF_OK;
    }
    d->m = job->m;
    d->k = job->k;
    d->n = job->n;
    d->fused = fused;
    int64_t size = (int64_t)df__num_size(d->num), per_line = LINE / size;
    d->padded = (job->k + per_line - 1) / per_line * per_line;
    int64_t bytes = d->padded * d->n * size;
    d->parts = (int)df__parts(call, (double)bytes, least_bytes, MAX_PARTS);
    d->base = (df_kernel){.run = dots_run, .free = dots_free, .name = names[d->num], .rounds = d->num == DF_NUM_BF16 || d->num == DF_NUM_S8,
                          .scratch_bytes = (size_t)(d->m * d->padded) * df__num_size(rows_num(d)) + (d->num == DF_NUM_S8 && df__is_half(&call->in[0]) ? (size_t)d->k * sizeof(float) : 0)};
    const float *scale = fused ? fused->scale : NULL;
    df_pack_key key = df__weights_key(call, d->base.name, scale, d->n);
    df__pack_key_add(&key, (int64_t[]){job->step_n, job->steps[0], job->steps[1], job->steps[2]}, 4 * sizeof(int64_t));
    df__pack_key_add(&key, job->dims, sizeof job->dims); /* one matrix may be read in several ways */
    filling f = {d, job, scale};
    DF_TRY(df__weights_place(call, packer, trial, &key, (size_t)(bytes + (d->num == DF_NUM_S8 ? d->n * 8 : d->num == DF_NUM_S16 ? d->n * 4 : 0)), fill, &f, &d->weights));
    DF_TRY(df__bias_new(call, job->bias, fused, d->n, &d->bias));
    *out = &d->base;
    d = NULL;
done:
    if (d)
        dots_free(&d->base);
    return st;
}
