/* dlib's points on real photos are recorded in tests/golden/dlib_points.csv and dlib_points_68.csv. */
#include "align/landmarks.h"
#include "golden/golden.h"
#include "image/decode.h"
#include "unit/models/dlib_writer.h"
#include "unit/models/weights.h"

static df_error err;

static df_shape_predictor *predictor_of(const small_predictor *p)
{
    writer w = {0};
    df_shape_predictor *sp;
    put_predictor(&w, p);
    df_bytes file = written(&w);
    CHECK_OK(df__shape_predictor_parse(&file, "small", &sp, &err));
    free(w.data);
    return sp;
}

/* 101 x 101, black but for the pixels given. */
static df_pixels dark(void)
{
    df_pixels px;
    CHECK_OK(df__pixels_new(101, 101, &px, &err));
    memset(px.data, 0, px.stride * 101);
    return px;
}

static void set(df_pixels px, int x, int y, uint8_t r, uint8_t g, uint8_t b)
{
    uint8_t *p = px.data + (size_t)y * px.stride + 3 * (size_t)x;
    p[0] = r, p[1] = g, p[2] = b;
}

/* In the box [0, 100]^2 the pixels compared lie at (25, 50), and at (75 + 12.5, 50 - 25): x rounds to 88. */
TEST(the_trees_move_the_points)
{
    small_predictor p = small_predictor_default();
    df_shape_predictor *sp = predictor_of(&p);
    df_arena scratch = {0};
    df_point out[2];
    df_pixels px = dark();

    /* Both 0: tree 1 asks 0 > 10: right; tree 2 asks 0 > -10: left. */
    CHECK_OK(df__landmarks(sp, px, 0, 0, 100, 100, out, &scratch, &err));
    CHECK(out[0].x == 25 && out[0].y == 63);  /* 0.5 + 0.125, rounded up from 62.5 */
    CHECK(out[1].x == 81 && out[1].y == 50);  /* 0.75 + 0.0625 = 81.25 */

    /* (10 + 11 + 14) / 3 = 11 > 10: left; tree 2: -11 > -10 is false: right. */
    set(px, 25, 50, 10, 11, 14);
    CHECK_OK(df__landmarks(sp, px, 0, 0, 100, 100, out, &scratch, &err));
    CHECK(out[0].x == 38 && out[0].y == 50);  /* 0.375 */
    CHECK(out[1].x == 75 && out[1].y == 25);

    /* The other pixel as bright: equal again. */
    set(px, 88, 25, 11, 11, 11);
    CHECK_OK(df__landmarks(sp, px, 0, 0, 100, 100, out, &scratch, &err));
    CHECK(out[0].x == 25 && out[0].y == 63);
    df__pixels_free(&px), df__arena_free(&scratch), df__shape_predictor_free(sp);
}

TEST(pixels_outside_the_picture_are_black)
{
    small_predictor p = small_predictor_default();
    df_shape_predictor *sp = predictor_of(&p);
    df_arena scratch = {0};
    df_point out[2];
    df_pixels px = dark();
    memset(px.data, 255, px.stride * 101);
    /* First pixel at (-175, -150): 0; second at (-112.5, -175): 0. */
    CHECK_OK(df__landmarks(sp, px, -200, -200, -100, -100, out, &scratch, &err));
    CHECK(out[0].x == -175 && out[0].y == -137); /* floor(-137.5 + 0.5) */
    CHECK(out[1].x == -119 && out[1].y == -150); /* -118.75 */
    df__pixels_free(&px), df__arena_free(&scratch), df__shape_predictor_free(sp);
}

/* Points that came together have no size from which the pixels of the next cascade could be placed. */
TEST(a_shape_without_size_is_refused)
{
    small_predictor p = small_predictor_default();
    memset(p.initial, 0, sizeof p.initial);
    df_shape_predictor *sp = predictor_of(&p);
    df_arena scratch = {0};
    df_point out[2];
    df_pixels px = dark();
    CHECK_STATUS(DF_E_BAD_MODEL, df__landmarks(sp, px, 0, 0, 100, 100, out, &scratch, &err));
    df__shape_predictor_free(sp);
    p = small_predictor_default();
    p.initial[0] = -3e38f, p.leaf[0][1][0] = -3e38f;
    sp = predictor_of(&p);
    CHECK_STATUS(DF_E_BAD_MODEL, df__landmarks(sp, px, 0, 0, 100, 100, out, &scratch, &err));
    df__pixels_free(&px), df__arena_free(&scratch), df__shape_predictor_free(sp);
}

TEST(boxes_that_are_none_are_refused)
{
    small_predictor p = small_predictor_default();
    df_shape_predictor *sp = predictor_of(&p);
    df_arena scratch = {0};
    df_point out[2];
    df_pixels px = dark();
    CHECK_STATUS(DF_E_ARGUMENT, df__landmarks(sp, px, 10, 0, 9, 100, out, &scratch, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__landmarks(sp, px, 0, 0, 2000000000L, 100, out, &scratch, &err));
    CHECK_HAS(err.message, "[0, 2000000000] x [0, 100]");
    df__pixels_free(&px), df__arena_free(&scratch), df__shape_predictor_free(sp);
}

TEST(without_memory_it_says_so)
{
    small_predictor p = small_predictor_default();
    df_shape_predictor *sp = predictor_of(&p);
    df_arena scratch = {0};
    df_point out[2];
    df_pixels px = dark();
    test_alloc_fail_at(1);
    df_status st = df__landmarks(sp, px, 0, 0, 100, 100, out, &scratch, &err);
    test_alloc_fail_at(0);
    CHECK_STATUS(DF_E_NO_MEMORY, st);
    CHECK_OK(df__landmarks(sp, px, 0, 0, 100, 100, out, &scratch, &err));
    df__pixels_free(&px), df__arena_free(&scratch), df__shape_predictor_free(sp);
}

static df_pixels photo(const char *name)
{
    const df_limits lim = {.bytes = 1 << 24, .pixels = 1 << 24};
    char path[4096];
    df_bytes file;
    df_pixels px;
    snprintf(path, sizeof path, "%s/lfw_dev/images/%s", test_data_dir(), name);
    CHECK_OK(df__read_file(path, lim.bytes, &file, &err));
    CHECK_OK(df__photo_decode(file.data, file.len, &lim, 0, &px, &err));
    df__bytes_free(&file);
    return px;
}

/* Every coordinate of every face is dlib's. Returns the faces compared. */
static size_t compare(const char *weights, const char *recorded, int points)
{
    df_bytes file;
    df_shape_predictor *sp;
    df_arena scratch = {0};
    df_point out[68];
    float theirs[2 * 68];
    size_t faces = 0, differ = 0;
    if (!test_data_dir() || !weights_map(weights, &file)) {
        print_message("skipped: the photos of lfw_dev or the weights are not here\n");
        skip();
    }
    CHECK_OK(df__shape_predictor_parse(&file, weights, &sp, &err));
    assert_int_equal(df__shape_predictor_points(sp), points);
    for (golden g = golden_open(recorded); golden_row(&g); faces++) {
        df_pixels px = photo(g.fields[0]);
        CHECK_OK(df__landmarks(sp, px, golden_int(&g, 1), golden_int(&g, 2), golden_int(&g, 3), golden_int(&g, 4), out, &scratch, &err));
        assert_int_equal(golden_numbers(&g, 5, theirs, 2 * 68), 2 * points);
        for (int i = 0; i < points; i++)
            if (out[i].x != theirs[2 * i] || out[i].y != theirs[2 * i + 1]) {
                print_message("%s point %d: (%g, %g), dlib has (%g, %g)\n", g.fields[0], i, (double)out[i].x, (double)out[i].y,
                              (double)theirs[2 * i], (double)theirs[2 * i + 1]);
                differ++;
            }
        df__pixels_free(&px);
    }
    assert_int_equal(differ, 0);
    df__arena_free(&scratch), df__shape_predictor_free(sp), df__bytes_free(&file);
    return faces;
}

TEST(five_points_are_dlibs_to_the_pixel)
{
    CHECK(compare("shape_predictor_5_face_landmarks.dat", "dlib_points.csv", 5) >= 200);
}

TEST(sixty_eight_points_are_dlibs_to_the_pixel)
{
    CHECK(compare("shape_predictor_68_face_landmarks.dat", "dlib_points_68.csv", 68) >= 40);
}
