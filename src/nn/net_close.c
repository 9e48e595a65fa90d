/* net_close.c - which plan of a net is fast and close enough to float32: one kind after another is compared on noise. */
#include <math.h>
#include <string.h>

#include "nn/amx.h"
#include "nn/kernel.h"
#include "nn/net_spare.h"
#include "nn/net_stage.h"

static const double LEAST_COSINE = 0.99994, LEAST_OF_MAPS = 0.996; /* what is promised, 0.9999 of an embedding and 0.995, and some for photos that are not the noise: of 16 others the worst was 1.5 times as far off (w600k r50, random weights) */
static const double STRICT_ERROR = 5e-5; /* of an output, by its length: half of what is promised */
static const double SMALL_ERROR = 0.03; /* of outputs of a few numbers in FAST: a probability of 1 is off by 0.03, an age of 30 by one year */

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

/* To live as long as the net. */
static df_status copy_spared(df_net *net, df_spared *s, df_error *err)
{
    void *room = df__packer_room(net->packer, s->bytes);
    if (!room)
        return df__no_memory(err, net->graph->label, s->bytes);
    s->bits = memcpy(room, s->bits, s->bytes);
    return DF_OK;
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

static df_way first_way(int stage) { return (df_way){stage, -1, HUGE_VAL, false}; }

/* Whether a second is the better one: what differs most from the first, for a batch may do so too; then what is faster. */
static bool better(const df_way *a, const df_way *than) { return a->unlike != than->unlike ? a->unlike : a->behind < than->behind; }

/* A stage that takes `share` of the first one's time; `unlike`: one of the two goes by rows. */
static void enter(df_way *way, int stage, double share, bool unlike)
{
    df_way now = {way->stage, stage, share, unlike};
    if (df__is_faster(share)) {
        df_way before = {stage, way->second, way->behind / share, way->unlike != unlike};
        now = (df_way){stage, way->stage, 1 / share, unlike};
        *way = way->second < 0 || better(&now, &before) ? now : before;
    } else if (better(&now, way)) {
        *way = now;
    }
}

/* Of two plans the faster one stays in *out, and first in *way. */
static df_status keep_faster(const search *s, df_way *way, df_cached **out, int stage, df_cached **other, bool *faster)
{
    double share;
    bool unlike = ((*out)->plan->n_stacked > 0) != ((*other)->plan->n_stacked > 0);
    df_status st = df__cached_compare(*other, *out, s->yard.in[0], s->net->graph->n_inputs, s->yard.n_out, &share, s->err);
    *faster = st == DF_OK && df__is_faster(share);
    if (*faster) {
        df_cached *slower = *out;
        *out = *other, *other = slower;
    }
    if (st == DF_OK)
        enter(way, stage, share, unlike);
    return st;
}

/* One stage, and how close it is. */
static df_status try_stage(search *s, int stage, df_cached **out, df_closeness *found)
{
    df_net *net = s->net;
    df_status st = DF_OK;
    df_plan_opts opts = df__stage_opts(net, stage, s->threads);
    *found = (df_closeness){.cosine = 1};
    df__cached_free(*out);
    *out = NULL;
    DF_TRY(df__net_compile(net, s->in, &opts, net->packer, out, s->err));
    if (s->yard.n_out == 0 || !(*out)->plan)
        return DF_OK;
    DF_TRY(df__yardstick_measure(&s->yard, (*out)->plan, found, s->err));
    df__log(&net->log, DF_LOG_DEBUG, "%s: cosine to float32 %.*f, error of small outputs %.2g with %s", net->graph->label, opts.precision == DF_PRECISION_STRICT ? 12 : 6, found->cosine,
            found->error, df__stage_words(stage).text);
done:
    return st;
}

/* Stage `stage` with the first n spared: the share of what is promised that it takes. */
static df_status try_sparing(search *s, df_sparing *sparing, int stage, size_t n, df_cached **out, double *share)
{
    df_net *net = s->net;
    df_closeness found;
    *df__stage_spared(net, stage) = df__sparing_take(sparing, n);
    df__log(&net->log, DF_LOG_DEBUG, "%s: %zu of %zu spared, %.2g of the error left", net->graph->label, n, df__sparing_size(sparing), df__sparing_left(sparing, n) / df__sparing_left(sparing, 0));
    df_status st = try_stage(s, stage, out, &found);
    *share = st == DF_OK ? df__closeness_share(found, promised(net, df__stage_precision(net, stage))) : 0;
    return st;
}

/* Between `low`, too few, and `high`, of which *out is made: fewer may do. */
static df_status spare_fewer(search *s, df_sparing *sparing, int stage, size_t low, size_t high, double share, df_cached **out)
{
    enum { TRIES = 2 };
    static const double enough = 0.7; /* of what is promised */
    df_status st = DF_OK;
    df_cached *fewer = NULL;
    for (int i = 0; i < TRIES && high - low > 1 && share < enough; i++) {
        size_t n = low + (high - low) / 2;
        double other;
        DF_TRY(try_sparing(s, sparing, stage, n, &fewer, &other));
        if (other > 1) {
            low = n;
            continue;
        }
        df_cached *more = *out;
        *out = fewer, fewer = more;
        high = n, share = other;
    }
    *df__stage_spared(s->net, stage) = df__sparing_take(sparing, high);
done:
    df__cached_free(fewer);
    return st;
}

/* Stage after stage with more spared, until one is close; *out becomes NULL where none is. `share`: of *out, with nothing spared. What all is off by together tells how far the sum of
 * each one's error is to be trusted. */
static df_status spare_more(search *s, df_sparing *sparing, int stage, double share, df_cached **out)
{
    enum { TRIES = 6 };
    static const double aim = 0.8 /* of what is promised */, more = 0.3; /* of what is not spared yet, at most, from try to try */
    df_status st = DF_OK;
    df_spared *spared = df__stage_spared(s->net, stage);
    size_t size = df__sparing_size(sparing), low = 0, n = 0;
    double truth = share / df__sparing_left(sparing, 0);
    for (int i = 0; i < TRIES && share > 1 && n < size; i++) {
        size_t most = i == 0 ? size : n + (size_t)ceil(more * (double)(size - n));
        low = n;
        n = df__sparing_left(sparing, n) > 0 ? df__sparing_fewest(sparing, aim / truth) : size; /* classes that hang by a hair have errors that do not add up */
        n = n <= low ? low + 1 : n > most ? most : n;
        DF_TRY(try_sparing(s, sparing, stage, n, out, &share));
        truth = fmax(1.1 * truth, share / df__sparing_left(sparing, n));
    }
    if (share <= 1) {
        DF_TRY(spare_fewer(s, sparing, stage, low, n, share, out));
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

/* Stage `stage`, in place of *out. */
static df_status spare(search *s, int stage, df_closeness found, df_cached **out)
{
    df_net *net = s->net;
    df_status st = DF_OK;
    df_cached *alone = NULL; /* where the yardstick's plan goes by rows and this stage does not */
    df_sparing *sparing = NULL;
    bool rows = df__stage_by_rows(stage);
    df_precision precision = df__stage_precision(net, stage);
    df_closeness least = promised(net, precision);
    df_plan_opts strict = {.precision = DF_PRECISION_STRICT, .advantage = DF_ADVANTAGE_MOST, .stacks = DF_STACKS_NONE, .threads = s->threads};
    if (!rows && s->exact->n_stacked > 0)
        DF_TRY(df__net_compile(net, s->in, &strict, s->own, &alone, s->err));
    DF_TRY(df__sparing_new(alone ? alone->plan : s->exact, (*out)->plan, &s->yard, precision, least, net->program.n_values, &sparing, s->err));
    DF_TRY(spare_more(s, sparing, stage, df__closeness_share(found, least), out));
done:
    if (st != DF_OK) {
        df__cached_free(*out);
        *out = NULL;
    }
    df__sparing_free(sparing);
    df__cached_free(alone);
    return st == DF_E_LIMIT ? DF_OK : st; /* what there is needs less */
}

/* A layer whose channels differ much in size may be off by more in whole numbers than in bfloat16: then without those. */
static df_status spare_either(search *s, int as, int *stage, df_closeness found, df_cached **out)
{
    df_status st = DF_OK;
    *stage = as | DF_STAGE_SPARING;
    DF_TRY(spare(s, *stage, found, out));
    if (*out || !df__lanes_whole())
        goto done;
    DF_TRY(try_stage(s, as | DF_STAGE_NO_WHOLE | DF_STAGE_EXACT_PHOTO, out, &found));
    *stage |= DF_STAGE_NO_WHOLE;
    DF_TRY(spare(s, *stage, found, out));
done:
    return st;
}

/* Another stage in place of *out, where that is close enough and faster. */
static df_status try_instead(search *s, int other, df_way *way, df_cached **out, bool *close)
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
    *close = is_close(net, df__stage_precision(net, other), found);
    if (!*close && df__stage_bare(other) == DF_STAGE_BY_ROWS && !df__amx_has()) { /* what goes by rows rounds itself there, and exact weights take next to no time more */
        other += DF_STAGE_SPARING_ROWS - DF_STAGE_BY_ROWS;
        DF_TRY(spare(s, other, found, &instead));
        *close = instead;
    }
    if (*close)
        DF_TRY(keep_faster(s, way, out, other, &instead, &faster));
    df__log(&net->log, DF_LOG_DEBUG, "%s: which is %s", net->graph->label, faster ? "faster" : *close ? "no faster" : "not close");
done:
    df__cached_free(instead);
    return st;
}

/* The first stage that is close enough, measured on noise, in the net's precision or DF_STAGE_AS_FAST. */
static df_status first_close(search *s, int as, int *stage, df_cached **out)
{
    df_net *net = s->net;
    df_precision precision = df__stage_precision(net, as);
    df_status st = DF_OK;
    df_closeness found;
    for (int next = DF_STAGE_FASTEST; next < DF_STAGE_SPARING && !df__net_is_exacting(net, precision); next = precision == DF_PRECISION_STRICT ? DF_STAGE_SPARING : next + 1) {
        *stage = as | next;
        DF_TRY(try_stage(s, *stage, out, &found));
        if (is_close(net, precision, found))
            goto done;
    }
    if (precision != DF_PRECISION_STRICT && !df__net_is_exacting(net, precision)) {
        DF_TRY(spare_either(s, as, stage, found, out));
        if (*out)
            goto done;
    }
    *stage = as | DF_STAGE_EXACT;
    DF_TRY(try_stage(s, *stage, out, &found));
done:
    return st;
}

/* That, or what is faster and close enough too. */
static df_status find_as(search *s, int as, df_way *way, df_cached **out)
{
    df_net *net = s->net;
    df_precision precision = df__stage_precision(net, as);
    df_status st = DF_OK;
    bool close = false;
    int stage;
    DF_TRY(first_close(s, as, &stage, out));
    *way = first_way(stage);
    if (!s->exact || !(*out)->plan)
        goto done;
    bool halves = df__dnn_has(DF_NUM_BF16), inexact = df__stage_bare(stage) != DF_STAGE_EXACT && (halves || df__lanes_whole() || (precision == DF_PRECISION_INT8 && df__dnn_has(DF_NUM_S8))); /* without these nothing rounds in any stage */
    if ((*out)->plan->n_stacked > 0) /* products by rows are of float32 */
        DF_TRY(try_instead(s, stage | DF_STAGE_ALONE, way, out, &close));
    bool rounds = precision != DF_PRECISION_STRICT && least_cosine(net, precision) < 1 && halves; /* without bfloat16 what stacks does so in every stage */
    close = false;
    if (rounds && !net->exact_weights)
        DF_TRY(try_instead(s, as | DF_STAGE_BY_ROWS, way, out, &close));
    if (rounds && !close)
        DF_TRY(try_instead(s, as | DF_STAGE_CLOSE_ROWS, way, out, &close));
    bool stacked = s->exact->n_stacked > 0;
    if (inexact && (stacked || df__stage_bare(way->stage) > DF_STAGE_FASTEST)) /* what is half exact already may well be slower than what is wholly so */
        DF_TRY(try_instead(s, as | DF_STAGE_EXACT, way, out, &close));
    if (inexact && stacked)
        DF_TRY(try_instead(s, as | DF_STAGE_ALONE | DF_STAGE_EXACT, way, out, &close));
done:
    return st;
}

/* 8 bits that are not close enough in all layers may be slower than what FAST may do, which is closer. */
static df_status find_as_fast(search *s, df_way *way, df_cached **out)
{
    df_status st = DF_OK;
    df_cached *as_fast = NULL;
    df_way other;
    bool faster = false;
    DF_TRY(find_as(s, DF_STAGE_AS_FAST, &other, &as_fast));
    if (as_fast->plan)
        DF_TRY(keep_faster(s, way, out, other.stage, &as_fast, &faster));
    if (faster && other.second >= 0 && better(&other, way))
        *way = other;
    df__log(&s->net->log, DF_LOG_DEBUG, "%s: as fast has it, which is %s", s->net->graph->label, faster ? "faster" : "no faster");
done:
    df__cached_free(as_fast);
    return st;
}

/* Layers by rows or one by one, the answer is as exact. The plan is its own yardstick: nothing is packed twice, and where no layers go by rows nothing is run. */
static df_status find_exact(search *s, df_way *way, df_cached **out)
{
    df_status st = DF_OK;
    df_error why, *err = s->err; /* a network that cannot do with noise goes by rows */
    df_plan_opts opts = df__stage_opts(s->net, DF_STAGE_EXACT, s->threads);
    bool close;
    *way = first_way(DF_STAGE_EXACT);
    DF_TRY(df__net_compile(s->net, s->in, &opts, s->net->packer, out, err));
    if (!(*out)->plan || (*out)->plan->n_stacked == 0)
        goto done;
    s->err = &why;
    st = df__yardstick_make((*out)->plan, s->in, s->net->graph->n_inputs, &s->yard, &why);
    if (st == DF_OK)
        st = try_instead(s, DF_STAGE_EXACT | DF_STAGE_ALONE, way, out, &close);
    if (st == DF_E_NO_MEMORY)
        return df__fail(err, st, "%s", why.message);
    st = DF_OK;
done:
    return st;
}

df_status df__net_search(df_net *net, const df_tensor *in, int threads, df_way *way, df_error *err)
{
    df_status st = DF_OK;
    df_cached *exact = NULL, *found = NULL;
    search s = {.net = net, .in = in, .threads = threads, .err = err};
    df_plan_opts strict = {.precision = DF_PRECISION_STRICT, .advantage = DF_ADVANTAGE_MOST, .threads = threads};
    if (df__net_all_exact(net)) {
        st = find_exact(&s, way, &found);
        goto done;
    }
    DF_TRY(df__packer_new(&s.own, err));
    DF_TRY(df__net_compile(net, in, &strict, s.own, &exact, err));
    s.exact = exact->plan;
    if (s.exact)
        DF_TRY(df__yardstick_make(exact->plan, in, net->graph->n_inputs, &s.yard, err));
    DF_TRY(find_as(&s, 0, way, &found));
    if (net->precision == DF_PRECISION_INT8 && df__stage_bare(way->stage) != DF_STAGE_FASTEST && s.exact && found->plan)
        DF_TRY(find_as_fast(&s, way, &found));
done:
    df__yardstick_free(&s.yard);
    df__cached_free(found);
    df__cached_free(exact);
    df__packer_free(s.own);
    return st;
}
