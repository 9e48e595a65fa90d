/* dlib's own points and embeddings of 200 photos (dlib_embeddings.csv): same box, same points, same vector. */
#include "align/align.h"
#include "golden.h"
#include "models/dlib.h"
#include "photo.h"
#include "represent/recogniser.h"

enum { DIMS = 128, POINTS = 5 };

typedef struct dlib_stages {
    df_shape_predictor *predictor;
    df_recogniser_net   net;
} dlib_stages;

static dlib_stages open_stages(void)
{
    df_error err;
    df_bytes file;
    char *dir;
    dlib_stages s;
    CHECK_OK(df__weights_dir(&dir, &err));
    df_loader loader = {.dir = dir};
    CHECK_OK(df__weights_open(&loader, "dlib-5-points", &file, &err));
    CHECK_OK(df__shape_predictor_parse(&file, "dlib-5-points", &s.predictor, &err));
    CHECK_OK(df__recogniser_open(&loader, df__recogniser_find("Dlib"), &s.net, &err));
    df__bytes_free(&file);
    free(dir);
    return s;
}

static double cosine(const float *a, const float *b)
{
    double dot = 0, aa = 0, bb = 0;
    for (int i = 0; i < DIMS; i++)
        dot += (double)a[i] * b[i], aa += (double)a[i] * a[i], bb += (double)b[i] * b[i];
    return dot / sqrt(aa * bb);
}

TEST(dlib_embeddings_of_200_photos_are_dlibs)
{
    const char *data = test_data_dir();
    if (!data)
        skip();
    df_error err;
    char images[4096];
    snprintf(images, sizeof images, "%s/lfw_dev/images", data);
    const df_template *chip_of = df__template_find("dlib-150");
    const df_box_map as_it_is = {0, 0, 1, 1};
    dlib_stages s = open_stages();
    golden g = golden_open("dlib_embeddings.csv");
    double worst = 1;
    size_t photos = 0;
    for (; golden_row(&g); photos++) {
        df_arena scratch = {0};
        df_point points[POINTS];
        float want[DIMS], got[DIMS];
        double m[6];
        df_pixels px = photo_at(images, g.fields[0]), chip;
        float left = (float)golden_number(&g, 1), top = (float)golden_number(&g, 2);
        df_face face = {.x = left, .y = top, .w = (float)golden_number(&g, 3) - left + 1, .h = (float)golden_number(&g, 4) - top + 1};
        CHECK_OK(df__dlib_points(px, &face, &as_it_is, s.predictor, &scratch, points, &err));
        for (int i = 0; i < POINTS; i++)
            if (points[i].x != (float)golden_number(&g, 5 + 2 * (size_t)i) || points[i].y != (float)golden_number(&g, 6 + 2 * (size_t)i))
                fail_msg("%s: point %d is %g, %g, not %s, %s", g.fields[0], i, points[i].x, points[i].y, g.fields[5 + 2 * i],
                         g.fields[6 + 2 * i]);
        CHECK_OK(df__points_transform(px, &face, chip_of, &as_it_is, s.predictor, &scratch, m, &err));
        CHECK_OK(df__align_points(px, chip_of, m, 0, &scratch, &chip, &err));
        CHECK_OK(df__recogniser_run(&s.net, &chip, 1, DF_RANGE_BASE, false, 1, &scratch, got, &err));
        CHECK(golden_numbers(&g, 15, want, DIMS) == DIMS);
        double c = cosine(want, got);
        if (!(c >= 0.9999))
            fail_msg("%s: cosine %.7f", g.fields[0], c);
        worst = fmin(worst, c);
        df__arena_free(&scratch);
        df__pixels_free(&px);
    }
    print_message("worst cosine of %zu photos: %.7f\n", photos, worst);
    CHECK(photos == 200);
    df__recogniser_close(&s.net);
    df__shape_predictor_free(s.predictor);
}
