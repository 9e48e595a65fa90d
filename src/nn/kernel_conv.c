/* kernel_conv.c - convolutions by oneDNN's direct kernels, in float32, bfloat16 or 8 bits. A run is cut into parts, ranges of photos or of
 * rows, that threads take side by side; each part has a primitive of its own, all share the weights. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/pages.h"
#include "core/threads.h"
#include "nn/kernel.h"
#include "nn/lanes.h"

enum { MAX_PARTS = 4096, LINE = 64, SLICE_BYTES = 4 << 20, HALF_SLICE_BYTES = 512 << 10 /* sums wait there to be rounded */, PIECE = 2048, MAX_REACH = 1 << 30 /* oneDNN counts pixels in ints */ };

typedef struct part {
    df_prim *prim;       /* shared by parts of one shape: `owner` frees it */
    bool     owner;
    int64_t  photo, src, dst; /* first photo; first element */
    int64_t  n_src, n_dst;
} part;

typedef struct direct {
    df_kernel       base;
    df_num          num;
    int             n_parts, cap_parts;
    int64_t         whole_parts; /* as many as make the whole */
    part           *parts;
    int64_t         photos, photo_size; /* of the input, in elements */
    size_t          scratch_each; /* of a worker: converted input, then the primitive's own */
    size_t          converted, sums; /* bytes of it for the input, and for sums that become bfloat16 */
    df_weights_at   weights;
    float          *bias;
    const df_fused *fused;
    bool            posts_after; /* oneDNN has no kernel with them */
    bool            own_tail;    /* bias and posts are ours */
    df_weights_at   steps;
    const float    *scales;      /* 8 bits: of the weights, by output channel */
    int64_t         channels;
} direct;

static void drop_parts(direct *d)
{
    for (int i = 0; i < d->n_parts; i++)
        if (d->parts[i].owner)
            df__prim_free(d->parts[i].prim);
    d->n_parts = 0;
    d->posts_after = false;
}

static void direct_free(df_kernel *base)
{
    direct *d = (direct *)base;
    drop_parts(d);
    free(d->parts);
    free(d->weights.own);
    free(d->bias);
    free(d->steps.own);
    free(d);
}

/* ---- runs ---- */

typedef struct work {
    const direct  *d;
    const df_call *call;
    char          *scratch;  /* of the workers */
    float         *extremes; /* 8 bits: least and most of each chunk of a photo */
    int64_t        chunks;   /* of a photo */
    df_mishaps     met;
} work;

static float least_of(float a, float b) { return a < b ? a : b; }
static float most_of(float a, float b) { return a > b ? a : b; }

/* Least and most of n numbers from element `at` on. */
static void range_of(const df_tensor *x, int64_t at, int64_t n, float *least, float *most)
{
    float wide[PIECE], l, m;
    if (!df__is_half(x)) {
        df__lanes()->range(df__element(x, at), n, least, most);
        return;
    }
    *least = *most = 0;
    for (int64_t i = 0; i < n; i += PIECE) {
        int64_t count = n - i < PIECE ? n - i : PIECE;
        df__lanes()->from_bf16(df__element(x, at + i), wide, count);
        df__lanes()->range(wide, count, &l, &m);
        *least = least_of(l, *least);
        *most = most_of(m, *most);
    }
}

/* n numbers from element `at` on in those of the kernel; where they lie. `step`: what one of 8 bits is worth. */
static const void *convert(const df_tensor *x, int64_t at, int64_t n, df_num num, float step, void *to)
{
    float wide[PIECE];
    const df_lanes *lanes = df__lanes();
    if (num == df__num_of(x))
        return df__element(x, at);
    if (num == DF_NUM_BF16 || num == DF_NUM_F32)
        df__copy_as(x, at, n, num, to);
    for (int64_t i = 0; i < n && (num == DF_NUM_U8 || num == DF_NUM_S8); i += PIECE) {
        int64_t count = n - i < PIECE ? n - i : PIECE;
        const float *from = df__element(x, at + i);
        if (df__is_half(x)) {
            lanes->from_bf16(df__element(x, at + i), wide, count);
            from = wide;
        }
        if (num == DF_NUM_U8)
            lanes->to_u8(from, (uint8_t *)to + i, count, 1 / step);
        else
            lanes->to_s8(from, (int8_t *)to + i, count, 1 / step);
    }
    return to;
}

static void range_of_chunk(void *arg, size_t i, int worker)
{
    const work *w = arg;
    int64_t size = w->d->photo_size, photo = (int64_t)i / w->chunks, chunk = (int64_t)i % w->chunks;
    int64_t first = size * chunk / w->chunks, end = size * (chunk + 1) / w->chunks;
    (void)worker;
    range_of(&w->call->in[0], photo * size + first, end - first, &w->extremes[2 * i], &w->extremes[2 * i + 1]);
}

/* What one step of the photo's numbers in 8 bits is worth. Zero stays zero. */
static float step_of(const work *w, int64_t photo)
{
    float least = 0, most = 0;
    for (int64_t i = photo * w->chunks; i < (photo + 1) * w->chunks; i++) {
        least = least_of(w->extremes[2 * i], least);
        most = most_of(w->extremes[2 * i + 1], most);
    }
    float reach = w->d->num == DF_NUM_U8 ? most / 255 : (most > -least ? most : -least) / 127;
    return reach >= FLT_MIN ? reach : 1; /* below, its inverse is infinite: such a photo is black */
}

static void run_part(void *arg, size_t i, int worker)
{
    work *w = arg;
    const direct *d = w->d;
    const part *p = &d->parts[i];
    char *scratch = w->scratch + (size_t)worker * d->scratch_each;
    const df_tensor *x = &w->call->in[0], *y = &w->call->out[0];
    float step = d->scales ? step_of(w, p->photo) : 1;
    float *sums = d->sums ? (float *)(void *)(scratch + d->converted) : df__element(y, p->dst);
    df_prim_args args = {.src = convert(x, p->src, p->n_src, d->num, step, scratch), .weights = d->weights.data, .bias = d->own_tail ? NULL : d->bias,
                         .dst = sums, .scratch = scratch + d->converted + d->sums};
    if (!args.weights)
        args.weights = w->call->in[1].data;
    if (!d->own_tail && !args.bias && df__given(w->call, 2))
        args.bias = w->call->in[2].data;
    df__add_inputs(w->call, d->fused, p->dst, args.add);
    df_status st = df__prim_run(p->prim, &args, &w->met.err[worker]);
    if (st != DF_OK)
        w->met.st[worker] = st;
    if (d->own_tail) {
        df_tail tail = df__tail_new(w->call, d->bias, d->fused, p->dst);
        df__lanes()->scaled_tail[df__is_half(y)](sums, p->n_dst / d->channels, d->channels, step, &tail, df__element(y, p->dst));
    }
}

static df_status direct_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const direct *d = (const direct *)base;
    int workers = exec->threads < DF_MAX_WORKERS ? exec->threads : DF_MAX_WORKERS;
    df_arena_mark mark = df__arena_mark(call->scratch);
    work *w = df__arena_calloc(call->scratch, 1, sizeof *w);
    df_status st = DF_OK;
    if (!w)
        return df__no_memory(call->err, "kernel", sizeof *w);
    w->d = d;
    w->call = call;
    w->scratch = exec->scratch;
    if (d->scales) {
        w->chunks = d->photos < workers ? workers : 1;
        w->extremes = df__arena_calloc(call->scratch, (size_t)(d->photos * w->chunks), 2 * sizeof *w->extremes);
        if (!w->extremes)
            DF_TRY(df__no_memory(call->err, "kernel", (size_t)(d->photos * w->chunks)));
        df__parallel_for((size_t)(d->photos * w->chunks), workers, range_of_chunk, w);
    }
    st = df__run_parts(call, exec->threads, (size_t)d->n_parts, run_part, w, &w->met);
    if (st == DF_OK && d->posts_after)
        df__fused_apply(call, d->fused, false);
done:
    df__arena_release(call->scratch, mark);
    return st;
}

/* ---- compilation ---- */

/* The whole as one job; false where oneDNN has no kernel for its rank or size. */
static bool job_of(const df_conv *conv, df_num num, df_conv_job *job)
{
    const df_call *call = conv->call;
    const df_window *w = conv->w;
    int64_t src[DF_MAX_RANK], dst[DF_MAX_RANK], outs = conv->transposed ? call->in[1].dims[1] * conv->group : call->in[1].dims[0];
    if (w->space > DF_DNN_SPACE)
        return false;
    *job = (df_conv_job){.transposed = conv->transposed, .space = w->space, .group = conv->group, .n = w->n, .c_in = w->c, .c_out = outs,
                         .src = num, .dst = df__num_of(&call->out[0]), .plain_weights = !call->in[1].data, .fused = conv->fused};
    for (int i = 0; conv->fused && i < conv->fused->n_post; i++)
        if (conv->fused->post[i].kind == DF_POST_ADD)
            job->add[i] = df__num_of(&call->in[conv->fused->post[i].input]);
    df__space_strides(call, &call->in[0], src);
    df__space_strides(call, &call->out[0], dst);
    memcpy(job->src_steps, src, sizeof job->src_steps);
    memcpy(job->dst_steps, dst, sizeof job->dst_steps);
    for (int i = 0; i < w->space; i++) {
        int64_t span = (w->kernel[i] - 1) * w->dilation[i] + 1;
        job->in[i] = w->in[i];
        job->out[i] = w->out[i];
        job->kernel[i] = w->kernel[i];
        job->stride[i] = w->stride[i];
        job->dilation[i] = w->dilation[i];
        job->pad[i] = w->pad[i];
        /* What the window really reaches: pads may be larger than the last step needs, and smaller than an output padding. */
        job->pad_end[i] = conv->transposed ? (w->in[i] - 1) * w->stride[i] + span - w->out[i] - w->pad[i] : w->pad_end[i];
        if (w->in[i] + w->pad[i] + w->pad_end[i] + span > MAX_REACH || w->out[i] > MAX_REACH || w->stride[i] > MAX_REACH || w->dilation[i] > MAX_REACH)
            return false;
    }
    job->bias = df__given(call, 2) || (conv->fused && conv->fused->shift);
    return true;
}

/* Rows first .. first + rows of the outputs of one photo. */
static df_conv_job rows_of(const df_conv_job *whole, int64_t first, int64_t rows, int64_t *first_in)
{
    df_conv_job job = *whole;
    int64_t span = (job.kernel[0] - 1) * job.dilation[0] + 1;
    int64_t from = first * job.stride[0] - job.pad[0], to = (first + rows - 1) * job.stride[0] - job.pad[0] + span;
    *first_in = from > 0 ? from : 0;
    job.pad[0] = from < 0 ? -from : 0;
    job.pad_end[0] = to > job.in[0] ? to - job.in[0] : 0;
    job.in[0] = (to < job.in[0] ? to : job.in[0]) - *first_in;
    job.out[0] = rows;
    job.n = 1;
    job.src_steps[0] = job.in[0] * job.src_steps[2];
    job.dst_steps[0] = rows * job.dst_steps[2];
    return job;
}

/* As many parts as there are threads and work for. Channels each by themselves go a few times slower than dense products. */
static int64_t parts_of(const direct *d, const df_call *call, const df_conv_job *job)
{
    double least = job->group > 1 && job->group == job->c_in ? DF_PART_ADDS / 4 : df__part_adds(d->num);
    double n = (double)job->n * (double)job->c_out * (double)(job->c_in / job->group);
    for (int i = 0; i < job->space; i++)
        n *= (double)job->out[i] * (double)job->kernel[i];
    return df__parts(call, n, least, MAX_PARTS);
}

/* Each row of outputs sees a row of the input. */
static bool sees_input(const df_conv_job *job)
{
    int64_t span = (job->kernel[0] - 1) * job->dilation[0] + 1;
    return job->pad[0] < span && job->pad_end[0] < span;
}

static df_status grow(direct *d, df_error *err)
{
    if (d->n_parts < d->cap_parts)
        return DF_OK;
    int cap = d->cap_parts ? 2 * d->cap_parts : 8;
    part *parts = realloc(d->parts, (size_t)cap * sizeof *parts);
    if (!parts)
        return df__no_memory(err, "kernel", (size_t)cap * sizeof *parts);
    d->parts = parts;
    d->cap_parts = cap;
    return DF_OK;
}

/* One part more; a primitive of a part of the same shape is used again. `like`: that part's number, or -1. */
static df_status add_part(direct *d, const df_conv_job *job, int like, int64_t photo, int64_t src, int64_t dst, df_error *err)
{
    df_status st = grow(d, err);
    bool after = false;
    if (st != DF_OK)
        return st;
    part *p = &d->parts[d->n_parts];
    *p = (part){.photo = photo, .src = src, .dst = dst, .n_src = job->n * job->src_steps[0], .n_dst = job->n * job->dst_steps[0]};
    if (job->n == 1 && job->src_steps[1] == 1) { /* a range of rows: channels last, dense */
        p->n_src = job->in[0] * job->src_steps[2];
        p->n_dst = job->out[0] * job->dst_steps[2];
    }
    if (like >= 0) {
        p->prim = d->parts[like].prim;
    } else {
        st = df__prim_conv(job, d->n_parts > 0 ? d->parts[0].prim : NULL, &p->prim, &after, err);
        p->owner = true;
        if (d->n_parts > 0 && after != d->posts_after) { /* some parts would get them twice */
            df__prim_free(p->prim);
            p->prim = NULL;
        }
        d->posts_after = after;
    }
    if (st == DF_OK && p->prim)
        d->n_parts++;
    return st;
}

static bool same_job(const df_conv_job *a, const df_conv_job *b)
{
    return a->n == b->n && memcmp(a->in, b->in, sizeof a->in) == 0 && memcmp(a->out, b->out, sizeof a->out) == 0 &&
           memcmp(a->pad, b->pad, sizeof a->pad) == 0 && memcmp(a->pad_end, b->pad_end, sizeof a->pad_end) == 0;
}

/* Each photo in slices of rows. Those of the second photo and on repeat the first's. */
static df_status cut_rows(direct *d, const df_conv_job *whole, int64_t slices, df_error *err)
{
    df_status st = DF_OK;
    df_conv_job last = {0};
    for (int64_t i = 0; i < whole->n * slices && st == DF_OK && d->n_parts == (int)i; i++) {
        int64_t photo = i / slices, first = whole->out[0] * (i % slices) / slices, first_in = 0;
        df_conv_job job = *whole;
        job.n = 1;
        if (slices > 1)
            job = rows_of(whole, first, whole->out[0] * (i % slices + 1) / slices - first, &first_in);
        int like = photo > 0 ? (int)(i - slices) : i > 0 && same_job(&job, &last) ? (int)(i - 1) : -1;
        last = job;
        st = add_part(d, &job, like, photo, photo * whole->src_steps[0] + first_in * whole->src_steps[2],
                      photo * whole->dst_steps[0] + first * whole->dst_steps[2], err);
    }
    return st;
}

/* `parts` of them, when each has enough to do; where tails are ours slices of photos that stay in the second cache. */
static df_status cut_into(direct *d, const df_conv *conv, const df_conv_job *whole, int64_t parts, df_error *err)
{
    df_status st = DF_OK;
    bool rows = conv->call->nhwc && !conv->transposed && whole->space > 0 && sees_input(whole);
    int64_t slices = rows ? (parts + whole->n - 1) / whole->n : 1;
    if (d->own_tail && rows) {
        int64_t most = df__is_half(&conv->call->out[0]) ? HALF_SLICE_BYTES : SLICE_BYTES;
        int64_t small = (whole->dst_steps[0] * 4 + whole->src_steps[0] * (int64_t)df__num_size(d->num)) / most + 1;
        slices = small > slices ? (small + parts - 1) / parts * parts : slices;
    }
    slices = slices > whole->out[0] ? whole->out[0] : slices;
    if (whole->n * slices > MAX_PARTS)
        slices = 1;
    d->whole_parts = (d->own_tail || whole->n < parts) && whole->n <= MAX_PARTS ? whole->n * slices : parts;
    if ((d->own_tail || whole->n < parts) && whole->n <= MAX_PARTS)
        return cut_rows(d, whole, slices, err);
    df_conv_job last = {0};
    for (int64_t i = 0; i < parts && st == DF_OK && d->n_parts == (int)i; i++) {
        df_conv_job job = *whole;
        int64_t first = whole->n * i / parts;
        job.n = whole->n * (i + 1) / parts - first;
        st = add_part(d, &job, i > 0 && same_job(&job, &last) ? (int)i - 1 : -1, first, first * job.src_steps[0], first * job.dst_steps[0], err);
        last = job;
    }
    return st;
}

/* For slices of a row or two oneDNN may have no kernel that takes the weights as another slice's does: fewer then. */
static df_status cut(direct *d, const df_conv *conv, const df_conv_job *whole, df_error *err)
{
    df_status st = DF_OK;
    d->photos = whole->n;
    d->photo_size = whole->src_steps[0];
    for (int64_t parts = parts_of(d, conv->call, whole); parts > 0 && st == DF_OK; parts /= 2) {
        drop_parts(d);
        st = cut_into(d, conv, whole, parts, err);
        if (d->n_parts > 0 && d->n_parts == d->whole_parts)
            break;
    }
    return st;
}

typedef struct filling { const df_conv *conv; const direct *d; const float *scale; int64_t channels; } filling;

static df_status fill(void *arg, void *out, df_error *err)
{
    const filling *f = arg;
    const df_tensor *k = &f->conv->call->in[1];
    int64_t taps = 1, steps[DF_MAX_RANK + 1], group = f->conv->group;
    int space = f->conv->w->space, g = group > 1;
    for (int i = 0; i < space; i++)
        taps *= f->conv->w->kernel[i];
    int64_t in_each = f->conv->w->c / group, out_each = f->channels / group;
    steps[0] = in_each * out_each * taps;
    steps[g] = f->conv->transposed ? taps : in_each * taps;
    steps[g + 1] = f->conv->transposed ? out_each * taps : taps;
    for (int64_t i = space - 1, s = 1; i >= 0; s *= f->conv->w->kernel[i--])
        steps[g + 2 + i] = s;
    return df__prim_pack(f->d->parts[0].prim, k->data, steps, f->scale, f->channels, out, err);
}

static size_t lines(size_t bytes) { return (bytes + LINE - 1) & ~(size_t)(LINE - 1); }

static df_status finish(direct *d, const df_conv *conv, const df_conv_job *job, const float *scale, df_kernel **out)
{
    df_status st = DF_OK;
    const df_call *call = conv->call;
    size_t most = 0;
    for (int i = 0; i < d->n_parts; i++) {
        size_t bytes = df__prim_scratch_bytes(d->parts[i].prim);
        size_t converted = d->num == df__num_of(&call->in[0]) ? 0 : lines((size_t)d->parts[i].n_src * df__num_size(d->num));
        size_t sums = d->own_tail && df__is_half(&call->out[0]) ? lines((size_t)d->parts[i].n_dst * sizeof(float)) : 0;
        most = bytes > most ? bytes : most;
        d->converted = converted > d->converted ? converted : d->converted;
        d->sums = sums > d->sums ? sums : d->sums;
    }
    d->scratch_each = d->converted + d->sums + most;
    int workers = call->threads < d->n_parts ? call->threads : d->n_parts;
    d->base = (df_kernel){.run = direct_run, .free = direct_free, .scratch_bytes = d->scratch_each * (size_t)workers,
                          .name = df__prim_name(d->parts[0].prim), .rounds = d->num != DF_NUM_F32};
    d->channels = job->c_out;
    if (call->in[1].data) {
        filling f = {conv, d, scale, job->c_out};
        df_pack_key key = df__weights_key(call, job->transposed ? "transposed" : "direct", scale, job->c_out);
        df__prim_layout(d->parts[0].prim, &key);
        DF_TRY(df__weights_place(call, conv->packer, conv->trial, &key, df__prim_weight_bytes(d->parts[0].prim), fill, &f, &d->weights));
    }
    if (!df__given(call, 2) || call->in[2].data)
        DF_TRY(df__bias_new(call, df__given(call, 2) ? &call->in[2] : NULL, conv->fused, job->c_out, &d->bias));
    *out = &d->base;
done:
    return st;
}

/* Ours are worth it for posts that oneDNN's best kernels do not take. */
static bool takes_tail(const df_conv *conv)
{
    const df_call *call = conv->call;
    bool posts = conv->fused && conv->fused->n_post > 0;
    return call->nhwc && !conv->transposed && call->in[1].data && (!df__given(call, 2) || call->in[2].data) && (posts || df__any_half(call)) &&
           call->in[1].dims[0] % DF_LANES_MOST == 0 && df__lanes_know(conv->fused);
}

df_status df__conv_direct(const df_conv *conv, df_num num, bool own_tail, df_kernel **out)
{
    df_status st = DF_OK;
    df_conv_job job;
    direct *d = NULL;
    *out = NULL;
    if (!df__dnn_has(num) || !job_of(conv, num, &job) || (num != DF_NUM_F32 && (!conv->call->nhwc || !conv->call->in[1].data)) ||
        (own_tail && !takes_tail(conv)) || (num == DF_NUM_F32 && !own_tail && df__any_half(conv->call)))
        return DF_OK;
    d = calloc(1, sizeof *d);
    if (!d)
        return df__no_memory(conv->call->err, "kernel", sizeof *d);
    d->num = num;
    d->fused = conv->fused;
    d->own_tail = own_tail;
    if (own_tail) {
        job.bias = false;
        job.fused = NULL;
        job.dst = DF_NUM_F32;
    }
    DF_TRY(cut(d, conv, &job, conv->call->err));
    if (d->n_parts == 0 || d->n_parts < d->whole_parts) /* oneDNN has no kernel for one of them */
        goto done;
    if (d->posts_after && job.dst != DF_NUM_F32) /* posts in plain C have sums of float32 */
        goto done;
    DF_TRY(finish(d, conv, &job, conv->fused ? conv->fused->scale : NULL, out));
    d = NULL;
done:
    if (d)
        direct_free(&d->base);
    return st;
}

/* ---- 8 bits ---- */

typedef struct stepping { const df_conv *conv; int64_t channels; } stepping;

/* For each output channel what one step of its weights is worth - the largest weight is 127 steps - then the inverses, for packing. */
static df_status weight_steps(void *arg, void *out, df_error *err)
{
    const stepping *s = arg;
    (void)err;
    const df_tensor *k = &s->conv->call->in[1];
    int64_t each = df__tensor_count(k) / s->channels;
    const float *scale = s->conv->fused ? s->conv->fused->scale : NULL;
    float *steps = out;
    for (int64_t c = 0; c < s->channels; c++) {
        float most = 0;
        for (int64_t i = 0; i < each; i++) {
            float v;
            memcpy(&v, (const char *)k->data + (size_t)(c * each + i) * sizeof v, sizeof v);
            v = fabsf(v);
            most = v > most ? v : most;
        }
        steps[s->channels + c] = most > 0 ? 127 / most : 1;
        steps[c] = most > 0 ? most / 127 * (scale ? scale[c] : 1) : 1;
    }
    return DF_OK;
}

df_status df__conv_int8(const df_conv *conv, df_kernel **out)
{
    df_status st = DF_OK;
    const df_call *call = conv->call;
    df_conv_job job;
    direct *d = NULL;
    *out = NULL;
    if (!df__dnn_has(DF_NUM_S8) || !call->nhwc || conv->transposed || !call->in[1].data || conv->group > 1 || conv->w->space != 2 ||
        conv->w->n > MAX_PARTS || conv->w->c % DF_LANES_MOST || call->in[1].dims[0] % DF_LANES_MOST || !df__lanes_know(conv->fused) || !job_of(conv, DF_NUM_S8, &job))
        return DF_OK;
    d = calloc(1, sizeof *d);
    if (!d)
        return df__no_memory(call->err, "kernel", sizeof *d);
    d->num = job.src = call->not_negative ? DF_NUM_U8 : DF_NUM_S8;
    d->own_tail = true;
    stepping s = {conv, job.c_out};
    df_pack_key key = df__weights_key(call, "steps", conv->fused ? conv->fused->scale : NULL, job.c_out);
    DF_TRY(df__weights_place(call, conv->packer, conv->trial, &key, (size_t)job.c_out * 2 * sizeof(float), weight_steps, &s, &d->steps));
    d->scales = d->steps.data;
    job.scales = d->scales;
    job.dst = DF_NUM_F32;
    job.bias = false;
    job.fused = NULL;
    DF_TRY(cut(d, conv, &job, call->err));
    if (d->n_parts == 0 || d->n_parts < d->whole_parts) /* oneDNN has no kernel for one of them */
        goto done;
    d->fused = conv->fused;
    DF_TRY(finish(d, conv, &job, d->scales + job.c_out, out));
    d = NULL;
done:
    if (d)
        direct_free(&d->base);
    return st;
}
