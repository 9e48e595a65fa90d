/* op_local.c - a locally connected layer: a convolution whose weights differ from place to place (Taigman et al. 2014, "DeepFace", layers L4 to
 * L6). The engine's own operator for what files spell as patches and an Einsum (pass_local.c). Inputs: x [n, c, h, w], weights [places, filters,
 * c * kernel * kernel] with the patch in the order channel, row, column; a bias [filters, rows, columns] or none. Attributes: kernel_shape,
 * strides, relu. Each weight is read once for all photos of the batch: reading them is the work. */
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "nn/half.h"
#include "nn/kernel.h"
#include "nn/lanes.h"
#include "nn/pass_rewrite.h"

enum { LINE = 64, COLUMNS = 4 /* filters taken at once */, MAX_PARTS = 64 };

typedef struct local {
    int64_t n, c, h, w, kh, kw, sh, sw, oh, ow, filters, patch;
    bool    relu;
} local;

static df_status local_of(const df_call *call, local *l)
{
    df_status st = DF_OK;
    int64_t kernel[2] = {0}, stride[2] = {1, 1};
    size_t n_kernel, n_stride;
    DF_TRY(df__call_arity(call, 2, 3));
    for (size_t i = 0; i < 3; i++)
        DF_TRY(df__call_types(call, i, (const df_dtype[]){DF_F32, 0}));
    const df_tensor *x = &call->in[0], *w = &call->in[1], *b = df__given(call, 2) ? &call->in[2] : NULL;
    DF_TRY(df__call_ints(call, -1, "kernel_shape", kernel, 2, &n_kernel));
    DF_TRY(df__call_ints(call, -1, "strides", stride, 2, &n_stride));
    if (x->rank != 4 || w->rank != 3 || n_kernel != 2 || kernel[0] < 1 || kernel[1] < 1 || stride[0] < 1 || stride[1] < 1)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "a layer of %d and %d dimensions", x->rank, w->rank));
    const int64_t *d = x->dims;
    *l = (local){.n = d[0], .c = d[call->nhwc ? 3 : 1], .h = d[call->nhwc ? 1 : 2], .w = d[call->nhwc ? 2 : 3], .kh = kernel[0], .kw = kernel[1],
                 .sh = stride[0], .sw = stride[1], .filters = w->dims[1], .patch = w->dims[2], .relu = df__node_int(call->node, "relu", 0) != 0};
    if (l->h < l->kh || l->w < l->kw)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "a window of %lld x %lld over %lld x %lld", (long long)l->kh, (long long)l->kw, (long long)l->h, (long long)l->w));
    l->oh = (l->h - l->kh) / l->sh + 1;
    l->ow = (l->w - l->kw) / l->sw + 1;
    if (w->dims[0] != l->oh * l->ow || l->patch != l->c * l->kh * l->kw || (b && df__tensor_count(b) != l->filters * l->oh * l->ow))
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "weights for %lld places of %lld numbers, needs %lld of %lld", (long long)w->dims[0], (long long)l->patch,
                             (long long)(l->oh * l->ow), (long long)(l->c * l->kh * l->kw)));
done:
    return st;
}

static df_status local_infer(df_call *call)
{
    local l;
    df_status st = local_of(call, &l);
    if (st == DF_OK)
        st = df__call_work(call, l.n * l.filters * l.oh * l.ow, l.patch);
    if (st == DF_OK)
        call->out[0] = (df_tensor){.type = DF_F32, .rank = 4, .dims = {l.n, l.filters, l.oh, l.ow}};
    return st;
}

/* The plain way, in either layout. */
static df_status local_run(const df_call *call)
{
    local l;
    df_status st = local_of(call, &l);
    if (st != DF_OK)
        return st;
    const float *x = call->in[0].data, *w = call->in[1].data, *b = df__given(call, 2) ? call->in[2].data : NULL;
    int64_t in[DF_MAX_RANK], out[DF_MAX_RANK]; /* steps of photo, channel, row, column */
    df__space_strides(call, &call->in[0], in);
    df__space_strides(call, &call->out[0], out);
    for (int64_t place = 0; place < l.oh * l.ow; place++)
        for (int64_t f = 0; f < l.filters; f++)
            for (int64_t n = 0; n < l.n; n++) {
                int64_t row = place / l.ow, column = place % l.ow;
                const float *from = x + n * in[0] + row * l.sh * in[2] + column * l.sw * in[3], *own = w + (place * l.filters + f) * l.patch;
                double sum = b ? (double)b[f * l.oh * l.ow + place] : 0;
                for (int64_t i = 0; i < l.patch; i++)
                    sum += (double)own[i] * (double)from[i / (l.kh * l.kw) * in[1] + i / l.kw % l.kh * in[2] + i % l.kw * in[3]];
                ((float *)call->out[0].data)[n * out[0] + f * out[1] + row * out[2] + column * out[3]] = l.relu && sum < 0 ? 0 : (float)sum;
            }
    return DF_OK;
}

/* ---- channels last, weights packed in the order row, column, channel ---- */

typedef struct kernel {
    df_kernel     base;
    local         l;
    df_num        num;
    int64_t       padded; /* length of a patch with zeros behind, to whole lines */
    int           parts;
    df_weights_at weights;
    float        *bias; /* [places][filters], or NULL */
} kernel;

static void kernel_free(df_kernel *base)
{
    kernel *k = (kernel *)base;
    free(k->weights.own);
    free(k->bias);
    free(k);
}

typedef struct work { const kernel *k; const float *x; float *y; char *patches; } work;

/* The patches of all photos at one place; the zeros behind are there already. */
static void gather(const kernel *k, const float *x, int64_t place, char *patches)
{
    const local *l = &k->l;
    int64_t row = l->kw * l->c, from = (place / l->ow * l->sh * l->w + place % l->ow * l->sw) * l->c;
    for (int64_t n = 0; n < l->n; n++)
        for (int64_t i = 0; i < l->kh; i++) {
            const float *line = x + n * l->h * l->w * l->c + from + i * l->w * l->c;
            if (k->num == DF_NUM_BF16)
                df__lanes()->to_bf16(line, (uint16_t *)(void *)patches + n * k->padded + i * row, row);
            else
                memcpy((float *)(void *)patches + n * k->padded + i * row, line, (size_t)row * sizeof *line);
        }
}

static void run_part(void *arg, size_t part, int worker)
{
    const work *w = arg;
    const kernel *k = w->k;
    const local *l = &k->l;
    const df_lanes *lanes = df__lanes();
    int64_t places = l->oh * l->ow, first = places * (int64_t)part / k->parts, end = places * ((int64_t)part + 1) / k->parts;
    size_t size = df__num_size(k->num), bytes = (size_t)(l->n * k->padded) * size;
    char *patches = w->patches + part * bytes;
    (void)worker;
    memset(patches, 0, bytes);
    for (int64_t place = first; place < end; place++) {
        gather(k, w->x, place, patches);
        for (int64_t f = 0; f < l->filters; f += COLUMNS) {
            const char *matrix = (const char *)k->weights.data + (size_t)((place * l->filters + f) * k->padded) * size;
            int64_t columns = l->filters - f < COLUMNS ? l->filters - f : COLUMNS;
            for (int64_t n = 0; n < l->n; n++) {
                const char *x = patches + (size_t)(n * k->padded) * size;
                float *y = w->y + (n * places + place) * l->filters + f;
                if (k->num == DF_NUM_BF16)
                    lanes->dots_bf16((const uint16_t *)(const void *)matrix, (const uint16_t *)(const void *)x, k->padded, columns, y);
                else
                    lanes->dots((const float *)(const void *)matrix, (const float *)(const void *)x, k->padded, columns, y);
                for (int64_t i = 0; i < columns; i++) {
                    y[i] += k->bias ? k->bias[place * l->filters + f + i] : 0;
                    y[i] = l->relu && y[i] < 0 ? 0 : y[i];
                }
            }
        }
    }
}

static df_status kernel_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    work w = {.k = (const kernel *)base, .x = call->in[0].data, .y = call->out[0].data, .patches = exec->scratch};
    df__parallel_for((size_t)w.k->parts, exec->threads, run_part, &w);
    return DF_OK;
}

typedef struct filling { const kernel *k; const char *from; } filling;

static df_status fill(void *arg, void *out, df_error *err)
{
    const filling *f = arg;
    (void)err;
    const kernel *k = f->k;
    const local *l = &k->l;
    size_t size = df__num_size(k->num);
    memset(out, 0, (size_t)(l->oh * l->ow * l->filters * k->padded) * size);
    for (int64_t r = 0; r < l->oh * l->ow * l->filters; r++) {
        const char *row = f->from + (size_t)(r * l->patch) * sizeof(float);
        char *to = (char *)out + (size_t)(r * k->padded) * size;
        for (int64_t at = 0; at < l->kh * l->kw; at++)
            for (int64_t c = 0; c < l->c; c++, to += size) {
                float v;
                memcpy(&v, row + (size_t)(c * l->kh * l->kw + at) * sizeof v, sizeof v);
                if (k->num == DF_NUM_BF16)
                    df__f32_to_halves(DF_BF16, &v, to, 1);
                else
                    memcpy(to, &v, sizeof v);
            }
    }
    return DF_OK;
}

static df_status local_compile(const df_call *call, const df_fused *fused, df_packer *packer, df_kernel **out)
{
    df_status st = DF_OK;
    local l;
    kernel *k = NULL;
    *out = NULL;
    DF_TRY(local_of(call, &l));
    const df_tensor *bias = df__given(call, 2) ? &call->in[2] : NULL;
    if (!call->nhwc || fused || !call->in[1].data || (bias && !bias->data) || l.n < 1 || l.filters < 1 || l.oh * l.ow > INT32_MAX)
        goto done;
    k = calloc(1, sizeof *k);
    if (!k)
        DF_TRY(df__no_memory(call->err, "kernel", sizeof *k));
    k->l = l;
    k->num = df__half_products(call) ? DF_NUM_BF16 : DF_NUM_F32;
    int64_t size = (int64_t)df__num_size(k->num), per_line = LINE / size;
    k->padded = (l.patch + per_line - 1) / per_line * per_line;
    k->parts = call->threads < 1 ? 1 : call->threads > MAX_PARTS ? MAX_PARTS : call->threads;
    k->base = (df_kernel){.run = kernel_run, .free = kernel_free, .scratch_bytes = (size_t)(k->parts * l.n * k->padded * size),
                          .name = k->num == DF_NUM_BF16 ? "local bf16" : "local f32", .rounds = k->num == DF_NUM_BF16};
    df_pack_key key = df__weights_key(call, k->base.name, NULL, 0);
    filling f = {k, call->in[1].data};
    DF_TRY(df__weights_place(call, packer, NULL, &key, (size_t)(l.oh * l.ow * l.filters * k->padded * size), fill, &f, &k->weights));
    if (bias) {
        int64_t places = l.oh * l.ow;
        k->bias = malloc((size_t)(places * l.filters) * sizeof *k->bias);
        if (!k->bias)
            DF_TRY(df__no_memory(call->err, "bias", (size_t)(places * l.filters) * sizeof *k->bias));
        for (int64_t i = 0; i < places * l.filters; i++)
            k->bias[i] = df__rewrite_f32(bias, i % l.filters * places + i / l.filters);
    }
    *out = &k->base;
    k = NULL;
done:
    if (k)
        kernel_free(&k->base);
    return st;
}

const df_op df__op_local = {.name = "locally connected", .flags = DF_OP_CHANNELS_LAST, .infer = local_infer, .run = local_run, .compile = local_compile};
