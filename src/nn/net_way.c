/* net_way.c - which way a net goes: found at its first run (net_close.c), kept with the weights, and followed from then on. A batch is timed in the two that were fastest with one photo. */
#include <math.h>

#include "nn/net_stage.h"

/* A number for a way; no second stage is one that no stage is. */
enum { SECOND = 256 };
static int number_of(const df_way *way) { return way->stage + SECOND * (way->second < 0 ? DF_STAGES : way->second); }

/* The way kept, of which all that it needs is known. */
static bool way_kept(df_net *net, const df_pack_key *key, df_way *way)
{
    int number = df__packer_number(net->packer, key);
    if (number < 0)
        return false;
    *way = (df_way){number % SECOND, number / SECOND, 1};
    if (way->second == DF_STAGES)
        way->second = -1;
    return df__stage_known(net, way->stage) && (way->second < 0 || df__stage_known(net, way->second));
}

static void keep_way(df_net *net, const df_pack_key *key, const df_way *way)
{
    if (df__stage_keep_spared(net, way->stage) && (way->second < 0 || df__stage_keep_spared(net, way->second)))
        df__packer_keep_number(net->packer, key, number_of(way));
}

/* What is tried is a draft, unless nothing is that a file should not have. */
static void draft(df_net *net, bool on) { df__packer_draft(net->packer, on && !df__net_all_exact(net)); }

/* The way found with `in`. */
static df_status find_way(df_net *net, const df_tensor *in, int threads, df_way *way, df_cached **out, df_error *err)
{
    static const double far = 1.3; /* a second stage that takes so much longer is not the faster one for a batch */
    draft(net, true);
    df_status st = df__net_search(net, in, threads, way, out, err);
    draft(net, false);
    if (st == DF_OK && way->behind > far)
        way->second = -1;
    return st;
}

/* The net's way, whatever number of photos came first: found with one, if the network can do with that. */
static df_status net_way(df_net *net, const df_tensor *in, const df_tensor *one, int threads, df_way *way, df_error *err)
{
    const df_pack_key key = df__pack_key_new("way of a net");
    df_status st = DF_E_UNSUPPORTED;
    df_cached *found = NULL;
    if (way_kept(net, &key, way))
        return DF_OK;
    if (one) {
        df__log(&net->log, DF_LOG_DEBUG, "%s: looked at with one photo of %lld", net->graph->label, (long long)in[0].dims[0]);
        st = find_way(net, one, threads, way, &found, err);
    }
    if (st != DF_OK && st != DF_E_NO_MEMORY) {
        df__cached_free(found);
        st = find_way(net, in, threads, way, &found, err);
    }
    df__cached_free(found);
    if (st == DF_OK)
        keep_way(net, &key, way);
    return st;
}

/* One of two stages for these photos, that takes less time; or the one that there is memory for. */
static df_status faster_stage(df_net *net, const df_tensor *in, int threads, const df_way *way, int *stage, df_error *err)
{
    df_status st = DF_OK;
    df_cached *first = NULL, *second = NULL;
    double share = HUGE_VAL; /* of the second's time by the first's */
    draft(net, true);
    *stage = way->stage;
    DF_TRY(df__stage_compile(net, in, threads, way->second, &second, err));
    *stage = way->second;
    DF_TRY(df__stage_compile(net, in, threads, way->stage, &first, err));
    if (first->plan && second->plan)
        DF_TRY(df__cached_compare(second, first, in, net->graph->n_inputs, net->graph->n_outputs, &share, err));
    if (!df__is_faster(share))
        *stage = way->stage;
    df__log(&net->log, DF_LOG_DEBUG, "%s: %lld photos with %s%s, which is %s", net->graph->label, (long long)in[0].dims[0], df__stage_text(way->second),
            way->second & DF_STAGE_ALONE ? ", one by one" : "", df__is_faster(share) ? "faster" : "no faster");
done:
    draft(net, false);
    df__cached_free(first);
    df__cached_free(second);
    return st;
}

/* The stage for a batch; batches of up to the next power of 2 photos share it. */
static df_status batch_stage(df_net *net, const df_tensor *in, int threads, const df_way *way, int *stage, df_error *err)
{
    df_error why;
    int64_t most = 2;
    while (most < in[0].dims[0])
        most *= 2;
    df_pack_key key = df__pack_key_new("stage of a batch");
    df__pack_key_add(&key, &most, sizeof most);
    int kept = df__packer_number(net->packer, &key);
    *stage = way->stage;
    for (size_t i = 0; i < net->graph->n_inputs; i++)
        if (!in[i].data)
            return DF_OK;
    if (kept == way->stage || kept == way->second) {
        *stage = kept;
        return DF_OK;
    }
    df_status st = faster_stage(net, in, threads, way, stage, &why);
    if (st != DF_OK && st != DF_E_LIMIT)
        return df__fail(err, st, "%s", why.message);
    df__packer_keep_number(net->packer, &key, *stage);
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

df_status df__net_compile_close(df_net *net, const df_tensor *in, int threads, df_cached **out, df_error *err)
{
    df_status st = DF_OK;
    df_arena arena = {0};
    df_way way;
    *out = NULL;
    if (!df__packer_lasting(net->packer)) { /* nobody measures how close the answers are */
        bool exacting = df__net_is_exacting(net, net->precision), sure = net->precision == DF_PRECISION_STRICT || exacting;
        bool rows = exacting && net->least_cosine < 1; /* sure to be close too */
        return df__stage_compile(net, in, threads, rows ? net->exact_weights ? DF_STAGE_CLOSE_ROWS : DF_STAGE_BY_ROWS : sure ? DF_STAGE_EXACT : DF_STAGE_ALL, out, err);
    }
    const df_tensor *one = one_photo(net, in, &arena);
    DF_TRY(net_way(net, in, one, threads, &way, err));
    int stage = way.stage;
    if (one && way.second >= 0)
        DF_TRY(batch_stage(net, in, threads, &way, &stage, err));
    DF_TRY(df__stage_compile(net, in, threads, stage, out, err));
done:
    df__arena_free(&arena);
    if (st != DF_OK) {
        df__cached_free(*out);
        *out = NULL;
    }
    return st;
}
