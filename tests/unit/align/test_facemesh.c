/* The face mesh on faces that are none, and without memory. MediaPipe's own points are in tests/golden. */
#include "align/facemesh.h"
#include "test.h"

static df_error err;
static const df_box_map as_it_is = {0, 0, 1, 1};

static df_net *open_real(void)
{
    char *dir;
    df_net *net = NULL;
    CHECK_OK(df__weights_dir(&dir, &err));
    df_loader loader = {.dir = dir};
    df_status st = df__weights_net(&loader, "facemesh", DF_PRECISION_STRICT, &net, &err);
    free(dir);
    if (st == DF_E_NO_MODEL)
        skip();
    CHECK_OK(st);
    return net;
}

static df_pixels picture(void)
{
    static uint8_t rgb[3 * 60 * 50];
    for (uint32_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)((i * 2654435761u) >> 24);
    return (df_pixels){60, 50, 180, rgb};
}

TEST(boxes_of_any_numbers_give_points_or_an_error)
{
    static const float odd[] = {-1e30f, -1e5f, -10, 0, 0.1f, 20, 1e5f, 1e30f, NAN, INFINITY};
    const size_t n = sizeof odd / sizeof *odd;
    df_net *net = open_real();
    df_arena scratch = {0};
    size_t good = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            df_point out[DF_MESH_POINTS];
            df_face f = {.x = odd[i], .y = 10, .w = odd[k], .h = odd[k], .has = i % 2 ? DF_HAS_EYES : 0, .left_eye = {odd[k], odd[i]}, .right_eye = {odd[i], 3}};
            df_status st = df__facemesh(net, picture(), &f, &as_it_is, out, &scratch, &err);
            if (st != DF_OK)
                CHECK_STATUS(DF_E_ARGUMENT, st);
            else
                good++;
            for (int p = 0; st == DF_OK && p < DF_MESH_POINTS; p++)
                CHECK(isfinite(out[p].x) && isfinite(out[p].y));
        }
    CHECK(good > 0 && good < n * n);
    df__arena_free(&scratch);
    df__net_free(net);
}

/* The same picture seen through a box twice as large in all: points twice as far out. */
TEST(points_follow_the_box)
{
    df_net *net = open_real();
    df_arena scratch = {0};
    static uint8_t rgb[3 * 120 * 100];
    df_pixels small = picture(), large = {120, 100, 360, rgb};
    for (int y = 0; y < 100; y++)
        for (int x = 0; x < 120; x++)
            memcpy(rgb + 360 * y + 3 * x, small.data + 180 * (y / 2) + 3 * (x / 2), 3);
    df_point a[DF_MESH_POINTS], b[DF_MESH_POINTS];
    const df_face f = {.x = 15, .y = 10, .w = 30, .h = 30, .has = DF_HAS_EYES, .left_eye = {36, 20}, .right_eye = {24, 20}};
    const df_face g = {.x = 30, .y = 20, .w = 60, .h = 60, .has = DF_HAS_EYES, .left_eye = {72, 40}, .right_eye = {48, 40}};
    CHECK_OK(df__facemesh(net, small, &f, &as_it_is, a, &scratch, &err));
    CHECK_OK(df__facemesh(net, large, &g, &as_it_is, b, &scratch, &err));
    double sum = 0;
    for (int i = 0; i < DF_MESH_POINTS; i++)
        sum += hypot((double)(b[i].x - 2 * a[i].x), (double)(b[i].y - 2 * a[i].y));
    CHECK(sum / DF_MESH_POINTS < 6); /* of 60 pixels: noise is no face, and half a pixel changes what is seen of it */
    df__arena_free(&scratch);
    df__net_free(net);
}

TEST(every_allocation_may_fail)
{
    df_net *net = open_real();
    const df_face f = {.x = 10, .y = 10, .w = 30, .h = 30};
    for (size_t i = 0;; i++) { /* 0: none fails, so that the network is compiled */
        df_point out[DF_MESH_POINTS];
        df_arena scratch = {0};
        test_alloc_fail_at(i);
        df_status st = df__facemesh(net, picture(), &f, &as_it_is, out, &scratch, &err);
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
