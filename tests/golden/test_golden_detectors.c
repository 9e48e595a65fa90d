/* Faces that ONNX Runtime (retinaface.csv) and OpenCV's DNN module (ssd.csv) find with the same weights. */
#include "detect/list.h"
#include "golden.h"
#include "photo.h"

enum { MOST = 512 };

static const double recorded_from = 0.88, compared_from = 0.92; /* 0.9 is the detectors' own threshold */

typedef struct face_set { df_face items[MOST]; size_t n; } face_set;
typedef void (*face_of_row_fn)(const golden *g, double width, double height, df_face *out);
typedef double (*agree_fn)(const char *file, const df_face *want, const df_face *got); /* returns the overlap */

static df_face *best_match(const df_face *face, df_face *items, size_t n, double *overlap)
{
    df_face *best = NULL;
    *overlap = 0;
    for (size_t i = 0; i < n; i++) {
        double o = df__face_overlap(face, &items[i]);
        if (o > *overlap)
            *overlap = o, best = &items[i];
    }
    return best;
}

/* Every face that scores clear of the threshold on one side is on the other side too. Returns how many photos there were. */
static size_t compare(const char *csv, const df_detector_ops *ops, face_of_row_fn face_of_row, agree_fn agree)
{
    df_error err;
    char *dir;
    void *detector;
    CHECK_OK(df__weights_dir(&dir, &err));
    df_loader loader = {.dir = dir};
    CHECK_OK(ops->open(&loader, &detector, &err));
    golden g = golden_open(csv);
    size_t photos = 0, faces = 0;
    double worst = 1;
    while (golden_row(&g)) {
        char name[1024];
        df_pixels px;
        face_set want = {.n = (size_t)golden_int(&g, 3)};
        snprintf(name, sizeof name, "%s", g.fields[0]);
        bool there = golden_photo(name, &px);
        double width = there ? px.width : 1, height = there ? px.height : 1;
        CHECK(want.n <= MOST);
        for (size_t i = 0; i < want.n; i++) {
            if (!golden_row(&g) || g.fields[0][0])
                fail_msg("%s: %s lacks faces", csv, name);
            face_of_row(&g, width, height, &want.items[i]);
        }
        if (!there)
            continue;
        df_arena scratch = {0};
        df_face_list got = {0};
        const df_detect_params params = {.score = recorded_from, .threads = 1};
        CHECK_OK(ops->detect(detector, px, &params, &scratch, &got, &err));
        for (size_t i = 0; i < want.n; i++) {
            double o;
            if ((double)want.items[i].confidence < compared_from)
                continue;
            df_face *match = best_match(&want.items[i], got.items, got.n, &o);
            if (!match || (double)match->confidence < recorded_from)
                fail_msg("%s: the face at %g, %g is missing", name, want.items[i].x, want.items[i].y);
            worst = fmin(worst, agree(name, &want.items[i], match));
            faces++;
        }
        for (size_t i = 0; i < got.n; i++) {
            double o;
            if ((double)got.items[i].confidence >= compared_from && (!best_match(&got.items[i], want.items, want.n, &o) || o < 0.9))
                fail_msg("%s: the face at %g, %g (score %g) is not in %s", name, got.items[i].x, got.items[i].y, got.items[i].confidence, csv);
        }
        df__face_list_free(&got);
        df__arena_free(&scratch);
        df__pixels_free(&px);
        photos++;
    }
    print_message("%zu faces of %zu photos, worst overlap %.4f\n", faces, photos, worst);
    ops->close(detector);
    free(dir);
    return photos;
}

static double check_overlap(const char *file, const df_face *want, const df_face *got)
{
    double o = df__face_overlap(want, got);
    if (!(o >= 0.99))
        fail_msg("%s: box %g %g %g %g, not %g %g %g %g: overlap %.4f", file, got->x, got->y, got->w, got->h, want->x, want->y, want->w, want->h, o);
    CHECK_NEAR(want->confidence, got->confidence, 0.01);
    return o;
}

static void retinaface_row(const golden *g, double width, double height, df_face *out)
{
    (void)width, (void)height;
    *out = (df_face){.confidence = (float)golden_number(g, 1), .x = (float)golden_number(g, 2), .y = (float)golden_number(g, 3),
                     .w = (float)golden_number(g, 4), .h = (float)golden_number(g, 5)};
    df_point *points[] = {&out->right_eye, &out->left_eye, &out->nose, &out->mouth_right, &out->mouth_left};
    for (size_t i = 0; i < 5; i++)
        *points[i] = (df_point){(float)golden_number(g, 6 + 2 * i), (float)golden_number(g, 7 + 2 * i)};
}

static double retinaface_agrees(const char *file, const df_face *want, const df_face *got)
{
    const df_point *w[] = {&want->right_eye, &want->left_eye, &want->nose, &want->mouth_right, &want->mouth_left};
    const df_point *h[] = {&got->right_eye, &got->left_eye, &got->nose, &got->mouth_right, &got->mouth_left};
    for (int i = 0; i < 5; i++)
        if (!(fabsf(w[i]->x - h[i]->x) <= 0.5f && fabsf(w[i]->y - h[i]->y) <= 0.5f))
            fail_msg("%s: point %d is %g, %g, not %g, %g", file, i, h[i]->x, h[i]->y, w[i]->x, w[i]->y);
    return check_overlap(file, want, got);
}

/* Of the photo whose faces are being compared: pixels of it in one of the 300 x 300 input. */
static double ssd_scale_x, ssd_scale_y;

static double ssd_edge(double input, double scale) { return trunc(trunc(input) * scale); }

static void ssd_row(const golden *g, double width, double height, df_face *out)
{
    ssd_scale_x = width / 300, ssd_scale_y = height / 300;
    double l = golden_number(g, 2), t = golden_number(g, 3), r = golden_number(g, 4), b = golden_number(g, 5);
    *out = (df_face){.confidence = (float)golden_number(g, 1), .x = (float)ssd_edge(l, ssd_scale_x), .y = (float)ssd_edge(t, ssd_scale_y)};
    out->w = (float)ssd_edge(r, ssd_scale_x) - out->x, out->h = (float)ssd_edge(b, ssd_scale_y) - out->y;
    /* the edges before they are cut to whole pixels, kept where the SSD has no points */
    out->right_eye = (df_point){(float)l, (float)t}, out->left_eye = (df_point){(float)r, (float)b};
}

/* The recorded edge, on the side of a whole pixel where ours is if it lies within 0.05 of one. */
static double ssd_nearest(double input, double scale, double ours)
{
    double best = ssd_edge(input, scale), low = ssd_edge(input - 0.05, scale), high = ssd_edge(input + 0.05, scale);
    if (fabs(low - ours) < fabs(best - ours))
        best = low;
    return fabs(high - ours) < fabs(best - ours) ? high : best;
}

static double ssd_agrees(const char *file, const df_face *want, const df_face *got)
{
    df_face w = *want;
    double l = ssd_nearest((double)want->right_eye.x, ssd_scale_x, (double)got->x);
    double t = ssd_nearest((double)want->right_eye.y, ssd_scale_y, (double)got->y);
    double r = ssd_nearest((double)want->left_eye.x, ssd_scale_x, (double)got->x + (double)got->w);
    double b = ssd_nearest((double)want->left_eye.y, ssd_scale_y, (double)got->y + (double)got->h);
    w.x = (float)l, w.y = (float)t, w.w = (float)(r - l), w.h = (float)(b - t);
    return check_overlap(file, &w, got);
}

TEST(retinaface_finds_what_onnx_runtime_finds)
{
    if (!test_data_dir())
        skip();
    CHECK(compare("retinaface.csv", &df__detector_retinaface, retinaface_row, retinaface_agrees) >= 100);
}

TEST(ssd_finds_what_opencv_finds)
{
    if (!test_data_dir())
        skip();
    CHECK(compare("ssd.csv", &df__detector_ssd, ssd_row, ssd_agrees) >= 100);
}
