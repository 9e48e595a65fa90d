/* Faces of dlib's own max-margin network and the points of its predictor in them (dlib_cnn.csv). */
#include "align/landmarks.h"
#include "detect/detector.h"
#include "detect/mmod_find.h"
#include "golden.h"
#include "models/dlib.h"
#include "photo.h"

typedef struct counts { size_t photos, faces, same, exact, points, near_points; double worst; } counts;
typedef struct row { double score; long box[4]; df_point points[5]; } row;
typedef struct models { df_dlib_mmod mmod; df_net *net; df_shape_predictor *sp; void *detector; } models;

enum { MOST = 256 };
static const double clear = 1e-3; /* scores so near to 0 may fall on either side */

static row read_row(golden *g, const char *name)
{
    row r = {0};
    if (!golden_row(g) || g->fields[0][0] || g->n != 16)
        fail_msg("dlib_cnn.csv: %s lacks faces", name);
    r.score = golden_number(g, 1);
    for (size_t i = 0; i < 4; i++)
        r.box[i] = golden_int(g, 2 + i);
    for (size_t i = 0; i < 5; i++)
        r.points[i] = (df_point){(float)golden_number(g, 6 + 2 * i), (float)golden_number(g, 7 + 2 * i)};
    return r;
}

/* Largest distance of a side, px. */
static long apart(const row *want, const df_mmod_face *got)
{
    const long sides[4] = {got->left, got->top, got->right, got->bottom};
    long most = 0;
    for (int i = 0; i < 4; i++)
        most = labs(sides[i] - want->box[i]) > most ? labs(sides[i] - want->box[i]) : most;
    return most;
}

/* The detector as the pipeline calls it: the same boxes, scores cut at 1. */
static void check_detector(const models *m, df_pixels px, const df_mmod_face *faces, size_t n)
{
    df_error err;
    df_arena scratch = {0};
    df_face_list list = {0};
    const df_detect_params params = {.score = (double)NAN, .threads = 2};
    CHECK_OK(df__detector_dlib_cnn.detect(m->detector, px, &params, &scratch, &list, &err));
    assert_int_equal(n, list.n);
    for (size_t i = 0; i < n; i++) {
        const df_face *f = &list.items[i];
        CHECK(f->x == (float)faces[i].left && f->y == (float)faces[i].top && f->has == 0);
        CHECK(f->w == (float)(faces[i].right - faces[i].left) && f->h == (float)(faces[i].bottom - faces[i].top));
        CHECK_NEAR(fmin((double)faces[i].score, 1), f->confidence, 1e-6);
    }
    df__face_list_free(&list);
    df__arena_free(&scratch);
}

static void compare_photo(const models *m, const char *name, df_pixels px, const row *want, size_t n, counts *c)
{
    df_error err;
    df_arena scratch = {0};
    df_mmod_face *got;
    size_t n_got;
    CHECK_OK(df__mmod_find(&m->mmod, m->net, px, 0, 2, &scratch, &got, &n_got, &err));
    if (c->photos++ % 40 == 0)
        check_detector(m, px, got, n_got);
    for (size_t i = 0; i < n_got; i++) /* no face that dlib has not */
        c->faces += i >= n && (double)got[i].score > clear;
    for (size_t i = 0; i < n; i++) {
        df_point at[5];
        const df_mmod_face *near = NULL;
        for (size_t k = 0; k < n_got && !near; k++)
            near = apart(&want[i], &got[k]) <= 1 && fabs((double)got[k].score - want[i].score) <= 1e-3 ? &got[k] : NULL;
        if (!near && want[i].score <= clear)
            continue;
        c->faces++;
        if (!near) {
            print_message("%s: no face at %ld, %ld of score %.5f\n", name, want[i].box[0], want[i].box[1], want[i].score);
            continue;
        }
        c->same++;
        c->exact += apart(&want[i], near) == 0;
        c->worst = fmax(c->worst, fabs((double)near->score - want[i].score));
        CHECK_OK(df__landmarks(m->sp, px, near->left, near->top, near->right, near->bottom, at, &scratch, &err));
        for (int k = 0; k < 5; k++, c->points++)
            c->near_points += hypot((double)(at[k].x - want[i].points[k].x), (double)(at[k].y - want[i].points[k].y)) <= 1;
    }
    df__arena_free(&scratch);
}

TEST(dlib_cnn_finds_what_dlib_finds)
{
    static row want[MOST];
    if (!test_data_dir())
        skip();
    df_error err;
    df_bytes file;
    df_graph *graph;
    models m;
    counts c = {0};
    char *dir;
    CHECK_OK(df__weights_dir(&dir, &err));
    df_loader loader = {.dir = dir};
    CHECK_OK(df__weights_open(&loader, "dlib-mmod", &file, &err));
    CHECK_OK(df__dlib_mmod_parse(&file, "dlib-mmod", &m.mmod, &graph, &err));
    CHECK_OK(df__net_new(graph, NULL, &m.net, &err));
    df__bytes_free(&file);
    CHECK_OK(df__weights_open(&loader, "dlib-5-points", &file, &err));
    CHECK_OK(df__shape_predictor_parse(&file, "dlib-5-points", &m.sp, &err));
    df__bytes_free(&file);
    CHECK_OK(df__detector_dlib_cnn.open(&loader, &m.detector, &err));
    golden g = golden_open("dlib_cnn.csv");
    while (golden_row(&g)) {
        char name[1024];
        df_pixels px;
        size_t n = (size_t)golden_int(&g, 3);
        snprintf(name, sizeof name, "%s", g.fields[0]);
        bool there = golden_photo(name, &px);
        CHECK(n <= MOST);
        for (size_t i = 0; i < n; i++)
            want[i] = read_row(&g, name);
        if (!there)
            continue;
        compare_photo(&m, name, px, want, n, &c);
        df__pixels_free(&px);
    }
    print_message("%zu photos: %zu of %zu faces, %zu of them to the pixel, scores apart by %.2g at most, %zu of %zu points within 1 px\n", c.photos, c.same,
                  c.faces, c.exact, c.worst, c.near_points, c.points);
    CHECK(c.photos >= 120 && c.faces >= 100);
    CHECK((double)c.same >= 0.99 * (double)c.faces);
    CHECK((double)c.near_points >= 0.99 * (double)c.points);
    df__detector_dlib_cnn.close(m.detector);
    df__shape_predictor_free(m.sp);
    df__net_free(m.net);
    free(dir);
}
