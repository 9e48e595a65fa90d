/* gallery_index.c - the approximate indexes of a gallery: building, dropping and listing them; which one answers a search. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/gallery.h"
#include "core/options.h"

/* ---- in a search ---- */

void df__gallery_use_index(df_gallery *g, df_metric metric, const df_search_opts *search, size_t n, df_matches *m)
{
    df_index_use use;
    df__indexes_choose(g->indexes, search->index, metric, search->recall, n, &use);
    df__vectors_use(g->vectors, use.ann, use.effort);
    snprintf(m->index.index, sizeof m->index.index, "%s", use.name);
    snprintf(m->index.why, sizeof m->index.why, "%s", use.why);
    m->index.recall = use.ann ? search->recall : 1;
}

void df__gallery_used_index(df_gallery *g, df_matches *m)
{
    m->index.exact = df__vectors_exact(g->vectors);
    m->index.recall = m->index.exact ? 1 : m->index.recall;
}

/* ---- looking after them ---- */

/* Whether an index of this gallery may be changed, and for which metric. */
static df_status change(const char *verb, const df_gallery *g, const char *index, const df_opts *opts, df_metric *metric, df_error *err)
{
    df_opts all;
    if (!g || !index)
        return df__fail(err, DF_E_ARGUMENT, "%s: a NULL argument", verb);
    if (g->read_only)
        return df__fail(err, DF_E_STORE, "%s: open for reading alone", g->path);
    df_status st = df__opts_read(opts ? opts : &g->opts, &all, err);
    if (st == DF_OK)
        *metric = (df_metric)df__metric_find(all.metric);
    return st;
}

df_status df_gallery_index_build(df_gallery *g, const char *index, const df_opts *opts, df_progress_fn step, void *user, df_error *err)
{
    df_metric metric = DF_COSINE;
    df_status st = change("df_gallery_index_build", g, index, opts, &metric, err);
    return st == DF_OK ? df__indexes_build(g->indexes, index, metric, step, user, err) : st;
}

df_status df_gallery_index_drop(df_gallery *g, const char *index, const df_opts *opts, df_error *err)
{
    df_metric metric = DF_COSINE;
    df_status st = change("df_gallery_index_drop", g, index, opts, &metric, err);
    return st == DF_OK ? df__indexes_drop(g->indexes, index, metric, err) : st;
}

df_status df_gallery_indexes(df_gallery *g, df_index_fn each, void *user, df_error *err)
{
    bool goes_on = true;
    df_ann_head head;
    const char *path;
    char stale[DF_INDEX_WHY];
    if (!g || !each)
        return df__fail(err, DF_E_ARGUMENT, "df_gallery_indexes: a NULL argument");
    df_status st = df__vectors_begin(g->vectors, NULL, err);
    if (st != DF_OK)
        return st;
    for (size_t i = 0; goes_on; i++) {
        double effort;
        bool there = df__indexes_at(g->indexes, i, &path, &head, stale);
        if (!path)
            break;
        if (!there)
            continue;
        df_index_info info = {.path = path, .euclidean = head.metric == DF_EUCLIDEAN, .rows = head.rows, .bytes = head.bytes + sizeof head,
                              .generation = head.generation, .share = (double)NAN};
        size_t rows = df__vectors_rows(g->vectors);
        snprintf(info.index, sizeof info.index, "%s", head.what);
        snprintf(info.stale, sizeof info.stale, "%s", stale);
        info.later = !*stale && rows > head.rows ? rows - head.rows : 0;
        if (!df__ann_effort(&head, DF_ANN_RECALL, &effort, &info.share))
            info.share = (double)NAN;
        goes_on = each(user, &info);
    }
    df__vectors_end(g->vectors);
    return goes_on ? DF_OK : df__fail(err, DF_E_STOPPED, "%s: stopped", g->path);
}
