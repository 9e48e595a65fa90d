/* net_close.c - which plan of a net is fast and close enough to float32: one kind after another is compared on noise, and what was found is kept with the weights. */
#include <math.h>

#include "nn/amx.h"
#include "nn/net_part.h"
#include "nn/verdict.h"

static const double LEAST_COSINE = 0.99992, LEAST_OF_MAPS = 0.996; /* what is promised, 0.9999 of an embedding and 0.995, and a fifth for photos that are not the noise */
static const double STRICT_ERROR = 5e-5; /* of an output, by its length: half of what is promised */
static const double HOPELESS = 2; /* times what 8 bits may be off by, the photo seen exactly */
static const double SMALL_ERROR = 0.03; /* of outputs of a few numbers in FAST: a probability of 1 is off by 0.03, an age of 30 by one year */

/* One stage after another until the answers are close enough: first the photo is seen exactly, then tensors of bfloat16 along sums go, and tiles of bfloat16; then the first tenth of
 * the layers has no kernel that is not exact, since what these are off by goes through all others; then all tensors of bfloat16 go, which costs less than more exact layers; then more
 * and more of the first ones are exact, and kernels that are not have to be a quarter faster than those that are. */
static const struct { df_halves halves; bool exact_pixels; int exact_tenths; double advantage, tiles; df_stacks stacks; } stages[] = {
    {DF_HALVES_ALL, false, 0, 1.03, 1, DF_STACKS_OF_F32},   {DF_HALVES_ALL, true, 0, 1.03, 1, DF_STACKS_OF_F32},    {DF_HALVES_INNER, true, 0, 1.03, 1.3, DF_STACKS_OF_F32},
    {DF_HALVES_INNER, true, 1, 1.03, 1.3, DF_STACKS_OF_F32}, {DF_HALVES_NONE, true, 1, 1.03, 1.3, DF_STACKS_OF_F32},  {DF_HALVES_NONE, true, 3, 1.25, 1.3, DF_STACKS_OF_F32},
    {DF_HALVES_NONE, true, 5, 1.25, 1.3, DF_STACKS_OF_F32}, {DF_HALVES_NONE, true, 7, 1.25, 1.3, DF_STACKS_OF_F32}, {DF_HALVES_NONE, true, 10, DF_ADVANTAGE_MOST, 1, DF_STACKS_OF_F32},
    {DF_HALVES_NONE, false, 0, 1.03, 1.3, DF_STACKS_MOSTLY}, {DF_HALVES_NONE, true, 3, 1.03, 1.3, DF_STACKS_MOSTLY}, {DF_HALVES_NONE, false, 0, 100, 1.3, DF_STACKS_MOSTLY}};
enum { ALL_STAGES = sizeof stages / sizeof *stages, STAGES = ALL_STAGES - 3, BY_ROWS = STAGES /* beside the others: is it faster? */, LATER_ROWS /* but the first layers */, CLOSE_ROWS /* with exact weights */ };

/* Of a stage: its layers one by one, where they would be computed by rows in float32; and, in INT8, the one that FAST goes. */
enum { ALONE = 64, AS_FAST = 128 };

static int bare(int kept) { return kept & ~(ALONE | AS_FAST); }
static df_precision precision_of(const df_net *net, int kept) { return kept & AS_FAST ? DF_PRECISION_FAST : net->precision; }

static df_plan_opts stage_opts(const df_net *net, int kept, int threads)
{
    int stage = bare(kept);
    return (df_plan_opts){.precision = precision_of(net, kept), .advantage = stages[stage].advantage, .tiles = stages[stage].tiles, .exact_pixels = stages[stage].exact_pixels,
                          .exact_tenths = stages[stage].exact_tenths, .halves = stages[stage].halves, .stacks = kept & ALONE ? DF_STACKS_NONE : stages[stage].stacks, .threads = threads};
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

static bool is_close(const df_net *net, df_precision precision, df_closeness found)
{
    double least = least_cosine(net, precision), most = precision == DF_PRECISION_FAST && !(net->least_cosine > 0) ? SMALL_ERROR : sqrt(2 * (1 - least));
    return found.cosine >= least && found.error <= most;
}

/* The stage that this network needs, kept with its weights: found at the first run, when there is a cache to keep it. */
static int stage_kept(df_net *net, const df_pack_key *key)
{
    int stage = df__packer_number(net->packer, key);
    return stage >= 0 && bare(stage) < ALL_STAGES ? stage : -1;
}

/* What a search for a stage needs. */
typedef struct search {
    df_net          *net;
    const df_tensor *in;
    int              threads;
    df_yardstick     yard;
    const df_plan   *exact; /* NULL: shapes depend on data, nothing is measured */
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

/* Another stage in place of *out, where that is close enough and faster. */
static df_status try_instead(search *s, int other, int *stage, df_cached **out, bool *close)
{
    df_net *net = s->net;
    df_status st = DF_OK;
    df_cached *instead = NULL;
    df_closeness found;
    bool faster = false;
    df_plan_opts opts = stage_opts(net, other, s->threads);
    *close = true;
    df_error why;
    st = df__net_compile(net, s->in, &opts, net->packer, &instead, &why);
    if (st == DF_E_LIMIT) { /* what there is already needs less */
        st = DF_OK;
        goto done;
    }
    if (st != DF_OK)
        return df__fail(s->err, st, "%s", why.message);
    if (!instead->plan)
        goto done;
    DF_TRY(df__yardstick_measure(&s->yard, instead->plan, &found, s->err));
    *close = is_close(net, opts.precision, found);
    if (*close)
        DF_TRY(keep_faster(s, out, &instead, &faster));
    df__log(&net->log, DF_LOG_DEBUG, "%s: cosine to float32 %.6f, error of small outputs %.4f with layers %s%s, which is %s", net->graph->label, found.cosine, found.error,
            bare(other) >= STAGES ? "by rows" : bare(other) == STAGES - 1 ? "of float32" : "as found", other & ALONE ? ", one by one" : "", faster ? "faster" : "no faster");
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
    static const char *const kinds[] = {"tensors of float32", "tensors of bfloat16 but for sums", "tensors of bfloat16"};
    df_net *net = s->net;
    df_precision precision = precision_of(net, as);
    df_status st = DF_OK;
    bool careful = precision == DF_PRECISION_STRICT, rounds = precision == DF_PRECISION_INT8 && df__dnn_has(DF_NUM_BF16);
    double least = least_cosine(net, precision);
    for (int next = is_exacting(net, precision) ? STAGES - 1 : 0;; next += careful ? STAGES - 1 : 1) {
        df_closeness found = {.cosine = 1};
        df_plan_opts opts = stage_opts(net, next, s->threads);
        opts.precision = precision;
        DF_TRY(df__net_compile(net, s->in, &opts, net->packer, out, s->err));
        if (s->exact && (*out)->plan)
            DF_TRY(df__yardstick_measure(&s->yard, (*out)->plan, &found, s->err));
        df__log(&net->log, DF_LOG_DEBUG, "%s: cosine to float32 %.*f, error of small outputs %.2g with %s%s where other kernels are %.2f times faster, %d of 10 layers exact",
                net->graph->label, careful ? 12 : 6, found.cosine, found.error, as ? "what fast has, " : "", kinds[opts.halves], opts.advantage, opts.exact_tenths);
        *stage = as | next;
        if (is_close(net, precision, found) || next + 1 == STAGES)
            break;
        if (rounds && next > 0 && 1 - found.cosine > HOPELESS * (1 - least)) /* what a few exact layers more cannot bring back, bfloat16 does sooner */
            next = STAGES - 2;
        df__cached_free(*out);
        *out = NULL;
    }
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
    bool inexact = bare(*stage) != STAGES - 1;
    if ((*out)->plan->n_stacked > 0) /* products by rows are of float32 */
        DF_TRY(try_instead(s, *stage | ALONE, stage, out, &close));
    bool rounds = precision != DF_PRECISION_STRICT && least_cosine(net, precision) < 1 && df__dnn_has(DF_NUM_BF16); /* without bfloat16 what stacks does so in every stage */
    close = false;
    for (int rows = net->exact_weights ? CLOSE_ROWS : BY_ROWS; rounds && !close && rows < ALL_STAGES; rows++)
        if (rows != LATER_ROWS || !df__amx_has()) /* whose products with exact weights take next to no time more */
            DF_TRY(try_instead(s, as | rows, stage, out, &close));
    bool stacked = s->exact->n_stacked > 0;
    if (inexact && (stacked || bare(*stage) > 0)) /* what is half exact already may well be slower than what is wholly so */
        DF_TRY(try_instead(s, as | (STAGES - 1), stage, out, &close));
    if (inexact && stacked)
        DF_TRY(try_instead(s, as | ALONE | (STAGES - 1), stage, out, &close));
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
    df_plan_opts opts = stage_opts(s->net, *stage = STAGES - 1, s->threads);
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
    df_packer *own = NULL;
    search s = {.net = net, .in = in, .threads = threads, .err = err};
    df_plan_opts strict = {.precision = DF_PRECISION_STRICT, .advantage = DF_ADVANTAGE_MOST, .threads = threads};
    if (all_exact(net)) {
        st = find_exact(&s, stage, out);
        goto done;
    }
    DF_TRY(df__packer_new(&own, err));
    DF_TRY(df__net_compile(net, in, &strict, own, &exact, err));
    s.exact = exact->plan;
    if (s.exact)
        DF_TRY(df__yardstick_make(exact->plan, in, net->graph->n_inputs, &s.yard, err));
    DF_TRY(find_as(&s, 0, stage, out));
    if (net->precision == DF_PRECISION_INT8 && *stage != 0 && s.exact && (*out)->plan)
        DF_TRY(find_as_fast(&s, stage, out));
done:
    df__yardstick_free(&s.yard);
    df__cached_free(exact);
    df__packer_free(own);
    return st;
}

df_status df__net_compile_close(df_net *net, const df_tensor *in, int threads, df_cached **out, df_error *err)
{
    df_status st = DF_OK;
    df_pack_key key = df__pack_key_new("ways of a net, tensors before layers");
    bool by_rule = !df__packer_lasting(net->packer); /* nobody measures how close the answers are */
    bool exacting = is_exacting(net, net->precision), sure = net->precision == DF_PRECISION_STRICT || exacting; /* that it is close */
    int stage = !by_rule ? stage_kept(net, &key) : sure ? STAGES - 1 : 0, as = stage > 0 ? stage & AS_FAST : 0;
    df_plan_opts opts = stage_opts(net, stage > 0 ? stage : 0, threads);
    if (stage >= 0 && bare(stage) >= STAGES)
        return compile_rows(net, in, threads, stage, as | (STAGES - 1), out, err);
    if (by_rule && exacting && net->least_cosine < 1) /* rows are sure to be close too */
        return compile_rows(net, in, threads, net->exact_weights ? CLOSE_ROWS : BY_ROWS, stage, out, err);
    if (stage >= 0)
        return df__net_compile(net, in, &opts, net->packer, out, err);
    st = find_stage(net, in, threads, &stage, out, err);
    if (st == DF_OK) {
        df__packer_keep_number(net->packer, &key, stage);
        return DF_OK;
    }
    df__cached_free(*out);
    *out = NULL;
    return st;
}
