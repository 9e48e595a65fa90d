/* cluster.c - Chinese whispers over a list of edges, in linear time for each round. */
#include "gallery/cluster.h"

#include <stdlib.h>
#include <string.h>

typedef struct graph {
    uint32_t *first; /* [n + 1] */
    uint32_t *to;
    float    *weight;
    uint32_t *order, *label;
    float    *sum;   /* of each label, while one face is looked at */
} graph;

static void graph_free(graph *g)
{
    free(g->first), free(g->to), free(g->weight), free(g->order), free(g->label), free(g->sum);
}

static df_status build(graph *g, size_t n, const df_edge *edges, size_t n_edges, df_error *err)
{
    g->first = calloc(n + 2, sizeof *g->first);
    g->to = malloc((2 * n_edges + 1) * sizeof *g->to), g->weight = malloc((2 * n_edges + 1) * sizeof *g->weight);
    g->order = malloc((n + 1) * sizeof *g->order), g->label = malloc((n + 1) * sizeof *g->label);
    g->sum = calloc(n + 1, sizeof *g->sum);
    if (!g->first || !g->to || !g->weight || !g->order || !g->label || !g->sum)
        return df__no_memory(err, "groups", n_edges * sizeof *edges);
    for (size_t i = 0; i < n_edges; i++)
        g->first[edges[i].a + 2]++, g->first[edges[i].b + 2]++;
    for (size_t i = 2; i <= n + 1; i++)
        g->first[i] += g->first[i - 1];
    for (size_t i = 0; i < n_edges; i++) { /* first[v + 1] is where the next neighbour of v goes */
        const uint32_t ends[2] = {edges[i].a, edges[i].b};
        for (int k = 0; k < 2; k++) {
            uint32_t at = g->first[ends[k] + 1]++;
            g->to[at] = ends[1 - k], g->weight[at] = edges[i].weight;
        }
    }
    for (uint32_t i = 0; i < n; i++)
        g->order[i] = g->label[i] = i;
    return DF_OK;
}

/* The label that weighs most around `v`; of equal ones the least. Its own where it has no neighbours. */
static uint32_t heaviest(const graph *g, uint32_t v)
{
    uint32_t best = g->label[v];
    float most = 0;
    for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++)
        g->sum[g->label[g->to[i]]] += g->weight[i];
    for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++) {
        uint32_t label = g->label[g->to[i]];
        if (g->sum[label] > most || (g->sum[label] == most && label < best))
            most = g->sum[label], best = label;
    }
    for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++)
        g->sum[g->label[g->to[i]]] = 0;
    return best;
}

static void whisper(graph *g, size_t n, int rounds, uint32_t seed)
{
    bool changed = true;
    for (int round = 0; changed && round < rounds; round++) {
        changed = false;
        for (size_t i = n; i > 1; i--) { /* Fisher and Yates */
            seed = seed * 1664525u + 1013904223u;
            size_t k = (size_t)(((uint64_t)seed * i) >> 32);
            uint32_t keep = g->order[i - 1];
            g->order[i - 1] = g->order[k], g->order[k] = keep;
        }
        for (size_t i = 0; i < n; i++) {
            uint32_t v = g->order[i], label = heaviest(g, v);
            changed = changed || label != g->label[v];
            g->label[v] = label;
        }
    }
}

typedef struct group { uint32_t label, size, first; } group;

static int larger_first(const void *a, const void *b)
{
    const group *p = a, *q = b;
    if (p->size != q->size)
        return p->size < q->size ? 1 : -1;
    return (p->first > q->first) - (p->first < q->first);
}

df_status df__cluster(size_t n, const df_edge *edges, size_t n_edges, int rounds, uint32_t seed, uint32_t *groups, size_t *n_groups, df_error *err)
{
    df_status st = DF_OK;
    graph g = {0};
    group *of = NULL;
    *n_groups = 0;
    if (n >= UINT32_MAX / 2 || n_edges >= UINT32_MAX / 2)
        return df__fail(err, DF_E_LIMIT, "%zu faces with %zu neighbours are too many for groups", n, n_edges);
    DF_TRY(build(&g, n, edges, n_edges, err));
    whisper(&g, n, rounds, seed);
    of = calloc(n + 1, sizeof *of);
    if (!of)
        DF_TRY(df__no_memory(err, "groups", n * sizeof *of));
    for (uint32_t i = 0; i < n; i++) {
        group *mine = &of[g.label[i]];
        if (mine->size++ == 0)
            mine->first = i, mine->label = g.label[i];
    }
    qsort(of, n, sizeof *of, larger_first);
    while (*n_groups < n && of[*n_groups].size > 0) {
        g.order[of[*n_groups].label] = (uint32_t)*n_groups; /* its place */
        ++*n_groups;
    }
    for (size_t i = 0; i < n; i++)
        groups[i] = g.order[g.label[i]];
done:
    free(of);
    graph_free(&g);
    return st;
}
