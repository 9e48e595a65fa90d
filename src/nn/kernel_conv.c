/* kernel_conv.c - convolutions by oneDNN's direct kernels, in float32, bfloat16 or 8 bits. A run is cut into parts, ranges of photos or of
 * rows, that threads take side by side; each part has a primitive of its own, all share the weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/pages.h"
#include "core/threads.h"
#include "nn/kernel.h"
#include "nn/lanes.h"

enum { MAX_PARTS = 64, LINE = 64 };
static const int64_t least_work = 1000000; /* multiply-adds of a part: below, waking a thread costs more than it brings */

typedef struct part {
    df_prim *prim;       /* shared by parts of one shape: `owner` frees it */
    bool     owner;
    int64_t  src, dst;   /* first element */
    int64_t  n_src, n_dst;
} part;

typedef struct direct {
    df_kernel       base;
    df_num          num;
    int             n_parts;
    part            parts[MAX_PARTS];
    size_t          scratch_each; /* of a part: converted input, then the primitive's own */
    size_t          converted;
    df_weights_at   weights;
    float          *bias;
    const df_fused *fused;
    bool            posts_after; /* oneDNN has no kernel with them */
    bool            signed_input;
    float          *scales;      /* 8 bits: of the weights, by output channel */
    int64_t         channels;
} direct;

static void direct_free(df_kernel *base)
{
    direct *d = (direct *)base;
    for (int i = 0; i < d->n_parts; i++)
        if (d->parts[i].owner)
            df__prim_free(d->parts[i].prim);
    free(d->weights.own);
    free(d->bias);
    free(d->scales);
    free(d);
}

/* ---- runs ---- */

typedef struct work { const direct *d; const df_call *call; const df_exec *exec; df_status st[MAX_PARTS]; df_error err[MAX_PARTS]; } work;

/* The part's input in 8 bits; returns what one step of them is worth. Zero stays zero. */
static float quantise(const direct *d, const float *x, int64_t n, void *to)
{
    const df_lanes *lanes = df__lanes();
    float least, most;
    lanes->range(x, n, &least, &most);
    if (d->num == DF_NUM_U8) {
        float step = most > 0 ? most / 255 : 1;
        lanes->to_u8(x, to, n, 1 / step);
        return step;
    }
    float reach = most > -least ? most : -least, step = reach > 0 ? reach / 127 : 1;
    lanes->to_s8(x, to, n, 1 / step);
    return step;
}

static void run_part(void *arg, size_t i, int worker)
{
    work *w = arg;
    const direct *d = w->d;
    const part *p = &d->parts[i];
    char *scratch = (char *)w->exec->scratch + (size_t)i * d->scratch_each;
    const float *x = (const float *)w->call->in[0].data + p->src;
    float *y = (float *)w->call->out[0].data + p->dst, step = 1;
    (void)worker;
    df_prim_args args = {.src = x, .weights = d->weights.data ? d->weights.data : w->call->in[1].data, .bias = d->bias, .dst = y,
                         .scratch = scratch + d->converted};
    if (!args.bias && df__given(w->call, 2))
        args.bias = w->call->in[2].data;
    if (d->num != DF_NUM_F32)
        args.src = scratch;
    if (d->num == DF_NUM_BF16)
        df__lanes()->to_bf16(x, (uint16_t *)(void *)scratch, p->n_src);
    else if (d->num != DF_NUM_F32)
        step = quantise(d, x, p->n_src, scratch);
    df__add_inputs(w->call, d->fused, p->dst, args.add);
    w->st[i] = df__prim_run(p->prim, &args, &w->err[i]);
    if (d->scales) {
        df_tail tail = {.bias = d->bias, .fused = d->fused};
        memcpy(tail.add, args.add, sizeof tail.add);
        df__lanes()->scaled_tail(y, p->n_dst / d->channels, d->channels, step, &tail);
    }
}

static df_status direct_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const direct *d = (const direct *)base;
    work w = {.d = d, .call = call, .exec = exec};
    if (d->n_parts == 1)
        run_part(&w, 0, 0);
    else
        df__parallel_for((size_t)d->n_parts, exec->threads, run_part, &w);
    for (int i = 0; i < d->n_parts; i++)
        if (w.st[i] != DF_OK)
            return df__call_fail(call, w.st[i], "%s", w.err[i].message);
    if (d->posts_after)
        df__fused_apply(call, d->fused, false);
    return DF_OK;
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
                         .src = num, .plain_weights = !call->in[1].data, .fused = conv->fused};
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
        if (w->in[i] > INT32_MAX || w->out[i] > INT32_MAX || w->kernel[i] > INT32_MAX)
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
    return job;
}

static int64_t work_of(const df_conv_job *job)
{
    int64_t n = job->n * job->c_out * (job->c_in / job->group);
    for (int i = 0; i < job->space; i++)
        n *= job->out[i] * job->kernel[i];
    return n;
}

/* One part more; a primitive of the same shape as the last one's is used again. */
static df_status add_part(direct *d, const df_conv_job *job, int64_t src, int64_t dst, df_error *err)
{
    df_status st = DF_OK;
    part *p = &d->parts[d->n_parts];
    *p = (part){.src = src, .dst = dst, .n_src = job->n * job->src_steps[0], .n_dst = job->n * job->dst_steps[0]};
    if (job->n == 1) { /* a range of rows: channels last, dense */
        p->n_src = job->in[0] * job->src_steps[2];
        p->n_dst = job->out[0] * job->dst_steps[2];
    }
    const part *last = d->n_parts > 0 ? p - 1 : NULL;
    df_prim *like = d->n_parts > 0 ? d->parts[0].prim : NULL;
    bool same = last && last->n_src == p->n_src && last->n_dst == p->n_dst && job->pad[0] == 0 && job->pad_end[0] == 0 && d->n_parts > 1;
    same = same || (last && job->n > 1 && last->n_src == p->n_src);
    if (same) {
        p->prim = last->prim;
    } else {
        bool after;
        st = df__prim_conv(job, like, &p->prim, &after, err);
        p->owner = true;
        d->posts_after = d->posts_after || after;
    }
    if (st == DF_OK && p->prim)
        d->n_parts++;
    return st;
}

/* As many parts as there are threads, when each has enough to do. */
static df_status cut(direct *d, const df_conv *conv, const df_conv_job *whole, bool photos_alone, df_error *err)
{
    df_status st = DF_OK;
    int64_t parts = conv->call->threads < MAX_PARTS ? conv->call->threads : MAX_PARTS, each = work_of(whole) / least_work;
    bool rows = conv->call->nhwc && !conv->transposed && whole->space > 0;
    if (parts > each)
        parts = each > 1 ? each : 1;
    if (photos_alone && whole->n > 1 && whole->n <= MAX_PARTS) /* each has a scale of its own */
        parts = whole->n;
    if (whole->n >= parts) {
        for (int64_t i = 0; i < parts && st == DF_OK && d->n_parts == (int)i; i++) {
            df_conv_job job = *whole;
            int64_t first = whole->n * i / parts;
            job.n = whole->n * (i + 1) / parts - first;
            st = add_part(d, &job, first * job.src_steps[0], first * job.dst_steps[0], err);
        }
        return st;
    }
    int64_t slices = rows && !photos_alone ? (parts + whole->n - 1) / whole->n : 1;
    if (slices > whole->out[0])
        slices = whole->out[0];
    for (int64_t i = 0; i < whole->n * slices && st == DF_OK && d->n_parts == (int)i; i++) {
        int64_t photo = i / slices, first = whole->out[0] * (i % slices) / slices, first_in;
        df_conv_job job = rows_of(whole, first, whole->out[0] * (i % slices + 1) / slices - first, &first_in);
        if (slices == 1) {
            job = *whole;
            job.n = 1;
            first_in = 0;
        }
        st = add_part(d, &job, photo * whole->src_steps[0] + first_in * whole->src_steps[2],
                      photo * whole->dst_steps[0] + first * whole->dst_steps[2], err);
    }
    return st;
}

typedef struct filling { const df_conv *conv; const direct *d; const float *scale; int64_t channels; } filling;

static bool fill(void *arg, void *out)
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
    return df__prim_pack(f->d->parts[0].prim, k->data, steps, f->scale, f->channels, out);
}

static df_status finish(direct *d, const df_conv *conv, const df_conv_job *job, const float *scale, df_kernel **out)
{
    df_status st = DF_OK;
    const df_call *call = conv->call;
    size_t most = 0;
    for (int i = 0; i < d->n_parts; i++) {
        size_t bytes = df__prim_scratch_bytes(d->parts[i].prim);
        size_t converted = d->num == DF_NUM_F32 ? 0 : ((size_t)d->parts[i].n_src * df__num_size(d->num) + LINE - 1) & ~(size_t)(LINE - 1);
        most = bytes > most ? bytes : most;
        d->converted = converted > d->converted ? converted : d->converted;
    }
    d->scratch_each = d->converted + most;
    d->base = (df_kernel){.run = direct_run, .free = direct_free, .scratch_bytes = d->scratch_each * (size_t)d->n_parts,
                          .name = df__prim_name(d->parts[0].prim)};
    d->channels = job->c_out;
    if (call->in[1].data) {
        filling f = {conv, d, scale, job->c_out};
        df_pack_key key = df__weights_key(call, "direct", scale, job->c_out);
        df__prim_layout(d->parts[0].prim, &key);
        DF_TRY(df__weights_place(call, conv->packer, conv->trial, &key, df__prim_weight_bytes(d->parts[0].prim), fill, &f, &d->weights));
    }
    if (!df__given(call, 2) || call->in[2].data)
        DF_TRY(df__bias_new(call, df__given(call, 2) ? &call->in[2] : NULL, conv->fused, job->c_out, &d->bias));
    *out = &d->base;
done:
    return st;
}

df_status df__conv_direct(const df_conv *conv, df_num num, df_kernel **out)
{
    df_status st = DF_OK;
    df_conv_job job;
    direct *d = NULL;
    *out = NULL;
    if (!df__dnn_has(num) || !job_of(conv, num, &job) || (num != DF_NUM_F32 && (!conv->call->nhwc || !conv->call->in[1].data)))
        return DF_OK;
    d = calloc(1, sizeof *d);
    if (!d)
        return df__no_memory(conv->call->err, "kernel", sizeof *d);
    d->num = num;
    d->fused = conv->fused;
    DF_TRY(cut(d, conv, &job, false, conv->call->err));
    if (d->n_parts == 0 || (d->posts_after && d->n_parts > 1 && d->parts[0].prim == NULL))
        goto done;
    DF_TRY(finish(d, conv, &job, conv->fused ? conv->fused->scale : NULL, out));
    d = NULL;
done:
    if (d)
        direct_free(&d->base);
    return st;
}

/* ---- 8 bits ---- */

/* For each output channel what one step of its weights is worth: the largest weight is 127 steps. */
static float *weight_steps(const df_conv *conv, int64_t channels)
{
    const df_tensor *k = &conv->call->in[1];
    int64_t each = df__tensor_count(k) / channels;
    const float *scale = conv->fused ? conv->fused->scale : NULL;
    float *steps = malloc((size_t)channels * 2 * sizeof *steps); /* what a step is worth, then its inverse for packing */
    for (int64_t c = 0; steps && c < channels; c++) {
        float most = 0;
        for (int64_t i = 0; i < each; i++) {
            float v;
            memcpy(&v, (const char *)k->data + (size_t)(c * each + i) * sizeof v, sizeof v);
            v = fabsf(v);
            most = v > most ? v : most;
        }
        steps[channels + c] = most > 0 ? 127 / most : 1;
        steps[c] = most > 0 ? most / 127 * (scale ? scale[c] : 1) : 1;
    }
    return steps;
}

df_status df__conv_int8(const df_conv *conv, df_kernel **out)
{
    df_status st = DF_OK;
    const df_call *call = conv->call;
    df_conv_job job;
    direct *d = NULL;
    *out = NULL;
    if (!df__dnn_has(DF_NUM_S8) || !call->nhwc || conv->transposed || !call->in[1].data || conv->group > 1 || conv->w->space != 2 ||
        conv->w->c % DF_LANES_MOST || call->in[1].dims[0] % DF_LANES_MOST || !df__lanes_know(conv->fused) || !job_of(conv, DF_NUM_S8, &job))
        return DF_OK;
    d = calloc(1, sizeof *d);
    if (!d)
        return df__no_memory(call->err, "kernel", sizeof *d);
    d->num = job.src = call->not_negative ? DF_NUM_U8 : DF_NUM_S8;
    d->scales = weight_steps(conv, job.c_out);
    if (!d->scales)
        DF_TRY(df__no_memory(call->err, "scales", (size_t)job.c_out * sizeof(float)));
    job.scales = d->scales;
    job.bias = false;
    job.fused = NULL;
    DF_TRY(cut(d, conv, &job, true, call->err));
    if (d->n_parts == 0)
        goto done;
    d->fused = conv->fused;
    DF_TRY(finish(d, conv, &job, d->scales + job.c_out, out));
    d = NULL;
done:
    if (d)
        direct_free(&d->base);
    return st;
}
