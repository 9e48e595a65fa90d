/* Faces of dlib's own HOG detector and the points of its predictor in them (dlib_faces.csv). */
#include "align/landmarks.h"
#include "detect/detector.h"
#include "detect/hog_find.h"
#include "golden.h"
#include "photo.h"

typedef struct counts { size_t photos, faces, same, points, same_points; double worst; } counts;
typedef struct row { double score; long box[4]; df_point points[5]; int filter; } row;
typedef struct models { df_hog_finder *finder; df_shape_predictor *sp; void *detector; } models;

enum { MOST = 256 };

static row read_row(golden *g, const char *name)
{
    row r = {0};
    if (!golden_row(g) || g->fields[0][0] || g->n != 17)
        fail_msg("dlib_faces.csv: %s lacks faces", name);
    r.score = golden_number(g, 1);
    r.filter = golden_int(g, 2);
    for (size_t i = 0; i < 4; i++)
        r.box[i] = golden_int(g, 3 + i);
    for (size_t i = 0; i < 5; i++)
        r.points[i] = (df_point){(float)golden_number(g, 7 + 2 * i), (float)golden_number(g, 8 + 2 * i)};
    return r;
}

static bool same_face(const row *want, const df_hog_face *got)
{
    return want->box[0] == got->left && want->box[1] == got->top && want->box[2] == got->right && want->box[3] == got->bottom &&
           want->filter == got->filter && fabs(want->score - got->score) <= 1e-5;
}

/* The detector as the pipeline calls it: the same boxes, w and h as upstream has them, scores cut at 1. */
static void check_detector(const models *m, df_pixels px, const df_hog_face *faces, size_t n)
{
    df_error err;
    df_arena scratch = {0};
    df_face_list list = {0};
    const df_detect_params params = {.score = (double)NAN, .threads = 1};
    CHECK_OK(df__detector_dlib.detect(m->detector, px, &params, &scratch, &list, &err));
    assert_int_equal(n, list.n);
    for (size_t i = 0; i < n; i++) {
        const df_face *f = &list.items[i];
        CHECK(f->x == (float)faces[i].left && f->y == (float)faces[i].top && f->has == 0);
        CHECK(f->w == (float)(faces[i].right - faces[i].left) && f->h == (float)(faces[i].bottom - faces[i].top));
        CHECK_NEAR(fmin(faces[i].score, 1), f->confidence, 1e-6);
    }
    df__face_list_free(&list);
    df__arena_free(&scratch);
}

static void compare_photo(const models *m, const char *name, df_pixels px, const row *want, size_t n, counts *c)
{
    df_error err;
    df_arena scratch = {0};
    df_hog_face *got;
    size_t n_got;
    CHECK_OK(df__hog_find(m->finder, px, true, 0, 2, &scratch, &got, &n_got, &err));
    if (c->photos++ % 40 == 0)
        check_detector(m, px, got, n_got);
    c->faces += n > n_got ? n : n_got;
    if (n != n_got)
        print_message("%s: %zu faces, not %zu\n", name, n_got, n);
    for (size_t i = 0; i < n && i < n_got; i++) {
        df_point at[5];
        if (!same_face(&want[i], &got[i])) {
            print_message("%s: score %.6f at %ld, %ld, not %.6f at %ld, %ld\n", name, got[i].score, got[i].left, got[i].top, want[i].score,
                          want[i].box[0], want[i].box[1]);
            continue;
        }
        c->same++;
        c->worst = fmax(c->worst, fabs(want[i].score - got[i].score));
        CHECK_OK(df__landmarks(m->sp, px, got[i].left, got[i].top, got[i].right, got[i].bottom, at, &scratch, &err));
        c->points += 5;
        for (int k = 0; k < 5; k++)
            c->same_points += at[k].x == want[i].points[k].x && at[k].y == want[i].points[k].y;
    }
    df__arena_free(&scratch);
}

static models open_models(void)
{
    df_error err;
    char *dir;
    models m;
    df_bytes file;
    df_dlib_hog *hog;
    CHECK_OK(df__weights_dir(&dir, &err));
    df_loader loader = {.dir = dir};
    CHECK_OK(df__weights_open(&loader, "dlib-hog", &file, &err));
    CHECK_OK(df__dlib_hog_parse(&file, "dlib-hog", &hog, &err));
    CHECK_OK(df__hog_finder_new(hog, &m.finder, &err));
    df__bytes_free(&file);
    CHECK_OK(df__weights_open(&loader, "dlib-5-points", &file, &err));
    CHECK_OK(df__shape_predictor_parse(&file, "dlib-5-points", &m.sp, &err));
    df__bytes_free(&file);
    CHECK_OK(df__detector_dlib.open(&loader, &m.detector, &err));
    free(dir);
    return m;
}

TEST(boxes_scores_and_points_are_those_of_dlib)
{
    counts c = {0};
    if (!test_data_dir())
        skip();
    models m = open_models();
    golden g = golden_open("dlib_faces.csv");
    while (golden_row(&g)) {
        static row want[MOST];
        char name[1024];
        df_pixels px;
        size_t n = (size_t)golden_int(&g, 3);
        snprintf(name, sizeof name, "%s", g.fields[0]);
        CHECK(n <= MOST);
        for (size_t i = 0; i < n; i++)
            want[i] = read_row(&g, name);
        if (!golden_photo(name, &px))
            continue;
        compare_photo(&m, name, px, want, n, &c);
        df__pixels_free(&px);
    }
    print_message("%zu photos: %zu of %zu faces are the same (scores within %.1e), %zu of %zu points\n", c.photos, c.same, c.faces, c.worst,
                  c.same_points, c.points);
    CHECK(c.photos >= 120 && c.faces >= 200);
    CHECK((double)c.same >= 0.99 * (double)c.faces && (double)c.same_points >= 0.99 * (double)c.points);
    df__hog_finder_free(m.finder);
    df__shape_predictor_free(m.sp);
    df__detector_dlib.close(m.detector);
}
