/* Filters over feature maps, windows to faces, and both over a pyramid; with filters made up here. dlib's own are in tests/golden. */
#include "detect/fhog.h"
#include "detect/hog_find.h"
#include "test.h"

static df_error err;

enum { FILTERS = 3, WEIGHTS = DF_HOG_PLANES * DF_HOG_SIDE * DF_HOG_SIDE, WIDTH = 150, HEIGHT = 132 };

static double random_weight(uint32_t i)
{
    uint32_t h = i * 2654435761u;
    h = (h ^ h >> 15) * 2246822519u;
    return (double)((h ^ h >> 13) & 1023) / 1024 - 0.5;
}

/* On every plane a diagonal and something smaller, so that all ten singular values are of one size and count. */
static df_dlib_hog *new_hog(double threshold)
{
    df_dlib_hog *hog = calloc(1, sizeof *hog);
    assert_non_null(hog);
    hog->n = FILTERS;
    hog->threshold = df__arena_calloc(&hog->arena, FILTERS, sizeof *hog->threshold);
    hog->weights = df__arena_calloc(&hog->arena, FILTERS * WEIGHTS, sizeof *hog->weights);
    CHECK(hog->threshold && hog->weights);
    for (int i = 0; i < FILTERS * WEIGHTS; i++)
        hog->weights[i] = random_weight((uint32_t)i) + (i % 100 % 11 == 0 ? 4 : 0);
    for (int i = 0; i < FILTERS; i++)
        hog->threshold[i] = threshold;
    hog->overlap = 0.3, hog->covered = 0.8;
    hog->min_width = hog->min_height = 64, hog->max_levels = 1000;
    return hog;
}

static df_hog_finder *new_finder(double threshold)
{
    df_hog_finder *f;
    CHECK_OK(df__hog_finder_new(new_hog(threshold), &f, &err));
    return f;
}

static df_pixels picture(int w, int h)
{
    static uint8_t rgb[3 * WIDTH * HEIGHT];
    for (int i = 0; i < 3 * w * h; i++)
        rgb[i] = (uint8_t)(random_weight((uint32_t)i) * 255);
    return (df_pixels){w, h, 3 * (size_t)w, rgb};
}

/* ---- filters ---- */

static double response(const df_dlib_hog *hog, int filter, const float *map, int columns, int rows, int x, int y)
{
    double sum = 0;
    for (int k = 0; k < DF_HOG_PLANES; k++)
        for (int m = 0; m < DF_HOG_SIDE; m++)
            for (int n = 0; n < DF_HOG_SIDE; n++) {
                int r = y - 4 + m, c = x - 4 + n;
                if (r >= 0 && r < rows && c >= 0 && c < columns)
                    sum += hog->weights[((filter * DF_HOG_PLANES + k) * DF_HOG_SIDE + m) * DF_HOG_SIDE + n] *
                           (double)map[(r * DF_HOG_PLANES + k) * columns + c];
            }
    return sum;
}

TEST(every_window_has_the_sum_of_its_weights_and_features)
{
    df_dlib_hog *hog = new_hog(-1000);
    df_arena arena = {0};
    df_hog_filters filters;
    df_hog_windows found = {0};
    df_packed px = df__packed_at(malloc(df__packed_bytes(WIDTH, HEIGHT)), WIDTH, HEIGHT);
    df__pack(picture(WIDTH, HEIGHT), &px);
    CHECK_OK(df__hog_filters(hog, &arena, &filters, &err));
    assert_int_equal(filters.first[FILTERS], FILTERS * DF_HOG_PLANES * DF_HOG_SIDE);
    float *room = malloc(df__hog_scan_room(WIDTH, &filters) * sizeof *room);
    int columns = df__fhog_columns(WIDTH), rows = df__fhog_rows(HEIGHT);
    float *map = malloc((size_t)(columns * rows * DF_HOG_PLANES) * sizeof *map), *work = malloc(df__fhog_room(WIDTH) * sizeof *work);
    df_fhog walk;
    df__fhog_start(&walk, &px, 0, work);
    for (int y = 0; y < rows; y++)
        df__fhog_next(&walk, map + y * DF_HOG_PLANES * columns, (size_t)columns);
    for (int first = 0, end; first < rows; first = end) { /* in bands of many heights */
        end = first + 1 + first < rows ? first + 1 + first : rows;
        CHECK_OK(df__hog_scan(&px, hog, &filters, -1000, 5, first, end, room, &found, &err));
    }
    assert_int_equal(found.n, FILTERS * rows * columns);
    for (size_t i = 0; i < found.n; i++) {
        const df_hog_window *w = &found.items[i];
        CHECK(w->level == 5);
        CHECK_NEAR(response(hog, w->filter, map, columns, rows, w->x, w->y), w->score - 1000, 1e-4); /* floats: some 3000 terms of 0.1 */
    }
    free(found.items), free(room), free(map), free(work), free(px.data);
    df__arena_free(&arena);
    df__dlib_hog_free(hog);
}

TEST(a_filter_without_weights_answers_zero)
{
    df_dlib_hog *hog = new_hog(0);
    df_arena arena = {0};
    df_hog_filters filters;
    memset(hog->weights, 0, FILTERS * WEIGHTS * sizeof *hog->weights);
    CHECK_OK(df__hog_filters(hog, &arena, &filters, &err));
    assert_int_equal(filters.first[FILTERS], 0);
    df__arena_free(&arena);
    df__dlib_hog_free(hog);
}

TEST(small_singular_values_are_left_out)
{
    df_dlib_hog *hog = new_hog(0);
    df_arena arena = {0};
    df_hog_filters filters;
    memset(hog->weights, 0, FILTERS * WEIGHTS * sizeof *hog->weights);
    hog->weights[0] = 2, hog->weights[11] = -1, hog->weights[22] = 0.0019; /* a diagonal: 2, 1 and less than 2 / 1000 */
    hog->weights[100] = 0.00009;                                          /* plane 1: less than 1e-4 */
    CHECK_OK(df__hog_filters(hog, &arena, &filters, &err));
    assert_int_equal(filters.first[1], 2);
    for (size_t i = 0; i < 2; i++) {
        const df_hog_product *p = &filters.products[i];
        size_t at = p->row[0] != 0 ? 0 : 1;
        CHECK(p->plane == 0);
        CHECK_NEAR(at ? -1 : 2, p->row[at] * p->column[at], 1e-6);
    }
    df__arena_free(&arena);
    df__dlib_hog_free(hog);
}

/* ---- faces ---- */

TEST(boxes_are_those_of_dlib)
{
    /* Worked out by image_to_fhog and rect_up of dlib: cell 0 begins 20 pixels before the first pixel of the picture's cells. */
    df_dlib_hog *hog = new_hog(0);
    df_arena arena = {0};
    df_hog_window at[] = {{.score = 1, .x = 0, .y = 5}, {.score = 0.5, .filter = 2, .level = 2, .x = 20, .y = 30}};
    df_hog_windows windows = {.items = at, .n = 2};
    df_hog_face *faces;
    size_t n;
    CHECK_OK(df__hog_faces(hog, &windows, &arena, &faces, &n, &err));
    assert_int_equal(n, 2);
    CHECK(faces[0].left == -27 && faces[0].right == 53 && faces[0].top == 21 && faces[0].bottom == 93);
    /* level 2: 141 -> 141 * 1.44 + 0.66 = 203.70, 213 -> 307.38; 221 -> 318.90, 293 -> 422.58 */
    CHECK(faces[1].left == 204 && faces[1].right == 307 && faces[1].top == 319 && faces[1].bottom == 423);
    CHECK(faces[1].filter == 2 && faces[1].score == 0.5);
    df__hog_face_halve(&faces[1]); /* 102 - 1.25, 153.5 - 1.25, 159.5 - 0.75, 211.5 - 0.75 */
    CHECK(faces[1].left == 101 && faces[1].right == 152 && faces[1].top == 159 && faces[1].bottom == 211);
    df__arena_free(&arena);
    df__dlib_hog_free(hog);
}

TEST(the_best_window_of_a_heap_is_the_face)
{
    df_dlib_hog *hog = new_hog(0);
    df_arena arena = {0};
    df_hog_window at[] = {{.score = 1, .x = 20, .y = 20}, {.score = 3, .x = 21, .y = 20}, {.score = 2, .x = 20, .y = 21, .filter = 1},
                          {.score = 0.1, .x = 60, .y = 20}, {.score = 0.5, .x = 26, .y = 20}};
    df_hog_windows windows = {.items = at, .n = 5};
    df_hog_face *faces;
    size_t n;
    CHECK_OK(df__hog_faces(hog, &windows, &arena, &faces, &n, &err));
    /* six cells aside: 4 of 15 cells in the box around both, a face of its own */
    assert_int_equal(n, 3);
    CHECK(faces[0].score == 3 && faces[1].score == 0.5 && faces[2].score == 0.1);
    df__arena_free(&arena);
    df__dlib_hog_free(hog);
}

/* ---- the whole ---- */

typedef struct result { df_hog_face *faces; size_t n; df_arena arena; } result;

static result find(const df_hog_finder *f, int w, int h, bool enlarge, int threads)
{
    result r = {0};
    CHECK_OK(df__hog_find(f, picture(w, h), enlarge, 0, threads, &r.arena, &r.faces, &r.n, &err));
    return r;
}

TEST(threads_do_not_matter)
{
    df_hog_finder *f = new_finder(-1);
    for (int enlarge = 0; enlarge < 2; enlarge++) {
        result one = find(f, WIDTH, HEIGHT, enlarge, 1), many = find(f, WIDTH, HEIGHT, enlarge, 5);
        CHECK(one.n > 3 && one.n == many.n);
        for (size_t i = 0; i < one.n; i++) {
            const df_hog_face *a = &one.faces[i], *b = &many.faces[i];
            CHECK(a->score == b->score && a->filter == b->filter && a->left == b->left && a->top == b->top);
            CHECK(a->right == b->right && a->bottom == b->bottom);
            CHECK(i == 0 || one.faces[i - 1].score >= a->score);
        }
        df__arena_free(&one.arena), df__arena_free(&many.arena);
    }
    df__hog_finder_free(f);
}

TEST(pictures_of_any_size_are_searched)
{
    df_hog_finder *f = new_finder(1000);
    static const int sizes[][2] = {{1, 1}, {2, 1}, {1, 9}, {9, 8}, {11, 12}, {19, 40}, {40, 19}, {24, 24}, {150, 3}, {3, 130}, {65, 64}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int enlarge = 0; enlarge < 2; enlarge++) {
            result r = find(f, sizes[i][0], sizes[i][1], enlarge, 2);
            assert_int_equal(r.n, 0);
            df__arena_free(&r.arena);
        }
    df__hog_finder_free(f);
}

TEST(a_pyramid_without_a_least_size_ends)
{
    df_dlib_hog *hog = new_hog(1000);
    hog->min_width = hog->min_height = 1, hog->max_levels = INT32_MAX;
    df_hog_finder *f;
    CHECK_OK(df__hog_finder_new(hog, &f, &err));
    result r = find(f, 40, 30, true, 1);
    assert_int_equal(r.n, 0);
    df__arena_free(&r.arena);
    df__hog_finder_free(f);
}

TEST(every_allocation_may_fail)
{
    for (size_t i = 1;; i++) {
        df_dlib_hog *hog = new_hog(-1);
        df_hog_finder *f = NULL;
        df_arena arena = {0};
        df_hog_face *faces;
        size_t n = 0;
        test_alloc_fail_at(i);
        df_status st = df__hog_finder_new(hog, &f, &err);
        if (st == DF_OK)
            st = df__hog_find(f, picture(60, 50), true, 0, 1, &arena, &faces, &n, &err);
        test_alloc_fail_at(0);
        df__arena_free(&arena);
        df__hog_finder_free(f);
        if (st == DF_OK) {
            CHECK(i > 5 && n > 0);
            break;
        }
        CHECK_STATUS(DF_E_NO_MEMORY, st);
    }
}
