/* gallery_search.c - the verbs search and identify: a photo's faces against those of a gallery. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/gallery.h"
#include "core/options.h"
#include "core/sha256.h"
#include "gallery/impostors.h"
#include "verify/verify.h"

enum { NEAREST = 10, FIRST = 32 /* asked for where all within the threshold are wanted */, HITS_AT_ONCE = 1 << 20 };

void df_search_opts_init(df_search_opts *opts, size_t size)
{
    df_search_opts all = {.size = size, .far = (double)NAN, .auto_bar = (double)NAN, .recall = (double)NAN};
    memset(opts, 0, size);
    memcpy(opts, &all, size < sizeof all ? size : sizeof all);
}

df_status df__search_opts_read(const df_search_opts *given, df_search_opts *out, df_error *err)
{
    df_search_opts_init(out, sizeof *out);
    df_status st = df__struct_read("df_search_opts", given, out, sizeof *out, err);
    if (st != DF_OK)
        return st;
    if (out->with & ~(unsigned)(DF_WITH_ATTRIBUTES | DF_WITH_LIVENESS | DF_WITH_QUALITY))
        return df__fail(err, DF_E_ARGUMENT, "with: only age, gender, emotion, race, liveness and quality can be kept of a folder's faces");
    if (out->k < 0)
        return df__fail(err, DF_E_ARGUMENT, "k: %d is less than 0", out->k);
    if (!isnan(out->far) && !(out->far > 0 && out->far < 1))
        return df__fail(err, DF_E_ARGUMENT, "far: %g is not between 0 and 1", out->far);
    if (!isnan(out->recall) && !(out->recall >= 0.5 && out->recall < 1))
        return df__fail(err, DF_E_ARGUMENT, "recall: %g is not between 0.5 and 1", out->recall);
    out->recall = isnan(out->recall) ? DF_ANN_RECALL : out->recall;
    out->index = out->index ? out->index : "flat";
    st = df__indexes_check(out->index, err);
    return st == DF_OK ? df__auto_opts_read(out, err) : st;
}

/* ---- hits to matches ---- */

typedef struct filling {
    const df_pipeline *p;
    df_matches        *m;
    df_match          *at;
    const df_hit      *hits;
    size_t             n_hits, n; /* matches so far */
    bool               out_of_memory;
} filling;

static bool fill(void *user, const df_store_record *r)
{
    filling *f = user;
    df_match *match = &f->at[f->n];
    size_t h = 0;
    while (h < f->n_hits && f->hits[h].id != r->face.id) /* they come in the order of the hits */
        h++;
    *match = (df_match){.face = r->face.id, .target = r->face.at, .distance = f->hits[h].distance,
                        .name = r->face.name ? strdup(r->face.name) : NULL, .path = strdup(r->photo->path)};
    df__sha256_digits(r->photo->sha256, match->sha256);
    match->verified = match->distance <= f->m->threshold;
    match->confidence = df__confidence(match->distance, match->verified, &f->p->row->confidence[f->p->align][f->p->metric]);
    f->n++, f->hits += h + 1, f->n_hits -= h + 1;
    f->out_of_memory = !match->path || (r->face.name && !match->name);
    return !f->out_of_memory;
}

/* Equally far: by their paths, for ids tell which thread was quicker when the photos were read. */
static int nearer(const void *a, const void *b)
{
    const df_match *p = a, *q = b;
    if (p->distance != q->distance)
        return p->distance < q->distance ? -1 : 1;
    int order = strcmp(p->path, q->path);
    return order ? order : (p->face > q->face) - (p->face < q->face);
}

static df_status look_up(df_gallery *g, const df_pipeline *p, const df_hit *hits, size_t n, df_matches *m, df_probe_matches *out, df_error *err)
{
    df_status st = DF_OK;
    uint64_t *ids = malloc((n + 1) * sizeof *ids);
    out->items = calloc(n + 1, sizeof *out->items);
    if (!ids || !out->items)
        DF_TRY(df__no_memory(err, "matches", n * sizeof *out->items));
    for (size_t i = 0; i < n; i++)
        ids[i] = hits[i].id;
    filling f = {.p = p, .m = m, .at = out->items, .hits = hits, .n_hits = n};
    st = g->ops->faces(g->store, ids, n, false, fill, &f, err);
    out->n = f.n;
    if (st == DF_OK && f.out_of_memory)
        st = df__no_memory(err, "matches", n * sizeof *out->items);
    if (st == DF_OK && out->n)
        qsort(out->items, out->n, sizeof *out->items, nearer);
done:
    free(ids);
    return st;
}

static void cut(df_probe_matches *matches, size_t k)
{
    for (; matches->n > k; matches->n--) {
        free((char *)matches->items[matches->n - 1].name);
        free((char *)matches->items[matches->n - 1].path);
    }
}

/* ---- search ---- */

/* All within a distance, where the first of them, `hits`, did not reach beyond it. */
static df_status ask_further(df_gallery *g, const df_pipeline *p, const float *query, double distance, const df_filter *filter, df_matches *m,
                             df_probe_matches *out, df_error *err)
{
    df_hit *hits;
    size_t n;
    df_status st = df__vectors_within(g->vectors, p->metric, query, distance, filter, g->engine->threads, &hits, &n, err);
    if (st == DF_OK)
        st = look_up(g, p, hits, n, m, out, err);
    free(hits);
    return st;
}

/* Probes from `from` on, `n` of them in one search: the vectors are read once for all. One more than k is asked for: as many as are
 * equally far as the k-th are looked up, for their paths decide. */
static df_status ask_probes(df_gallery *g, const df_pipeline *p, const df_embeddings *e, size_t from, size_t n, size_t k, const df_search_opts *search,
                            const df_filter *filter, df_matches *m, df_error *err)
{
    df_status st = DF_OK;
    bool most = search->nearest || search->k > 0;
    size_t all = df__vectors_count(g->vectors), room = k < all ? k + 1 : all;
    df_hit *hits = malloc((n * room + 1) * sizeof *hits);
    size_t *found = calloc(n + 1, sizeof *found);
    if (!hits || !found)
        DF_TRY(df__no_memory(err, "hits", n * room * sizeof *hits));
    DF_TRY(df__vectors_search(g->vectors, p->metric, e->rows + from * e->dims, n, room, filter, g->engine->threads, hits, found, err));
    for (size_t i = 0; i < n; i++) {
        const float *query = e->rows + (from + i) * e->dims;
        df_probe_matches *out = &m->probes[from + i];
        df_hit *mine = hits + i * room;
        size_t there = found[i];
        while (!search->nearest && there > 0 && mine[there - 1].distance > m->threshold)
            there--;
        if (there <= k)
            DF_TRY(look_up(g, p, mine, there, m, out, err));
        else if (!most)
            DF_TRY(ask_further(g, p, query, m->threshold, filter, m, out, err));
        else if (mine[k].distance > mine[k - 1].distance)
            DF_TRY(look_up(g, p, mine, k, m, out, err));
        else {
            DF_TRY(ask_further(g, p, query, mine[k].distance, filter, m, out, err));
            cut(out, k);
        }
    }
done:
    free(hits), free(found);
    return st;
}

/* Probes [from, from + n), which share a filter. */
static df_status ask_some(df_gallery *g, const df_pipeline *p, const df_embeddings *e, size_t from, size_t n, const df_search_opts *search,
                          const df_filter *filter, df_matches *m, df_error *err)
{
    df_status st = DF_OK;
    size_t all = df__vectors_count(g->vectors), k = search->k ? (size_t)search->k : search->nearest ? NEAREST : FIRST;
    k = k < all ? k : all;
    size_t together = HITS_AT_ONCE / (k + 1) + 1;
    for (size_t at = from; st == DF_OK && at < from + n; at += together)
        st = ask_probes(g, p, e, at, from + n - at < together ? from + n - at : together, k, search, filter, m, err);
    return st;
}

/* With auto_filter each face has a filter of its own. The threshold stays that of all: a filter takes matches away, it adds none. */
static df_status ask_each(df_gallery *g, const df_pipeline *p, const df_embeddings *e, const df_attributes *attributes, const df_search_opts *search,
                          uint64_t change, df_matches *m, df_error *err)
{
    df_status st = DF_OK;
    for (size_t i = 0; st == DF_OK && i < e->n; i++) {
        df_filter room;
        const df_filter *filter = NULL;
        df_probe_matches *probe = &m->probes[i];
        st = df__gallery_auto(g, &attributes[i], search, change, &probe->filter, &room, &filter, err);
        probe->searched = filter ? filter->n : df__vectors_count(g->vectors);
        if (st == DF_OK)
            st = ask_some(g, p, e, i, 1, search, filter, m, err);
    }
    return st;
}

/* A search of n faces finds none of them by mistake with probability (1 - p)^n, where p is that of one comparison. */
static void threshold_of_far(df_matches *m, const df_impostors *c)
{
    df_far_info *f = &m->far;
    double n = m->searched ? (double)m->searched : 1;
    f->of_comparison = -expm1(log1p(-f->far) / n);
    m->threshold = df__impostors_distance(c, f->of_comparison, &f->extrapolated);
    f->expected = f->of_comparison * (double)m->searched;
    f->people = c->people, f->pairs = c->pairs;
}

df_status df__gallery_ask(df_gallery *g, const df_pipeline *p, const df_embeddings *e, const df_attributes *attributes, const df_search_opts *search,
                          df_matches **out, df_error *err)
{
    df_status st = DF_OK;
    df_impostors impostors;
    df_filter room;
    const df_filter *filter;
    uint64_t change;
    df_matches *m = calloc(1, sizeof *m);
    *out = NULL;
    if (!isnan(search->far) && !isnan(p->opts.threshold)) {
        free(m);
        return df__fail(err, DF_E_ARGUMENT, "far and threshold exclude each other: one of them decides");
    }
    if (!isnan(search->far) && !isnan(p->opts.far)) {
        free(m);
        return df__fail(err, DF_E_ARGUMENT, "far %g of the search as a whole and far %g of one comparison exclude each other: one of them decides", search->far,
                        p->opts.far);
    }
    if (m)
        m->probes = calloc(e->n, sizeof *m->probes);
    if (!m || !m->probes) {
        df_matches_free(m);
        return df__no_memory(err, "matches", e->n * sizeof *m->probes);
    }
    m->n = e->n;
    m->threshold = p->opts.threshold;
    m->far.far = search->far;
    m->filtered = attributes != NULL;
    if (isnan(m->threshold))
        st = df__threshold(p->row, p->align, p->metric, p->opts.far, &m->threshold, err);
    if (st == DF_OK && !isnan(search->far))
        st = df__impostors(g->ops, g->store, p->metric, !g->read_only, &impostors, err);
    if (st == DF_OK && attributes)
        st = df__gallery_knows(g, search->auto_by, err);
    if (st == DF_OK)
        st = df__vectors_begin(g->vectors, &change, err);
    if (st == DF_OK) {
        st = df__gallery_filter(g, search->where, change, &room, &filter, err);
        m->searched = filter ? filter->n : df__vectors_count(g->vectors);
        if (!isnan(search->far))
            threshold_of_far(m, &impostors);
        for (size_t i = 0; i < e->n; i++) {
            m->probes[i].at = e->faces[i];
            m->probes[i].searched = m->searched;
        }
        if (st == DF_OK) {
            df__gallery_use_index(g, p->metric, search, e->n, m);
            st = attributes ? ask_each(g, p, e, attributes, search, change, m, err) : ask_some(g, p, e, 0, e->n, search, filter, m, err);
            df__gallery_used_index(g, m);
        }
        df__vectors_end(g->vectors);
    }
    if (st != DF_OK)
        df_matches_free(m);
    else
        *out = m;
    return st;
}

static df_status search(df_gallery *g, const char *path, const df_image *img, const df_opts *opts, const df_search_opts *how, df_matches **out,
                        df_error *err)
{
    df_status st = DF_OK;
    df_pipeline p;
    df_search_opts o;
    df_embeddings *e = NULL;
    df_attributes *attributes = NULL;
    if (!g || !out)
        return df__fail(err, DF_E_ARGUMENT, "df_gallery_search: a NULL argument");
    *out = NULL;
    DF_TRY(df__search_opts_read(how, &o, err));
    DF_TRY(df__gallery_pipeline(g, opts, true, &p, err));
    DF_TRY(df__gallery_probe(&p, path, img, &o, &e, &attributes, err));
    DF_TRY(df__gallery_ask(g, &p, e, attributes, &o, out, err));
done:
    df_embeddings_free(e);
    free(attributes);
    return st;
}

df_status df_gallery_search(df_gallery *g, const char *path, const df_opts *opts, const df_search_opts *how, df_matches **out, df_error *err)
{
    return search(g, path, NULL, opts, how, out, err);
}

df_status df_gallery_search_image(df_gallery *g, const df_image *img, const df_opts *opts, const df_search_opts *how, df_matches **out, df_error *err)
{
    return search(g, NULL, img, opts, how, out, err);
}

size_t df_matches_probes(const df_matches *m) { return m ? m->n : 0; }
const df_face *df_matches_probe(const df_matches *m, size_t probe) { return probe < df_matches_probes(m) ? &m->probes[probe].at : NULL; }
size_t df_matches_count(const df_matches *m, size_t probe) { return probe < df_matches_probes(m) ? m->probes[probe].n : 0; }
double df_matches_threshold(const df_matches *m) { return m ? m->threshold : (double)NAN; }
const df_far_info *df_matches_far(const df_matches *m) { return m && !isnan(m->far.far) ? &m->far : NULL; }
const df_index_used *df_matches_index(const df_matches *m) { return m ? &m->index : NULL; }
size_t df_matches_searched(const df_matches *m) { return m ? m->searched : 0; }
const char *df_matches_filter(const df_matches *m, size_t probe) { return probe < df_matches_probes(m) ? m->probes[probe].filter : NULL; }
size_t df_matches_left(const df_matches *m, size_t probe) { return probe < df_matches_probes(m) ? m->probes[probe].searched : 0; }

const df_match *df_matches_at(const df_matches *m, size_t probe, size_t index)
{
    return index < df_matches_count(m, probe) ? &m->probes[probe].items[index] : NULL;
}

void df_matches_free(df_matches *m)
{
    if (!m)
        return;
    for (size_t i = 0; m->probes && i < m->n; i++) {
        for (size_t k = 0; m->probes[i].items && k < m->probes[i].n; k++) {
            free((char *)m->probes[i].items[k].name);
            free((char *)m->probes[i].items[k].path);
        }
        free(m->probes[i].items), free(m->probes[i].filter);
    }
    free(m->probes);
    free(m);
}

/* ---- identify ---- */

bool df__gallery_gather(void *user, const df_store_record *r)
{
    df_gathered *to = user;
    df_embeddings *e = to->e;
    float *rows = realloc(e->rows, (e->n + 1) * e->dims * sizeof *rows);
    if (rows)
        e->rows = rows;
    df_face *faces = rows ? realloc(e->faces, (e->n + 1) * sizeof *faces) : NULL;
    if (!faces) {
        to->out_of_memory = true;
        return false;
    }
    e->faces = faces;
    memcpy(rows + e->n * e->dims, r->face.vector, e->dims * sizeof *rows);
    faces[e->n++] = r->face.at;
    return true;
}

df_embeddings *df__gallery_no_embeddings(const df_pipeline *p)
{
    df_embeddings *e = calloc(1, sizeof *e);
    if (e)
        *e = (df_embeddings){.dims = (size_t)p->row->dims, .row = p->row, .align = p->align, .range = p->range, .flip = p->flip, .outline = p->outline};
    return e;
}

static df_status vectors_of(df_gallery *g, const char *name, df_embeddings *known, df_error *err)
{
    df_status st = DF_OK;
    uint64_t *ids = NULL;
    size_t n;
    df_value value = {.kind = DF_VALUE_TEXT, .text = name};
    df_condition condition = {.sql = "person.name = ?", .values = &value, .n = 1};
    df_gathered who = {.e = known};
    DF_TRY(g->ops->select(g->store, &condition, &ids, &n, err));
    if (n == 0)
        DF_TRY(df__fail(err, DF_E_ARGUMENT, "%s: nobody is named \"%s\"", g->path, name));
    DF_TRY(g->ops->faces(g->store, ids, n, true, df__gallery_gather, &who, err));
    if (who.out_of_memory)
        DF_TRY(df__no_memory(err, "vectors of a person", n * known->dims * sizeof(float)));
done:
    free(ids);
    return st;
}

df_status df_gallery_identify(df_gallery *g, const char *path, const char *name, const df_opts *opts, df_verify_result *result, df_error *err)
{
    df_status st = DF_OK;
    df_pipeline p;
    df_embeddings *e = NULL, *known = NULL;
    struct timespec begun, ended;
    uint64_t change;
    if (!g || !path || !name || !result)
        return df__fail(err, DF_E_ARGUMENT, "df_gallery_identify: a NULL argument");
    memset(result, 0, sizeof *result);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    DF_TRY(df__gallery_pipeline(g, opts, true, &p, err));
    known = df__gallery_no_embeddings(&p);
    if (!known)
        DF_TRY(df__no_memory(err, "vectors of a person", sizeof *known));
    DF_TRY(g->ops->begin(g->store, &change, err));
    st = vectors_of(g, name, known, err);
    g->ops->end(g->store);
    if (st != DF_OK)
        goto done;
    DF_TRY(df__pipeline_represent(&p, path, NULL, g->engine->threads, &e, err));
    DF_TRY(df__pipeline_closest(&p, e, known, result, err));
    clock_gettime(CLOCK_MONOTONIC, &ended);
    result->seconds = (double)(ended.tv_sec - begun.tv_sec) + 1e-9 * (double)(ended.tv_nsec - begun.tv_nsec);
done:
    df_embeddings_free(e);
    df_embeddings_free(known);
    return st;
}
