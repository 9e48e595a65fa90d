/* Each step of MTCNN by itself, P-Net with weights made up here; the whole detector with its real weights. The package's own answers are in
 * tests/golden. */
#include "detect/area.h"
#include "detect/detector.h"
#include "detect/mtcnn_crop.h"
#include "detect/mtcnn_pnet.h"
#include "test.h"

static df_error err;

enum { WIDTH = 131, HEIGHT = 97 };

static uint32_t noise(uint32_t i)
{
    uint32_t h = i * 2654435761u;
    h = (h ^ h >> 15) * 2246822519u;
    return h ^ h >> 13;
}

static float random_weight(uint32_t i) { return (float)(noise(i) & 1023) / 1024 - 0.5f; }

static df_pixels picture(int w, int h)
{
    static uint8_t rgb[3 * WIDTH * HEIGHT];
    for (int i = 0; i < 3 * w * h; i++)
        rgb[i] = (uint8_t)noise((uint32_t)i);
    return (df_pixels){w, h, 3 * (size_t)w, rgb};
}

/* ---- rows of a reduced photo ---- */

/* Mean of channel c over the rectangle under a pixel, in doubles. */
static double mean_under(df_pixels px, int w, int h, int x, int y, int c)
{
    double sx = (double)px.width / w, sy = (double)px.height / h, sum = 0;
    for (int r = 0; r < px.height; r++)
        for (int k = 0; k < px.width; k++) {
            double dx = fmin(k + 1, (x + 1) * sx) - fmax(k, x * sx), dy = fmin(r + 1, (y + 1) * sy) - fmax(r, y * sy);
            sum += dx > 0 && dy > 0 ? dx * dy * px.data[(size_t)r * px.stride + 3 * (size_t)k + (size_t)c] : 0;
        }
    return sum / (sx * sy);
}

TEST(a_reduced_pixel_is_the_mean_of_what_it_covers)
{
    static const int sizes[][2] = {{WIDTH, HEIGHT}, {130, 96}, {78, 58}, {65, 50}, {13, 12}, {1, 1}, {2, 97}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        df_arena arena = {0};
        df_area_plan plan;
        df_pixels px = picture(WIDTH, HEIGHT);
        int w = sizes[i][0], h = sizes[i][1];
        float *work = malloc(df__area_room(WIDTH) * sizeof *work), *row = malloc(4 * (size_t)w * sizeof *row);
        CHECK_OK(df__area_plan(WIDTH, HEIGHT, w, h, DF_AREA_SHARES, 1 / 128.0f, -0.5f, &arena, &plan, &err));
        for (int y = 0; y < h; y++) {
            df__area_row(&plan, px, y, work, row);
            for (int x = 0; x < w; x++)
                for (int c = 0; c < 3; c++) /* spans in floats: 1e-5 of a pixel */
                    CHECK_NEAR(mean_under(px, w, h, x, y, c) / 128 - 0.5, row[4 * x + c], 1e-4);
        }
        free(work), free(row);
        df__arena_free(&arena);
    }
}

/* ---- P-Net ---- */

typedef struct weights { float conv1[10][3][3][3], conv2[16][10][3][3], conv3[32][16][3][3], bias[3][32], slope[3][32], logits[2][32], odds[2], boxes[4][32], edges[4]; } weights;

static weights made_up;

/* A picture of c channels, [c][h][w]. */
typedef struct plane { int c, h, w; double *v; } plane;

static plane new_plane(int c, int h, int w) { return (plane){c, h, w, calloc((size_t)(c * h * w), sizeof(double))}; }
static double *at(const plane *p, int c, int y, int x) { return &p->v[(c * p->h + y) * p->w + x]; }

static plane convolve(plane in, int filters, const float *w, const float *bias, const float *slope)
{
    plane out = new_plane(filters, in.h - 2, in.w - 2);
    for (int o = 0; o < filters; o++)
        for (int y = 0; y < out.h; y++)
            for (int x = 0; x < out.w; x++) {
                double sum = (double)bias[o];
                for (int i = 0; i < in.c; i++)
                    for (int k = 0; k < 9; k++)
                        sum += (double)w[(o * in.c + i) * 9 + k] * *at(&in, i, y + k / 3, x + k % 3);
                *at(&out, o, y, x) = sum > 0 ? sum : sum * (double)slope[o];
            }
    free(in.v);
    return out;
}

static plane pool(plane in)
{
    plane out = new_plane(in.c, (in.h + 1) / 2, (in.w + 1) / 2);
    for (int c = 0; c < in.c; c++)
        for (int y = 0; y < out.h; y++)
            for (int x = 0; x < out.w; x++) {
                double most = *at(&in, c, 2 * y, 2 * x);
                for (int k = 1; k < 4; k++)
                    if (2 * y + k / 2 < in.h && 2 * x + k % 2 < in.w)
                        most = fmax(most, *at(&in, c, 2 * y + k / 2, 2 * x + k % 2));
                *at(&out, c, y, x) = most;
            }
    free(in.v);
    return out;
}

static plane features_of(df_pixels px, int w, int h)
{
    const weights *k = &made_up;
    plane in = new_plane(3, h, w);
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                *at(&in, c, y, x) = (mean_under(px, w, h, x, y, c) - 127.5) / 128;
    plane one = pool(convolve(in, 10, &k->conv1[0][0][0][0], k->bias[0], k->slope[0]));
    return convolve(convolve(one, 16, &k->conv2[0][0][0][0], k->bias[1], k->slope[1]), 32, &k->conv3[0][0][0][0], k->bias[2], k->slope[2]);
}

static double dot(const plane *f, const float *w, int y, int x)
{
    double sum = 0;
    for (int c = 0; c < f->c; c++)
        sum += (double)w[c] * *at(f, c, y, x);
    return sum;
}

/* Random, with a bias that makes half of the windows faces. */
static const weights *made_up_once(void)
{
    static bool made;
    float *v = (float *)(void *)&made_up;
    for (size_t i = 0; !made && i < sizeof made_up / sizeof *v; i++)
        v[i] = random_weight((uint32_t)i) / 2;
    if (!made) {
        double sum = 0;
        plane f = features_of(picture(97, 61), 58, 36);
        for (int i = 0; i < f.w * f.h; i++)
            sum += dot(&f, made_up.logits[1], i / f.w, i % f.w) - dot(&f, made_up.logits[0], i / f.w, i % f.w);
        made_up.odds[0] = 0, made_up.odds[1] = (float)(-sum / (f.w * f.h));
        free(f.v);
    }
    made = true;
    return &made_up;
}

static void add(df_graph *g, const char *name, int rank, const int64_t *dims, const void *values)
{
    float *data;
    size_t n = 1;
    for (int i = 0; i < rank; i++)
        n *= (size_t)dims[i];
    CHECK_OK(df__graph_add_f32(g, name, rank, dims, &data, &err));
    memcpy(data, values, n * sizeof *data);
}

/* `leave_out`: the constant that is missing, or NULL. */
static df_graph *new_graph(const char *leave_out)
{
    const weights *w = made_up_once();
    const struct { const char *name; int rank; int64_t dims[4]; const void *values; } constants[] = {
        {"conv1.weight", 4, {10, 3, 3, 3}, w->conv1}, {"conv1.bias", 1, {10}, w->bias[0]}, {"prelu1.slope", 3, {10, 1, 1}, w->slope[0]},
        {"conv2.weight", 4, {16, 10, 3, 3}, w->conv2}, {"conv2.bias", 1, {16}, w->bias[1]}, {"prelu2.slope", 3, {16, 1, 1}, w->slope[1]},
        {"conv3.weight", 4, {32, 16, 3, 3}, w->conv3}, {"conv3.bias", 1, {32}, w->bias[2]}, {"prelu3.slope", 3, {32, 1, 1}, w->slope[2]},
        {"logits.weight", 4, {2, 32, 1, 1}, w->logits}, {"logits.bias", 1, {2}, w->odds},
        {"boxes.weight", 4, {4, 32, 1, 1}, w->boxes}, {"boxes.bias", 1, {4}, w->edges},
    };
    df_graph *g;
    CHECK_OK(df__graph_new("pnet", 13, &g, &err));
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (!leave_out || strcmp(leave_out, constants[i].name) != 0)
            add(g, constants[i].name, constants[i].rank, constants[i].dims, constants[i].values);
    return g;
}

static df_mtcnn_pnet *new_pnet(void)
{
    df_graph *g = new_graph(NULL);
    df_mtcnn_pnet *net;
    CHECK_OK(df__mtcnn_pnet_new(g, &net, &err));
    df__graph_free(g);
    return net;
}

TEST(pnet_scores_every_window_of_every_level)
{
    static const int sizes[][2] = {{40, 37}, {97, 61}, {64, 90}, {WIDTH, HEIGHT}};
    const weights *k = made_up_once();
    df_mtcnn_pnet *net = new_pnet();
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        df_pixels px = picture(sizes[s][0], sizes[s][1]);
        df_arena arena = {0};
        df_mtcnn_boxes got = {0};
        size_t first[DF_MTCNN_LEVELS + 1], met = 0;
        CHECK_OK(df__mtcnn_pnet_run(net, DF_MTCNN_TENSORFLOW, px, 0.5, 2, &arena, &got, first, &err));
        int w, h;
        double scale;
        for (int l = 0; df__mtcnn_level(DF_MTCNN_TENSORFLOW, px.width, px.height, l, &w, &h, &scale); l++) {
            plane f = features_of(px, w, h);
            size_t i = first[l];
            for (int y = 0; y < f.h; y++)
                for (int x = 0; x < f.w; x++) {
                    double odds = dot(&f, k->logits[1], y, x) + (double)k->odds[1] - dot(&f, k->logits[0], y, x) - (double)k->odds[0];
                    if (fabs(odds) < 1e-4) /* may fall on either side; none does here but by bad luck */
                        fail_msg("level %d: odds of %g at %d, %d: choose other weights", l, odds, x, y);
                    if (odds < 0)
                        continue;
                    CHECK(i < first[l + 1]);
                    const df_mtcnn_box *b = &got.items[i++];
                    CHECK_NEAR(1 / (1 + exp(-odds)), b->score, 1e-4);
                    CHECK_NEAR((2 * x + 1 + 11 * (dot(&f, k->boxes[0], y, x) + (double)k->edges[0])) / scale, b->left, 0.01);
                    CHECK_NEAR((2 * y + 1 + 11 * (dot(&f, k->boxes[1], y, x) + (double)k->edges[1])) / scale, b->top, 0.01);
                    CHECK_NEAR((2 * x + 12 + 11 * (dot(&f, k->boxes[2], y, x) + (double)k->edges[2])) / scale, b->right, 0.01);
                    CHECK_NEAR((2 * y + 12 + 11 * (dot(&f, k->boxes[3], y, x) + (double)k->edges[3])) / scale, b->bottom, 0.01);
                    met++;
                }
            assert_int_equal(i, first[l + 1]);
            free(f.v);
        }
        CHECK(met > 10 && met == got.n);
        df__mtcnn_free(&got);
        df__arena_free(&arena);
    }
    df__mtcnn_pnet_free(net);
}

TEST(threads_do_not_matter)
{
    df_mtcnn_pnet *net = new_pnet();
    df_arena arena = {0};
    df_mtcnn_boxes one = {0}, many = {0};
    size_t first_one[DF_MTCNN_LEVELS + 1], first_many[DF_MTCNN_LEVELS + 1];
    uint8_t *rgb = malloc(3 * 300 * 400);
    for (uint32_t i = 0; i < 3 * 300 * 400; i++)
        rgb[i] = (uint8_t)noise(i);
    df_pixels px = {400, 300, 1200, rgb};
    CHECK_OK(df__mtcnn_pnet_run(net, DF_MTCNN_TENSORFLOW, px, 0.5, 1, &arena, &one, first_one, &err));
    CHECK_OK(df__mtcnn_pnet_run(net, DF_MTCNN_TENSORFLOW, px, 0.5, 5, &arena, &many, first_many, &err));
    CHECK(one.n > 100 && one.n == many.n);
    assert_memory_equal(one.items, many.items, one.n * sizeof *one.items);
    assert_memory_equal(first_one, first_many, sizeof first_one);
    df__mtcnn_free(&one), df__mtcnn_free(&many);
    df__arena_free(&arena);
    df__mtcnn_pnet_free(net);
    free(rgb);
}

/* 12 / 0.709 = 16.9: from 12 * 0.709^-1.5 = 20.1 pixels on there is a level. */
TEST(levels_go_down_to_the_window)
{
    int w, h;
    double scale;
    CHECK(!df__mtcnn_level(DF_MTCNN_TENSORFLOW, 1, 1, 0, &w, &h, &scale));
    CHECK(!df__mtcnn_level(DF_MTCNN_TENSORFLOW, 20, 500, 0, &w, &h, &scale));
    CHECK(df__mtcnn_level(DF_MTCNN_TENSORFLOW, 21, 500, 0, &w, &h, &scale) && w == 12 && h == 300);
    CHECK(!df__mtcnn_level(DF_MTCNN_TENSORFLOW, 21, 500, 1, &w, &h, &scale));
    int levels = 0;
    for (; df__mtcnn_level(DF_MTCNN_TENSORFLOW, 910, 1137, levels, &w, &h, &scale); levels++)
        CHECK(w >= 12 && h >= 12);
    assert_int_equal(levels, 12); /* as the package makes of a photo of this size, the last one 12 x 15 */
    CHECK(df__mtcnn_level(DF_MTCNN_TENSORFLOW, 910, 1137, 11, &w, &h, &scale) && w == 12 && h == 15);
    for (levels = 0; df__mtcnn_level(DF_MTCNN_TENSORFLOW, 30000, 30000, levels, &w, &h, &scale); levels++)
        CHECK(levels < DF_MTCNN_LEVELS);
    CHECK(levels > 15);
}

TEST(a_graph_without_a_weight_is_refused)
{
    static const char *const names[] = {"conv1.weight", "conv2.bias", "prelu3.slope", "logits.weight", "logits.bias", "boxes.weight", "boxes.bias"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        df_mtcnn_pnet *net;
        df_graph *g = new_graph(names[i]);
        CHECK_STATUS(DF_E_BAD_MODEL, df__mtcnn_pnet_new(g, &net, &err));
        CHECK_HAS(err.message, names[i]);
        CHECK(net == NULL);
        df__graph_free(g);
    }
}

TEST(every_allocation_of_pnet_may_fail)
{
    for (size_t i = 1;; i++) {
        df_graph *g = new_graph(NULL);
        df_mtcnn_pnet *net = NULL;
        df_arena arena = {0};
        df_mtcnn_boxes boxes = {0};
        size_t first[DF_MTCNN_LEVELS + 1];
        df_pixels px = picture(90, 70);
        test_alloc_fail_at(i);
        df_status st = df__mtcnn_pnet_new(g, &net, &err);
        if (st == DF_OK)
            st = df__mtcnn_pnet_run(net, DF_MTCNN_TENSORFLOW, px, 0.5, 1, &arena, &boxes, first, &err);
        if (st == DF_OK)
            st = df__mtcnn_suppress(&boxes, 0, DF_MTCNN_UNION, 0.5, &arena, &err);
        test_alloc_fail_at(0);
        df__graph_free(g);
        df__mtcnn_pnet_free(net);
        df__mtcnn_free(&boxes);
        df__arena_free(&arena);
        if (st == DF_OK) {
            CHECK(i > 5);
            break;
        }
        CHECK_STATUS(DF_E_NO_MEMORY, st);
    }
}

/* ---- boxes ---- */

static df_mtcnn_box box(double left, double top, double side, float score)
{
    return (df_mtcnn_box){.left = left, .top = top, .right = left + side, .bottom = top + side, .score = score};
}

/* Second and third overlap by 80 / 120, first and second too, first and third by 60 / 140: the second goes for the first, and the third
 * for the second although that is gone. */
TEST(a_dropped_box_still_drops_others)
{
    df_arena arena = {0};
    df_mtcnn_box items[] = {box(4, 0, 10, 0.7f), box(0, 0, 10, 0.9f), box(2, 0, 10, 0.8f), box(50, 0, 10, 0.6f)};
    df_mtcnn_boxes list = {.items = items, .n = 4, .cap = 4};
    CHECK_OK(df__mtcnn_suppress(&list, 0, DF_MTCNN_UNION, 0.5, &arena, &err));
    assert_int_equal(list.n, 2);
    CHECK(list.items[0].left == 0 && list.items[1].left == 50);
    df__arena_free(&arena);
}

TEST(a_box_inside_another_is_all_of_the_smaller_one)
{
    df_arena arena = {0};
    df_mtcnn_box items[] = {box(0, 0, 100, 0.9f), box(40, 40, 10, 0.8f)};
    df_mtcnn_boxes list = {.items = items, .n = 2, .cap = 2};
    CHECK_OK(df__mtcnn_suppress(&list, 0, DF_MTCNN_UNION, 0.7, &arena, &err));
    assert_int_equal(list.n, 2);
    CHECK_OK(df__mtcnn_suppress(&list, 0, DF_MTCNN_SMALLER, 0.7, &arena, &err));
    assert_int_equal(list.n, 1);
    CHECK(list.items[0].right == 100);
    df__arena_free(&arena);
}

/* Neighbours alone are looked at; that must find what looking at all finds. */
TEST(suppression_equals_comparing_all_pairs)
{
    enum { N = 700 };
    static df_mtcnn_box items[N], sorted[N];
    df_arena arena = {0};
    for (uint32_t i = 0; i < N; i++) {
        items[i] = box(noise(i) % 200, noise(i + 7000) % 150, 5 + noise(i + 9000) % 60, (float)(noise(i + 20000) % 100000) / 100000);
        items[i].bottom += noise(i + 30000) % 20;
    }
    memcpy(sorted, items, sizeof items);
    for (size_t i = 1; i < N; i++) /* insertion: stable */
        for (size_t k = i; k > 0 && sorted[k].score > sorted[k - 1].score; k--) {
            df_mtcnn_box swap = sorted[k];
            sorted[k] = sorted[k - 1], sorted[k - 1] = swap;
        }
    df_mtcnn_boxes list = {.items = items, .n = N, .cap = N};
    CHECK_OK(df__mtcnn_suppress(&list, 0, DF_MTCNN_UNION, 0.5, &arena, &err));
    size_t kept = 0;
    for (size_t i = 0; i < N; i++) {
        bool keep = true;
        for (size_t k = 0; keep && k < i; k++) {
            const df_mtcnn_box *a = &sorted[i], *b = &sorted[k];
            double w = fmin(a->right, b->right) - fmax(a->left, b->left), h = fmin(a->bottom, b->bottom) - fmax(a->top, b->top);
            double both = w > 0 && h > 0 ? w * h : 0;
            keep = both / ((a->right - a->left) * (a->bottom - a->top) + (b->right - b->left) * (b->bottom - b->top) - both) <= 0.5;
        }
        if (keep) {
            CHECK(kept < list.n && list.items[kept].left == sorted[i].left && list.items[kept].score == sorted[i].score);
            kept++;
        }
    }
    assert_int_equal(kept, list.n);
    CHECK(kept > 50 && kept < N - 50);
    df__arena_free(&arena);
}

TEST(boxes_become_squares_and_move)
{
    df_mtcnn_box b = {.left = 10, .top = 20, .right = 30, .bottom = 60};
    df__mtcnn_square(&b);
    CHECK(b.left == 0 && b.top == 20 && b.right == 40 && b.bottom == 60);
    df__mtcnn_adjust(&b, (const float[4]){0.5f, -0.25f, 0, 1}); /* sides count both ends: 41 */
    CHECK_NEAR(20.5, b.left, 1e-6);
    CHECK_NEAR(9.75, b.top, 1e-6);
    CHECK_NEAR(40, b.right, 1e-6);
    CHECK_NEAR(101, b.bottom, 1e-6);
}

/* ---- crops ---- */

/* A ramp of 8 to the right: samples between pixels have the value of their place. The box of 24 pixels' edges is scaled by 31 / 32. */
TEST(crops_are_sampled_between_pixels_and_zero_outside)
{
    enum { SIDE = 32, CROP = 24 };
    uint8_t rgb[3 * SIDE * SIDE];
    float crop[3 * CROP * CROP];
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 3; c++)
                rgb[3 * (y * SIDE + x) + c] = (uint8_t)(c == 0 ? 8 * x : c == 1 ? 4 * y : 200);
    df_pixels px = {SIDE, SIDE, 3 * SIDE, rgb};
    df_mtcnn_box b = box(-4, 2, 23, 1);
    df__mtcnn_crop(px, &b, CROP, crop);
    for (int y = 0; y < CROP; y++)
        for (int x = 0; x < CROP; x++) {
            double at_x = (-4 + x) * 31.0 / 32, at_y = (2 + y) * 31.0 / 32;
            for (int c = 0; c < 3; c++) {
                double v = c == 0 ? 8 * at_x : c == 1 ? 4 * at_y : 200;
                CHECK_NEAR(x < 4 ? 0 : (v - 127.5) / 128, crop[(c * CROP + y) * CROP + x], 1e-4);
            }
        }
    b = box(1000, -1e30, 1e30, 1);
    df__mtcnn_crop(px, &b, CROP, crop);
    for (int i = 0; i < 3 * CROP * CROP; i++)
        CHECK(crop[i] == 0);
}

/* ---- the whole detector, with its weights ---- */

static void *open_real(void)
{
    char *dir;
    void *self = NULL;
    CHECK_OK(df__weights_dir(&dir, &err));
    df_loader loader = {.dir = dir};
    df_status st = df__detector_mtcnn.open(&loader, &self, &err);
    free(dir);
    if (st == DF_E_NO_MODEL)
        skip();
    CHECK_OK(st);
    return self;
}

TEST(pictures_without_a_face_and_of_any_size_have_none)
{
    static const int sizes[][2] = {{1, 1}, {2, 1}, {1, 90}, {11, 12}, {20, 20}, {21, 21}, {24, 90}, {WIDTH, HEIGHT}};
    void *self = open_real();
    df_arena scratch = {0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        df_face_list out = {0};
        const df_detect_params params = {.score = (double)NAN, .threads = 2};
        CHECK_OK(df__detector_mtcnn.detect(self, picture(sizes[i][0], sizes[i][1]), &params, &scratch, &out, &err));
        assert_int_equal(out.n, 0);
        df__face_list_free(&out);
    }
    df__arena_free(&scratch);
    df__detector_mtcnn.close(self);
}

TEST(every_allocation_of_the_detector_may_fail)
{
    char *dir;
    CHECK_OK(df__weights_dir(&dir, &err));
    df_loader loader = {.dir = dir};
    df__detector_mtcnn.close(open_real());
    for (size_t i = 1;; i++) {
        void *self = NULL;
        test_alloc_fail_at(i);
        df_status st = df__detector_mtcnn.open(&loader, &self, &err);
        test_alloc_fail_at(0);
        df__detector_mtcnn.close(self);
        if (st == DF_OK) {
            CHECK(i > 5);
            break;
        }
        CHECK(st == DF_E_NO_MEMORY && self == NULL);
    }
    void *self = open_real();
    const df_detect_params params = {.score = -1, .threads = 1, .side = 60};
    for (size_t i = 0;; i++) { /* 0: none fails, so that the networks are compiled */
        df_face_list out = {0};
        df_arena scratch = {0};
        test_alloc_fail_at(i);
        df_status st = df__detector_mtcnn.detect(self, picture(90, 70), &params, &scratch, &out, &err);
        test_alloc_fail_at(0);
        df__face_list_free(&out);
        df__arena_free(&scratch);
        if (st == DF_OK && i > 0) {
            CHECK(i > 2);
            break;
        }
        CHECK_STATUS(i ? DF_E_NO_MEMORY : DF_OK, st);
    }
    df__detector_mtcnn.close(self);
    free(dir);
}

/* ---- facenet-pytorch's arithmetic, worked out by hand ---- */

/* Red is 10 x, green 10 y, blue 7. */
static void ramp(uint8_t *at, int w, int h)
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++, at += 3)
            at[0] = (uint8_t)(10 * x), at[1] = (uint8_t)(10 * y), at[2] = 7;
}

TEST(whole_pixels_count_as_one_each)
{
    df_arena arena = {0};
    df_area_plan plan;
    uint8_t bytes[5 * 4 * 3];
    float row[4 * 2];
    ramp(bytes, 5, 4);
    df_pixels px = {.width = 5, .height = 4, .stride = 15, .data = bytes};
    float *work = malloc(df__area_room(5) * sizeof *work);
    CHECK_OK(df__area_plan(5, 4, 2, 3, DF_AREA_WHOLE, 1, 0, &arena, &plan, &err));
    const float rows[3] = {5, 15, 25}; /* rows 0 to 2, 1 to 3, 2 to 4 */
    for (int y = 0; y < 3; y++) {
        df__area_row(&plan, px, y, work, row);
        CHECK_NEAR(10, row[0], 1e-4); /* columns 0 to 3 */
        CHECK_NEAR(30, row[4], 1e-4); /* 2 to 5 */
        CHECK_NEAR((double)rows[y], row[1], 1e-4);
        CHECK_NEAR(7, row[6], 1e-4);
    }
    free(work);
    df__arena_free(&arena);
}

TEST(a_box_is_cut_to_whole_pixels_and_stretched)
{
    uint8_t bytes[6 * 6 * 3];
    float crop[3 * 2 * 2];
    ramp(bytes, 6, 6);
    df_pixels px = {.width = 6, .height = 6, .stride = 18, .data = bytes};
    const df_mtcnn_box inside = {.left = 2.9, .top = 1.2, .right = 5.9, .bottom = 3.7}; /* columns 1 to 5, rows 0 to 3 */
    df__mtcnn_crop_area(px, &inside, 2, crop);
    CHECK_NEAR((15 - 127.5) / 128, crop[0], 1e-6); /* columns 1, 2 */
    CHECK_NEAR((35 - 127.5) / 128, crop[1], 1e-6); /* 3, 4 */
    CHECK_NEAR((5 - 127.5) / 128, crop[4], 1e-6);  /* rows 0, 1 */
    CHECK_NEAR((15 - 127.5) / 128, crop[6], 1e-6); /* 1, 2 */
    const df_mtcnn_box over = {.left = -50, .top = -2, .right = 1.5, .bottom = 400}; /* column 0, rows 0 to 6: enlarged one way, reduced the other */
    df__mtcnn_crop_area(px, &over, 2, crop);
    CHECK_NEAR((0 - 127.5) / 128, crop[1], 1e-6);
    CHECK_NEAR((40 - 127.5) / 128, crop[6], 1e-6);
    const df_mtcnn_box beside = {.left = -50, .top = -50, .right = -10, .bottom = -10};
    df__mtcnn_crop_area(px, &beside, 2, crop);
    for (size_t i = 0; i < sizeof crop / sizeof *crop; i++)
        CHECK(crop[i] == 0);
}

TEST(levels_of_facenet_pytorch_round_up)
{
    int w, h;
    double scale;
    CHECK(df__mtcnn_level(DF_MTCNN_TORCH, 21, 500, 0, &w, &h, &scale) && w == 13 && h == 301);
    CHECK(!df__mtcnn_level(DF_MTCNN_TORCH, 21, 500, 1, &w, &h, &scale));
    CHECK(!df__mtcnn_level(DF_MTCNN_TORCH, 19, 500, 0, &w, &h, &scale));
}

TEST(only_boxes_that_stay_suppress_others_there)
{
    df_arena arena = {0};
    df_mtcnn_boxes list = {0};
    for (int i = 0; i < 3; i++) { /* each overlaps the next by more than half, the first and the last do not */
        const df_mtcnn_box b = {.left = 4 * i, .right = 4 * i + 13, .bottom = 10, .score = 1 - 0.1f * (float)i};
        CHECK_OK(df__mtcnn_add(&list, &b, &err));
    }
    CHECK_OK(df__mtcnn_suppress(&list, 0, DF_MTCNN_KEPT_UNION, 0.5, &arena, &err));
    CHECK(list.n == 2 && list.items[1].left == 8);
    df__mtcnn_free(&list);
    df__arena_free(&arena);
}
