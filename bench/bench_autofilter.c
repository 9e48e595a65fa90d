/* bench_autofilter.c - what --auto-filter saves and what it costs, on a gallery of named faces that has attributes, as CSV.
 *
 *     deepface register PEOPLE --db G.db --with age,gender,race
 *     bench_autofilter G.db [ROWS]
 *
 * Each named face is a probe and searches all others, unfiltered and with each choice of attributes and bar: the share of the gallery that is left, of
 * the person's other faces within the threshold how many are lost, of the strangers within it how many are gone, and how long the condition and the
 * search take. With ROWS the searches are timed again in a matrix of so many synthetic faces (faces.h), of which each takes the place of one of the
 * gallery's in turn: what a filter leaves of it is what it left of the gallery. Milliseconds are one thread's own, the median of the probes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/gallery.h"
#include "clock.h"
#include "faces.h"
#include "index/matrix_file.h"
#include "verify/verify.h"

enum { K = 10, TIMED = 60, APPEND = 16384 };

typedef struct person { uint64_t id, name; df_attributes a; float *vector; } person;

typedef struct bench {
    df_gallery *g;
    person     *faces;
    size_t      n, cap, dims, rows, all; /* all: with those without a name */
    double      threshold;
    char      (*names)[128];
    size_t      n_names;
    df_matrix  *large;
    struct pair { size_t probe, face; bool mate; } *near; /* within the threshold, in the order of probes */
    size_t      n_near;
} bench;

static void die(const df_error *err)
{
    fprintf(stderr, "bench_autofilter: %s\n", err->message);
    exit(2);
}

/* ---- the gallery's faces as probes ---- */

static int place_of(unsigned which, const char *label)
{
    for (int i = 0; label && df_attribute_label(which, (size_t)i); i++)
        if (strcmp(df_attribute_label(which, (size_t)i), label) == 0)
            return i;
    return 0;
}

/* What was kept of the face is what a probe of the same photo has. */
static bool take(void *user, const df_gallery_face *f)
{
    bench *b = user;
    if (!f->name || !f->gender || !f->race || isnan(f->age))
        return true;
    if (b->n == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 4096;
        b->faces = realloc(b->faces, b->cap * sizeof *b->faces);
        b->names = realloc(b->names, b->cap * sizeof *b->names);
    }
    person *p = &b->faces[b->n];
    *p = (person){.id = f->face, .name = b->n_names};
    for (size_t i = 0; i < b->n_names && p->name == b->n_names; i++)
        if (strcmp(b->names[b->n_names - 1 - i], f->name) == 0)
            p->name = b->n_names - 1 - i;
    if (p->name == b->n_names)
        snprintf(b->names[b->n_names++], sizeof b->names[0], "%s", f->name);
    p->a.has = DF_WITH_AGE | DF_WITH_GENDER | DF_WITH_RACE;
    p->a.age = (float)f->age;
    p->a.dominant_gender = place_of(DF_WITH_GENDER, f->gender), p->a.gender[p->a.dominant_gender] = (float)(100 * f->gender_confidence);
    p->a.dominant_race = place_of(DF_WITH_RACE, f->race), p->a.race[p->a.dominant_race] = (float)(100 * f->race_confidence);
    p->vector = malloc(b->dims * sizeof(float));
    memcpy(p->vector, f->vector, b->dims * sizeof(float));
    b->n++;
    return true;
}

/* ---- a large matrix ---- */

static void make_large(bench *b, const char *path)
{
    df_error err;
    float *rows = malloc(APPEND * b->dims * sizeof *rows);
    uint64_t *ids = malloc(APPEND * sizeof *ids);
    unlink(path);
    if (df__matrix_open(path, (uint32_t)b->dims, "bench", true, &b->large, &err) != DF_OK)
        die(&err);
    for (size_t at = 0; at < b->rows; at += APPEND) {
        size_t n = b->rows - at < APPEND ? b->rows - at : APPEND;
        for (size_t i = 0; i < n; i++) {
            faces_row((at + i) / 5, (unsigned)((at + i) % 5), b->dims, rows + i * b->dims);
            ids[i] = at + i + 1;
        }
        if (df__matrix_append(b->large, ids, rows, n, at + n, &err) != DF_OK)
            die(&err);
    }
    free(rows), free(ids);
}

/* ---- one choice ---- */

typedef struct sums { double left, mates, lost, strangers, gone, condition_ms, plain_ms, filtered_ms; size_t probes, sure, timed; } sums;

static int by_size(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static double middle(double *ms, size_t n)
{
    if (n == 0)
        return 0;
    qsort(ms, n, sizeof *ms, by_size);
    return ms[n / 2];
}

static void find_near(bench *b)
{
    size_t cap = 0;
    df_error err;
    for (size_t i = 0; i < b->n; i++)
        for (size_t k = 0; k < b->n; k++) {
            double d;
            if (i == k || df__distance(DF_COSINE, b->faces[i].vector, b->faces[k].vector, b->dims, &d, &err) != DF_OK || d > b->threshold)
                continue;
            if (b->n_near == cap)
                cap = cap ? 2 * cap : 4096, b->near = realloc(b->near, cap * sizeof *b->near);
            b->near[b->n_near++] = (struct pair){i, k, b->faces[k].name == b->faces[i].name};
        }
}

/* `at`: in b->near, which comes in the order of probes. */
static void count_hits(const bench *b, size_t probe, const df_filter *filter, size_t *at, sums *s)
{
    for (; *at < b->n_near && b->near[*at].probe == probe; ++*at) {
        const struct pair *p = &b->near[*at];
        *(p->mate ? &s->mates : &s->strangers) += 1;
        if (filter && !df__filter_allows(filter, b->faces[p->face].id))
            *(p->mate ? &s->lost : &s->gone) += 1;
    }
}

static double time_search(const bench *b, const float *query, const uint64_t *ids, size_t n)
{
    df_error err;
    df_hit hits[K];
    size_t found;
    df_filter f = {.ids = ids, .n = n};
    double from = spent_ms();
    if (df__flat_search(b->large, DF_COSINE, query, 1, K, ids ? &f : NULL, 1, hits, &found, &err) != DF_OK)
        die(&err);
    return spent_ms() - from;
}

/* Large row i is gallery face i % n. */
static void time_large(bench *b, size_t probe, const df_filter *filter, double *plain, double *filtered)
{
    uint64_t *ids = malloc((b->rows + 1) * sizeof *ids);
    bool *kept = calloc(b->n, sizeof *kept);
    size_t n = 0;
    float query[4096];
    for (size_t i = 0; i < b->n; i++)
        kept[i] = !filter || df__filter_allows(filter, b->faces[i].id);
    for (size_t i = 0; i < b->rows; i++)
        if (kept[i % b->n])
            ids[n++] = i + 1;
    faces_row(probe, 1000, b->dims, query);
    time_search(b, query, ids, n); /* what is read is in memory */
    *plain = time_search(b, query, NULL, 0);
    *filtered = time_search(b, query, ids, n);
    free(ids), free(kept);
}

static void run(bench *b, const char *name, unsigned by, double bar)
{
    static double condition[8192], plain[TIMED], filtered[TIMED];
    sums s = {0};
    df_error err;
    uint64_t change;
    size_t at = 0, asked = 0;
    df_search_opts o = df_search_opts_default();
    o.auto_by = by, o.auto_bar = bar;
    if (b->g->ops->begin(b->g->store, &change, &err) != DF_OK)
        die(&err);
    for (size_t i = 0; i < b->n && i < 8192; i++) {
        df_filter room;
        const df_filter *filter;
        char *text = NULL;
        uint64_t *ids = NULL;
        size_t n;
        if (df__gallery_auto(b->g, &b->faces[i].a, &o, change, &text, &room, &filter, &err) != DF_OK)
            die(&err);
        double from = spent_ms();
        if (text && i % 20 == 0 && df__gallery_select(b->g, text, &ids, &n, &err) != DF_OK) /* as the first to ask for it */
            die(&err);
        if (ids)
            condition[asked++] = spent_ms() - from;
        free(ids);
        s.probes++;
        s.sure += text != NULL;
        s.left += filter ? (double)filter->n / (double)b->all : 1;
        count_hits(b, i, filter, &at, &s);
        if (b->large && i % (b->n / TIMED) == 0 && s.timed < TIMED)
            time_large(b, i, filter, &plain[s.timed], &filtered[s.timed]), s.timed++;
        free(text);
    }
    b->g->ops->end(b->g->store);
    printf("%s,%.2f,%.1f,%.1f,%.0f,%.3f,%.0f,%.1f,%.3f", name, bar, 100 * (double)s.sure / (double)s.probes, 100 * s.left / (double)s.probes, s.mates,
           100 * s.lost / s.mates, s.strangers, 100 * s.gone / s.strangers, middle(condition, asked));
    if (b->large)
        printf(",%.2f,%.2f", middle(plain, s.timed), middle(filtered, s.timed));
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct { const char *name; unsigned by; } choices[] = {
        {"gender", DF_WITH_GENDER}, {"race", DF_WITH_RACE}, {"age", DF_WITH_AGE}, {"gender+race", DF_WITH_GENDER | DF_WITH_RACE},
        {"gender+race+age", DF_WITH_GENDER | DF_WITH_RACE | DF_WITH_AGE}};
    static const double bars[] = {0.5, 0.7, 0.8, 0.9, 0.95, 0.99};
    df_engine *df;
    df_error err;
    df_gallery_stats stats;
    df_gallery_opts how = df_gallery_opts_default();
    bench b = {0};
    char path[512];
    if (argc < 2)
        return fprintf(stderr, "usage: bench_autofilter G.db [ROWS]\n"), 2;
    how.read_only = true;
    if (df_engine_new(NULL, &df, &err) != DF_OK || df_gallery_open(df, argv[1], NULL, &how, &b.g, &err) != DF_OK ||
        df_gallery_get_stats(b.g, &stats, &err) != DF_OK || df_threshold("Dlib", "cosine", "points", &b.threshold, &err) != DF_OK)
        die(&err);
    b.dims = stats.dims, b.all = (size_t)stats.faces, b.rows = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    if (df_gallery_export(b.g, NULL, take, &b, &err) != DF_OK)
        die(&err);
    snprintf(path, sizeof path, "%s-bench", argv[1]);
    find_near(&b);
    if (b.rows)
        make_large(&b, path);
    fprintf(stderr, "%zu faces of %zu people\n", b.n, b.n_names);
    printf("by,bar,sure%%,left%%,mates,lost%%,strangers,gone%%,condition_ms%s\n", b.rows ? ",plain_ms,filtered_ms" : "");
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        for (size_t k = 0; k < sizeof bars / sizeof *bars; k++)
            if (choices[i].by != DF_WITH_AGE || k == 0)
                run(&b, choices[i].name, choices[i].by, bars[k]);
    df__matrix_free(b.large), unlink(path);
    df_gallery_close(b.g), df_engine_free(df);
    return 0;
}
