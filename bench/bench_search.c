/* bench_search.c - how fast a gallery of synthetic faces (faces.h) is searched, as CSV.
 *
 *     bench_search exact ROWS DIMS FILE          the exact index: reading its 8-bit copy, one query, batches, threads, filters
 *     bench_search grow ROWS DIMS FILE           rows a second appended, then searches: latency, resident memory
 *     bench_search ann ROWS DIMS FILE WHAT EFFORT...   an approximate index (index/ann.h): build (processor s), bytes, recall of the exact ten and of the person's own
 *                                                photos, queries a second of one thread's own time. An EFFORT of r0.95 is the one
 *                                                that the index takes for that recall; by turns with the library alone and with
 *                                                an exact search. FILE is used again where it has ROWS rows, FILE.index where it is
 *                                                such an index of it (build_s 0).
 *     bench_search auto ROWS DIMS FILE INDEX...  what `--index auto` would take of these index files and the exact search at each recall (the least share of an exact
 *                                                search's time that an index measured when it was built), beside what each takes now, by turns
 *
 * ROWS faces, 5 of each person; FILE is the matrix, made anew. Subjects alternate; median and least of all runs count: of one thread its own processor
 * time, of several the clock. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "faces.h"
#include "index/ann_part.h"
#include "index/scan.h"

enum { PHOTOS = 5, K = 10, QUERIES = 512, APPEND = 16384, ROUNDS = 15, EXACT_ONE_IN = 8, LARGEST_BATCH = 64 };

typedef struct bench {
    size_t     rows, dims;
    const char *path;
    df_matrix *m;
    float     *queries;
    df_hit     hits[LARGEST_BATCH * K];
    size_t     found[LARGEST_BATCH];
    size_t     next; /* query */
} bench;

static int by_size(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static double median(double *ms, size_t n)
{
    qsort(ms, n, sizeof *ms, by_size);
    return (ms[(n - 1) / 2] + ms[n / 2]) / 2;
}

/* ---- the gallery ---- */

static df_status make_matrix(bench *b, double *ms, df_error *err)
{
    df_status st = DF_OK;
    float *rows = malloc(APPEND * b->dims * sizeof *rows);
    uint64_t *ids = malloc(APPEND * sizeof *ids);
    *ms = 0;
    unlink(b->path);
    if (!rows || !ids)
        DF_TRY(df__no_memory(err, "rows", APPEND * b->dims * sizeof *rows));
    DF_TRY(df__matrix_open(b->path, (uint32_t)b->dims, "synthetic", true, &b->m, err));
    for (size_t at = 0; at < b->rows; at += APPEND) {
        size_t n = b->rows - at < APPEND ? b->rows - at : APPEND;
        for (size_t i = 0; i < n; i++)
            faces_gallery_row(at + i, PHOTOS, b->dims, rows + i * b->dims), ids[i] = at + i + 1;
        double begun = now_ms();
        DF_TRY(df__matrix_append(b->m, ids, rows, n, at + n, err));
        *ms += now_ms() - begun;
    }
done:
    free(rows), free(ids);
    return st;
}

/* ---- what is timed ---- */

/* The 8-bit copy, once, by the level's own loads. */
static df_status read_copy(bench *b, size_t batch, int threads, const df_filter *filter, df_error *err)
{
    df_view v;
    uint64_t all = 0;
    (void)batch, (void)threads, (void)filter;
    df__view_take(b->m, &v);
    for (size_t i = 0; i < v.n_chunks; i++) {
        size_t left = v.rows - v.chunks[i]->first, rows = left < v.chunks[i]->rows ? left : v.chunks[i]->rows;
        all ^= df__scan()->read(df__chunk_blocks(v.chunks[i]), rows / DF_BLOCK * v.block_bytes);
    }
    df__view_give(b->m, &v);
    return all == 1 ? df__fail(err, DF_E_INTERNAL, "never") : DF_OK;
}

static df_status search(bench *b, size_t batch, int threads, const df_filter *filter, df_error *err)
{
    b->next = b->next + batch <= QUERIES ? b->next : 0;
    const float *q = b->queries + b->next * b->dims;
    b->next += batch;
    return df__flat_search(b->m, DF_COSINE, q, batch, K, filter, threads, b->hits, b->found, err);
}

typedef struct subject {
    const char *name;
    df_status (*run)(bench *b, size_t batch, int threads, const df_filter *filter, df_error *err);
    size_t batch;
    int    threads, runs; /* runs: a round */
    const df_filter *filter;
} subject;

/* All subjects by turns, so that what else the machine does meets them alike. */
static df_status timed(bench *b, const subject *s, size_t n, df_error *err)
{
    static double ms[16][ROUNDS * 8];
    df_status st = DF_OK;
    for (int round = -1; round < ROUNDS; round++)
        for (size_t i = 0; i < n; i++)
            for (int r = 0; r < s[i].runs; r++) {
                double begun = s[i].threads == 1 ? spent_ms() : now_ms();
                DF_TRY(s[i].run(b, s[i].batch, s[i].threads, s[i].filter, err));
                if (round >= 0)
                    ms[i][round * s[i].runs + r] = (s[i].threads == 1 ? spent_ms() : now_ms()) - begun;
            }
    for (size_t i = 0; i < n; i++) {
        size_t runs = (size_t)ROUNDS * (size_t)s[i].runs;
        double middle = median(ms[i], runs);
        printf("%s,%zu,%zu,%zu,%d,%.3f,%.3f,%.1f\n", s[i].name, b->rows, b->dims, s[i].batch, s[i].threads, middle, ms[i][0],
               1e3 * (double)s[i].batch / middle);
    }
    fflush(stdout);
done:
    return st;
}

/* A filter of one id in `one_in` at random. */
static df_status make_filter(const bench *b, double width, uint64_t seed, df_filter *bits, df_filter *ids, df_error *err)
{
    faces_state s = {seed};
    uint64_t *word = calloc(b->rows / 64 + 1, sizeof *word), *list = malloc(b->rows * sizeof *list);
    if (!word || !list) {
        free(word), free(list);
        return df__no_memory(err, "a filter", b->rows * sizeof *list);
    }
    size_t n = 0;
    for (size_t i = 0; i < b->rows; i++)
        if (faces_unit(&s) < width)
            word[i / 64] |= (uint64_t)1 << i % 64, list[n++] = i + 1;
    *bits = (df_filter){.bits = word, .first = 1, .n_bits = b->rows}, *ids = (df_filter){.ids = list, .n = n};
    return DF_OK;
}

/* ---- verbs ---- */

/* The exact ten of a batch, FILE.answers: for others to compare with. */
static df_status write_answers(bench *b, df_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s.answers", b->path);
    df_status st = df__flat_search(b->m, DF_COSINE, b->queries, LARGEST_BATCH, K, NULL, 1, b->hits, b->found, err);
    FILE *f = st == DF_OK ? fopen(path, "wb") : NULL;
    if (st == DF_OK && (!f || fwrite(b->hits, sizeof b->hits, 1, f) != 1))
        st = df__fail(err, DF_E_IO, "cannot write %s", path);
    if (f)
        fclose(f);
    return st;
}

static df_status exact(bench *b, df_error *err)
{
    static const double widths[3] = {0.5, 0.05, 0.005};
    df_filter f[6] = {0};
    df_status st = DF_OK;
    double ms;
    DF_TRY(make_matrix(b, &ms, err));
    fprintf(stderr, "%zu rows appended in %.0f ms: %.0f rows/s\n", b->rows, ms, 1e3 * (double)b->rows / ms);
    for (int i = 0; i < 3; i++)
        DF_TRY(make_filter(b, widths[i], 7, &f[i], &f[3 + i], err));
    const subject subjects[] = {
        {"read the 8-bit copy", read_copy, 1, 1, 4, NULL}, {"exact", search, 1, 1, 8, NULL},          {"exact", search, 4, 1, 1, NULL},
        {"exact", search, 16, 1, 1, NULL},                 {"exact", search, 64, 1, 1, NULL},         {"exact", search, 1, 2, 4, NULL},
        {"exact", search, 64, 2, 1, NULL},                 {"exact 50 % bits", search, 1, 1, 4, &f[0]}, {"exact 5 % bits", search, 1, 1, 4, &f[1]},
        {"exact 0.5 % bits", search, 1, 1, 4, &f[2]},      {"exact 50 % ids", search, 1, 1, 4, &f[3]}, {"exact 5 % ids", search, 1, 1, 4, &f[4]},
        {"exact 0.5 % ids", search, 1, 1, 4, &f[5]},
    };
    printf("subject,rows,dims,batch,threads,median_ms,min_ms,queries_s\n");
    DF_TRY(timed(b, subjects, sizeof subjects / sizeof *subjects, err));
    DF_TRY(write_answers(b, err));
done:
    for (int i = 0; i < 6; i++)
        free((void *)(uintptr_t)(i < 3 ? f[i].bits : f[i].ids));
    return st;
}

/* Resident memory, MB: /proc/self/status. */
static double resident(const char *key)
{
    char line[256];
    double kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0)
            kb = strtod(line + strlen(key), NULL);
    if (f)
        fclose(f);
    return kb / 1024;
}

static df_status grow(bench *b, df_error *err)
{
    df_status st = DF_OK;
    double append_ms, begun;
    df_matrix_info info;
    DF_TRY(make_matrix(b, &append_ms, err));
    df__matrix_free(b->m);
    b->m = NULL;
    begun = now_ms();
    DF_TRY(df__matrix_open(b->path, (uint32_t)b->dims, "synthetic", false, &b->m, err));
    double open_ms = now_ms() - begun, before = resident("VmRSS:");
    begun = now_ms();
    DF_TRY(search(b, 1, 1, NULL, err));
    double first_ms = now_ms() - begun;
    info = df__matrix_info(b->m);
    printf("rows,dims,appended_rows_s,file_bytes_row,scan_bytes_row,open_ms,first_query_ms\n%zu,%zu,%.0f,%.1f,%.1f,%.2f,%.1f\n", b->rows, b->dims,
           1e3 * (double)b->rows / append_ms, (double)info.file_bytes / (double)b->rows, (double)info.scan_bytes / (double)b->rows, open_ms, first_ms);
    const subject subjects[] = {{"read the 8-bit copy", read_copy, 1, 1, 1, NULL}, {"exact", search, 1, 1, 4, NULL}, {"exact", search, 1, 2, 2, NULL},
                                {"exact", search, 64, 1, 1, NULL}, {"exact", search, 64, 2, 1, NULL}};
    printf("subject,rows,dims,batch,threads,median_ms,min_ms,queries_s\n");
    DF_TRY(timed(b, subjects, sizeof subjects / sizeof *subjects, err));
    printf("resident_mb_before,resident_mb,peak_mb,scan_mb\n%.1f,%.1f,%.1f,%.1f\n", before, resident("VmRSS:"), resident("VmHWM:"),
           (double)info.scan_bytes / 1048576);
done:
    return st;
}

/* ---- approximate ---- */

static df_status old_or_new_matrix(bench *b, df_error *err)
{
    double ms;
    if (df__matrix_open(b->path, (uint32_t)b->dims, "synthetic", true, &b->m, err) == DF_OK && df__matrix_count(b->m) == b->rows)
        return DF_OK;
    df__matrix_free(b->m);
    b->m = NULL;
    return make_matrix(b, &ms, err);
}

static size_t common(const df_hit *right, const df_hit *hits, size_t n)
{
    size_t same = 0;
    for (size_t i = 0; i < K; i++)
        for (size_t j = 0; j < n; j++)
            same += right[i].id == hits[j].id;
    return same;
}

/* How many of the five photos of whom query i shows. */
static size_t own(const bench *b, size_t i, const df_hit *hits, size_t n)
{
    uint64_t person = faces_person(i, QUERIES, b->rows, PHOTOS);
    size_t mine = 0;
    for (size_t j = 0; j < n; j++)
        mine += (hits[j].id - 1) / PHOTOS == person;
    return mine;
}

/* The library's own search and nothing else, for what ours adds to it. Queries are of length 1 already. */
static df_status alone(const df_ann *a, const float *query, double effort, df_error *err)
{
    uint64_t labels[K];
    size_t found;
    char message[DF_ANN_MESSAGE] = "";
    return a->module->search(a->self, query, K, effort, labels, &found, message) ? df__fail(err, DF_E_STORE, "%s", message) : DF_OK;
}

static df_status approximate(bench *b, const char *what, char **efforts, int n, df_error *err)
{
    static df_hit right[QUERIES * K], hits[K];
    static size_t found[QUERIES];
    df_status st = DF_OK;
    df_ann *a = NULL;
    char path[4096];
    size_t got, got_exact;
    DF_TRY(old_or_new_matrix(b, err));
    DF_TRY(df__flat_search(b->m, DF_COSINE, b->queries, QUERIES, K, NULL, 2, right, found, err));
    snprintf(path, sizeof path, "%s.index", b->path);
    double begun = now_ms(), build_s = 0;
    if (df__ann_open(path, b->m, DF_COSINE, &a, err) != DF_OK || strcmp(df__ann_head(a)->what, what) != 0) {
        df__ann_close(a);
        a = NULL;
        begun = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
        DF_TRY(df__ann_build(b->m, DF_COSINE, what, 2, NULL, NULL, path, err));
        build_s = (clock_ms(CLOCK_PROCESS_CPUTIME_ID) - begun) / 1e3;
        begun = now_ms();
        DF_TRY(df__ann_open(path, b->m, DF_COSINE, &a, err));
    }
    double open_ms = now_ms() - begun;
    printf("index,rows,dims,effort,recall_10,recall_own,queries_s,build_s,bytes_face,open_ms,alone_queries_s,exact_queries_s\n");
    for (int e = 0; e < n; e++) {
        double best = 0, best_alone = 0, best_exact = 0, effort = strtod(efforts[e], NULL), share;
        size_t same = 0, mine = 0, exactly;
        if (*efforts[e] == 'r' && !df__ann_effort(df__ann_head(a), strtod(efforts[e] + 1, NULL), &effort, &share))
            continue;
        for (int round = 0; round < 3; round++) {
            same = mine = 0;
            double spent = 0, spent_alone = 0, spent_exact = 0;
            for (size_t i = 0; i < QUERIES; i++) {
                begun = spent_ms();
                DF_TRY(df__ann_search(a, b->m, DF_COSINE, b->queries + i * b->dims, 1, K, NULL, effort, 1, hits, &got, &exactly, err));
                spent += spent_ms() - begun;
                begun = spent_ms();
                DF_TRY(alone(a, b->queries + (i + QUERIES / 2) % QUERIES * b->dims, effort, err)); /* another one: this one's rows lie in the caches */
                spent_alone += spent_ms() - begun;
                begun = spent_ms();
                if (i % EXACT_ONE_IN == 0)
                    DF_TRY(df__flat_search(b->m, DF_COSINE, b->queries + (i + 1) % QUERIES * b->dims, 1, K, NULL, 1, b->hits, &got_exact, err));
                spent_exact += spent_ms() - begun;
                if (i % EXACT_ONE_IN == 0) /* it has emptied the caches, of which the library's next search is not to tell */
                    DF_TRY(alone(a, b->queries + (i + QUERIES / 4) % QUERIES * b->dims, effort, err));
                same += common(right + i * K, hits, got), mine += own(b, i, hits, got);
            }
            best = QUERIES / spent * 1e3 > best ? QUERIES / spent * 1e3 : best;
            best_exact = QUERIES / EXACT_ONE_IN / spent_exact * 1e3 > best_exact ? QUERIES / EXACT_ONE_IN / spent_exact * 1e3 : best_exact;
            best_alone = QUERIES / spent_alone * 1e3 > best_alone ? QUERIES / spent_alone * 1e3 : best_alone;
        }
        printf("%s,%zu,%zu,%s%s%.0f,%.4f,%.4f,%.0f,%.1f,%.1f,%.0f,%.0f,%.0f\n", what, b->rows, b->dims, *efforts[e] == 'r' ? efforts[e] : "",
               *efforts[e] == 'r' ? "=" : "", effort, (double)same / (QUERIES * K),
               (double)mine / (QUERIES * PHOTOS), best, build_s, (double)(df__ann_head(a)->bytes + sizeof(df_ann_head)) / (double)b->rows, open_ms, best_alone,
               best_exact);
        fflush(stdout);
    }
done:
    df__ann_close(a);
    return st;
}

/* ---- which is the quickest ---- */

typedef struct rival { df_ann *a; double effort, share, spent, best; } rival; /* a NULL: the exact search */

static df_status ask_rival(bench *b, const rival *r, size_t query, df_error *err)
{
    size_t exactly;
    const float *q = b->queries + query % QUERIES * b->dims;
    return r->a ? df__ann_search(r->a, b->m, DF_COSINE, q, 1, K, NULL, r->effort, 1, b->hits, b->found, &exactly, err)
                : df__flat_search(b->m, DF_COSINE, q, 1, K, NULL, 1, b->hits, b->found, err);
}

/* The rivals answer blocks of queries in turn; what follows another's first query finds its own memory again. */
static df_status turns(bench *b, rival *r, size_t n, df_error *err)
{
    enum { BLOCK = 16 };
    df_status st = DF_OK;
    for (size_t i = 0; i < n; i++)
        r[i].best = INFINITY;
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < n; i++)
            r[i].spent = 0;
        for (size_t from = 0; from < QUERIES; from += BLOCK)
            for (size_t i = 0; i < n; i++) {
                DF_TRY(ask_rival(b, &r[i], from + QUERIES / 2, err));
                double begun = spent_ms();
                for (size_t k = 0; k < BLOCK; k++)
                    DF_TRY(ask_rival(b, &r[i], from + k, err));
                r[i].spent += spent_ms() - begun;
            }
        for (size_t i = 0; i < n; i++)
            r[i].best = r[i].spent < r[i].best ? r[i].spent : r[i].best;
    }
done:
    return st;
}

static df_status automatic(bench *b, char **paths, int n, df_error *err)
{
    enum { MOST = 8 };
    static const double recalls[] = {0.8, 0.9, 0.95, 0.99};
    df_ann *opened[MOST] = {0};
    df_status st = DF_OK;
    n = n < MOST ? n : MOST;
    DF_TRY(old_or_new_matrix(b, err));
    for (int i = 0; i < n; i++)
        DF_TRY(df__ann_open(paths[i], b->m, DF_COSINE, &opened[i], err));
    printf("recall,index,effort,share_when_built,queries_s,of_the_best,auto\n");
    for (size_t k = 0; k < sizeof recalls / sizeof *recalls; k++) {
        rival r[MOST + 1] = {{.share = 1}};
        size_t m = 1, taken = 0;
        double least = INFINITY;
        for (int i = 0; i < n; i++) {
            r[m].a = opened[i];
            m += df__ann_effort(df__ann_head(opened[i]), recalls[k], &r[m].effort, &r[m].share);
        }
        DF_TRY(turns(b, r, m, err));
        for (size_t i = 0; i < m; i++) {
            taken = r[i].share < (taken ? r[taken].share : DF_ANN_WORTH) ? i : taken;
            least = r[i].best < least ? r[i].best : least;
        }
        for (size_t i = 0; i < m; i++)
            printf("%.2f,%s,%.0f,%.3f,%.0f,%.3f,%s\n", recalls[k], r[i].a ? df__ann_head(r[i].a)->what : "exact", r[i].effort, r[i].share, QUERIES / r[i].best * 1e3,
                   least / r[i].best, i == taken ? "taken" : "");
        fflush(stdout);
    }
done:
    for (int i = 0; i < n; i++)
        df__ann_close(opened[i]);
    return st;
}

int main(int argc, char **argv)
{
    static bench b;
    df_error err = {DF_OK, ""};
    df_status st = DF_E_ARGUMENT;
    const char *verb = argc >= 5 ? argv[1] : "";
    if (argc >= 5)
        b.rows = strtoull(argv[2], NULL, 10), b.dims = strtoull(argv[3], NULL, 10), b.path = argv[4];
    if (b.rows < PHOTOS || b.dims == 0 || b.dims > DF_MATRIX_MOST_DIMS)
        return fprintf(stderr, "usage: bench_search exact|grow|ann|auto ROWS DIMS FILE [WHAT EFFORT... | INDEX...]\n"), 2;
    b.queries = malloc(QUERIES * b.dims * sizeof *b.queries);
    for (size_t i = 0; b.queries && i < QUERIES; i++)
        faces_row(faces_person(i, QUERIES, b.rows, PHOTOS), 1000, b.dims, b.queries + i * b.dims);
    if (b.queries && strcmp(verb, "exact") == 0)
        st = exact(&b, &err);
    else if (b.queries && strcmp(verb, "grow") == 0)
        st = grow(&b, &err);
    else if (b.queries && argc > 6 && strcmp(verb, "ann") == 0)
        st = approximate(&b, argv[5], argv + 6, argc - 6, &err);
    else if (b.queries && argc > 5 && strcmp(verb, "auto") == 0)
        st = automatic(&b, argv + 5, argc - 5, &err);
    if (st != DF_OK)
        fprintf(stderr, "bench_search: %s: %s\n", df_status_text(st), err.message);
    df__matrix_free(b.m);
    free(b.queries);
    return st == DF_OK ? 0 : 2;
}
