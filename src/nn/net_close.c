/* net_close.c - which plan of a net is fast and close enough to float32: one kind after another is compared on noise, and what was found is kept with the weights. */
#include <math.h>
#include <string.h>

#include "nn/amx.h"
#include "nn/net_part.h"
#include "nn/net_spare.h"

static const double LEAST_COSINE = 0.99992, LEAST_OF_MAPS = 0.996; /* what is promised, 0.9999 of an embedding and 0.995, and a fifth for photos that are not the noise */
static const double STRICT_ERROR = 5e-5; /* of an output, by its length: half of what is promised */
static const double SMALL_ERROR = 0.03; /* of outputs of a few numbers in FAST: a probability of 1 is off by 0.03, an age of 30 by one year */

/* One stage after another until the answers are close enough: first the photo is seen exactly, which is what most detectors lose by; then the layers that rounding costs most
 * for their time are spared (net_spare.h); then all are exact. */
static const struct { bool halves, exact_pixels, spares; double advantage, tiles; df_stacks stacks; } stages[] = {
    {true, false, false, 1.03, 1, DF_STACKS_OF_F32}, {true, true, false, 1.03, 1, DF_STACKS_OF_F32}, {true, true, true, 1.03, 1.3, DF_STACKS_OF_F32},
    {false, true, false, DF_ADVANTAGE_MOST, 1, DF_STACKS_OF_F32},
    {false, false, false, 1.03, 1.3, DF_STACKS_MOSTLY}, {false, true, true, 1.03, 1.3, DF_STACKS_MOSTLY}, {false, false, false, 100, 1.3, DF_STACKS_MOSTLY}};
enum { SPARING = 2, EXACT, STAGES, BY_ROWS = STAGES /* beside the others: is it faster? */, SPARING_ROWS, CLOSE_ROWS /* with exact weights */, ALL_STAGES = sizeof stages / sizeof *stages };

/* Of a stage: its layers one by one, where they would be computed by rows in float32; and, in INT8, the one that FAST goes. */
enum { ALONE = 64, AS_FAST = 128 };

static int bare(int kept) { return kept & ~(ALONE | AS_FAST); }
static bool as_fast(int kept) { return kept & AS_FAST; }
static df_precision precision_of(const df_net *net, int kept) { return kept & AS_FAST ? DF_PRECISION_FAST : net->precision; }

/* What is spared in a stage. */
static df_spared *spared_in(df_net *net, int kept) { return &net->spared[as_fast(kept)][bare(kept) >= STAGES]; }

static df_plan_opts stage_opts(df_net *net, int kept, int threads)
{
    int stage = bare(kept);
    return (df_plan_opts){.precision = precision_of(net, kept), .advantage = stages[stage].advantage, .tiles = stages[stage].tiles, .exact_pixels = stages[stage].exact_pixels,
                          .spared = stages[stage].spares ? *spared_in(net, kept) : (df_spared){NULL, 0}, .halves = stages[stage].halves,
                          .stacks = kept & ALONE ? DF_STACKS_NONE : stages[stage].stacks, .threads = threads};
}

/* One vector a photo is an embedding, whose direction is the answer. Lists of boxes and maps are read number by number, against thresholds. What is strict
 * is as far away as STRICT_ERROR says. */
static double least_cosine(const df_net *net, df_precision precision)
{
    bool embedding = net->graph->n_outputs == 1 && net->graph->outputs[0].shape.rank <= 2;
    if (precision == DF_PRECISION_STRICT)
        return 1 - 0.5 * STRICT_ERROR * STRICT_ERROR;
    if (precision == DF_PRECISION_INT8)
        return 0.99;
    return net->least_cosine > 0 ? net->least_cosine : embedding ? LEAST_COSINE : LEAST_OF_MAPS;
}

static df_closeness promised(const df_net *net, df_precision precision)
{
    double least = least_cosine(net, precision);
    return (df_closeness){least, precision == DF_PRECISION_FAST && !(net->least_cosine > 0) ? SMALL_ERROR : sqrt(2 * (1 - least))};
}

static bool is_close(const df_net *net, df_precision precision, df_closeness found) { return df__closeness_share(found, promised(net, precision)) <= 1; }

static df_pack_key spared_key(const df_net *net, const df_spared *s)
{
    ptrdiff_t which = s - &net->spared[0][0];
    df_pack_key key = df__pack_key_new("what is spared");
    df__pack_key_add(&key, &which, sizeof which);
    return key;
}

/* To live as long as the net. */
static df_status copy_spared(df_net *net, df_spared *s, df_error *err)
{
    void *room = df__packer_room(net->packer, s->bytes);
    if (!room)
        return df__no_memory(err, net->graph->label, s->bytes);
    s->bits = memcpy(room, s->bits, s->bytes);
    return DF_OK;
}

/* For later runs: what is spared, then the stage. */
static void keep_stage(df_net *net, const df_pack_key *key, int stage)
{
    const df_spared *s = spared_in(net, stage);
    const df_pack_key spared = spared_key(net, s);
    if (!stages[bare(stage)].spares || df__packer_keep(net->packer, &spared, s->bits, s->bytes))
        df__packer_keep_number(net->packer, key, stage);
}

static bool find_spared(df_net *net, df_spared *s)
{
    const df_pack_key key = spared_key(net, s);
    size_t bytes = df__spared_bytes(net->program.n_values);
    const void *bits = df__packer_find(net->packer, &key, bytes);
    if (bits)
        *s = (df_spared){bits, bytes};
    return bits;
}

/* The stage that this network needs, kept with its weights: found at the first run, when there is a cache to keep it. */
static int stage_kept(df_net *net, const df_pack_key *key)
{
    int stage = df__packer_number(net->packer, key);
    bool known = stage >= 0 && bare(stage) < ALL_STAGES;
    return known && (!stages[bare(stage)].spares || spared_in(net, stage)->bits || find_spared(net, spared_in(net, stage))) ? stage : -1;
}

/* What a search for a stage needs. */
typedef struct search {
    df_net          *net;
    const df_tensor *in;
    int              threads;
    df_yardstick     yard;
    df_plan         *exact; /* NULL: shapes depend on data, nothing is measured */
    df_packer       *own; /* for weights as float32 kernels want them */
    df_error        *err;
} search;

/* Of two plans the faster one stays in *out. */
static df_status keep_faster(const search *s, df_cached **out, df_cached **other, bool *faster)
{
    df_status st = df__cached_compare(*other, *out, s->yard.in[0], s->net->graph->n_inputs, s->yard.n_out, faster, s->err);
    if (st == DF_OK && *faster) {
        df_cached *slower = *out;
        *out = *other, *other = slower;
    }
    return st;
}

/* One stage, and how close it is. */
static df_status try_stage(search *s, int kept, df_cached **out, df_closeness *found)
{
    static const char *const what[] = {"all that is fast", "the photo seen exactly", "the dearest spared", "float32 throughout",
                                       "layers by rows", "layers by rows, the dearest spared", "layers by rows with exact weights"};
    df_net *net = s->net;
    df_status st = DF_OK;
    df_plan_opts opts = stage_opts(net, kept, s->threads);
    *found = (df_closeness){.cosine = 1};
    df__cached_free(*out);
    *out = NULL;
    DF_TRY(df__net_compile(net, s->in, &opts, net->packer, out, s->err));
    if (s->yard.n_out == 0 || !(*out)->plan)
        return DF_OK;
    DF_TRY(df__yardstick_measure(&s->yard, (*out)->plan, found, s->err));
    df__log(&net->log, DF_LOG_DEBUG, "%s: cosine to float32 %.*f, error of small outputs %.2g with %s%s%s", net->graph->label, opts.precision == DF_PRECISION_STRICT ? 12 : 6, found->cosine,
            found->error, kept & AS_FAST ? "what fast has, " : "", what[bare(kept)], kept & ALONE ? ", one by one" : "");
done:
    return st;
}

/* Stage `kept` with the first n spared: the share of what is promised that it takes. */
static df_status try_sparing(search *s, df_sparing *sparing, int kept, size_t n, df_cached **out, double *share)
{
    df_net *net = s->net;
    df_closeness found;
    *spared_in(net, kept) = df__sparing_take(sparing, n);
    df__log(&net->log, DF_LOG_DEBUG, "%s: %zu of %zu spared, %.2g of the error left", net->graph->label, n, df__sparing_size(sparing), df__sparing_left(sparing, n) / df__sparing_left(sparing, 0));
    df_status st = try_stage(s, kept, out, &found);
    *share = st == DF_OK ? df__closeness_share(found, promised(net, precision_of(net, kept))) : 0;
    return st;
}

/* Between `low`, too few, and `high`, of which *out is made: fewer may do. */
static df_status spare_fewer(search *s, df_sparing *sparing, int kept, size_t low, size_t high, double share, df_cached **out)
{
    enum { TRIES = 2 };
    static const double enough = 0.7; /* of what is promised */
    df_status st = DF_OK;
    df_cached *fewer = NULL;
    for (int i = 0; i < TRIES && high - low > 1 && share < enough; i++) {
        size_t n = low + (high - low) / 2;
        double other;
        DF_TRY(try_sparing(s, sparing, kept, n, &fewer, &other));
        if (other > 1) {
            low = n;
            continue;
        }
        df_cached *more = *out;
        *out = fewer, fewer = more;
        high = n, share = other;
    }
    *spared_in(s->net, kept) = df__sparing_take(sparing, high);
done:
    df__cached_free(fewer);
    return st;
}

/* Stage after stage with more spared, until one is close; *out becomes NULL where none is. `share`: of *out, with nothing spared. What all is off by together tells how far the sum of
 * each one's error is to be trusted. */
static df_status spare_more(search *s, df_sparing *sparing, int kept, double share, df_cached **out)
{
    enum { TRIES = 6 };
    static const double aim = 0.8 /* of what is promised */, more = 0.3; /* of what is not spared yet, at most, from try to try */
    df_status st = DF_OK;
    df_spared *spared = spared_in(s->net, kept);
    size_t size = df__sparing_size(sparing), low = 0, n = 0;
    double truth = share / df__sparing_left(sparing, 0);
    for (int i = 0; i < TRIES && share > 1 && n < size; i++) {
        size_t most = i == 0 ? size : n + (size_t)ceil(more * (double)(size - n));
        low = n;
        n = df__sparing_left(sparing, n) > 0 ? df__sparing_fewest(sparing, aim / truth) : size; /* classes that hang by a hair have errors that do not add up */
        n = n <= low ? low + 1 : n > most ? most : n;
        DF_TRY(try_sparing(s, sparing, kept, n, out, &share));
        truth = fmax(1.1 * truth, share / df__sparing_left(sparing, n));
    }
    if (share <= 1) {
        DF_TRY(spare_fewer(s, sparing, kept, low, n, share, out));
        DF_TRY(copy_spared(s->net, spared, s->err));
    }
done:
    if (share > 1 || st != DF_OK) {
        *spared = (df_spared){NULL, 0};
        df__cached_free(*out);
        *out = NULL;
    }
    return st;
}

/* Stage `kept`, in place of *out. */
static df_status spare(search *s, int kept, df_closeness found, df_cached **out)
{
    df_net *net = s->net;
    df_status st = DF_OK;
    df_cached *alone = NULL; /* where the yardstick's plan goes by rows and this stage does not */
    df_sparing *sparing = NULL;
    bool rows = stages[bare(kept)].stacks != DF_STACKS_OF_F32;
    df_precision precision = precision_of(net, kept);
    df_closeness least = promised(net, precision);
    df_plan_opts strict = {.precision = DF_PRECISION_STRICT, .advantage = DF_ADVANTAGE_MOST, .stacks = DF_STACKS_NONE, .threads = s->threads};
    if (!rows && s->exact->n_stacked > 0)
        DF_TRY(df__net_compile(net, s->in, &strict, s->own, &alone, s->err));
    DF_TRY(df__sparing_new(alone ? alone->plan : s->exact, (*out)->plan, &s->yard, precision, least, net->program.n_values, &sparing, s->err));
    DF_TRY(spare_more(s, sparing, kept, df__closeness_share(found, least), out));
done:
    if (st != DF_OK) {
        df__cached_free(*out);
        *out = NULL;
    }
    df__sparing_free(sparing);
    df__cached_free(alone);
    return st == DF_E_LIMIT ? DF_OK : st; /* what there is needs less */
}

/* Another stage in place of *out, where that is close enough and faster. */
static df_status try_instead(search *s, int other, int *stage, df_cached **out, bool *close)
{
    df_net *net = s->net;
    df_status st = DF_OK;
    df_cached *instead = NULL;
    df_closeness found;
    bool faster = false;
    df_error why, *err = s->err;
    *close = true;
    s->err = &why;
    st = try_stage(s, other, &instead, &found);
    s->err = err;
    if (st == DF_E_LIMIT) { /* what there is already needs less */
        st = DF_OK;
        goto done;
    }
    if (st != DF_OK)
        DF_TRY(df__fail(err, st, "%s", why.message));
    if (!instead->plan)
        goto done;
    *close = is_close(net, precision_of(net, other), found);
    if (!*close && bare(other) == BY_ROWS && !df__amx_has()) { /* what goes by rows rounds itself there, and exact weights take next to no time more */
        other += SPARING_ROWS - BY_ROWS;
        DF_TRY(spare(s, other, found, &instead));
        *close = instead;
    }
    if (*close)
        DF_TRY(keep_faster(s, out, &instead, &faster));
    df__log(&net->log, DF_LOG_DEBUG, "%s: which is %s", net->graph->label, faster ? "faster" : *close ? "no faster" : "not close");
    if (faster)
        *stage = other;
done:
    df__cached_free(instead);
    return st;
}

/* Layers by rows, or as in another stage where few of them could be. */
static df_status compile_rows(df_net *net, const df_tensor *in, int threads, int stage, int otherwise, df_cached **out, df_error *err)
{
    df_plan_opts rows = stage_opts(net, stage, threads), opts = stage_opts(net, otherwise, threads);
    df_status st = df__net_compile(net, in, &rows, net->packer, out, err);
    if (st != DF_OK || (*out)->plan)
        return st;
    df__cached_free(*out);
    *out = NULL;
    return df__net_compile(net, in, &opts, net->packer, out, err);
}

/* A network that names its cosine (net.h). */
static bool is_exacting(const df_net *net, df_precision precision) { return precision == DF_PRECISION_FAST && net->least_cosine > 0; }

/* The first stage that is close enough, measured on noise, in the net's precision or AS_FAST. */
static df_status first_close(search *s, int as, int *stage, df_cached **out)
{
    df_net *net = s->net;
    df_precision precision = precision_of(net, as);
    df_status st = DF_OK;
    df_closeness found;
    for (int next = 0; next < SPARING && !is_exacting(net, precision); next = precision == DF_PRECISION_STRICT ? SPARING : next + 1) {
        *stage = as | next;
        DF_TRY(try_stage(s, *stage, out, &found));
        if (is_close(net, precision, found))
            goto done;
    }
    if (precision != DF_PRECISION_STRICT && !is_exacting(net, precision)) {
        *stage = as | SPARING;
        DF_TRY(spare(s, *stage, found, out));
        if (*out)
            goto done;
    }
    *stage = as | EXACT;
    DF_TRY(try_stage(s, *stage, out, &found));
done:
    return st;
}

/* That, or what is faster and close enough too. */
static df_status find_as(search *s, int as, int *stage, df_cached **out)
{
    df_net *net = s->net;
    df_precision precision = precision_of(net, as);
    df_status st = DF_OK;
    bool close = false;
    DF_TRY(first_close(s, as, stage, out));
    if (!s->exact || !(*out)->plan)
        goto done;
    bool inexact = bare(*stage) != EXACT;
    if ((*out)->plan->n_stacked > 0) /* products by rows are of float32 */
        DF_TRY(try_instead(s, *stage | ALONE, stage, out, &close));
    bool rounds = precision != DF_PRECISION_STRICT && least_cosine(net, precision) < 1 && df__dnn_has(DF_NUM_BF16); /* without bfloat16 what stacks does so in every stage */
    close = false;
    if (rounds && !net->exact_weights)
        DF_TRY(try_instead(s, as | BY_ROWS, stage, out, &close));
    if (rounds && !close)
        DF_TRY(try_instead(s, as | CLOSE_ROWS, stage, out, &close));
    bool stacked = s->exact->n_stacked > 0;
    if (inexact && (stacked || bare(*stage) > 0)) /* what is half exact already may well be slower than what is wholly so */
        DF_TRY(try_instead(s, as | EXACT, stage, out, &close));
    if (inexact && stacked)
        DF_TRY(try_instead(s, as | ALONE | EXACT, stage, out, &close));
done:
    return st;
}

/* 8 bits that are not close enough in all layers may be slower than what FAST may do, which is closer. */
static df_status find_as_fast(search *s, int *stage, df_cached **out)
{
    df_status st = DF_OK;
    df_cached *as_fast = NULL;
    int other = 0;
    bool faster = false;
    DF_TRY(find_as(s, AS_FAST, &other, &as_fast));
    if (as_fast->plan)
        DF_TRY(keep_faster(s, out, &as_fast, &faster));
    df__log(&s->net->log, DF_LOG_DEBUG, "%s: as fast has it, which is %s", s->net->graph->label, faster ? "faster" : "no faster");
    if (faster)
        *stage = other;
done:
    df__cached_free(as_fast);
    return st;
}

/* Whether all kernels are exact, whatever the stage. */
static bool all_exact(const df_net *net) { return net->precision == DF_PRECISION_STRICT && !df__amx_has(); }

/* Layers by rows or one by one, the answer is as exact. The plan is its own yardstick: nothing is packed twice, and where no layers go by rows nothing is run. */
static df_status find_exact(search *s, int *stage, df_cached **out)
{
    df_status st = DF_OK;
    df_error why, *err = s->err; /* a network that cannot do with noise goes by rows */
    df_plan_opts opts = stage_opts(s->net, *stage = EXACT, s->threads);
    bool close;
    DF_TRY(df__net_compile(s->net, s->in, &opts, s->net->packer, out, err));
    if (!(*out)->plan || (*out)->plan->n_stacked == 0)
        goto done;
    s->err = &why;
    st = df__yardstick_make((*out)->plan, s->in, s->net->graph->n_inputs, &s->yard, &why);
    if (st == DF_OK)
        st = try_instead(s, *stage | ALONE, stage, out, &close);
    if (st == DF_E_NO_MEMORY)
        return df__fail(err, st, "%s", why.message);
    st = DF_OK;
done:
    return st;
}

/* The stage to keep, and its plan. */
static df_status find_stage(df_net *net, const df_tensor *in, int threads, int *stage, df_cached **out, df_error *err)
{
    df_status st = DF_OK;
    df_cached *exact = NULL;
    search s = {.net = net, .in = in, .threads = threads, .err = err};
    df_plan_opts strict = {.precision = DF_PRECISION_STRICT, .advantage = DF_ADVANTAGE_MOST, .threads = threads};
    if (all_exact(net)) {
        st = find_exact(&s, stage, out);
        goto done;
    }
    DF_TRY(df__packer_new(&s.own, err));
    DF_TRY(df__net_compile(net, in, &strict, s.own, &exact, err));
    s.exact = exact->plan;
    if (s.exact)
        DF_TRY(df__yardstick_make(exact->plan, in, net->graph->n_inputs, &s.yard, err));
    DF_TRY(find_as(&s, 0, stage, out));
    if (net->precision == DF_PRECISION_INT8 && bare(*stage) != 0 && s.exact && (*out)->plan)
        DF_TRY(find_as_fast(&s, stage, out));
done:
    df__yardstick_free(&s.yard);
    df__cached_free(exact);
    df__packer_free(s.own);
    return st;
}

/* The plan of a stage that was found before. */
static df_status compile_stage(df_net *net, const df_tensor *in, int threads, int stage, df_cached **out, df_error *err)
{
    df_plan_opts opts = stage_opts(net, stage, threads);
    return bare(stage) >= STAGES ? compile_rows(net, in, threads, stage, (stage & AS_FAST) | EXACT, out, err) : df__net_compile(net, in, &opts, net->packer, out, err);
}

/* A network takes the same way whatever number of photos came first: it is found with one. NULL: there is one only, the file says how many there are, or no memory. */
static df_tensor *one_photo(const df_net *net, const df_tensor *in, df_arena *arena)
{
    size_t n = net->graph->n_inputs;
    df_tensor *one = n > 0 ? df__arena_calloc(arena, n, sizeof *one) : NULL;
    for (size_t i = 0; i < n && one; i++) {
        bool counts = net->graph->inputs[i].shape.rank > 0 && net->graph->inputs[i].shape.dims[0] < 0 && in[i].dims[0] == in[0].dims[0] && in[i].dims[0] > 1;
        if (!counts)
            return NULL;
        one[i] = in[i];
        one[i].dims[0] = 1;
    }
    return one;
}

/* The stage found with `in`, and the plan for `whole`, made once more: what it consists of is no draft. */
static df_status find_with(df_net *net, const df_tensor *in, const df_tensor *whole, int threads, int *stage, df_cached **out, df_error *err)
{
    df__packer_draft(net->packer, true);
    df_status st = find_stage(net, in, threads, stage, out, err);
    df__packer_draft(net->packer, false);
    df__cached_free(*out);
    *out = NULL;
    return st == DF_OK ? compile_stage(net, whole, threads, *stage, out, err) : st;
}

static df_status find_and_keep(df_net *net, const df_tensor *in, int threads, const df_pack_key *key, df_cached **out, df_error *err)
{
    df_status st = DF_E_UNSUPPORTED;
    df_arena arena = {0};
    int stage = -1;
    const df_tensor *one = one_photo(net, in, &arena);
    if (all_exact(net)) { /* nothing that a file should not have */
        st = find_stage(net, in, threads, &stage, out, err);
    } else {
        if (one) {
            df__log(&net->log, DF_LOG_DEBUG, "%s: looked at with one photo of %lld", net->graph->label, (long long)in[0].dims[0]);
            st = find_with(net, one, in, threads, &stage, out, err);
        }
        if (st != DF_OK && st != DF_E_NO_MEMORY) /* a network that cannot do with one photo, or not with so many in what was found with one */
            st = find_with(net, in, in, threads, &stage, out, err);
    }
    df__arena_free(&arena);
    if (st == DF_OK) {
        keep_stage(net, key, stage);
        return DF_OK;
    }
    df__cached_free(*out);
    *out = NULL;
    return st;
}

df_status df__net_compile_close(df_net *net, const df_tensor *in, int threads, df_cached **out, df_error *err)
{
    df_pack_key key = df__pack_key_new("ways of a net, layers spared");
    bool by_rule = !df__packer_lasting(net->packer); /* nobody measures how close the answers are */
    bool exacting = is_exacting(net, net->precision), sure = net->precision == DF_PRECISION_STRICT || exacting; /* that it is close */
    int stage = !by_rule ? stage_kept(net, &key) : sure ? EXACT : 0;
    *out = NULL;
    if (by_rule && exacting && net->least_cosine < 1) /* rows are sure to be close too */
        return compile_rows(net, in, threads, net->exact_weights ? CLOSE_ROWS : BY_ROWS, stage, out, err);
    return stage >= 0 ? compile_stage(net, in, threads, stage, out, err) : find_and_keep(net, in, threads, &key, out, err);
}
