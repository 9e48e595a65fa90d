/* kernel.c - which way a convolution goes. By a trial where its outcome can be kept, else by rule. */
#include "nn/kernel.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/pages.h"
#include "core/threads.h"
#include "nn/amx.h"

/* ---- helpers of the ways ---- */

bool df__half_products(const df_call *call)
{
    return call->precision != DF_PRECISION_STRICT && df__dnn_has(DF_NUM_BF16) && call->advantage < 2;
}

df_pack_key df__weights_key(const df_call *call, const char *kind, const float *scale, int64_t channels)
{
    df_pack_key key = df__pack_key_new(kind);
    df__pack_key_add(&key, &call->weights_id, sizeof call->weights_id);
    if (scale)
        df__pack_key_add(&key, scale, (size_t)channels * sizeof *scale);
    return key;
}

df_status df__weights_place(const df_call *call, df_packer *packer, df_trial *trial, const df_pack_key *key, size_t bytes,
                            df_fill_fn *fill, void *arg, df_weights_at *at)
{
    bool shared = call->weights_id >= 0 && !trial;
    df_error why;
    *at = (df_weights_at){NULL, NULL};
    at->data = shared ? df__packer_find(packer, key, bytes) : NULL;
    if (at->data)
        return DF_OK;
    void *room = shared ? df__packer_room(packer, bytes) : (at->own = df__pages_alloc(bytes));
    if (!room)
        return df__no_memory(call->err, "packed weights", bytes);
    if (trial)
        memset(room, 0, bytes);
    else if (fill(arg, room, &why) != DF_OK)
        return df__call_fail(call, why.status, "%s", why.message);
    if (shared && !df__packer_keep(packer, key, room, bytes))
        return df__no_memory(call->err, "packed weights", sizeof *key);
    at->data = room;
    if (trial && bytes > trial->bytes)
        *trial = (df_trial){room, bytes};
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

double df__part_adds(df_num num) { return num != DF_NUM_F32 && df__amx_has() ? 8 * DF_PART_ADDS : DF_PART_ADDS; }

int64_t df__parts(const df_call *call, double work, double least, int64_t most)
{
    double parts = fmin(fmin(work / least, (double)most), (double)(call->threads < DF_MAX_WORKERS ? call->threads : DF_MAX_WORKERS));
    return parts > 1 ? (int64_t)parts : 1;
}

df_status df__run_parts(const df_call *call, int threads, size_t n, void (*fn)(void *arg, size_t i, int worker), void *arg, const df_mishaps *met)
{
    int workers = threads < DF_MAX_WORKERS ? threads : DF_MAX_WORKERS;
    workers = n < (size_t)workers ? (int)n : workers; /* the loop itself may number more workers than it has parts */
    df__parallel_for(n, workers, fn, arg);
    for (int i = 0; i < workers; i++)
        if (met->st[i] != DF_OK)
            return df__call_fail(call, met->st[i], "%s", met->err[i].message);
    return DF_OK;
}

void df__add_inputs(const df_call *call, const df_fused *fused, int64_t offset, const void **add)
{
    for (int i = 0; fused && i < fused->n_post; i++)
        add[i] = fused->post[i].kind == DF_POST_ADD ? df__element(&call->in[fused->post[i].input], offset) : NULL;
}

df_tail df__tail_new(const df_call *call, const float *bias, const df_fused *fused, int64_t offset)
{
    df_tail tail = {.bias = bias, .fused = fused};
    df__add_inputs(call, fused, offset, tail.add);
    for (int i = 0; fused && i < fused->n_post; i++)
        tail.half[i] = fused->post[i].kind == DF_POST_ADD && df__is_half(&call->in[fused->post[i].input]);
    return tail;
}

void df__copy_as(const df_tensor *x, int64_t at, int64_t n, df_num num, void *to)
{
    if (num == df__num_of(x))
        memcpy(to, df__element(x, at), (size_t)n * df__num_size(num));
    else if (num == DF_NUM_BF16)
        df__lanes()->to_bf16(df__element(x, at), to, n);
    else
        df__lanes()->from_bf16(df__element(x, at), to, n);
}

/* ---- the ways ---- */

/* Their numbers are kept in files: new ones at the end. */
typedef enum way { DIRECT, DIRECT_BF16, WINO_2, WINO_4, WINO_2_BF16, INT8, TAIL, TAIL_BF16, DOTS, WINO_4_BF16, DEPTHWISE, AMX, AMX_PAIRS, PANELS, PANELS_BF16, FEW, PANELS_S16, WINO_2_S16, WINO_4_S16, WAYS } way;

static df_status make(way w, const df_conv *conv, df_kernel **out)
{
    *out = NULL;
    switch (w) {
    case DIRECT: return df__conv_direct(conv, DF_NUM_F32, false, out);
    case DIRECT_BF16: return df__conv_direct(conv, DF_NUM_BF16, false, out);
    case WINO_2: return df__conv_winograd(conv, 2, DF_NUM_F32, out);
    case WINO_4: return df__conv_winograd(conv, 4, DF_NUM_F32, out);
    case WINO_2_BF16: return df__conv_winograd(conv, 2, DF_NUM_BF16, out);
    case WINO_4_BF16: return df__conv_winograd(conv, 4, DF_NUM_BF16, out);
    case INT8: return df__conv_int8(conv, out);
    case TAIL: return df__conv_direct(conv, DF_NUM_F32, true, out);
    case TAIL_BF16: return df__conv_direct(conv, DF_NUM_BF16, true, out);
    case DOTS: return df__conv_dots(conv, out);
    case DEPTHWISE: return df__conv_depthwise(conv, out);
    case AMX: return df__conv_amx(conv, false, out);
    case AMX_PAIRS: return df__conv_amx(conv, true, out);
    case PANELS: return df__conv_panels(conv, DF_NUM_F32, out);
    case PANELS_BF16: return df__conv_panels(conv, DF_NUM_BF16, out);
    case FEW: return df__conv_few(conv, out);
    case WINO_2_S16: return df__conv_winograd(conv, 2, DF_NUM_S16, out);
    case WINO_4_S16: return df__conv_winograd(conv, 4, DF_NUM_S16, out);
    case PANELS_S16: return df__conv_panels(conv, DF_NUM_S16, out);
    case WAYS: break;
    }
    return DF_OK;
}

/* Products of 16-bit whole numbers, where the call says so; but in tiles of 4 x 4, which blow up what is rounded, as good as float32. */
static bool of_whole_numbers(way w) { return w == PANELS_S16 || w == WINO_2_S16 || w == WINO_4_S16; }

/* Float32 throughout, or as good as that. */
static bool exact(way w)
{
    return w == DIRECT || w == WINO_2 || w == WINO_4 || w == TAIL || w == DEPTHWISE || w == AMX_PAIRS || w == PANELS || w == FEW || w == PANELS_S16 || w == WINO_2_S16;
}

static bool allowed(way w, const df_call *call)
{
    if (w == DIRECT_BF16 || w == WINO_2_BF16 || w == TAIL_BF16 || w == AMX || w == PANELS_BF16 || of_whole_numbers(w))
        return call->precision != DF_PRECISION_STRICT;
    if (w == AMX_PAIRS)
        return call->precision != DF_PRECISION_STRICT || call->advantage < DF_ADVANTAGE_MOST;
    return (w != INT8 && w != WINO_4_BF16) || call->precision == DF_PRECISION_INT8;
}

static bool whole_photo(const df_conv *conv)
{
    const df_window *w = conv->w;
    bool whole = w->space == 2 && conv->group == 1 && !conv->transposed && conv->call->nhwc;
    for (int i = 0; i < 2 && whole; i++)
        whole = w->out[i] == 1 && w->kernel[i] == w->in[i] && w->pad[i] == 0 && w->pad_end[i] == 0 && w->dilation[i] == 1;
    return whole;
}

df_status df__conv_dots(const df_conv *conv, df_kernel **out)
{
    const df_call *call = conv->call;
    const df_window *w = conv->w;
    *out = NULL;
    if (!whole_photo(conv) || !call->in[1].data || (df__given(call, 2) && !call->in[2].data))
        return DF_OK;
    int64_t taps = w->kernel[0] * w->kernel[1];
    df_dots_job job = {.m = w->n, .k = w->c * taps, .n = call->in[1].dims[0], .step_n = w->c * taps, .dims = {w->kernel[0], w->kernel[1], w->c},
                       .steps = {w->kernel[1], 1, taps}, .matrix = call->in[1].data, .bias = df__given(call, 2) ? &call->in[2] : NULL};
    return df__dots(call, &job, conv->fused, conv->packer, conv->trial, out);
}

/* ---- by rule ---- */

/* Measured on Zen 4: tiles pay from 32 channels and, for 4 x 4, from 28 pixels on (smaller photos have too few tiles for the size of the
 * transformed weights). */
static way by_rule(const df_conv *conv)
{
    df_precision precision = conv->call->advantage < DF_ADVANTAGE_MOST ? conv->call->precision : DF_PRECISION_STRICT;
    const df_window *w = conv->w;
    if (w->n <= 8 && whole_photo(conv))
        return DOTS;
    int64_t k = conv->call->in[1].dims[0];
    if (conv->group == w->c && conv->group > 1)
        return DEPTHWISE;
    if (df__conv_few_applies(conv))
        return FEW;
    bool tiles = w->c >= 32 && k >= 32 && w->kernel[0] == 3 && w->stride[0] == 1;
    if (!df__dnn_has(precision == DF_PRECISION_INT8 ? DF_NUM_S8 : DF_NUM_BF16))
        precision = DF_PRECISION_STRICT;
    if (precision == DF_PRECISION_INT8 && w->c >= 32 && k >= 32)
        return tiles && w->out[0] >= 14 && df__dnn_has(DF_NUM_BF16) ? WINO_4_BF16 : INT8;
    if (precision != DF_PRECISION_STRICT)
        return tiles && w->out[0] > 4 ? WINO_2_BF16 : w->c / conv->group >= 16 ? DIRECT_BF16 : DIRECT;
    return !tiles || w->n * w->out[0] < 14 ? DIRECT : w->out[0] >= 28 && w->c <= 256 ? WINO_4 : w->c <= 256 ? WINO_2 : DIRECT;
}

/* ---- by trial ---- */

/* That this thread had a processor: others that want it too must not decide which kernel is the fastest. */
static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The call with memory behind its tensors; weights need none, the kernels have theirs. */
static bool furnish(df_call *call, df_arena *memory)
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
    return true;
}

/* A way that is tried: its kernel, and the least of its times. */
typedef struct runner { df_kernel *k; void *scratch; way way; df_trial trial; } runner;

static void runner_free(runner *r)
{
    if (r->k)
        r->k->free(r->k);
    free(r->scratch);
    *r = (runner){0};
}

/* Weights leave the caches: those of the other layers go through them between two runs of a network. Tiles of 4 x 4 have four times as many as a window, and lay there ready else. */
static void forget(const df_trial *t)
{
#if defined(__SSE2__)
    enum { LINE = 64 };
    for (size_t i = 0; i < t->bytes; i += LINE)
        _mm_clflush((const char *)t->weights + i);
    _mm_mfence();
#else
    (void)t;
#endif
}

static df_status run_once(const runner *r, const df_call *call, double *least)
{
    df_exec exec = {.scratch = r->scratch, .threads = call->threads};
    forget(&r->trial);
    double begin = seconds();
    df_status st = r->k->run(r->k, call, &exec);
    double took = seconds() - begin;
    *least = *least > 0 && *least < took ? *least : took;
    return st;
}

/* The likeliest first: what is far behind them is stopped early. A tail of our own cannot make up for a slow kernel. */
static const way order[] = {DEPTHWISE, FEW, AMX, AMX_PAIRS, WINO_4_BF16, WINO_2_BF16, WINO_4_S16, WINO_4, WINO_2, WINO_2_S16, INT8, DIRECT_BF16, TAIL_BF16, PANELS_BF16, PANELS_S16, DIRECT, TAIL, PANELS};

static bool hopeless(way w, const double *took, double best)
{
    return (w == TAIL && took[DIRECT] > 1.5 * best) || (w == TAIL_BF16 && took[DIRECT_BF16] > 1.5 * best);
}

static pthread_mutex_t one_trial = PTHREAD_MUTEX_INITIALIZER; /* two at once would measure each other */

/* Rounds after the first, which touches the memory: more where one takes but a moment. */
enum { LEAST_ROUNDS = 3, MOST_ROUNDS = 15 };
static const double enough = 0.002;

/* The ways take turns, so that what else the machine does - its neighbours slow one and the same kernel down to a third - meets all of them. Who is
 * far behind drops out. */
static df_status take_turns(runner *ways, int n, const df_call *call, double took[WAYS], double best)
{
    df_status st = DF_OK;
    double spent = 0;
    for (int round = 0; round < MOST_ROUNDS && (round < LEAST_ROUNDS || spent < enough); round++)
        for (int i = 0; i < n && st == DF_OK; i++)
            if (took[ways[i].way] < (round == 0 ? 4 : 1.3) * best) {
                st = run_once(&ways[i], call, &took[ways[i].way]);
                best = took[ways[i].way] < best ? took[ways[i].way] : best;
                spent += took[ways[i].way];
            }
    return st;
}

/* Seconds of each way on one thread; 0: does not apply, or was not worth trying. */
static df_status by_trial(const df_conv *conv, double took[WAYS])
{
    df_status st = DF_OK;
    df_arena memory = {0};
    df_call call = *conv->call;
    df_conv tried = *conv;
    runner ways[WAYS] = {0};
    double best = 1e9;
    int n = 0;
    tried.call = &call;
    call.threads = 1;
    pthread_mutex_lock(&one_trial);
    memset(took, 0, WAYS * sizeof *took);
    if (!furnish(&call, &memory))
        DF_TRY(df__no_memory(call.err, "trial", df__tensor_bytes(&call.out[0])));
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        runner *r = &ways[n];
        r->way = order[i];
        if (!allowed(r->way, &call) || hopeless(r->way, took, best))
            continue;
        r->trial = (df_trial){0};
        tried.trial = &r->trial;
        DF_TRY(make(r->way, &tried, &r->k));
        if (!r->k)
            continue;
        r->scratch = df__pages_alloc(r->k->scratch_bytes);
        if (!r->scratch)
            DF_TRY(df__no_memory(call.err, "trial", r->k->scratch_bytes));
        DF_TRY(run_once(r, &call, &took[r->way]));
        if (took[r->way] > 4 * best && (r->way == AMX || r->way == DIRECT_BF16)) /* of the likeliest one bad moment is not believed */
            DF_TRY(run_once(r, &call, &took[r->way]));
        best = took[r->way] < best ? took[r->way] : best;
        if (took[r->way] > 4 * best && took[r->way] > enough) /* its weights need not lie here any longer */
            runner_free(r);
        else
            n++;
    }
    st = take_turns(ways, n, &call, took, best);
done:
    for (size_t i = 0; i < WAYS; i++)
        runner_free(&ways[i]);
    pthread_mutex_unlock(&one_trial);
    df__arena_free(&memory);
    return st;
}

/* What the time of a way counts: one that rounds, or whose code is made anew, has to be faster by so much. */
static double handicap(way w, const df_call *call)
{
    double once = call->advantage < 1 ? 1 : call->advantage, more = call->tiles < 1 ? 1 : call->tiles;
    if (w == AMX)
        return once * 0.85; /* oneDNN makes the code of its kernels for these registers anew at each load, for up to 40 ms a layer */
    if (w == DEPTHWISE)
        return 0.93; /* that of others in less: brgemm's was chosen where both take the same, and the trial, whose photos lie in the caches, does not see the rows asked for ahead */
    return exact(w) ? 1 : w == WINO_2_BF16 || w == WINO_4_BF16 ? once * more : once;
}

static way fastest(const double took[WAYS], const df_call *call)
{
    way chosen = DIRECT;
    double least = 1e9;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        way w = order[i];
        double cost = took[w] * handicap(w, call);
        if (took[w] > 0 && cost < least && allowed(w, call) && (call->whole || !of_whole_numbers(w))) {
            least = cost;
            chosen = w;
        }
    }
    return chosen;
}

/* Outputs of a layer, as they are where they are few, else to a factor of 1.4: photos of many sizes share one trial. */
static int64_t size_class(int64_t n) { return n < 1024 ? n : 1024 + llround(2 * log2((double)n)); }

/* One name for all layers of one shape. The number of threads is left out, so that the choice does not depend on it. */
static df_pack_key choice_key(const df_conv *conv)
{
    df_pack_key key = df__pack_key_new("choice");
    const df_window *w = conv->w;
    int64_t outs = w->n, shape[4 + 5 * DF_MAX_SPACE] = {w->space, w->c, conv->group, conv->call->in[1].dims[0]};
    for (int i = 0; i < w->space; i++) {
        int64_t *own = shape + 4 + 5 * i;
        outs *= w->out[i];
        own[0] = w->kernel[i];
        own[1] = w->stride[i];
        own[2] = w->dilation[i];
        own[3] = w->pad[i] < 2 ? w->pad[i] : 2;
        own[4] = w->out[i] < 8 ? w->out[i] : 8;
    }
    df__pack_key_add(&key, shape, sizeof shape);
    df__pack_key_add(&key, (int64_t[]){size_class(outs), conv->call->precision, conv->call->nhwc, conv->call->not_negative}, 4 * sizeof(int64_t));
    df__pack_key_add(&key, (df_dtype[]){conv->call->in[0].type, conv->call->out[0].type}, 2 * sizeof(df_dtype));
    for (int i = 0; conv->fused && i < conv->fused->n_post; i++) {
        const df_post *post = &conv->fused->post[i];
        df__pack_key_add(&key, &post->kind, sizeof post->kind);
        if (post->kind == DF_POST_ADD)
            df__pack_key_add(&key, &conv->call->in[post->input].type, sizeof(df_dtype));
    }
    return key;
}

static df_status choose(const df_conv *conv, way *out)
{
    double took[WAYS];
    df_status st = DF_OK;
    df_pack_key key = choice_key(conv);
    *out = by_rule(conv);
    if (!df__packer_lasting(conv->packer) || *out == DOTS) /* reading such a matrix once is the least that there is to do */
        return DF_OK;
    const void *found = df__packer_find(conv->packer, &key, sizeof took);
    if (found) {
        memcpy(took, found, sizeof took);
    } else {
        DF_TRY(by_trial(conv, took));
        void *room = df__packer_room(conv->packer, sizeof took);
        if (room) {
            memcpy(room, took, sizeof took);
            (void)df__packer_keep(conv->packer, &key, room, sizeof took);
            /* Another thread may have timed the same shape: all go by what was kept first, as later processes will. */
            found = df__packer_find(conv->packer, &key, sizeof took);
            if (found)
                memcpy(took, found, sizeof took);
        }
    }
    *out = fastest(took, conv->call);
done:
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
    if (transposed)
        st = df__conv_up(&conv, out);
    if (st == DF_OK && !*out)
        st = make(chosen, &conv, out);
    if (st == DF_OK && !*out && chosen == INT8)
        st = make(DIRECT_BF16, &conv, out);
    enum { LEFT = 5 };
    static const way otherwise[2][LEFT] = {{DIRECT, DIRECT_BF16, TAIL_BF16, TAIL, PANELS}, {DIRECT, TAIL, PANELS, DIRECT_BF16, TAIL_BF16}}; /* the last four for tensors of bfloat16 */
    const way *left = otherwise[call->advantage >= DF_ADVANTAGE_MOST];
    for (size_t i = 0; i < (df__any_half(call) ? LEFT : 1) && !transposed && st == DF_OK && !*out; i++)
        if (left[i] != chosen)
            st = make(left[i], &conv, out);
    return st;
}
