/* kernel_panel.c - convolutions over all channels, in float32, bfloat16 or 16-bit whole numbers, as products of rows by panels of 32 output channels (lanes_products.h): in channels
 * last what a window sees of a row of the photo is one piece of memory. Rows are copied where the window reaches past the border, or where the kernel wants
 * other numbers; a band of them stays in the second cache for all panels. Threads take ranges of output rows, and of panels. */
#include <stdlib.h>
#include <string.h>

#include "core/pages.h"
#include "core/threads.h"
#include "nn/amx.h"
#include "nn/kernel.h"
#include "nn/lanes.h"
#include "nn/pack.h"
#include "nn/panel.h"

enum { PANEL = DF_PANEL, CHUNK = DF_PANEL_CHUNK, FEWEST = 8 /* channels out */, MAX_TAPS = 16 /* rows of a window */, SUMS_BYTES = CHUNK * PANEL * 4, BAND_BYTES = 256 << 10, WEIGHTS_BYTES = 128 << 10, NEAR_BYTES = 1 << 20, LINE = 64, MAX_PARTS = 256, MOST_BYTES = 8 << 20 /* of a worker: of borders as wide as that others make less */ };

typedef struct panels {
    df_kernel       base;
    df_num          num;
    df_panels       right;
    df_window       w;
    bool            far;          /* see df_pixels */
    bool            staged, flat; /* rows are copied; each pixel is seen by itself, and rows are cut as it pleases */
    int64_t         row;                  /* numbers of a row with its borders */
    int64_t         rows, width, last;    /* of outputs: rows of all photos, pixels of one; of the last one of a unit */
    int64_t         unit_rows, unit;      /* rows and pixels of what rows are cut from: a photo, or where they are flat and have no scale all photos */
    int64_t         band, row_parts, ranges; /* ranges of panels, for each of which rows are staged anew; where the last vector reaches back two may write the same numbers */
    size_t          each, worths;         /* bytes of a worker; of those, of what 1 is worth in each staged row */
    df_weights_at   weights;
    float          *bias, slopes[DF_MAX_POSTS][DF_LANES_MOST];
    df_fused        few;                  /* the posts of fewer channels than a vector has */
    const df_fused *fused;
} panels;

static void panels_free(df_kernel *base)
{
    panels *p = (panels *)base;
    free(p->weights.own);
    free(p->bias);
    free(p);
}

/* ---- runs ---- */

typedef struct work { const panels *p; const df_call *call; const df_exec *exec; df_tail tail; } work;

/* The first pixel of an output row, and how many it has. */
static int64_t pixel_of(const panels *p, int64_t row) { return row / p->unit_rows * p->unit + row % p->unit_rows * p->width; }
static int64_t width_of(const panels *p, int64_t row) { return (row + 1) % p->unit_rows == 0 ? p->last : p->width; }

/* A row of the photo between its borders of zeros, and one more: of an odd number of numbers a step of two reads the next one too, by a weight of 0, so that what is no finite
 * number there in bfloat16 reaches one pixel more than the window has. Whole numbers have a scale a row: what is not finite reaches all that see the row. */
static void stage_row(const work *job, int64_t row, char *to, float *worth)
{
    const panels *p = job->p;
    const df_window *w = &p->w;
    const df_tensor *x = &job->call->in[0];
    int64_t inside = (p->flat ? width_of(p, row) : w->in[1]) * w->c, at = (p->flat ? pixel_of(p, row) : row * w->in[1]) * w->c;
    size_t size = df__num_size(p->num), before = (size_t)(w->pad[1] * w->c) * size, all = (size_t)p->row * size, end = before + (size_t)inside * size;
    memset(to, 0, before);
    if (p->num == DF_NUM_S16)
        *worth = df__whole_row(df__element(x, at), df__is_half(x), inside, (int16_t *)(void *)(to + before));
    else
        df__copy_as(x, at, inside, p->num, to + before);
    memset(to + end, 0, all - end);
}

typedef struct rows_seen { const void *at[MAX_TAPS]; float worth[MAX_TAPS]; } rows_seen;

/* Rows that are copied, of the photo or where it is flat of the outputs. */
typedef struct band { char *rows; float *worth; int64_t first; } band;

static void see_staged(const panels *p, const band *b, int64_t row, int64_t tap, rows_seen *seen)
{
    seen->at[tap] = b->rows + (row - b->first) * p->row * (int64_t)df__num_size(p->num);
    seen->worth[tap] = p->num == DF_NUM_S16 ? b->worth[row - b->first] : 1;
}

/* Where output row `i` begins in each row of the photo that its windows see. */
static rows_seen rows_of(const work *job, int64_t i, const band *b)
{
    const panels *p = job->p;
    const df_window *w = &p->w;
    const df_tensor *x = &job->call->in[0];
    rows_seen seen = {{NULL}, {0}};
    if (p->flat && p->staged)
        see_staged(p, b, i, 0, &seen);
    else if (p->flat)
        seen.at[0] = df__element(x, pixel_of(p, i) * w->c);
    for (int64_t r = 0; r < w->kernel[0] && !p->flat; r++) {
        int64_t row = i % w->out[0] * w->stride[0] - w->pad[0] + r * w->dilation[0], all = i / w->out[0] * w->in[0] + row;
        if (row < 0 || row >= w->in[0])
            continue;
        if (p->staged)
            see_staged(p, b, all, r, &seen);
        else
            seen.at[r] = df__element(x, all * w->in[1] * w->c);
    }
    return seen;
}

/* Copies what output rows first .. end see. */
static band stage_band(const work *job, int64_t first, int64_t end, char *scratch)
{
    const panels *p = job->p;
    const df_window *w = &p->w;
    int64_t photo = first / w->out[0], top = first % w->out[0] * w->stride[0] - w->pad[0], size = (int64_t)df__num_size(p->num);
    int64_t below = (end - 1) % w->out[0] * w->stride[0] - w->pad[0] + (w->kernel[0] - 1) * w->dilation[0] + 1;
    int64_t after = p->flat ? end : photo * w->in[0] + (below < w->in[0] ? below : w->in[0]);
    band b = {scratch + p->worths, (float *)(void *)scratch, p->flat ? first : photo * w->in[0] + (top > 0 ? top : 0)};
    for (int64_t row = b.first; p->staged && row < after; row++) {
        if (!p->flat && w->dilation[0] == 1 && (row - photo * w->in[0] + w->pad[0]) % w->stride[0] >= w->kernel[0]) /* a stride skips it */
            continue;
        stage_row(job, row, b.rows + (row - b.first) * p->row * size, &b.worth[row - b.first]);
    }
    return b;
}

/* Output rows first .. end, of one photo where rows are staged and not flat, in the panels of a range: as many of them at once as have weights that stay in the cache beside what is
 * multiplied, so that the channels of a pixel are written one after another. */
static void run_band(const work *job, int64_t first, int64_t end, int64_t range, char *scratch)
{
    const panels *p = job->p;
    const df_window *w = &p->w;
    const df_tensor *y = &job->call->out[0];
    const band staged = stage_band(job, first, end, scratch + SUMS_BYTES);
    int64_t size = (int64_t)df__num_size(p->num), n = df__panels_count(&p->right), after = n * (range + 1) / p->ranges * PANEL, step = w->stride[1] * w->c * size;
    int64_t each = w->kernel[0] * p->right.run * PANEL * size, together = each < WEIGHTS_BYTES ? WEIGHTS_BYTES / each * PANEL : PANEL;
    for (int64_t c = n * range / p->ranges * PANEL; c < after; c += together)
        for (int64_t i = first; i < end; i++) {
            rows_seen seen = rows_of(job, i, &staged);
            int64_t width = width_of(p, i), chunks = (width + CHUNK - 1) / CHUNK;
            for (int64_t k = 0; k < chunks; k++) {
                int64_t from = width * k / chunks, rows = width * (k + 1) / chunks - from;
                df_panel left = {.rows = rows, .step = step, .x = seen.at, .run_worth = seen.worth};
                df_pixels of = {.channels = p->right.channels, .at = (pixel_of(p, i) + from) * p->right.channels, .far = p->far};
                df__panels_pixels(&p->right, p->weights.data, c, c + together < after ? c + together : after, left, of, &job->tail, df__is_half(y), y->data, (float *)(void *)scratch);
                for (int64_t r = 0; r < w->kernel[0]; r++)
                    seen.at[r] = seen.at[r] ? (const char *)seen.at[r] + rows * step : NULL;
            }
        }
}

static void run_part(void *arg, size_t part, int worker)
{
    const work *job = arg;
    const panels *p = job->p;
    int64_t of_rows = (int64_t)part / p->ranges, first = p->rows * of_rows / p->row_parts, end = p->rows * (of_rows + 1) / p->row_parts;
    char *scratch = (char *)job->exec->scratch + (size_t)worker * p->each;
    for (int64_t i = first, next; i < end; i = next) {
        next = i + p->band < end ? i + p->band : end;
        if (p->staged && !p->flat && next > (i / p->w.out[0] + 1) * p->w.out[0])
            next = (i / p->w.out[0] + 1) * p->w.out[0];
        run_band(job, i, next, (int64_t)part % p->ranges, scratch);
    }
}

static df_status panels_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const panels *p = (const panels *)base;
    work job = {.p = p, .call = call, .exec = exec, .tail = df__tail_new(call, p->bias, p->fused, 0)};
    int64_t parts = p->row_parts * p->ranges;
    df__parallel_for((size_t)parts, exec->threads < parts ? exec->threads : (int)parts, run_part, &job); /* memory is there for so many */
    return DF_OK;
}

/* ---- compilation ---- */

static bool applies(const df_conv *conv, df_num num)
{
    const df_call *call = conv->call;
    const df_window *w = conv->w;
    int64_t k = call->in[1].dims[0];
    bool fits = w->space == 2 && w->n > 0 && !conv->transposed && conv->group == 1 && call->nhwc && call->in[1].data && (!df__given(call, 2) || call->in[2].data) &&
                df__lanes_know(conv->fused) && df__dnn_has(num) && df__lanes()->panel[df__lanes_num(num)] &&
                (num != DF_NUM_BF16 || k <= DF_LANES_MOST || !df__amx_has()) && /* half of the matrix registers would be empty */
                k >= (df__fused_adds(conv->fused) ? DF_LANES_MOST : FEWEST) && w->kernel[0] <= MAX_TAPS && (w->dilation[1] == 1 || w->kernel[1] == 1);
    for (int i = 0; i < 2 && fits; i++)
        fits = w->kernel[i] <= INT16_MAX && w->stride[i] <= INT16_MAX && w->dilation[i] <= INT16_MAX && w->pad[i] <= INT16_MAX && w->pad_end[i] <= INT16_MAX && w->out[i] > 0;
    return fits;
}

typedef struct filling { const df_conv *conv; const panels *p; } filling;

static df_status fill(void *arg, void *out, df_error *err)
{
    const filling *f = arg;
    const df_panels *right = &f->p->right;
    const df_window *w = &f->p->w;
    size_t bytes = (size_t)(right->runs * right->seen * right->channels) * sizeof(float);
    float *plain = df__pages_alloc(bytes);
    if (!plain)
        return df__no_memory(err, "weights", bytes);
    df__pack_taps(f->conv->call->in[1].data, right->channels, w->c, w->kernel[0] * w->kernel[1], f->conv->fused ? f->conv->fused->scale : NULL, plain);
    df__panels_pack(right, plain, out);
    free(plain);
    return DF_OK;
}

/* Biases and slopes of as many channels as a vector has. */
static df_status pad_few(panels *p, df_error *err)
{
    if (p->right.channels >= DF_LANES_MOST)
        return DF_OK;
    if (p->bias) {
        float *wide = realloc(p->bias, DF_LANES_MOST * sizeof *wide);
        if (!wide)
            return df__no_memory(err, "bias", DF_LANES_MOST * sizeof *wide);
        p->bias = wide;
        memset(wide + p->right.channels, 0, (size_t)(DF_LANES_MOST - p->right.channels) * sizeof *wide);
    }
    if (!p->fused)
        return DF_OK;
    p->few = *p->fused;
    for (int i = 0; i < p->few.n_post; i++)
        if (p->few.post[i].kind == DF_POST_PRELU && p->few.post[i].n_slope > 1) {
            memcpy(p->slopes[i], p->few.post[i].slope, (size_t)p->right.channels * sizeof(float));
            p->few.post[i].slope = p->slopes[i];
        }
    p->fused = &p->few;
    return DF_OK;
}

/* Ranges of rows, and of panels where that leaves the largest part less to do, or as much and there are more weights to read than pixels. */
static void share_out(panels *p, int64_t parts)
{
    const df_window *w = &p->w;
    int64_t n = df__panels_count(&p->right), least = INT64_MAX;
    bool weights_more = w->kernel[0] * p->right.run * p->right.columns > w->n * w->in[0] * w->in[1] * w->c;
    p->row_parts = p->ranges = 1;
    for (int64_t ranges = 1; ranges <= n && ranges <= parts; ranges++) {
        int64_t row_parts = parts / ranges < p->rows ? parts / ranges : p->rows, most = (p->rows + row_parts - 1) / row_parts * ((n + ranges - 1) / ranges);
        if (most < least || (most == least && weights_more)) {
            least = most;
            p->row_parts = row_parts;
            p->ranges = ranges;
        }
    }
}

/* Rows of outputs: those of the photos, or where each pixel is seen by itself all pixels in a row, cut as it pleases; where rows have scales, which no photo may have of another, those of each photo. */
static void lay_out(panels *p, const df_call *call)
{
    const df_window *w = &p->w;
    size_t size = df__num_size(p->num);
    bool borders = w->pad[1] > 0 || w->pad_end[1] > 0 || w->pad[0] > 0 || w->pad_end[0] > 0;
    int64_t beyond = p->right.run - p->right.seen;
    p->staged = borders || beyond > 0 || p->num != df__num_of(&call->in[0]);
    p->flat = !borders && w->kernel[0] * w->kernel[1] * w->stride[0] * w->stride[1] == 1;
    p->unit_rows = w->out[0];
    p->unit = w->out[0] * w->out[1];
    p->width = p->last = w->out[1];
    if (p->flat) {
        p->unit *= p->num == DF_NUM_S16 ? 1 : w->n;
        p->unit_rows = (p->unit + CHUNK - 1) / CHUNK;
        p->width = (p->unit + p->unit_rows - 1) / p->unit_rows;
        p->unit_rows = (p->unit + p->width - 1) / p->width;
        p->last = p->unit - (p->unit_rows - 1) * p->width;
    }
    p->rows = w->n * w->out[0] * w->out[1] / p->unit * p->unit_rows;
    p->row = (p->flat ? p->width : w->pad[1] + w->in[1] + w->pad_end[1]) * w->c + beyond;
    int64_t in_row = (int64_t)size * (p->staged ? p->row : p->width * w->stride[1] * w->c);
    p->band = BAND_BYTES / (in_row * w->stride[0]);
    p->band = p->band < 1 ? 1 : p->band > p->rows ? p->rows : p->band;
    int64_t staged = !p->staged ? 0 : p->flat ? p->band : ((p->band < w->out[0] ? p->band : w->out[0]) - 1) * w->stride[0] + (w->kernel[0] - 1) * w->dilation[0] + 1;
    staged = staged > w->in[0] && !p->flat ? w->in[0] : staged;
    p->worths = ((size_t)staged * sizeof(float) + LINE - 1) / LINE * LINE;
    p->each = SUMS_BYTES + p->worths + ((size_t)(staged * p->row) * size + LINE) / LINE * LINE;
    double adds = (double)(w->n * w->out[0] * w->out[1]) * (double)(p->right.columns * p->right.run * w->kernel[0]);
    share_out(p, df__parts(call, adds, DF_PART_ADDS, MAX_PARTS)); /* in vector registers, with AMX too */
}

df_status df__conv_panels(const df_conv *conv, df_num num, df_kernel **out)
{
    df_status st = DF_OK;
    const df_call *call = conv->call;
    *out = NULL;
    if (!applies(conv, num))
        return DF_OK;
    panels *p = calloc(1, sizeof *p);
    if (!p)
        return df__no_memory(call->err, "kernel", sizeof *p);
    p->num = num;
    p->w = *conv->w;
    p->right = df__panels_of(num, p->w.kernel[0], p->w.kernel[1] * p->w.c, call->in[1].dims[0]);
    p->fused = conv->fused;
    p->far = df__tensor_bytes(&call->out[0]) > NEAR_BYTES;
    lay_out(p, call);
    if (p->each > MOST_BYTES)
        goto done;
    static const char *const names[DF_LANES_NUMS] = {"panels f32", "panels bf16", "panels int16"};
    p->base = (df_kernel){.run = panels_run, .free = panels_free, .scratch_bytes = p->each * (size_t)(p->row_parts * p->ranges), .name = names[df__lanes_num(num)],
                          .rounds = num == DF_NUM_BF16, .adds_in_place = p->right.channels % DF_LANES_MOST == 0 /* else some channels are made twice */};
    const float *scale = conv->fused ? conv->fused->scale : NULL;
    df_pack_key key = df__weights_key(call, p->base.name, scale, p->right.channels);
    filling f = {conv, p};
    DF_TRY(df__weights_place(call, conv->packer, conv->trial, &key, df__panels_bytes(&p->right), fill, &f, &p->weights));
    DF_TRY(df__bias_new(call, df__given(call, 2) ? &call->in[2] : NULL, conv->fused, p->right.channels, &p->bias));
    DF_TRY(pad_few(p, call->err));
    *out = &p->base;
    p = NULL;
done:
    if (p)
        panels_free(&p->base);
    return st;
}
