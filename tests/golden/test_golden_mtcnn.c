/* Faces and points that the packages mtcnn and facenet-pytorch find (mtcnn.csv, fastmtcnn.csv). One may be lost or won where a score within a stage lies at its threshold, or
 * two scores that decide what is suppressed are equal: one in a hundred at most. */
#include "detect/list.h"
#include "golden.h"
#include "photo.h"

enum { MOST = 512, POINTS = 5, MOST_OFFSETS = 8192 };

typedef struct known { df_face face; double points[2 * POINTS]; } known;

typedef struct tally {
    size_t photos, wanted, met, extra, apart;
    float  offsets[MOST_OFFSETS]; /* of points, px */
    size_t n_offsets;
} tally;

static const double least_overlap = 0.95;

static int by_size(const void *a, const void *b) { return (*(const float *)a > *(const float *)b) - (*(const float *)a < *(const float *)b); }

static const df_face *nearest(const df_face *face, const df_face *items, size_t n, double *overlap)
{
    const df_face *best = NULL;
    *overlap = 0;
    for (size_t i = 0; i < n; i++) {
        double o = df__face_overlap(face, &items[i]);
        if (o > *overlap)
            *overlap = o, best = &items[i];
    }
    return best;
}

static void add_offsets(tally *t, const known *want, const df_face *got)
{
    const df_point *p[POINTS] = {&got->right_eye, &got->left_eye, &got->nose, &got->mouth_right, &got->mouth_left};
    for (int i = 0; i < POINTS && t->n_offsets < MOST_OFFSETS; i++)
        t->offsets[t->n_offsets++] = (float)hypot((double)p[i]->x - want->points[2 * i], (double)p[i]->y - want->points[2 * i + 1]);
}

static known read_face(golden *g, const char *file, const char *name)
{
    if (!golden_row(g) || g->fields[0][0])
        fail_msg("%s: %s lacks faces", file, name);
    known k = {.face = {.confidence = (float)golden_number(g, 1), .x = (float)golden_number(g, 2), .y = (float)golden_number(g, 3),
                        .w = (float)golden_number(g, 4), .h = (float)golden_number(g, 5)}};
    for (size_t i = 0; i < 2 * POINTS; i++)
        k.points[i] = golden_number(g, 6 + i);
    return k;
}

static void compare_photo(const char *name, const known *want, size_t n, const df_face_list *got, double compared_from, tally *t)
{
    for (size_t i = 0; i < n; i++) {
        double o;
        const df_face *f = &want[i].face, *match = nearest(f, got->items, got->n, &o);
        if ((double)f->confidence < compared_from)
            continue;
        t->wanted++;
        if (o < least_overlap) {
            print_message("%s: %g %g %g %g (score %g): overlap %.3f\n", name, f->x, f->y, f->w, f->h, f->confidence, o);
            continue;
        }
        t->met++;
        t->apart += fabs((double)match->confidence - (double)f->confidence) > 0.001;
        add_offsets(t, &want[i], match);
    }
    for (size_t i = 0; i < got->n; i++) {
        double o = 0;
        for (size_t k = 0; k < n; k++)
            o = fmax(o, df__face_overlap(&got->items[i], &want[k].face));
        t->extra += o < least_overlap && (double)got->items[i].confidence >= compared_from;
    }
    t->photos++;
}

/* Of faces that score `compared_from`, a little more than O-Net's threshold. */
static void compare(const df_detector_ops *ops, const char *file, double compared_from)
{
    static known want[MOST];
    static tally t;
    if (!test_data_dir())
        skip();
    t = (tally){0};
    df_error err;
    char *dir;
    void *detector;
    CHECK_OK(df__weights_dir(&dir, &err));
    df_loader loader = {.dir = dir};
    CHECK_OK(ops->open(&loader, &detector, &err));
    golden g = golden_open(file);
    df_arena scratch = {0};
    while (golden_row(&g)) {
        char name[1024];
        df_pixels px;
        size_t n = (size_t)golden_int(&g, 3);
        snprintf(name, sizeof name, "%s", g.fields[0]);
        bool there = golden_photo(name, &px);
        CHECK(n <= MOST);
        for (size_t i = 0; i < n; i++)
            want[i] = read_face(&g, file, name);
        if (!there)
            continue;
        df_face_list got = {0};
        const df_detect_params params = {.score = NAN, .threads = 2};
        CHECK_OK(ops->detect(detector, px, &params, &scratch, &got, &err));
        compare_photo(name, want, n, &got, compared_from, &t);
        df__face_list_free(&got);
        df__arena_reset(&scratch);
        df__pixels_free(&px);
    }
    ops->close(detector);
    df__arena_free(&scratch);
    free(dir);
    qsort(t.offsets, t.n_offsets, sizeof *t.offsets, by_size);
    CHECK(t.photos >= 100 && t.wanted >= 200);
    print_message("%zu photos: %zu of %zu faces, %zu others, %zu scores apart; points apart by %.3f px (median), %.3f (99 of 100)\n", t.photos, t.met,
                  t.wanted, t.extra, t.apart, (double)t.offsets[t.n_offsets / 2], (double)t.offsets[t.n_offsets * 99 / 100]);
    CHECK((double)t.met >= 0.99 * (double)t.wanted && (double)t.extra <= 0.01 * (double)t.wanted);
    CHECK((double)t.apart <= 0.01 * (double)t.wanted);
    CHECK(t.offsets[t.n_offsets / 2] <= 0.1f && t.offsets[t.n_offsets * 99 / 100] <= 1);
}

TEST(mtcnn_finds_what_its_package_finds) { compare(&df__detector_mtcnn, "mtcnn.csv", 0.81); }

TEST(fastmtcnn_finds_what_facenet_pytorch_finds) { compare(&df__detector_fastmtcnn, "fastmtcnn.csv", 0.71); }
