/* net_stage.c - the kinds of plan that a net may have: what each rounds, what is kept of it, and its plan. */
#include "nn/net_stage.h"

#include <stdio.h>

#include "nn/amx.h"

/* One stage after another until the answers are close enough: first the photo is seen exactly, which is what most detectors lose by; then the layers that rounding costs most
 * for their time are spared (net_spare.h); then all are exact. */
static const struct { const char *text; bool halves, whole, exact_pixels, spares; double advantage, tiles; df_stacks stacks; } stages[DF_STAGES] = {
    [DF_STAGE_FASTEST] = {"all that is fast", true, true, false, false, 1.03, 1, DF_STACKS_OF_F32},
    [DF_STAGE_EXACT_PHOTO] = {"the photo seen exactly", true, true, true, false, 1.03, 1, DF_STACKS_OF_F32},
    [DF_STAGE_SPARING] = {"the dearest spared", true, true, true, true, 1.03, 1.3, DF_STACKS_OF_F32},
    [DF_STAGE_EXACT] = {"float32 throughout", false, false, true, false, DF_ADVANTAGE_MOST, 1, DF_STACKS_OF_F32},
    [DF_STAGE_BY_ROWS] = {"layers by rows", false, true, false, false, 1.03, 1.3, DF_STACKS_MOSTLY},
    [DF_STAGE_SPARING_ROWS] = {"layers by rows, the dearest spared", false, true, true, true, 1.03, 1.3, DF_STACKS_MOSTLY},
    [DF_STAGE_CLOSE_ROWS] = {"layers by rows with exact weights", false, false, false, false, 100, 1.3, DF_STACKS_MOSTLY}};

bool df__net_all_exact(const df_net *net) { return net->precision == DF_PRECISION_STRICT && !df__amx_has(); }

df_stage_words df__stage_words(int stage)
{
    df_stage_words w;
    snprintf(w.text, sizeof w.text, "%s%s%s%s", stage & DF_STAGE_AS_FAST ? "what fast has, " : "", stages[df__stage_bare(stage)].text, stage & DF_STAGE_NO_WHOLE ? ", without whole numbers" : "",
             stage & DF_STAGE_ALONE ? ", one by one" : "");
    return w;
}

bool df__stage_spares(int stage) { return stages[df__stage_bare(stage)].spares; }
df_precision df__stage_precision(const df_net *net, int stage) { return stage & DF_STAGE_AS_FAST ? DF_PRECISION_FAST : net->precision; }
df_spared *df__stage_spared(df_net *net, int stage) { return &net->spared[!!(stage & DF_STAGE_AS_FAST)][df__stage_by_rows(stage)]; }

df_plan_opts df__stage_opts(df_net *net, int stage, int threads)
{
    int bare = df__stage_bare(stage);
    return (df_plan_opts){.precision = df__stage_precision(net, stage), .advantage = stages[bare].advantage, .tiles = stages[bare].tiles, .whole = stages[bare].whole && !(stage & DF_STAGE_NO_WHOLE), .exact_pixels = stages[bare].exact_pixels,
                          .spared = stages[bare].spares ? *df__stage_spared(net, stage) : (df_spared){NULL, 0}, .halves = stages[bare].halves,
                          .stacks = stage & DF_STAGE_ALONE ? DF_STACKS_NONE : stages[bare].stacks, .threads = threads};
}

/* ---- what is kept ---- */

static df_pack_key spared_key(const df_net *net, const df_spared *s)
{
    ptrdiff_t which = s - &net->spared[0][0];
    df_pack_key key = df__pack_key_new("what is spared");
    df__pack_key_add(&key, &which, sizeof which);
    return key;
}

bool df__stage_keep_spared(df_net *net, int stage)
{
    const df_spared *s = df__stage_spared(net, stage);
    const df_pack_key key = spared_key(net, s);
    return !df__stage_spares(stage) || df__packer_keep(net->packer, &key, s->bits, s->bytes);
}

bool df__stage_known(df_net *net, int stage)
{
    if (stage < 0 || df__stage_bare(stage) >= DF_STAGES)
        return false;
    df_spared *s = df__stage_spared(net, stage);
    if (!df__stage_spares(stage) || s->bits)
        return true;
    const df_pack_key key = spared_key(net, s);
    size_t bytes = df__spared_bytes(net->program.n_values);
    const void *bits = df__packer_find(net->packer, &key, bytes);
    if (bits)
        *s = (df_spared){bits, bytes};
    return bits;
}

/* ---- its plan ---- */

df_status df__stage_compile(df_net *net, const df_tensor *in, int threads, int stage, df_cached **out, df_error *err)
{
    df_plan_opts opts = df__stage_opts(net, stage, threads);
    df_status st = df__net_compile(net, in, &opts, net->packer, out, err);
    if (st != DF_OK || (*out)->plan || !df__stage_by_rows(stage))
        return st;
    df__cached_free(*out);
    *out = NULL;
    opts = df__stage_opts(net, (stage & DF_STAGE_AS_FAST) | DF_STAGE_EXACT, threads);
    return df__net_compile(net, in, &opts, net->packer, out, err);
}
