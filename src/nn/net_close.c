/* net_close.c - which plan of a net is fast and close enough to float32: one kind after another is compared on noise, and what was found is kept with the weights. */
#include <math.h>

#include "nn/amx.h"
#include "nn/net_part.h"
#include "nn/verdict.h"

static const double LEAST_COSINE = 0.99992, LEAST_OF_MAPS = 0.996; /* what is promised, 0.9999 of an embedding and 0.995, and a fifth for photos that are not the noise */
static const double STRICT_ERROR = 5e-5; /* of an output, by its length: half of what is promised */
static const double SMALL_ERROR = 0.03; /* of outputs of a few numbers in FAST: a probability of 1 is off by 0.03, an age of 30 by one year */

/* One stage after another until the answers are close enough: first the photo is seen exactly, then tensors of bfloat16 go, those of sums before others, and tiles of bfloat16; then
 * kernels that are not exact have to be a quarter faster than those that are; then more and more of the layers, spread over the network, have none that is not exact. */
static const struct { df_halves halves; bool exact_pixels; int exact_quarters; double advantage, tiles; df_stacks stacks; } stages[] = {
    {DF_HALVES_ALL, false, 0, 1.03, 1, DF_STACKS_OF_F32},   {DF_HALVES_ALL, true, 0, 1.03, 1, DF_STACKS_OF_F32},    {DF_HALVES_INNER, true, 0, 1.03, 1.3, DF_STACKS_OF_F32},
    {DF_HALVES_NONE, true, 0, 1.03, 1.3, DF_STACKS_OF_F32}, {DF_HALVES_NONE, true, 0, 1.25, 1.3, DF_STACKS_OF_F32}, {DF_HALVES_NONE, true, 1, 1.25, 1.3, DF_STACKS_OF_F32},
    {DF_HALVES_NONE, true, 2, 1.25, 1.3, DF_STACKS_OF_F32}, {DF_HALVES_NONE, true, 3, 1.25, 1.3, DF_STACKS_OF_F32}, {DF_HALVES_NONE, true, 4, DF_ADVANTAGE_MOST, 1, DF_STACKS_OF_F32},
    {DF_HALVES_NONE, false, 0, 1.03, 1.3, DF_STACKS_MOSTLY}, {DF_HALVES_NONE, false, 0, 100, 1.3, DF_STACKS_MOSTLY}};
enum { ALL_STAGES = sizeof stages / sizeof *stages, STAGES = ALL_STAGES - 2, BY_ROWS = STAGES /* beside the others: is it faster? */, CLOSE_ROWS /* the same with exact weights */, NEAREST_TO_ROWS = 3 };

/* Of a stage: its layers one by one, where they would be computed by rows in float32. */
enum { ALONE = 64 };

static df_plan_opts stage_opts(const df_net *net, int kept, int threads)
{
    int stage = kept & ~ALONE;
    return (df_plan_opts){.precision = net->precision, .advantage = stages[stage].advantage, .tiles = stages[stage].tiles, .exact_pixels = stages[stage].exact_pixels,
                          .exact_quarters = stages[stage].exact_quarters, .halves = stages[stage].halves, .stacks = kept & ALONE ? DF_STACKS_NONE : stages[stage].stacks, .threads = threads};
}

/* One vector a photo is an embedding, whose direction is the answer. Lists of boxes and maps are read number by number, against thresholds. What is strict
 * is as far away as STRICT_ERROR says. */
static double least_cosine(const df_net *net)
{
    bool embedding = net->graph->n_outputs == 1 && net->graph->outputs[0].shape.rank <= 2;
    if (net->precision == DF_PRECISION_STRICT)
        return 1 - 0.5 * STRICT_ERROR * STRICT_ERROR;
    if (net->precision == DF_PRECISION_INT8)
        return 0.99;
    return net->least_cosine > 0 ? net->least_cosine : embedding ? LEAST_COSINE : LEAST_OF_MAPS;
}

static bool is_close(const df_net *net, df_closeness found)
{
    double least = least_cosine(net), most = net->precision == DF_PRECISION_FAST && !(net->least_cosine > 0) ? SMALL_ERROR : sqrt(2 * (1 - least));
    return found.cosine >= least && found.error <= most;
}

/* The stage that this network needs, kept with its weights: found at the first run, when there is a cache to keep it. */
static int stage_kept(df_net *net, const df_pack_key *key)
{
    int stage = df__packer_number(net->packer, key);
    return stage >= 0 && (stage & ~ALONE) < ALL_STAGES ? stage : -1;
}

/* Another stage in place of *out, where that is close enough and faster. */
static df_status try_instead(df_net *net, const df_tensor *in, int threads, const df_yardstick *yard, int other, int *stage, df_cached **out, bool *close, df_error *err)
{
    df_status st = DF_OK;
    df_cached *instead = NULL;
    df_closeness found;
    bool faster = false;
    df_plan_opts opts = stage_opts(net, other, threads);
    *close = true;
    DF_TRY(df__net_compile(net, in, &opts, net->packer, &instead, err));
    if (!instead->plan)
        goto done;
    DF_TRY(df__yardstick_measure(yard, instead->plan, &found, err));
    *close = is_close(net, found);
    if (*close)
        DF_TRY(df__cached_compare(instead, *out, yard->in[0], net->graph->n_inputs, yard->n_out, &faster, err));
    df__log(&net->log, DF_LOG_DEBUG, "%s: cosine to float32 %.6f, error of small outputs %.4f with layers %s, which is %s", net->graph->label, found.cosine, found.error, other & ALONE ? "one by one" : other < STAGES ? "of float32" : "by rows", faster ? "faster" : "no faster");
    if (faster) {
        df_cached *slower = *out;
        *out = instead, instead = slower, *stage = other;
    }
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

/* Nobody measures how close the answers are, or there is nothing to choose from. */
static bool goes_by_rule(const df_net *net) { return !df__packer_lasting(net->packer) || (net->precision == DF_PRECISION_STRICT && !df__amx_has()); }

/* A network that names its cosine (net.h). */
static bool is_exacting(const df_net *net) { return net->precision == DF_PRECISION_FAST && net->least_cosine > 0; }

/* The first stage that is close enough, measured on noise. */
static df_status find_stage(df_net *net, const df_tensor *in, int threads, int *stage, df_cached **out, df_error *err)
{
    static const char *const kinds[] = {"tensors of float32", "tensors of bfloat16 but for sums", "tensors of bfloat16"};
    df_status st = DF_OK;
    df_cached *exact = NULL;
    df_packer *own = NULL;
    df_yardstick yard = {0};
    df_plan_opts opts, strict = {.precision = DF_PRECISION_STRICT, .advantage = DF_ADVANTAGE_MOST, .threads = threads};
    bool careful = net->precision == DF_PRECISION_STRICT;
    DF_TRY(df__packer_new(&own, err));
    DF_TRY(df__net_compile(net, in, &strict, own, &exact, err));
    bool judged = exact->plan != NULL; /* shapes that depend on data have no plan */
    if (judged)
        DF_TRY(df__yardstick_make(exact->plan, in, net->graph->n_inputs, &yard, err));
    for (*stage = is_exacting(net) ? STAGES - 1 : 0;; *stage += careful ? STAGES - 1 : 1) {
        df_closeness found = {.cosine = 1};
        opts = stage_opts(net, *stage, threads);
        DF_TRY(df__net_compile(net, in, &opts, net->packer, out, err));
        if (judged && (*out)->plan)
            DF_TRY(df__yardstick_measure(&yard, (*out)->plan, &found, err));
        df__log(&net->log, DF_LOG_DEBUG, "%s: cosine to float32 %.*f, error of small outputs %.2g with %s where other kernels are %.2f times faster, %d of 4 layers exact",
                net->graph->label, careful ? 12 : 6, found.cosine, found.error, kinds[opts.halves], opts.advantage, opts.exact_quarters);
        if (is_close(net, found) || *stage + 1 == STAGES)
            break;
        df__cached_free(*out);
        *out = NULL;
    }
    bool compared = judged && (*out)->plan, close = false;
    if (compared && df__amx_has() && (*out)->plan->n_stacked > 0) /* products by rows are of float32 */
        DF_TRY(try_instead(net, in, threads, &yard, *stage | ALONE, stage, out, &close, err));
    bool rounds = compared && !careful && least_cosine(net) < 1 && df__dnn_has(DF_NUM_BF16); /* without bfloat16 what stacks does so in every stage */
    close = false;
    for (int rows = net->exact_weights ? CLOSE_ROWS : BY_ROWS; rounds && !close && rows < ALL_STAGES; rows++)
        DF_TRY(try_instead(net, in, threads, &yard, rows, stage, out, &close, err));
    if (compared && *stage < STAGES - 1 && (exact->plan->n_stacked > 0 || *stage > 0)) /* what is half exact already may well be slower than what is wholly so */
        DF_TRY(try_instead(net, in, threads, &yard, STAGES - 1, stage, out, &close, err));
done:
    df__yardstick_free(&yard);
    df__cached_free(exact);
    df__packer_free(own);
    return st;
}

df_status df__net_compile_close(df_net *net, const df_tensor *in, int threads, df_cached **out, df_error *err)
{
    df_status st = DF_OK;
    df_pack_key key = df__pack_key_new("stages of few numbers too");
    bool by_rule = goes_by_rule(net), sure = net->precision == DF_PRECISION_STRICT || is_exacting(net); /* that it is close */
    int stage = !by_rule ? stage_kept(net, &key) : sure ? STAGES - 1 : 0;
    df_plan_opts opts = stage_opts(net, stage > 0 ? stage : 0, threads);
    if (stage == BY_ROWS || stage == CLOSE_ROWS)
        return compile_rows(net, in, threads, stage, stage == BY_ROWS ? NEAREST_TO_ROWS : STAGES - 1, out, err);
    if (by_rule && is_exacting(net) && net->least_cosine < 1) /* rows are sure to be close too */
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
