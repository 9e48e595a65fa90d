/* Crops for networks of attributes: where they lie, what they hold, what happens at the edges. */
#include "align/align.h"
#include "analyze/attribute.h"
#include "test.h"

static df_error err;

/* A pixel's colour tells its place: red x, green y, up to 250. */
static df_pixels plane(int width, int height)
{
    df_pixels px;
    CHECK_OK(df__pixels_new(width, height, &px, &err));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t *p = px.data + (size_t)y * px.stride + (size_t)(3 * x);
            p[0] = (uint8_t)x, p[1] = (uint8_t)y, p[2] = 7;
        }
    return px;
}

static const uint8_t *at(df_pixels px, int x, int y) { return px.data + (size_t)y * px.stride + (size_t)(3 * x); }

TEST(a_box_of_the_crop_s_size_is_copied)
{
    df_pixels px = plane(200, 200), out;
    df_arena scratch = {0};
    df_face f = {.x = 40, .y = 60, .w = 50, .h = 64, .confidence = 1};
    const df_look look = {.px = px, .face = &f, .map = &df__detector_retinaface.dlib};
    const df_cut cut = {DF_CUT_BOX, 1, 0, 0, false};
    CHECK_OK(df__cut(&look, &cut, 64, 64, &scratch, &out, &err));
    CHECK_NEAR(1, df__cut_step(&look, &cut, 64), 1e-9);
    for (int i = 0; i < 64; i++) { /* the square of side 64 around (65, 92) begins at (33, 60) */
        assert_int_equal(at(out, i, 5)[0], 33 + i);
        assert_int_equal(at(out, 5, i)[1], 60 + i);
        assert_int_equal(at(out, i, i)[2], 7);
    }
    df__arena_free(&scratch), df__pixels_free(&px);
}

TEST(a_crop_that_shrinks_holds_means_and_one_that_reaches_outside_the_edge)
{
    df_pixels px = plane(200, 200), out;
    df_arena scratch = {0};
    df_face f = {.x = 0, .y = 0, .w = 128, .h = 128, .confidence = 1};
    const df_look look = {.px = px, .face = &f, .map = &df__detector_retinaface.dlib};
    const df_cut half = {DF_CUT_BOX, 1, 0, 0, false}, wide = {DF_CUT_BOX, 2, 0, 0, false};
    CHECK_OK(df__cut(&look, &half, 64, 64, &scratch, &out, &err));
    for (int i = 0; i < 64; i++)
        CHECK_NEAR(2 * i + 0.5, at(out, i, 9)[0], 0.5);
    CHECK_OK(df__cut(&look, &wide, 64, 64, &scratch, &out, &err)); /* from -64 to 192 */
    assert_int_equal(at(out, 0, 0)[0], 0);
    assert_int_equal(at(out, 5, 30)[0], 0);
    CHECK_NEAR(190.5 - 64 + 64, at(out, 63, 30)[0], 1);
    df__arena_free(&scratch), df__pixels_free(&px);
}

/* A place that lies on the crop is found again: linear interpolation keeps a plane a plane. */
TEST(points_lie_on_the_crop_where_the_chip_has_them)
{
    df_pixels px = plane(250, 250), out;
    df_arena scratch = {0};
    const df_template *t = df__template_find("dlib-150");
    df_face f = {.x = 60, .y = 60, .w = 100, .h = 120, .confidence = 1, .has = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH};
    df_point *points[] = {&f.right_eye, &f.left_eye, &f.nose, &f.mouth_right, &f.mouth_left};
    const double turn = 0.3, grow = 0.9;
    for (size_t i = 0; i < 5; i++) /* the chip's points, turned, scaled and moved */
        *points[i] = (df_point){(float)(70 + grow * (cos(turn) * (double)t->five[i].x - sin(turn) * (double)t->five[i].y)),
                                (float)(20 + grow * (sin(turn) * (double)t->five[i].x + cos(turn) * (double)t->five[i].y))};
    const df_look look = {.px = px, .face = &f, .map = &df__detector_retinaface.dlib};
    const df_cut cut = {DF_CUT_POINTS, 150, 75, 75, false};
    CHECK_OK(df__cut(&look, &cut, 150, 150, &scratch, &out, &err));
    CHECK_NEAR(grow, df__cut_step(&look, &cut, 150), 1e-5);
    const uint8_t *nose = at(out, (int)lround((double)t->five[2].x), (int)lround((double)t->five[2].y));
    CHECK_NEAR(f.nose.x, nose[0], 1.2);
    CHECK_NEAR(f.nose.y, nose[1], 1.2);
    f.has = DF_HAS_EYES; /* two points are enough */
    CHECK_NEAR(grow, df__cut_step(&look, &cut, 150), 1e-5);
    f.has = 0; /* none: the box */
    CHECK_NEAR(120.0 / 150, df__cut_step(&look, &cut, 150), 1e-5);
    df__arena_free(&scratch), df__pixels_free(&px);
}

TEST(a_whole_photo_is_one_square)
{
    df_pixels px = plane(120, 60), out;
    df_arena scratch = {0};
    df_face f = {.w = 120, .h = 60};
    const df_look look = {.px = px, .face = &f, .map = &df__detector_skip.dlib, .whole = true};
    const df_cut cut = {DF_CUT_POINTS, 143, 75, 75, false};
    CHECK_OK(df__cut(&look, &cut, 120, 120, &scratch, &out, &err));
    assert_int_equal(at(out, 60, 0)[1], 0);   /* above it: its upper edge */
    assert_int_equal(at(out, 60, 60)[1], 30);
    assert_int_equal(at(out, 60, 119)[1], 59);
    df__arena_free(&scratch), df__pixels_free(&px);
}

TEST(boxes_that_are_no_faces_are_refused)
{
    df_pixels px = plane(50, 50), out;
    df_arena scratch = {0};
    const df_face bad[] = {{.x = 1, .y = 1, .w = 0, .h = 0}, {.x = NAN, .y = 1, .w = 9, .h = 9}, {.x = 1e9f, .y = 1, .w = 9, .h = 9}, {.x = 1, .y = 1, .w = INFINITY, .h = 9}};
    const df_cut cut = {DF_CUT_BOX, 1, 0, 0, false};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const df_look look = {.px = px, .face = &bad[i], .map = &df__detector_retinaface.dlib};
        CHECK_STATUS(DF_E_ARGUMENT, df__cut(&look, &cut, 32, 32, &scratch, &out, &err));
    }
    const df_face good = {.x = 5, .y = 5, .w = 30, .h = 30};
    const df_look look = {.px = px, .face = &good, .map = &df__detector_retinaface.dlib};
    df__arena_free(&scratch);
    test_alloc_fail_at(1);
    CHECK_STATUS(DF_E_NO_MEMORY, df__cut(&look, &cut, 32, 32, &scratch, &out, &err));
    test_alloc_fail_at(0);
    df__arena_free(&scratch), df__pixels_free(&px);
}

TEST(a_crop_is_fed_in_the_order_and_range_that_the_network_wants)
{
    uint8_t data[] = {10, 20, 30, 40, 50, 60};
    const df_pixels px = {2, 1, 6, data};
    float v[6];
    df_attribute a = {.width = 2, .height = 1, .feed = {.colour = DF_CHANNELS_BGR, .mean = {1, 2, 3}, .scale = 2}};
    df__attribute_feed(&a, px, false, v); /* planes: b b, g g, r r */
    const float planes[] = {14.5f, 29.5f, 9, 24, 3.5f, 18.5f};
    for (int i = 0; i < 6; i++)
        CHECK_NEAR(planes[i], v[i], 0);
    a.feed = (df_attribute_feed){.colour = DF_CHANNELS_RGB, .scale = 1, .last = true};
    df__attribute_feed(&a, px, true, v); /* the second pixel first */
    const float last[] = {40, 50, 60, 10, 20, 30};
    for (int i = 0; i < 6; i++)
        CHECK_NEAR(last[i], v[i], 0);
    a.feed = (df_attribute_feed){.colour = DF_CHANNELS_GREY, .scale = 1};
    df__attribute_feed(&a, px, false, v); /* 0.299 10 + 0.587 20 + 0.114 30 = 18.15; 48.15 */
    CHECK_NEAR(18, v[0], 0);
    CHECK_NEAR(48, v[1], 0);
}
