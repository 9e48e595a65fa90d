/* What BlazeFace's numbers mean, on numbers made up here, and the detector with its real weights on photos without a face. MediaPipe's own
 * answers are in tests/golden. */
#include "detect/blaze.h"
#include "detect/detector.h"
#include "test.h"

static df_error err;

/* ---- decoding ---- */

static float scores[2][512], numbers[2][512][16];

/* Outputs of which every anchor says no. */
static void outputs(df_tensor out[DF_BLAZE_OUTPUTS])
{
    memset(numbers, 0, sizeof numbers);
    for (int level = 0; level < 2; level++) {
        int64_t n = level ? 384 : 512;
        for (int i = 0; i < 512; i++)
            scores[level][i] = -50;
        out[level] = (df_tensor){.type = DF_F32, .rank = 3, .dims = {1, n, 1}, .data = scores[level]};
        out[2 + level] = (df_tensor){.type = DF_F32, .rank = 3, .dims = {1, n, 16}, .data = numbers[level]};
    }
}

static void say(int level, int anchor, float logit, float x, float y, float w, float h)
{
    const float raw[6] = {x, y, w, h, x - 1, y - 2};
    scores[level][anchor] = logit;
    memcpy(numbers[level][anchor], raw, sizeof raw);
}

TEST(anchors_lie_in_the_middle_of_their_cells)
{
    df_tensor out[DF_BLAZE_OUTPUTS];
    df_blaze found[DF_BLAZE_ANCHORS];
    size_t n;
    outputs(out);
    say(0, 2 * (3 * 16 + 5) + 1, 0, 2, -1, 10, 20); /* second anchor of column 5, row 3 of 16: (44, 28) at 128 pixels */
    say(1, 6 * (7 * 8 + 7), 2, 0, 0, 4, 4);         /* the last cell of 8: (120, 120) */
    CHECK_OK(df__blaze_decode(out, 128, 0.5, found, &n, &err));
    assert_int_equal(n, 2);
    const float first[6] = {41, 17, 51, 37, 45, 25}, last[4] = {118, 118, 122, 122};
    for (int i = 0; i < 6; i++)
        CHECK_NEAR(first[i], found[0].v[i], 1e-5);
    for (int i = 0; i < 4; i++)
        CHECK_NEAR(last[i], found[1].v[i], 1e-5);
    CHECK_NEAR(0.5, found[0].score, 1e-6); /* the least score counts */
    CHECK_NEAR(0.880797, found[1].score, 1e-6);
    CHECK_OK(df__blaze_decode(out, 256, 0.6, found, &n, &err));
    assert_int_equal(n, 1);
    CHECK_NEAR(240, (found[0].v[0] + found[0].v[2]) / 2, 1e-5);
}

TEST(numbers_that_are_none_are_passed_over)
{
    df_tensor out[DF_BLAZE_OUTPUTS];
    df_blaze found[DF_BLAZE_ANCHORS];
    size_t n;
    outputs(out);
    say(0, 0, NAN, 0, 0, 4, 4);
    say(0, 1, 5, NAN, 0, 4, 4);
    say(0, 2, 5, 0, 0, -4, 4);
    say(0, 3, 5, 0, 0, 4, NAN);
    say(0, 4, 5, 0, INFINITY, 4, 4);
    say(0, 5, 1e30f, 0, 0, 4, 4); /* a score is cut at 100 before it becomes a share */
    CHECK_OK(df__blaze_decode(out, 128, 0, found, &n, &err));
    assert_int_equal(n, DF_BLAZE_ANCHORS - 5);
    CHECK_OK(df__blaze_decode(out, 128, 0.5, found, &n, &err));
    assert_int_equal(n, 1);
    CHECK(found[0].score == 1);
}

TEST(outputs_of_another_shape_are_told)
{
    for (int i = 0; i < DF_BLAZE_OUTPUTS; i++)
        for (int what = 0; what < 4; what++) {
            df_tensor out[DF_BLAZE_OUTPUTS];
            df_blaze found[1];
            size_t n;
            outputs(out);
            if (what < 3)
                out[i].dims[what]++;
            else
                out[i].type = DF_I32;
            CHECK_STATUS(DF_E_BAD_MODEL, df__blaze_decode(out, 128, 2, found, &n, &err));
            CHECK_HAS(err.message, "output");
        }
}

/* ---- suppression ---- */

static df_blaze box(float left, float side, float score)
{
    df_blaze b = {.score = score, .v = {left, 0, left + side, side}};
    for (int i = 4; i < 16; i++)
        b.v[i] = left + (float)i;
    return b;
}

TEST(what_overlaps_the_best_is_blended_by_score)
{
    /* 0 and 2 overlap by 80 / 120, 0 and 8 by 20 / 180: the third stands alone, though the second overlaps it by 40 / 160 */
    df_blaze c[] = {box(8, 10, 0.6f), box(2, 10, 0.3f), box(0, 10, 0.9f)};
    assert_int_equal(df__blaze_blend(c, 3), 2);
    CHECK_NEAR(0.9, c[0].score, 1e-6); /* the best one's, not the mean */
    CHECK_NEAR(0.5, c[0].v[0], 1e-5);  /* (0.9 * 0 + 0.3 * 2) / 1.2 */
    CHECK_NEAR(10.5, c[0].v[2], 1e-5);
    CHECK_NEAR(4.5, c[0].v[4], 1e-5);
    CHECK_NEAR(0.6, c[1].score, 1e-6);
    CHECK_NEAR(8, c[1].v[0], 1e-5);
}

TEST(many_candidates_end)
{
    static df_blaze c[DF_BLAZE_ANCHORS];
    for (int i = 0; i < DF_BLAZE_ANCHORS; i++)
        c[i] = box((float)(i % 7) * 100, (float)(i % 3), (float)(i % 50) / 50); /* a third without size: they overlap nothing */
    size_t n = df__blaze_blend(c, DF_BLAZE_ANCHORS);
    CHECK(n > 7 && n <= DF_BLAZE_ANCHORS);
    for (size_t i = 1; i < n; i++)
        CHECK(c[i - 1].score >= c[i].score);
    assert_int_equal(df__blaze_blend(c, 0), 0);
}

/* ---- the whole ---- */

static const df_detector_ops *const both[] = {&df__detector_mediapipe, &df__detector_mediapipe_full};

static df_pixels picture(int w, int h)
{
    static uint8_t rgb[3 * 120 * 90];
    for (uint32_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)((i * 2654435761u) >> 24);
    return (df_pixels){w, h, 3 * (size_t)w, rgb};
}

static void *open_real(const df_detector_ops *ops)
{
    char *dir;
    void *self = NULL;
    CHECK_OK(df__weights_dir(&dir, &err));
    df_loader loader = {.dir = dir, .precision = DF_PRECISION_FAST};
    df_status st = ops->open(&loader, &self, &err);
    free(dir);
    if (st == DF_E_NO_MODEL)
        skip();
    CHECK_OK(st);
    return self;
}

TEST(photos_without_a_face_have_none)
{
    static const int sizes[][2] = {{1, 1}, {1, 90}, {120, 1}, {120, 90}, {17, 23}};
    for (size_t d = 0; d < 2; d++) {
        void *self = open_real(both[d]);
        df_arena scratch = {0};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            df_face_list out = {0};
            const df_detect_params params = {.score = 0.7, .threads = 2};
            CHECK_OK(both[d]->detect(self, picture(sizes[i][0], sizes[i][1]), &params, &scratch, &out, &err));
            assert_int_equal(out.n, 0);
            df__face_list_free(&out);
        }
        df__arena_free(&scratch);
        both[d]->close(self);
    }
}

TEST(every_allocation_of_the_detector_may_fail)
{
    void *self = open_real(&df__detector_mediapipe);
    const df_detect_params params = {.score = 0, .threads = 1};
    for (size_t i = 0;; i++) { /* 0: none fails, so that the network is compiled */
        df_face_list out = {0};
        df_arena scratch = {0};
        test_alloc_fail_at(i);
        df_status st = df__detector_mediapipe.detect(self, picture(90, 70), &params, &scratch, &out, &err);
        test_alloc_fail_at(0);
        CHECK(st != DF_OK || out.n > 0);
        df__face_list_free(&out);
        df__arena_free(&scratch);
        if (st == DF_OK && i > 0) {
            CHECK(i > 2);
            break;
        }
        CHECK_STATUS(i ? DF_E_NO_MEMORY : DF_OK, st);
    }
    df__detector_mediapipe.close(self);
}
