/* What a face is worth: a sharp, well lit one from the front all; each fault costs, and is named. */
#include "analyze/quality.h"
#include "test.h"

static df_error err;

enum { SIDE = 300 };

/* Checks of `cell` pixels, grey levels lo and hi: edges at all scales of a face, as far as a picture without one goes. */
static df_pixels checks(int cell, int lo, int hi)
{
    df_pixels px;
    CHECK_OK(df__pixels_new(SIDE, SIDE, &px, &err));
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            memset(px.data + (size_t)y * px.stride + (size_t)(3 * x), (x / cell + y / cell) % 2 ? hi : lo, 3);
    return px;
}

static void blur(df_pixels px, int radius)
{
    df_pixels from;
    CHECK_OK(df__pixels_new(SIDE, SIDE, &from, &err));
    df__pixels_paste(from, 0, 0, px);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            int sum = 0, n = 0;
            for (int j = y - radius; j <= y + radius; j++)
                for (int i = x - radius; i <= x + radius; i++)
                    if (i >= 0 && j >= 0 && i < SIDE && j < SIDE)
                        sum += from.data[(size_t)j * from.stride + (size_t)(3 * i)], n++;
            memset(px.data + (size_t)y * px.stride + (size_t)(3 * x), sum / n, 3);
        }
    df__pixels_free(&from);
}

/* A head's five points in millimetres before the eyes' middle (x to the picture's right, y down, z to the viewer), turned and seen from far away. */
static df_face head(double yaw, double pitch, double roll, double scale)
{
    static const double points[5][3] = {{-31.5, 0, 0}, {31.5, 0, 0}, {0, 35.8, 34.65}, {-26.6, 65.8, 0}, {26.6, 65.8, 0}};
    df_face f = {.x = 90, .y = 80, .w = 120, .h = 140, .confidence = 1, .has = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH};
    df_point *to[5] = {&f.right_eye, &f.left_eye, &f.nose, &f.mouth_right, &f.mouth_left};
    double k = 3.14159265358979323846 / 180, cy = cos(yaw * k), sy = sin(yaw * k), cp = cos(pitch * k), sp = sin(pitch * k), cr = cos(roll * k), sr = sin(roll * k);
    for (int i = 0; i < 5; i++) {
        const double *p = points[i];
        double y = p[1] * cp - p[2] * sp, z = p[1] * sp + p[2] * cp;
        double x = p[0] * cy + z * sy;
        *to[i] = (df_point){(float)(150 + scale * (x * cr - y * sr)), (float)(120 + scale * (x * sr + y * cr))};
    }
    return f;
}

static df_quality of(df_pixels px, const df_face *f, double scale)
{
    df_quality q;
    df_arena scratch = {0};
    const df_look look = {.px = px, .face = f, .map = &df__detector_retinaface.dlib};
    CHECK_OK(df__quality(&look, scale, &q, &scratch, &err));
    df__arena_free(&scratch);
    return q;
}

TEST(a_good_face_is_worth_everything_and_has_no_faults)
{
    df_pixels px = checks(8, 80, 160);
    df_face f = head(0, 0, 0, 0.85);
    df_quality q = of(px, &f, 1);
    CHECK_NEAR(100, q.score, 0.5);
    assert_int_equal(q.reasons, 0);
    CHECK(!df_quality_reason(&q, 0));
    CHECK_NEAR(120, q.brightness, 3);
    CHECK_NEAR(40, q.contrast, 6);
    CHECK_NEAR(120, q.size, 0);
    df__pixels_free(&px);
}

TEST(blur_costs_and_is_named)
{
    df_pixels px = checks(24, 80, 160);
    df_face f = head(0, 0, 0, 0.85);
    float before = of(px, &f, 1).sharpness;
    blur(px, 5);
    blur(px, 5);
    df_quality q = of(px, &f, 1);
    CHECK(q.sharpness < before && q.score < 60 && (q.reasons & DF_QUALITY_BLURRED));
    assert_string_equal(df_quality_reason(&q, 0), "blurred");
    df__pixels_free(&px);
}

TEST(light_costs_and_is_named)
{
    const struct { int lo, hi; unsigned reason; } cases[] = {{10, 50, DF_QUALITY_DARK}, {200, 255, DF_QUALITY_BRIGHT}, {118, 128, DF_QUALITY_FLAT}};
    for (size_t i = 0; i < 3; i++) {
        df_pixels px = checks(8, cases[i].lo, cases[i].hi);
        df_face f = head(0, 0, 0, 0.85);
        df_quality q = of(px, &f, 1);
        CHECK(q.score < 90);
        assert_int_equal(q.reasons, cases[i].reason);
        df__pixels_free(&px);
    }
}

TEST(a_small_face_costs_as_the_photo_has_it_not_as_it_was_decoded)
{
    df_pixels px = checks(4, 80, 160);
    df_face f = head(0, 0, 0, 0.2);
    f.x = 130, f.y = 110, f.w = 30, f.h = 36;
    df_quality q = of(px, &f, 1);
    assert_int_equal(q.reasons & DF_QUALITY_SMALL, DF_QUALITY_SMALL);
    df_quality larger = of(px, &f, 4);
    CHECK_NEAR(120, larger.size, 0);
    CHECK(!(larger.reasons & DF_QUALITY_SMALL) && larger.score > q.score);
    df__pixels_free(&px);
}

/* The head above has the nose's depth and the places that quality.c takes for everybody's: real ones differ, and so do their angles. */
TEST(a_turned_head_is_measured)
{
    df_pixels px = checks(8, 80, 160);
    const double angles[] = {-50, -25, 0, 15, 40};
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 1; k < 4; k++) {
            df_face f = head(angles[i], 0, angles[k], 0.85);
            df_quality q = of(px, &f, 1);
            CHECK_NEAR(angles[i], q.yaw, 2);
            CHECK_NEAR(angles[k], q.roll, 0.1);
            assert_int_equal(!!(q.reasons & DF_QUALITY_TURNED), fabs(angles[i]) > 35);
        }
    df_face up = head(0, 35, 0, 0.85), down = head(0, -35, 0, 0.85);
    df_quality q = of(px, &up, 1), r = of(px, &down, 1);
    CHECK(q.pitch > 20 && r.pitch < -20);
    CHECK(of(px, &up, 1).score < 80);
    up.has = 0;
    q = of(px, &up, 1);
    CHECK(isnan(q.yaw) && isnan(q.pitch) && isnan(q.roll));
    df__pixels_free(&px);
}

TEST(a_face_at_the_edge_is_cut)
{
    df_pixels px = checks(8, 80, 160);
    df_face f = head(0, 0, 0, 0.85);
    df_point *points[] = {&f.right_eye, &f.left_eye, &f.nose, &f.mouth_right, &f.mouth_left};
    for (size_t i = 0; i < 5; i++)
        points[i]->x -= 130; /* half the face lies beside the photo, though its box is drawn around what can be seen */
    f.x = 0, f.w = 70;
    df_quality q = of(px, &f, 1);
    CHECK(q.reasons & DF_QUALITY_CUT);
    CHECK(q.score < 70);
    df__pixels_free(&px);
}
