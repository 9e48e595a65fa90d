/* The tiled pyramid of dlib's networks, bands of it, and scores as faces. dlib's own answers are in tests/golden. */
#include "detect/detector.h"
#include "detect/mmod_find.h"
#include "detect/tiled.h"
#include "test.h"

static df_error err;

enum { WIDTH = 140, HEIGHT = 110 };

static uint32_t noise(uint32_t i)
{
    uint32_t h = i * 2654435761u;
    h = (h ^ h >> 15) * 2246822519u;
    return h ^ h >> 13;
}

static df_pixels picture(int w, int h)
{
    static uint8_t rgb[3 * WIDTH * HEIGHT];
    CHECK(w * h <= WIDTH * HEIGHT);
    for (int i = 0; i < 3 * w * h; i++)
        rgb[i] = (uint8_t)noise((uint32_t)i);
    return (df_pixels){w, h, 3 * (size_t)w, rgb};
}

/* ---- layout ---- */

/* 12 x 12, 10 x 10, 8 x 8, 6 x 6, 5 x 5; the next one would be 4 high. Heights with 10 between: 41 + 50 - 20 = 71. None fits beside
 * another (12 - 5 - 10 < 0), so all stand in one column: 41 + 40 high, 11 around. */
TEST(small_levels_stand_in_one_column)
{
    static df_tiled t;
    df__tiled_layout(12, 12, &t);
    assert_int_equal(t.n, 5);
    assert_int_equal(t.width, 12 + 22);
    assert_int_equal(t.height, 41 + 40 + 22);
    static const int tops[] = {11, 33, 53, 71, 87};
    for (int i = 0; i < 5; i++)
        CHECK(t.tiles[i].left == 11 && t.tiles[i].top == tops[i]);
    CHECK(t.tiles[4].width == 5 && t.tiles[4].height == 5);
}

TEST(levels_lie_inside_and_apart)
{
    static const int sizes[][2] = {{1, 1}, {1, 5}, {7, 300}, {300, 7}, {250, 250}, {1024, 768}, {910, 1137}, {8000, 6000}};
    static df_tiled t;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        df__tiled_layout(sizes[s][0], sizes[s][1], &t);
        CHECK(t.n >= 1 && t.tiles[0].width == sizes[s][0] && t.tiles[0].height == sizes[s][1]);
        for (int i = 0; i < t.n; i++) {
            const df_tile *a = &t.tiles[i];
            CHECK(a->left >= 11 && a->top >= 11 && a->left + a->width <= t.width - 11 && a->top + a->height <= t.height - 11);
            for (int k = 0; k < i; k++) {
                const df_tile *b = &t.tiles[k];
                CHECK(a->left >= b->left + b->width || b->left >= a->left + a->width || a->top >= b->top + b->height || b->top >= a->top + a->height);
            }
        }
    }
}

/* dlib goes back through the levels by p * 6 / 5 + 0.3 each. */
TEST(boxes_go_back_to_the_photo)
{
    static df_tiled t;
    df__tiled_layout(250, 250, &t);
    const df_tile *two = &t.tiles[2];
    double box[4] = {two->left + 10, two->top + 20, two->left + 50, two->top + 60};
    df__tiled_to_photo(&t, box);
    static const double want[] = {10, 20, 50, 60};
    for (int i = 0; i < 4; i++)
        CHECK_NEAR((want[i] * 1.2 + 0.3) * 1.2 + 0.3, box[i], 1e-9);
    double far_off[4] = {-100, -100, -90, -90}; /* nearest to the first level */
    df__tiled_to_photo(&t, far_off);
    CHECK_NEAR(-111, far_off[0], 1e-9);
}

/* ---- pixels ---- */

static double bilinear(const float *from, size_t stride, int w, int h, double x, double y)
{
    int l = (int)floor(x), t = (int)floor(y), r = l + 1 < w ? l + 1 : l, b = t + 1 < h ? t + 1 : t;
    double s = x - l, d = y - t;
    return (1 - d) * ((1 - s) * (double)from[(size_t)t * stride + (size_t)l] + s * (double)from[(size_t)t * stride + (size_t)r]) +
           d * ((1 - s) * (double)from[(size_t)b * stride + (size_t)l] + s * (double)from[(size_t)b * stride + (size_t)r]);
}

TEST(each_level_is_made_of_the_one_before)
{
    static df_tiled t;
    static const float mean[3] = {122, 117, 104};
    df_pixels px = picture(WIDTH, HEIGHT);
    df_arena scratch = {0};
    df__tiled_layout(WIDTH, HEIGHT, &t);
    size_t width = (size_t)t.width, plane = width * (size_t)t.height;
    float *one = malloc(3 * plane * sizeof *one), *many = malloc(3 * plane * sizeof *many);
    CHECK_OK(df__tiled_fill(&t, px, mean, 1, &scratch, one, &err));
    CHECK_OK(df__tiled_fill(&t, px, mean, 3, &scratch, many, &err));
    assert_memory_equal(one, many, 3 * plane * sizeof *one);
    size_t inside = 0, zeros = 0;
    for (size_t c = 0; c < 3; c++)
        for (int i = 0; i < t.n; i++) {
            const df_tile *to = &t.tiles[i], *from = i ? to - 1 : to;
            const float *source = one + c * plane + (size_t)from->top * width + (size_t)from->left;
            for (int y = 0; y < to->height; y++)
                for (int x = 0; x < to->width; x++, inside++) {
                    float got = one[c * plane + (size_t)(to->top + y) * width + (size_t)(to->left + x)];
                    double sx = (double)(from->width - 1) / (to->width > 1 ? to->width - 1 : 1);
                    double sy = (double)(from->height - 1) / (to->height > 1 ? to->height - 1 : 1);
                    double want = i ? bilinear(source, width, from->width, from->height, x * sx, y * sy)
                                    : ((double)px.data[(size_t)y * px.stride + 3 * (size_t)x + c] - (double)mean[c]) / 256;
                    CHECK_NEAR(want, got, 1e-4); /* places in floats, as dlib's */
                }
        }
    for (size_t i = 0; i < 3 * plane; i++)
        zeros += one[i] == 0;
    CHECK(zeros >= 3 * plane - inside);
    free(one), free(many);
    df__arena_free(&scratch);
}

/* ---- a network made up here: its score is what one filter finds, so bands can be told from the whole ---- */

static df_status add_conv(df_graph *g, const char *from, const char *to, int in, int out, int side, int stride)
{
    char weights[16], bias[16];
    float *w, *b;
    df_node *node;
    int pad = stride == 1 ? side / 2 : 0;
    snprintf(weights, sizeof weights, "w_%s", to);
    snprintf(bias, sizeof bias, "b_%s", to);
    CHECK_OK(df__graph_add_f32(g, weights, 4, (const int64_t[]){out, in, side, side}, &w, &err));
    CHECK_OK(df__graph_add_f32(g, bias, 1, (const int64_t[]){out}, &b, &err));
    for (int i = 0; i < out * in * side * side; i++)
        w[i] = ((float)(noise((uint32_t)(i + 991 * side + stride)) & 255) / 255 - 0.45f) / (float)side;
    for (int i = 0; i < out; i++)
        b[i] = 0.01f * (float)i;
    CHECK_OK(df__graph_add_node(g, "Conv", to, (const char *[]){from, weights, bias, NULL}, (const char *[]){to, NULL}, &node, &err));
    CHECK_OK(df__node_set_ints(g, node, "strides", 2, (const int64_t[]){stride, stride}, &err));
    CHECK_OK(df__node_set_ints(g, node, "pads", 4, (const int64_t[]){pad, pad, pad, pad}, &err));
    return DF_OK;
}

static df_net *new_net(void)
{
    df_graph *g;
    df_net *net;
    CHECK_OK(df__graph_new("made up", 13, &g, &err));
    CHECK_OK(df__graph_add_input(g, "input", DF_F32, 4, (const int64_t[]){-1, 3, -1, -1}, &err));
    add_conv(g, "input", "a", 3, 2, 5, 2), add_conv(g, "a", "b", 2, 2, 5, 2), add_conv(g, "b", "c", 2, 2, 5, 2);
    add_conv(g, "c", "d", 2, 2, 5, 1), add_conv(g, "d", "e", 2, 2, 5, 1), add_conv(g, "e", "f", 2, 2, 5, 1), add_conv(g, "f", "scores", 2, 1, 9, 1);
    CHECK_OK(df__graph_add_output(g, "scores", &err));
    CHECK_OK(df__net_new(g, NULL, &net, &err));
    return net;
}

static const df_dlib_mmod made_up = {.width = 20, .height = 20, .overlap = 0.9, .covered = 1, .mean = {122, 117, 104}};

TEST(bands_give_what_the_whole_gives)
{
    df_net *net = new_net();
    df_arena scratch = {0};
    df_mmod_face *one, *many;
    size_t n_one, n_many;
    uint8_t *rgb = malloc(3 * 300 * 900);
    for (uint32_t i = 0; i < 3 * 300 * 900; i++)
        rgb[i] = (uint8_t)noise(i);
    df_pixels px = {300, 900, 900, rgb};
    CHECK_OK(df__mmod_find(&made_up, net, px, -1000, 1, &scratch, &one, &n_one, &err));
    CHECK_OK(df__mmod_find(&made_up, net, px, -1000, 4, &scratch, &many, &n_many, &err));
    CHECK(n_one > 3000 && n_one == n_many);
    for (size_t i = 0; i < n_one; i++)
        CHECK_NEAR(one[i].score, many[i].score, 1e-5); /* the order of sums may differ with the shape */
    free(rgb);
    df__arena_free(&scratch);
    df__net_free(net);
}

TEST(pictures_of_any_size_are_searched)
{
    static const int sizes[][2] = {{1, 1}, {2, 1}, {1, 90}, {90, 1}, {6, 7}, {8, 8}, {30, 30}, {WIDTH, HEIGHT}};
    df_net *net = new_net();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        df_arena scratch = {0};
        df_mmod_face *faces;
        size_t n;
        CHECK_OK(df__mmod_find(&made_up, net, picture(sizes[i][0], sizes[i][1]), 1e6, 2, &scratch, &faces, &n, &err));
        assert_int_equal(n, 0);
        df__arena_free(&scratch);
    }
    df__net_free(net);
}

/* One window each eight pixels; the box of the first is centred at pixel 14 of the tiled picture, 3 of the photo. */
TEST(the_best_of_overlapping_windows_is_the_face)
{
    df_net *net = new_net();
    df_arena scratch = {0};
    df_mmod_face *all, *few;
    size_t n_all, n_few;
    df_dlib_mmod strict = made_up;
    strict.overlap = 0.1;
    CHECK_OK(df__mmod_find(&made_up, net, picture(WIDTH, HEIGHT), -1000, 1, &scratch, &all, &n_all, &err));
    CHECK_OK(df__mmod_find(&strict, net, picture(WIDTH, HEIGHT), -1000, 1, &scratch, &few, &n_few, &err));
    CHECK(n_few > 5 && n_few < n_all / 2);
    CHECK(few[0].score == all[0].score && few[0].left == all[0].left);
    bool first_window = false;
    for (size_t i = 0; i < n_all; i++) {
        first_window |= all[i].left == -6 && all[i].top == -6 && all[i].right == 13 && all[i].bottom == 13; /* 3 - 9.5 rounds up */
        CHECK(i == 0 || all[i - 1].score >= all[i].score);
    }
    CHECK(first_window);
    df__arena_free(&scratch);
    df__net_free(net);
}

TEST(every_allocation_may_fail)
{
    df_net *net = new_net();
    for (size_t i = 0;; i++) { /* 0: none fails, so that the network is compiled */
        df_arena scratch = {0};
        df_mmod_face *faces;
        size_t n;
        test_alloc_fail_at(i);
        df_status st = df__mmod_find(&made_up, net, picture(60, 50), -1000, 1, &scratch, &faces, &n, &err);
        test_alloc_fail_at(0);
        df__arena_free(&scratch);
        if (st == DF_OK && i > 0) {
            CHECK(i > 1);
            break;
        }
        CHECK_STATUS(i ? DF_E_NO_MEMORY : DF_OK, st);
    }
    df__net_free(net);
}
