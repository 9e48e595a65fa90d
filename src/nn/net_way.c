/* net_way.c - which way a net goes: found at its first run (net_close.c), kept with the weights, and followed from then on. A batch is timed in two stages, see
 * df_way. */
#include <math.h>

#include "nn/net_stage.h"

/* ---- what is kept ---- */

/* A way is stage + SECOND * second + FAR where the second is too far behind to be timed. Where there is no second it is DF_STAGES, which no stage is. */
enum { SECOND = 256, FAR = SECOND * SECOND };
static const double far_behind = 1.3;

static df_pack_key way_key(void) { return df__pack_key_new("way of a net"); }

bool df__way_kept(df_net *net, df_way *way)
{
    const df_pack_key key = way_key();
    int number = df__packer_number(net->packer, &key);
    if (number < 0 || number >= 2 * FAR)
        return false;
    *way = (df_way){number % SECOND, number % FAR / SECOND, number < FAR ? 1 : HUGE_VAL, false};
    if (way->second == DF_STAGES)
        way->second = -1;
    return df__stage_known(net, way->stage) && (way->second < 0 || df__stage_known(net, way->second));
}

void df__way_keep(df_net *net, const df_way *way)
{
    const df_pack_key key = way_key();
    int second = way->second < 0 ? DF_STAGES : way->second;
    if (df__stage_keep_spared(net, way->stage) && (way->second < 0 || df__stage_keep_spared(net, way->second)))
        df__packer_keep_number(net->packer, &key, way->stage + SECOND * second + (way->behind > far_behind ? FAR : 0));
}

df_pack_key df__way_batch_key(const df_net *net, const df_tensor *in, const df_way *way)
{
    df_pack_key key = df__pack_key_new("stage of a batch");
    df__pack_key_add(&key, (int[]){way->stage, way->second}, 2 * sizeof(int));
    df__batch_key_add(net, in, &key);
    return key;
}

/* ---- finding it ---- */

/* What is tried is a draft, unless nothing is that a file should not have. */
static void draft(df_net *net, bool on) { df__packer_draft(net->packer, on && !df__net_all_exact(net)); }

static df_status find_way(df_net *net, const df_tensor *in, int threads, df_way *way, df_error *err)
{
    draft(net, true);
    df_status st = df__net_search(net, in, threads, way, err);
    draft(net, false);
    return st;
}

/* The net's way, whatever number of photos came first: found with one, if the network can do with that. */
static df_status net_way(df_net *net, const df_tensor *in, const df_tensor *one, int threads, df_way *way, df_error *err)
{
    df_status st = DF_E_UNSUPPORTED;
    if (df__way_kept(net, way))
        return DF_OK;
    if (one) {
        df__log(&net->log, DF_LOG_DEBUG, "%s: looked at with one photo of %lld", net->graph->label, (long long)in[0].dims[0]);
        st = find_way(net, one, threads, way, err);
    }
    if (st != DF_OK && st != DF_E_NO_MEMORY)
        st = find_way(net, in, threads, way, err);
    if (st == DF_OK)
        df__way_keep(net, way);
    return st;
}

/* One of the two stages: the one that takes less time for these photos. */
static df_status faster_stage(df_net *net, const df_tensor *in, int threads, const df_way *way, int *stage, df_error *err)
{
    df_status st = DF_OK;
    df_cached *first = NULL, *second = NULL;
    double share; /* of the second's time by the first's */
    *stage = way->stage;
    draft(net, true);
    DF_TRY(df__stage_compile(net, in, threads, way->stage, &first, err));
    DF_TRY(df__stage_compile(net, in, threads, way->second, &second, err));
    if (!first->plan || !second->plan)
        goto done;
    DF_TRY(df__cached_compare(second, first, in, net->graph->n_inputs, net->graph->n_outputs, &share, err));
    if (df__is_faster(share))
        *stage = way->second;
    df__log(&net->log, DF_LOG_DEBUG, "%s: %lld photos with %s, which is %s", net->graph->label, (long long)in[0].dims[0], df__stage_words(way->second).text, df__is_faster(share) ? "faster" : "no faster");
done:
    draft(net, false);
    df__cached_free(first);
    df__cached_free(second);
    return st;
}

/* The stage for a batch, of photos that are there. What goes wrong when it is timed leaves the one for one photo. */
static df_status batch_stage(df_net *net, const df_tensor *in, int threads, const df_way *way, int *stage, df_error *err)
{
    df_error why;
    *stage = way->stage;
    for (size_t i = 0; i < net->graph->n_inputs; i++)
        if (!in[i].data || df__tensor_count(&in[i]) == 0)
            return DF_OK;
    const df_pack_key key = df__way_batch_key(net, in, way);
    int kept = df__packer_number(net->packer, &key);
    if (kept == way->stage || kept == way->second) {
        *stage = kept;
        return DF_OK;
    }
    df_status st = faster_stage(net, in, threads, way, stage, &why);
    if (st == DF_E_NO_MEMORY)
        return df__fail(err, st, "%s", why.message);
    if (st == DF_OK)
        df__packer_keep_number(net->packer, &key, *stage);
    else
        df__log(&net->log, DF_LOG_DEBUG, "%s: %lld photos are not timed: %s", net->graph->label, (long long)in[0].dims[0], why.message);
    return DF_OK;
}

/* NULL: there is one only, the file says how many there are, or no memory. */
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

/* A stage's plan; that of the other one where that alone needs no more memory than there is. */
static df_status compile_either(df_net *net, const df_tensor *in, int threads, int stage, int other, df_cached **out, df_error *err)
{
    df_status st = df__stage_compile(net, in, threads, stage, out, err);
    df_error why;
    if (st != DF_E_LIMIT || other < 0)
        return st;
    df__cached_free(*out);
    *out = NULL;
    df__log(&net->log, DF_LOG_DEBUG, "%s: with %s instead", net->graph->label, df__stage_words(other).text);
    df_status instead = df__stage_compile(net, in, threads, other, out, &why);
    return instead == DF_OK ? instead : instead == DF_E_NO_MEMORY ? df__fail(err, instead, "%s", why.message) : st;
}

df_status df__net_compile_close(df_net *net, const df_tensor *in, int threads, df_cached **out, df_error *err)
{
    df_status st = DF_OK;
    df_arena arena = {0};
    df_way way;
    *out = NULL;
    if (!df__packer_lasting(net->packer)) { /* nobody measures how close the answers are */
        bool exacting = df__net_is_exacting(net, net->precision), sure = net->precision == DF_PRECISION_STRICT || exacting;
        bool rows = exacting && net->least_cosine < 1; /* sure to be close too */
        return df__stage_compile(net, in, threads, rows ? net->exact_weights ? DF_STAGE_CLOSE_ROWS : DF_STAGE_BY_ROWS | DF_STAGE_NO_WHOLE : sure ? DF_STAGE_EXACT : DF_STAGE_FASTEST, out, err);
    }
    const df_tensor *one = one_photo(net, in, &arena);
    DF_TRY(net_way(net, in, one, threads, &way, err));
    int stage = way.stage;
    if (one && way.second >= 0 && way.behind <= far_behind)
        DF_TRY(batch_stage(net, in, threads, &way, &stage, err));
    DF_TRY(compile_either(net, in, threads, stage, stage == way.stage ? way.second : way.stage, out, err));
done:
    df__arena_free(&arena);
    if (st != DF_OK) {
        df__cached_free(*out);
        *out = NULL;
    }
    return st;
}
