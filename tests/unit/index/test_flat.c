/* test_flat.c - an exact search answers what brute force answers, bit for bit: every metric, size and level of the processor, near ties,
 * duplicates, zero vectors, huge and tiny numbers, removed rows, filters, batches and threads. */
#include "index/matrix_file.h"
#include "index/scan.h"
#include "vectors.h"

static df_error err;

typedef struct gallery { temp_dir dir; df_matrix *m; float *rows; uint64_t *ids; bool *alive; size_t n, dims; } gallery;

static gallery gallery_of(float *rows, size_t n, size_t dims, uint64_t id_step)
{
    gallery g = {temp_dir_new(), NULL, rows, malloc((n + 1) * sizeof(uint64_t)), malloc(n + 1), n, dims};
    uint64_t id = 0;
    for (size_t i = 0; i < n; i++)
        g.ids[i] = id += 1 + (id_step > 1 ? random_below((size_t)id_step) : 0), g.alive[i] = true;
    CHECK_OK(df__matrix_open(temp_path(&g.dir, "m"), (uint32_t)dims, "test", true, &g.m, &err));
    for (size_t i = 0; i < n;) { /* in pieces, so that blocks are filled in several goes */
        size_t some = 1 + random_below(700) < n - i ? 1 + random_below(n - i < 700 ? n - i : 700) : n - i;
        CHECK_OK(df__matrix_append(g.m, g.ids + i, rows + i * dims, some, i, &err));
        i += some;
    }
    return g;
}

static void gallery_free(gallery *g)
{
    df__matrix_free(g->m);
    free(g->ids), free(g->alive), free(g->rows);
}

static void same(const brute *right, size_t k, const df_hit *hits, size_t found, const char *what)
{
    size_t n = right->n < k ? right->n : k;
    if (found != n)
        fail_msg("%s: %zu hits, brute force has %zu", what, found, n);
    for (size_t i = 0; i < n; i++)
        if (hits[i].id != right->hits[i].id || hits[i].distance != right->hits[i].distance)
            fail_msg("%s: hit %zu is %llu at %.17g, brute force has %llu at %.17g", what, i, (unsigned long long)hits[i].id, hits[i].distance,
                     (unsigned long long)right->hits[i].id, right->hits[i].distance);
}

/* One query against brute force. `allowed` goes with `filter`. */
static void compare(gallery *g, df_metric metric, const float *query, size_t k, const df_filter *filter, const bool *allowed, int threads, const char *what)
{
    df_hit *hits = malloc((k + 1) * sizeof *hits);
    bool *keep = malloc(g->n + 1);
    size_t found = 0;
    for (size_t i = 0; i < g->n; i++)
        keep[i] = g->alive[i] && (!allowed || allowed[i]);
    brute right = brute_force(metric, query, g->rows, g->ids, keep, g->n, g->dims);
    CHECK_OK(df__flat_search(g->m, metric, query, 1, k, filter, threads, hits, &found, &err));
    same(&right, k, hits, found, what);
    free(right.hits), free(hits), free(keep);
}

static void all_metrics(gallery *g, const float *query, size_t k, const char *what)
{
    char text[128];
    for (int metric = 0; metric < DF_METRICS; metric++) {
        snprintf(text, sizeof text, "%s, %s", what, df__metric_name((df_metric)metric));
        compare(g, (df_metric)metric, query, k, NULL, NULL, 1, text);
    }
}

TEST(every_number_of_dimensions_from_1_to_512)
{
    char text[64];
    for (size_t dims = 1; dims <= 512; dims += dims < 20 ? 1 : dims < 130 ? 7 : 61) {
        size_t n = 50 + random_below(400);
        float *rows = malloc(n * dims * sizeof *rows), query[512];
        random_rows(rows, n, dims), random_rows(query, 1, dims);
        gallery g = gallery_of(rows, n, dims, 1);
        snprintf(text, sizeof text, "%zu rows of %zu", n, dims);
        all_metrics(&g, query, 10, text);
        gallery_free(&g);
    }
}

TEST(any_k_and_any_number_of_rows)
{
    const size_t sizes[] = {1, 2, 15, 16, 17, 1023, 1024, 1025, 3100, 20000}, ks[] = {1, 3, 10, 200, 5000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s], dims = 24;
        float *rows = malloc(n * dims * sizeof *rows), query[24];
        random_rows(rows, n, dims), random_rows(query, 1, dims);
        gallery g = gallery_of(rows, n, dims, 3);
        for (size_t k = 0; k < 5; k++)
            all_metrics(&g, query, ks[k], "k");
        gallery_free(&g);
    }
}

TEST(nothing_to_find)
{
    gallery g = gallery_of(malloc(1), 0, 8, 1);
    float query[8] = {1};
    df_hit hit;
    size_t found = 7;
    CHECK_OK(df__flat_search(g.m, DF_COSINE, query, 1, 1, NULL, 1, &hit, &found, &err));
    assert_int_equal(found, 0);
    CHECK_OK(df__flat_search(g.m, DF_COSINE, query, 0, 1, NULL, 1, &hit, &found, &err));
    found = 7;
    CHECK_OK(df__flat_search(g.m, DF_COSINE, query, 1, 0, NULL, 1, &hit, &found, &err));
    assert_int_equal(found, 0);
    gallery_free(&g);
}

/* Rows that differ from one another, and in their distance to the query, by the last bits of one float. */
TEST(near_ties_are_told_apart_as_float64_of_the_float32_rows_does)
{
    enum { N = 3000, DIMS = 128 };
    float *rows = malloc(N * DIMS * sizeof *rows), query[DIMS];
    random_rows(query, 1, DIMS);
    for (size_t i = 0; i < N; i++) {
        memcpy(rows + i * DIMS, query, sizeof query);
        for (int j = 0; j < 3; j++) {
            float *v = &rows[i * DIMS + random_below(DIMS)];
            for (size_t step = random_below(4); step > 0; step--)
                *v = nextafterf(*v, random_below(2) ? 100.0f : -100.0f);
        }
    }
    gallery g = gallery_of(rows, N, DIMS, 2);
    all_metrics(&g, query, 50, "last bits");
    for (int i = 0; i < DIMS; i++)
        query[i] += 0.05f * random_normal();
    all_metrics(&g, query, 50, "last bits, seen from beside");
    all_metrics(&g, query, N + 10, "last bits, all");
    gallery_free(&g);
}

TEST(duplicates_come_by_id)
{
    enum { N = 4000, DIMS = 16 };
    float *rows = malloc(N * DIMS * sizeof *rows);
    random_rows(rows, 5, DIMS);
    for (size_t i = 5; i < N; i++)
        memcpy(rows + i * DIMS, rows + random_below(5) * DIMS, DIMS * sizeof *rows);
    gallery g = gallery_of(rows, N, DIMS, 4);
    all_metrics(&g, rows, 20, "duplicates");
    all_metrics(&g, rows + 2 * DIMS, N, "duplicates, all");
    gallery_free(&g);
}

TEST(a_row_of_length_zero_has_a_euclidean_distance_alone)
{
    enum { N = 500, DIMS = 7 };
    float *rows = malloc(N * DIMS * sizeof *rows), zero[DIMS] = {0}, query[DIMS];
    random_rows(rows, N, DIMS), random_rows(query, 1, DIMS);
    for (size_t i = 0; i < N; i += 3)
        memset(rows + i * DIMS, 0, sizeof zero);
    gallery g = gallery_of(rows, N, DIMS, 1);
    df_hit hit;
    size_t found;
    all_metrics(&g, query, 450, "zero rows");
    for (int i = 0; i < DIMS; i++)
        query[i] = -query[i];
    all_metrics(&g, query, 450, "zero rows, from the other side");
    compare(&g, DF_EUCLIDEAN, zero, 20, NULL, NULL, 1, "a zero query");
    CHECK_STATUS(DF_E_ARGUMENT, df__flat_search(g.m, DF_COSINE, zero, 1, 1, NULL, 1, &hit, &found, &err));
    CHECK_HAS(err.message, "length 0");
    gallery_free(&g);
}

TEST(nan_and_infinity_are_refused)
{
    float rows[3 * 4] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, query[4] = {1, 1, 1, 1};
    const float bad[] = {NAN, INFINITY, -INFINITY};
    const uint64_t ids[3] = {1, 2, 3};
    temp_dir d = temp_dir_new();
    df_matrix *m;
    df_hit hit;
    size_t found;
    CHECK_OK(df__matrix_open(temp_path(&d, "m"), 4, "test", true, &m, &err));
    for (int i = 0; i < 3; i++) {
        rows[9] = bad[i], query[2] = bad[i];
        CHECK_STATUS(DF_E_ARGUMENT, df__matrix_append(m, ids, rows, 3, 1, &err));
        CHECK_HAS(err.message, "id 3");
        CHECK_STATUS(DF_E_ARGUMENT, df__flat_search(m, DF_COSINE, query, 1, 1, NULL, 1, &hit, &found, &err));
    }
    assert_int_equal(df__matrix_count(m), 0); /* none of the three */
    assert_int_equal(df__matrix_stamp(m), 0);
    df__matrix_free(m);
}

TEST(huge_and_tiny_numbers)
{
    enum { N = 1500, DIMS = 33 };
    const float sizes[] = {1e-45f, 1e-38f, 1e-30f, 1e-19f, 1e-10f, 1, 1e5f, 1e10f, 1e19f, 1e30f, 1e37f};
    float *rows = malloc(N * DIMS * sizeof *rows), query[DIMS];
    random_rows(rows, N, DIMS);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0, s = random_below(11); j < DIMS; j++)
            rows[i * DIMS + j] *= sizes[s];
    for (size_t j = 0; j < DIMS; j++) /* the largest there are: they round to infinity in bfloat16 */
        rows[5 * DIMS + j] = j % 2 ? 3.4e38f : -3.4e38f;
    gallery g = gallery_of(rows, N, DIMS, 1);
    for (size_t s = 0; s < 11; s++) {
        random_rows(query, 1, DIMS);
        for (size_t j = 0; j < DIMS; j++)
            query[j] *= sizes[s];
        double squares = 0;
        for (size_t j = 0; j < DIMS; j++)
            squares += (double)query[j] * query[j];
        if (squares > 0)
            all_metrics(&g, query, 25, "sizes");
        compare(&g, DF_EUCLIDEAN, query, 25, NULL, NULL, 1, "sizes, euclidean");
    }
    all_metrics(&g, rows + 5 * DIMS, 25, "the largest");
    gallery_free(&g);
}

/* One number of a row that dwarfs the others leaves nothing of them in 8 bits. */
TEST(rows_that_8_bits_cannot_tell_apart)
{
    enum { N = 2500, DIMS = 64 };
    float *rows = malloc(N * DIMS * sizeof *rows), query[DIMS];
    random_rows(rows, N, DIMS), random_rows(query, 1, DIMS);
    for (size_t i = 0; i < N; i++)
        rows[i * DIMS] = 1000;
    query[0] = 1000;
    gallery g = gallery_of(rows, N, DIMS, 1);
    all_metrics(&g, query, 10, "one large number");
    gallery_free(&g);
}

TEST(removed_rows_are_not_found)
{
    enum { N = 5000, DIMS = 20 };
    float *rows = malloc(N * DIMS * sizeof *rows), query[DIMS];
    random_rows(rows, N, DIMS), random_rows(query, 1, DIMS);
    gallery g = gallery_of(rows, N, DIMS, 3);
    for (int round = 0; round < 4; round++) {
        uint64_t gone[600];
        for (int i = 0; i < 600; i++) {
            size_t which = random_below(N);
            gone[i] = g.ids[which], g.alive[which] = false;
        }
        CHECK_OK(df__matrix_remove(g.m, gone, 600, 1, &err));
        all_metrics(&g, query, 30, "removed");
        if (round == 2)
            CHECK_OK(df__matrix_compact(g.m, &err));
        all_metrics(&g, query, 30, "removed and compacted");
    }
    gallery_free(&g);
}

TEST(filters_of_any_width_by_ids_and_by_bits)
{
    enum { N = 9000, DIMS = 12 };
    const double widths[] = {0, 0.0005, 0.005, 0.02, 0.025, 0.1, 0.5, 0.9, 1};
    for (uint64_t step = 1; step <= 3; step += 2) /* ids without gaps and with */
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
            float *rows = malloc(N * DIMS * sizeof *rows), query[DIMS];
            bool *allowed = calloc(N, 1);
            uint64_t *list = malloc(2 * N * sizeof *list), *bits = calloc(N, sizeof *bits);
            size_t n = 0;
            random_rows(rows, N, DIMS), random_rows(query, 1, DIMS);
            gallery g = gallery_of(rows, N, DIMS, step);
            const uint64_t first = 5;
            for (size_t i = 0; i < N; i++) {
                if (random_unit() < widths[w] && g.ids[i] >= first) {
                    allowed[i] = true, list[n++] = g.ids[i];
                    bits[(g.ids[i] - first) / 64] |= (uint64_t)1 << (g.ids[i] - first) % 64;
                }
                if (step > 1 && i + 1 < N && g.ids[i] + 1 < g.ids[i + 1] && random_below(4) == 0 && g.ids[i] >= first) { /* an id that is not there */
                    list[n++] = g.ids[i] + 1;
                    bits[(g.ids[i] + 1 - first) / 64] |= (uint64_t)1 << (g.ids[i] + 1 - first) % 64;
                }
            }
            df_filter by_ids = {.ids = list, .n = n}, by_bits = {.bits = bits, .first = first, .n_bits = (size_t)(g.ids[N - 1] - first + 1)};
            assert_int_equal(df__filter_count(&by_bits), n);
            for (int metric = 0; metric < DF_METRICS; metric++) {
                compare(&g, (df_metric)metric, query, 15, &by_ids, allowed, 1, "by ids");
                compare(&g, (df_metric)metric, query, 15, &by_bits, allowed, 2, "by bits");
            }
            gallery_free(&g);
            free(allowed), free(list), free(bits);
        }
}

TEST(a_batch_on_any_number_of_threads_is_each_query_alone)
{
    enum { N = 40000, DIMS = 32, QUERIES = 150, K = 7 };
    float *rows = malloc(N * DIMS * sizeof *rows), *queries = malloc(QUERIES * DIMS * sizeof *queries);
    df_hit *hits = malloc(QUERIES * K * sizeof *hits);
    size_t found[QUERIES];
    random_rows(rows, N, DIMS), random_rows(queries, QUERIES, DIMS);
    gallery g = gallery_of(rows, N, DIMS, 2);
    for (int threads = 1; threads <= 4; threads++)
        for (int metric = 0; metric < DF_METRICS; metric += 1) {
            size_t n = threads == 1 ? QUERIES : 1 + random_below(QUERIES);
            CHECK_OK(df__flat_search(g.m, (df_metric)metric, queries, n, K, NULL, threads, hits, found, &err));
            for (size_t q = 0; q < n; q += 1 + random_below(9)) {
                brute right = brute_force((df_metric)metric, queries + q * DIMS, g.rows, g.ids, NULL, N, DIMS);
                same(&right, K, hits + q * K, found[q], "a batch");
                free(right.hits);
            }
        }
    free(queries), free(hits);
    gallery_free(&g);
}

static void set_scales(uint8_t *blocks, size_t n, size_t bytes)
{
    for (size_t i = 0; i < n * DF_BLOCK; i++) {
        float scale = (float)(random_unit() * 0.001);
        memcpy(blocks + i / DF_BLOCK * bytes + i % DF_BLOCK * sizeof scale, &scale, sizeof scale);
    }
}

/* Every level of the processor family that this one has, against the plain loop. */
TEST(the_scan_is_the_same_at_every_level)
{
    enum { BLOCKS = 9, PADDED = 132, BYTES = DF_BLOCK * (4 + PADDED) };
    static uint8_t blocks[BLOCKS * BYTES];
    static int8_t codes[DF_SCAN_QUERIES * PADDED];
    static df_scan_hit plain[DF_SCAN_MOST_HITS], other[DF_SCAN_MOST_HITS];
    const df_scan *level = df__scan(), *levels[] = {level,
#if defined(DF_LANES_LEVELS)
        level == &df__scan_v4 ? &df__scan_v3 : level
#endif
    };
    for (size_t i = 0; i < sizeof blocks; i++)
        blocks[i] = (uint8_t)(1 + random_below(255));
    for (size_t i = 0; i < sizeof codes; i++)
        codes[i] = (int8_t)(random_below(255) - 127);
    memset(codes, 127, PADDED); /* the extremes */
    memset(blocks + 64, 255, 200);
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++)
        for (size_t queries = 1; queries <= DF_SCAN_QUERIES; queries++)
            for (size_t padded = 4; padded <= PADDED; padded += 32) { /* 4, 36, ... 132 */
                set_scales(blocks, BLOCKS, DF_BLOCK * (4 + padded));
                for (int open = 0; open < 2; open++) {
                    float limit[DF_SCAN_QUERIES];
                    size_t n_blocks = 1 + random_below(BLOCKS);
                    for (int q = 0; q < DF_SCAN_QUERIES; q++)
                        limit[q] = open ? -INFINITY : 20 * (float)random_unit();
                    size_t n = df__scan_base.run(blocks, n_blocks, padded, codes, limit, queries, plain);
                    size_t m = levels[l]->run(blocks, n_blocks, padded, codes, limit, queries, other);
                    assert_int_equal(n, m);
                    if (open)
                        assert_int_equal(n, queries * n_blocks * DF_BLOCK);
                    int64_t sums[2] = {0};
                    for (size_t i = 0; i < n; i++) /* in any order */
                        for (int side = 0; side < 2; side++) {
                            const df_scan_hit *h = side ? &other[i] : &plain[i];
                            sums[side] += (int64_t)(h->query * 1000003 + h->row * 7919 + 1) * (h->dot * 31 + 17);
                        }
                    assert_int_equal(sums[0], sums[1]);
                }
            }
    if (level == &df__scan_base)
        skip();
}

TEST(products_of_the_bfloat16_copy_are_close_at_every_level)
{
    uint16_t upper[200];
    float with[200];
    for (size_t dims = 1; dims <= 200; dims++) {
        double right = 0, sizes = 0;
        for (size_t i = 0; i < dims; i++) {
            uint8_t codes[4];
            uint16_t lower;
            df_quant q;
            float v = random_normal();
            with[i] = random_normal();
            CHECK(df__quantise(&v, 1, codes, &upper[i], &lower, &q));
            uint32_t bits = (uint32_t)upper[i] << 16;
            memcpy(&v, &bits, 4);
            right += (double)v * with[i], sizes += fabs((double)v * with[i]);
        }
        CHECK_NEAR(right, df__scan_base.dot16(upper, with, dims), sizes * 6e-8 * (dims / 16 + 17));
        CHECK_NEAR(right, df__scan()->dot16(upper, with, dims), sizes * 6e-8 * (dims / 16 + 17));
#if defined(DF_LANES_LEVELS)
        if (df__scan() == &df__scan_v4)
            CHECK_NEAR(right, df__scan_v3.dot16(upper, with, dims), sizes * 6e-8 * (dims / 16 + 17));
#endif
    }
}

TEST(the_chosen_level_reads_all)
{
    uint8_t bytes[512] = {0};
    CHECK(df__scan()->read(bytes, sizeof bytes) == 0);
    bytes[300] = 1;
    CHECK(df__scan()->read(bytes, sizeof bytes) != 0);
}

TEST(every_allocation_of_a_search_may_fail)
{
    enum { N = 1300, DIMS = 8, K = 400 };
    float *rows = malloc(N * DIMS * sizeof *rows), query[2 * DIMS];
    df_hit hits[2 * K];
    size_t found[2];
    random_rows(rows, N, DIMS), random_rows(query, 2, DIMS);
    gallery g = gallery_of(rows, N, DIMS, 1);
    bool done = false;
    for (size_t n = 1; !done; n++) {
        test_alloc_fail_at(n);
        df_status st = df__flat_search(g.m, DF_COSINE, query, 2, K, NULL, 1, hits, found, &err);
        done = test_alloc_count() < n;
        test_alloc_fail_at(0);
        if (!done)
            assert_int_equal(st, DF_E_NO_MEMORY);
        else
            CHECK_OK(st);
    }
    gallery_free(&g);
}
