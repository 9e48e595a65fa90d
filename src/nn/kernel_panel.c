/* kernel_panel.c - convolutions over all channels, in float32 or bfloat16, as products of rows by panels of 32 output channels (lanes_products.h): in channels
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

enum { PANEL = 2 * DF_LANES_MOST, FEWEST = 8 /* channels out */, MAX_TAPS = 16 /* rows of a window */, CHUNK = 56 /* pixels whose sums wait for their tails */, SUMS_BYTES = CHUNK * PANEL * 4, BAND_BYTES = 256 << 10, LINE = 64, MAX_PARTS = 256, MOST_BYTES = 8 << 20 /* of a worker: of borders as wide as that others make less */ };

typedef struct panels {
    df_kernel       base;
    df_num          num;
    df_window       w;
    bool            staged, flat; /* flat: each pixel is seen by itself, rows are cut as it pleases */
    int64_t         k, columns;           /* channels out; those with what fills the last vector */
    int64_t         run, row;             /* numbers: of what a window sees of a row, of a row with its borders */
    int64_t         rows, width, last;    /* of outputs: rows of all photos, pixels of one; of the last one */
    int64_t         band, row_parts, ranges; /* ranges of panels, for each of which rows are staged anew; where the last vector reaches back two may write the same numbers */
    size_t          each;                 /* bytes of a worker */
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

/* A row of the photo between its borders of zeros, and one more: of an odd number of numbers a step in bfloat16 reads the next one too, by a weight of 0, so that what is no finite
 * number there reaches one pixel more than the window has. */
static void stage_row(const work *job, int64_t row, char *to)
{
    const panels *p = job->p;
    const df_window *w = &p->w;
    int64_t inside = w->in[1] * w->c;
    size_t size = df__num_size(p->num), before = (size_t)(w->pad[1] * w->c) * size, all = (size_t)p->row * size, end = before + (size_t)inside * size;
    memset(to, 0, before);
    df__copy_as(&job->call->in[0], row * inside, inside, p->num, to + before);
    memset(to + end, 0, all - end);
}

static int64_t panels_of(const panels *p) { return (p->columns + PANEL - 1) / PANEL; }

typedef struct rows_seen { const void *at[MAX_TAPS]; } rows_seen;

/* Where output row `i` begins in each row of the photo that its windows see. */
static rows_seen rows_of(const work *job, int64_t i, int64_t first_staged, const char *band)
{
    const panels *p = job->p;
    const df_window *w = &p->w;
    const df_tensor *x = &job->call->in[0];
    rows_seen seen = {{NULL}};
    size_t size = df__num_size(p->num);
    if (p->flat)
        seen.at[0] = df__element(x, i * p->width * w->c);
    for (int64_t r = 0; r < w->kernel[0] && !p->flat; r++) {
        int64_t row = i % w->out[0] * w->stride[0] - w->pad[0] + r * w->dilation[0], all = i / w->out[0] * w->in[0] + row;
        if (row >= 0 && row < w->in[0])
            seen.at[r] = p->staged ? (const void *)(band + (size_t)((all - first_staged) * p->row) * size) : df__element(x, all * w->in[1] * w->c);
    }
    return seen;
}

/* Output rows first .. end, of one photo where rows are staged, in the panels of a range. */
static void run_band(const work *job, int64_t first, int64_t end, int64_t range, char *scratch)
{
    const panels *p = job->p;
    const df_window *w = &p->w;
    const df_lanes *lanes = df__lanes();
    const df_tensor *y = &job->call->out[0];
    float *sums = (float *)(void *)scratch;
    char *band = scratch + SUMS_BYTES;
    int64_t photo = first / w->out[0], top = first % w->out[0] * w->stride[0] - w->pad[0], size = (int64_t)df__num_size(p->num);
    int64_t staged = photo * w->in[0] + (top > 0 ? top : 0), below = (end - 1) % w->out[0] * w->stride[0] - w->pad[0] + (w->kernel[0] - 1) * w->dilation[0] + 1;
    for (int64_t row = staged; p->staged && row < photo * w->in[0] + (below < w->in[0] ? below : w->in[0]); row++)
        stage_row(job, row, band + (row - staged) * p->row * size);
    int64_t n = panels_of(p), after = n * (range + 1) / p->ranges * PANEL;
    for (int64_t c = n * range / p->ranges * PANEL; c < after; c += PANEL) {
        df_panel g = {.steps = p->run * size / 4, .step = w->stride[1] * w->c * size, .columns = p->columns - c < PANEL ? p->columns - c : PANEL, .runs = (int)w->kernel[0]};
        const char *weights = (const char *)p->weights.data + c * w->kernel[0] * p->run * size;
        for (int64_t i = first; i < end; i++) {
            rows_seen seen = rows_of(job, i, staged, band);
            int64_t width = i + 1 == p->rows ? p->last : p->width, chunks = (width + CHUNK - 1) / CHUNK;
            g.x = seen.at;
            for (int64_t k = 0; k < chunks; k++) {
                int64_t from = width * k / chunks;
                g.rows = width * (k + 1) / chunks - from;
                df_pixels of = {.pixels = g.rows, .columns = g.columns, .column = c, .channels = p->k, .at = (i * p->width + from) * p->k};
                lanes->pixels[p->num == DF_NUM_BF16](&g, weights, &of, &job->tail, df__is_half(y), y->data, sums);
                for (int r = 0; r < g.runs; r++)
                    seen.at[r] = seen.at[r] ? (const char *)seen.at[r] + g.rows * g.step : NULL;
            }
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
        if (p->staged && next > (i / p->w.out[0] + 1) * p->w.out[0])
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
                df__lanes_know(conv->fused) && df__dnn_has(num) && df__lanes()->panel[num == DF_NUM_BF16] &&
                (num != DF_NUM_BF16 || k <= DF_LANES_MOST || !df__amx_has()) && /* half of the matrix registers would be empty */
                k >= (df__fused_adds(conv->fused) ? DF_LANES_MOST : FEWEST) && w->kernel[0] <= MAX_TAPS && (w->dilation[1] == 1 || w->kernel[1] == 1);
    for (int i = 0; i < 2 && fits; i++)
        fits = w->kernel[i] <= INT16_MAX && w->stride[i] <= INT16_MAX && w->dilation[i] <= INT16_MAX && w->pad[i] <= INT16_MAX && w->pad_end[i] <= INT16_MAX && w->out[i] > 0;
    return fits;
}

typedef struct filling { const df_conv *conv; const panels *p; } filling;

/* To [panel][row of the window][its columns and their channels][column], of bfloat16 two numbers of a row side by side. */
static df_status fill(void *arg, void *out, df_error *err)
{
    const filling *f = arg;
    const panels *p = f->p;
    const df_window *w = &p->w;
    int64_t taps = w->kernel[0] * w->kernel[1], each = p->num == DF_NUM_BF16 ? 2 : 1;
    size_t bytes = (size_t)(taps * w->c * p->k) * sizeof(float);
    float *plain = df__pages_alloc(bytes), line[2 * PANEL];
    char *to = out;
    if (!plain)
        return df__no_memory(err, "weights", bytes);
    df__pack_taps(f->conv->call->in[1].data, p->k, w->c, taps, f->conv->fused ? f->conv->fused->scale : NULL, plain);
    for (int64_t first = 0; first < p->columns; first += PANEL)
        for (int64_t i = 0; i < w->kernel[0] * p->run; i += each) {
            int64_t columns = p->columns - first < PANEL ? p->columns - first : PANEL, n = columns * each;
            for (int64_t j = 0; j < n; j++) {
                int64_t seen = (i + j % each) % p->run, tap = (i + j % each) / p->run * w->kernel[1] + seen / w->c, o = p->k < DF_LANES_MOST ? j / each : df__channel_of(p->k, first + j / each);
                line[j] = seen < w->kernel[1] * w->c && o < p->k ? plain[(tap * w->c + seen % w->c) * p->k + o] : 0;
            }
            if (p->num == DF_NUM_BF16)
                df__lanes()->to_bf16(line, (uint16_t *)(void *)to, n);
            else
                memcpy(to, line, (size_t)n * sizeof *line);
            to += (size_t)n * df__num_size(p->num);
        }
    free(plain);
    return DF_OK;
}

/* Biases and slopes of as many channels as a vector has. */
static df_status pad_few(panels *p, df_error *err)
{
    if (p->k >= DF_LANES_MOST)
        return DF_OK;
    if (p->bias) {
        float *wide = realloc(p->bias, DF_LANES_MOST * sizeof *wide);
        if (!wide)
            return df__no_memory(err, "bias", DF_LANES_MOST * sizeof *wide);
        p->bias = wide;
        memset(wide + p->k, 0, (size_t)(DF_LANES_MOST - p->k) * sizeof *wide);
    }
    if (!p->fused)
        return DF_OK;
    p->few = *p->fused;
    for (int i = 0; i < p->few.n_post; i++)
        if (p->few.post[i].kind == DF_POST_PRELU && p->few.post[i].n_slope > 1) {
            memcpy(p->slopes[i], p->few.post[i].slope, (size_t)p->k * sizeof(float));
            p->few.post[i].slope = p->slopes[i];
        }
    p->fused = &p->few;
    return DF_OK;
}

/* Ranges of rows, and of panels where that leaves the largest part less to do, or as much and there are more weights to read than pixels. */
static void share_out(panels *p, int64_t parts)
{
    const df_window *w = &p->w;
    int64_t n = panels_of(p), least = INT64_MAX;
    bool weights_more = w->kernel[0] * p->run * p->columns > w->n * w->in[0] * w->in[1] * w->c;
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

/* Rows of outputs: those of the photos, or where each pixel is seen by itself all pixels in a row, cut as it pleases. */
static void lay_out(panels *p, const df_call *call)
{
    const df_window *w = &p->w;
    size_t size = df__num_size(p->num);
    bool borders = w->pad[1] > 0 || w->pad_end[1] > 0 || w->pad[0] > 0 || w->pad_end[0] > 0;
    int64_t seen = w->kernel[1] * w->c;
    p->run = p->num == DF_NUM_BF16 ? (seen + 1) / 2 * 2 : seen;
    p->row = (w->pad[1] + w->in[1] + w->pad_end[1]) * w->c + (p->run - seen);
    p->staged = borders || p->run != seen || p->num != df__num_of(&call->in[0]);
    p->rows = w->n * w->out[0];
    p->width = p->last = w->out[1];
    p->flat = !p->staged && w->kernel[0] * w->kernel[1] * w->stride[0] * w->stride[1] == 1;
    if (p->flat) {
        int64_t all = p->rows * p->width;
        p->rows = (all + CHUNK - 1) / CHUNK;
        p->width = (all + p->rows - 1) / p->rows;
        p->rows = (all + p->width - 1) / p->width;
        p->last = all - (p->rows - 1) * p->width;
    }
    int64_t in_row = (int64_t)size * (p->staged ? p->row : p->width * w->stride[1] * w->c);
    p->band = BAND_BYTES / (in_row * w->stride[0]);
    p->band = p->band < 1 ? 1 : p->band > p->rows ? p->rows : p->band;
    int64_t staged = p->staged ? ((p->band < w->out[0] ? p->band : w->out[0]) - 1) * w->stride[0] + (w->kernel[0] - 1) * w->dilation[0] + 1 : 0;
    staged = staged > w->in[0] ? w->in[0] : staged;
    p->each = SUMS_BYTES + ((size_t)(staged * p->row) * size + LINE) / LINE * LINE;
    double adds = (double)(w->n * w->out[0] * w->out[1]) * (double)(p->columns * p->run * w->kernel[0]);
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
    p->k = call->in[1].dims[0];
    p->columns = (p->k + DF_LANES_MOST - 1) / DF_LANES_MOST * DF_LANES_MOST;
    p->fused = conv->fused;
    lay_out(p, call);
    if (p->each > MOST_BYTES)
        goto done;
    p->base = (df_kernel){.run = panels_run, .free = panels_free, .scratch_bytes = p->each * (size_t)(p->row_parts * p->ranges), .name = num == DF_NUM_BF16 ? "panels bf16" : "panels f32",
                          .rounds = num == DF_NUM_BF16};
    const float *scale = conv->fused ? conv->fused->scale : NULL;
    df_pack_key key = df__weights_key(call, p->base.name, scale, p->k);
    filling f = {conv, p};
    DF_TRY(df__weights_place(call, conv->packer, conv->trial, &key, (size_t)(p->w.kernel[0] * p->run * p->columns) * df__num_size(num), fill, &f, &p->weights));
    DF_TRY(df__bias_new(call, df__given(call, 2) ? &call->in[2] : NULL, conv->fused, p->k, &p->bias));
    DF_TRY(pad_few(p, call->err));
    *out = &p->base;
    p = NULL;
done:
    if (p)
        panels_free(&p->base);
    return st;
}
