/* kernel.c - which way a convolution goes. By a trial where its outcome can be kept, else by rule. */
#include "nn/kernel.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/pages.h"

/* ---- helpers of the ways ---- */

df_pack_key df__weights_key(const df_call *call, const char *kind, const float *scale, int64_t channels)
{
    df_pack_key key = df__pack_key_new(kind);
    df__pack_key_add(&key, &call->weights_id, sizeof call->weights_id);
    if (scale)
        df__pack_key_add(&key, scale, (size_t)channels * sizeof *scale);
    return key;
}

df_status df__weights_place(const df_call *call, df_packer *packer, bool trial, const df_pack_key *key, size_t bytes,
                            bool (*fill)(void *arg, void *out), void *arg, df_weights_at *at)
{
    bool shared = call->weights_id >= 0 && !trial;
    *at = (df_weights_at){NULL, NULL};
    at->data = shared ? df__packer_find(packer, key, bytes) : NULL;
    if (at->data)
        return DF_OK;
    void *room = shared ? df__packer_room(packer, bytes) : (at->own = df__pages_alloc(bytes));
    if (!room)
        return df__no_memory(call->err, "packed weights", bytes);
    if (trial)
        memset(room, 0, bytes);
    else if (!fill(arg, room))
        return df__call_fail(call, DF_E_INTERNAL, "oneDNN cannot pack the weights");
    if (shared && !df__packer_keep(packer, key, room, bytes))
        return df__no_memory(call->err, "packed weights", sizeof *key);
    at->data = room;
    return DF_OK;
}

df_status df__bias_new(const df_call *call, const df_tensor *bias, const df_fused *fused, int64_t channels, float **out)
{
    const float *scale = fused ? fused->scale : NULL, *shift = fused ? fused->shift : NULL;
    *out = NULL;
    if (!bias && !shift)
        return DF_OK;
    *out = malloc((size_t)channels * sizeof(float));
    if (!*out)
        return df__no_memory(call->err, "bias", (size_t)channels * sizeof(float));
    for (int64_t i = 0; i < channels; i++) {
        float b = 0;
        if (bias)
            memcpy(&b, (const char *)bias->data + (size_t)i * sizeof b, sizeof b);
        (*out)[i] = b * (scale ? scale[i] : 1) + (shift ? shift[i] : 0);
    }
    return DF_OK;
}

void df__add_inputs(const df_call *call, const df_fused *fused, int64_t offset, const float **add)
{
    for (int i = 0; fused && i < fused->n_post; i++)
        add[i] = fused->post[i].kind == DF_POST_ADD ? (const float *)call->in[fused->post[i].input].data + offset : NULL;
}

/* ---- the ways ---- */

typedef enum way { DIRECT, DIRECT_BF16, WINO_2, WINO_4, WINO_2_BF16, INT8, WAYS } way;

static df_status make(way w, const df_conv *conv, df_kernel **out)
{
    *out = NULL;
    switch (w) {
    case DIRECT: return df__conv_direct(conv, DF_NUM_F32, out);
    case DIRECT_BF16: return df__conv_direct(conv, DF_NUM_BF16, out);
    case WINO_2: return df__conv_winograd(conv, 2, DF_NUM_F32, out);
    case WINO_4: return df__conv_winograd(conv, 4, DF_NUM_F32, out);
    case WINO_2_BF16: return df__conv_winograd(conv, 2, DF_NUM_BF16, out);
    case INT8: return df__conv_int8(conv, out);
    case WAYS: break;
    }
    return DF_OK;
}

static bool allowed(way w, df_precision precision)
{
    if (w == DIRECT_BF16 || w == WINO_2_BF16)
        return precision != DF_PRECISION_STRICT;
    return w != INT8 || precision == DF_PRECISION_INT8;
}

/* ---- by rule ---- */

/* Measured on Zen 4: tiles pay from 32 channels and, for 4 x 4, from 28 pixels on (smaller photos have too few tiles for the size of the
 * transformed weights). */
static way by_rule(const df_conv *conv)
{
    df_precision precision = conv->call->precision;
    const df_window *w = conv->w;
    int64_t k = conv->call->in[1].dims[0];
    bool tiles = w->c >= 32 && k >= 32 && w->kernel[0] == 3 && w->stride[0] == 1;
    if (precision == DF_PRECISION_INT8 && w->c >= 32 && k >= 32)
        return INT8;
    if (precision != DF_PRECISION_STRICT)
        return tiles && w->out[0] > 4 ? WINO_2_BF16 : w->c / conv->group >= 16 ? DIRECT_BF16 : DIRECT;
    return !tiles || w->n * w->out[0] < 14 ? DIRECT : w->out[0] >= 28 && w->c <= 256 ? WINO_4 : w->c <= 256 ? WINO_2 : DIRECT;
}

/* ---- by trial ---- */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The call with memory behind its tensors; weights need none, the kernels have theirs. */
static bool furnish(const df_conv *conv, df_call *call, df_arena *memory)
{
    df_tensor *in = df__arena_calloc(memory, call->n_in, sizeof *in), *out = df__arena_calloc(memory, 1, sizeof *out);
    if (!in || !out)
        return false;
    memcpy(in, call->in, call->n_in * sizeof *in);
    *out = call->out[0];
    for (size_t i = 0; i <= call->n_in; i++) {
        df_tensor *t = i < call->n_in ? &in[i] : out;
        if (t->data || i == 1 || t->type == 0)
            continue;
        t->data = df__arena_calloc(memory, 1, df__tensor_bytes(t));
        if (!t->data)
            return false;
    }
    call->in = in;
    call->out = out;
    (void)conv;
    return true;
}

enum { RUNS = 4 };

/* Least of a few runs, in seconds; a way that is far behind is run once. */
static df_status time_of(const df_kernel *k, const df_call *call, double best, double *out)
{
    df_status st = DF_OK;
    void *scratch = df__pages_alloc(k->scratch_bytes);
    df_exec exec = {.scratch = scratch, .threads = call->threads};
    *out = 1e9;
    if (!scratch)
        return df__no_memory(call->err, "trial", k->scratch_bytes);
    for (int i = 0; i < RUNS && (i < 2 || *out < 1.3 * best); i++) {
        double begin = seconds();
        DF_TRY(k->run(k, call, &exec));
        double took = seconds() - begin;
        *out = took < *out ? took : *out;
    }
done:
    free(scratch);
    return st;
}

static df_status by_trial(const df_conv *conv, way *out)
{
    df_status st = DF_OK;
    df_arena memory = {0};
    df_call call = *conv->call;
    df_conv trial = *conv;
    double best = 1e9;
    trial.call = &call;
    trial.trial = true;
    *out = DIRECT;
    if (!furnish(conv, &call, &memory))
        DF_TRY(df__no_memory(call.err, "trial", df__tensor_bytes(&call.out[0])));
    for (way w = DIRECT; w < WAYS; w++) {
        df_kernel *k = NULL;
        double took = 1e9;
        if (!allowed(w, call.precision))
            continue;
        DF_TRY(make(w, &trial, &k));
        if (k) {
            st = time_of(k, &call, best, &took);
            k->free(k);
        }
        if (st != DF_OK)
            goto done;
        if (took < 0.98 * best) {
            best = took;
            *out = w;
        }
    }
done:
    df__arena_free(&memory);
    return st;
}

/* One name for all layers of one shape. The number of threads is left out, so that the answer does not depend on it. */
static df_pack_key choice_key(const df_conv *conv)
{
    df_pack_key key = df__pack_key_new("choice");
    const df_window *w = conv->w;
    int posts = conv->fused ? conv->fused->n_post : 0, precision = (int)conv->call->precision;
    int64_t k = conv->call->in[1].dims[0];
    df__pack_key_add(&key, w, sizeof *w);
    df__pack_key_add(&key, (int64_t[]){conv->group, k, posts, precision, conv->call->nhwc, conv->transposed}, 6 * sizeof(int64_t));
    return key;
}

static df_status choose(const df_conv *conv, way *out)
{
    int32_t kept;
    df_status st = DF_OK;
    df_pack_key key = choice_key(conv);
    const void *found = df__packer_find(conv->packer, &key, sizeof kept);
    *out = by_rule(conv);
    if (found) {
        memcpy(&kept, found, sizeof kept);
        *out = kept >= 0 && kept < WAYS && allowed((way)kept, conv->call->precision) ? (way)kept : DIRECT;
        return DF_OK;
    }
    if (!df__packer_lasting(conv->packer))
        return DF_OK;
    st = by_trial(conv, out);
    kept = (int32_t)*out;
    void *room = st == DF_OK ? df__packer_room(conv->packer, sizeof kept) : NULL;
    if (room) {
        memcpy(room, &kept, sizeof kept);
        (void)df__packer_keep(conv->packer, &key, room, sizeof kept);
    }
    return st;
}

df_status df__conv_compile(const df_call *call, const df_window *w, int64_t group, bool transposed, const df_fused *fused, df_packer *packer,
                           df_kernel **out)
{
    df_conv conv = {.call = call, .w = w, .group = group, .transposed = transposed, .fused = fused, .packer = packer};
    way chosen = DIRECT;
    df_status st = DF_OK;
    *out = NULL;
    if (call->in[1].data && !transposed)
        st = choose(&conv, &chosen);
    if (st == DF_OK)
        st = make(chosen, &conv, out);
    if (st == DF_OK && !*out && chosen != DIRECT)
        st = make(DIRECT, &conv, out);
    return st;
}
