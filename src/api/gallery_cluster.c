/* gallery_cluster.c - the verb cluster: faces of a gallery into groups of one person each. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/gallery.h"
#include "gallery/cluster.h"

enum { NEIGHBOURS = 64, BATCH = 64, ROUNDS = 50, SEED = 1 };

typedef struct gathering { float *rows; size_t n, dims; uint64_t *ids; } gathering;

static bool gather(void *user, const df_store_record *r)
{
    gathering *g = user;
    memcpy(g->rows + g->n * g->dims, r->face.vector, g->dims * sizeof *g->rows);
    g->ids[g->n++] = r->face.id;
    return true;
}

static size_t place_of(const uint64_t *ids, size_t n, uint64_t id)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (ids[mid] < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

typedef struct edges { df_edge *at; size_t n, cap; } edges;

/* What is right for one pair lets strangers in where each face has thousands of chances: 0.6 of it, as a cosine, was best on LFW (docs/gallery.md). The
 * other distances grow as the angle does, of which the cosine's distance is the square. */
static double threshold_of(const df_pipeline *p)
{
    if (!isnan(p->opts.threshold))
        return p->opts.threshold;
    return p->row->threshold[p->align][p->metric] * (p->metric == DF_COSINE ? 0.6 : sqrt(0.6));
}

/* A pair counts once for each of the two that has the other among its nearest. */
static df_status add_edges(edges *e, const gathering *g, size_t from, const df_hit *hits, size_t found, double threshold, df_error *err)
{
    for (size_t i = 0; i < found && hits[i].distance <= threshold; i++) {
        size_t to = place_of(g->ids, g->n, hits[i].id);
        if (to == from)
            continue;
        if (e->n == e->cap) {
            size_t cap = e->cap ? 2 * e->cap : 4096;
            df_edge *more = realloc(e->at, cap * sizeof *more);
            if (!more)
                return df__no_memory(err, "neighbours", cap * sizeof *more);
            e->at = more, e->cap = cap;
        }
        e->at[e->n++] = (df_edge){(uint32_t)from, (uint32_t)to, (float)(1 - hits[i].distance / (threshold > 0 ? threshold * 1.0001 : 1))};
    }
    return DF_OK;
}

/* Each face and those within the threshold of it, up to so many. */
static df_status find_edges(df_gallery *g, const df_pipeline *p, const gathering *of, double threshold, edges *out, df_error *err)
{
    df_status st = DF_OK;
    const df_filter filter = {.ids = of->ids, .n = of->n};
    size_t k = of->n < NEIGHBOURS ? of->n : NEIGHBOURS, found[BATCH];
    df_hit *hits = malloc((BATCH * k + 1) * sizeof *hits);
    if (!hits)
        return df__no_memory(err, "neighbours", BATCH * k * sizeof *hits);
    for (size_t i = 0; i < of->n; i += BATCH) {
        size_t n = of->n - i < BATCH ? of->n - i : BATCH;
        DF_TRY(df__vectors_search(g->vectors, p->metric, of->rows + i * of->dims, n, k, &filter, g->engine->threads, hits, found, err));
        for (size_t q = 0; q < n; q++)
            DF_TRY(add_edges(out, of, i + q, hits + q * k, found[q], threshold, err));
    }
done:
    free(hits);
    return st;
}

/* The faces of the condition in groups, as of one moment. */
static df_status group_faces(df_gallery *g, const df_pipeline *p, const char *where, gathering *of, uint32_t **groups, size_t *n_groups, df_error *err)
{
    df_status st = DF_OK;
    uint64_t *ids = NULL;
    size_t n;
    edges e = {0};
    double threshold = threshold_of(p);
    DF_TRY(df__vectors_begin(g->vectors, NULL, err));
    st = df__gallery_select(g, where, &ids, &n, err);
    if (st == DF_OK) {
        of->dims = (size_t)p->row->dims;
        of->rows = malloc((n + 1) * of->dims * sizeof *of->rows), of->ids = malloc((n + 1) * sizeof *of->ids);
        *groups = malloc((n + 1) * sizeof **groups);
        if (!of->rows || !of->ids || !*groups)
            st = df__no_memory(err, "vectors", n * of->dims * sizeof *of->rows);
    }
    if (st == DF_OK)
        st = g->ops->faces(g->store, ids, n, true, gather, of, err);
    if (st == DF_OK)
        st = find_edges(g, p, of, threshold, &e, err);
    df__vectors_end(g->vectors);
    if (st == DF_OK)
        st = df__cluster(of->n, e.at, e.n, ROUNDS, SEED, *groups, n_groups, err);
done:
    free(ids), free(e.at);
    return st;
}

/* NAME-1, NAME-2, ... to the groups of two or more. */
static df_status name_groups(df_gallery *g, const char *name, const gathering *of, const uint32_t *groups, size_t n_groups, df_error *err)
{
    df_status st = DF_OK;
    uint64_t *ids = malloc((of->n + 1) * sizeof *ids);
    char full[DF_STORE_NAME];
    if (!ids)
        return df__no_memory(err, "a group", of->n * sizeof *ids);
    for (uint32_t group = 0; group < n_groups; group++) {
        size_t n = 0;
        for (size_t i = 0; i < of->n; i++)
            if (groups[i] == group)
                ids[n++] = of->ids[i];
        if (n < 2) /* they are in the order of their sizes */
            break;
        snprintf(full, sizeof full, "%.400s-%u", name, group + 1);
        DF_TRY(g->ops->update(g->store, ids, n, full, NULL, err));
    }
done:
    free(ids);
    return st;
}

df_status df_gallery_cluster(df_gallery *g, const char *where, const char *name, const df_opts *opts, df_cluster_fn each, void *user, size_t *n_groups,
                             df_error *err)
{
    df_status st = DF_OK;
    df_pipeline p;
    gathering of = {0};
    uint32_t *groups = NULL;
    size_t n = 0;
    if (!g)
        return df__fail(err, DF_E_ARGUMENT, "df_gallery_cluster: the gallery is NULL");
    if (name && g->read_only)
        return df__fail(err, DF_E_STORE, "%s: opened for reading alone", g->path);
    DF_TRY(df__gallery_pipeline(g, opts, false, &p, err));
    DF_TRY(group_faces(g, &p, where ? where : "name is null", &of, &groups, &n, err));
    for (size_t i = 0; each && i < of.n; i++)
        if (!each(user, of.ids[i], groups[i]))
            DF_TRY(df__fail(err, DF_E_STOPPED, "%s: stopped", g->path));
    if (name)
        DF_TRY(name_groups(g, name, &of, groups, n, err));
    if (n_groups)
        *n_groups = n;
done:
    free(of.rows), free(of.ids), free(groups);
    return st;
}
