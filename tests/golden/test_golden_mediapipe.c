/* Faces and points that MediaPipe finds (mediapipe.csv), by a network whose weights are the same but for their float16, and a picture that
 * it warps with coordinates of 1/32 pixel. Both move a score by about 0.001: a candidate of just 0.5 may be lost or won, and with it
 * part of the mean that a face is. */
#include "detect/list.h"
#include "golden.h"
#include "photo.h"

enum { MOST = 64, POINTS = 3, MOST_OFFSETS = 1024 };

static const double least_overlap = 0.95, compared_from = 0.51; /* 0.5 is where MediaPipe was told to begin */

typedef struct known { df_face face; df_point points[POINTS]; } known;

typedef struct tally {
    size_t photos, wanted, met, extra, apart, n_offsets;
    float  offsets[MOST_OFFSETS]; /* of points, hundredths of the face's side */
} tally;

static int by_size(const void *a, const void *b) { return (*(const float *)a > *(const float *)b) - (*(const float *)a < *(const float *)b); }

static known read_face(golden *g, const char *name)
{
    if (!golden_row(g) || g->fields[0][0])
        fail_msg("mediapipe.csv: %s lacks faces", name);
    known k = {.face = {.confidence = (float)golden_number(g, 1), .x = (float)golden_number(g, 2), .y = (float)golden_number(g, 3),
                        .w = (float)golden_number(g, 4), .h = (float)golden_number(g, 5)}};
    for (size_t i = 0; i < POINTS; i++)
        k.points[i] = (df_point){(float)golden_number(g, 6 + 2 * i), (float)golden_number(g, 7 + 2 * i)};
    return k;
}

static double best_overlap(const df_face *face, const df_face_list *list, const df_face **best)
{
    double most = 0;
    for (size_t i = 0; i < list->n; i++) {
        double o = df__face_overlap(face, &list->items[i]);
        if (o > most)
            most = o, *best = &list->items[i];
    }
    return most;
}

static void compare_photo(const char *name, const known *want, size_t n, const df_face_list *got, tally *t)
{
    for (size_t i = 0; i < n; i++) {
        const df_face *f = &want[i].face, *match = NULL;
        double o = best_overlap(f, got, &match);
        if ((double)f->confidence < compared_from)
            continue;
        t->wanted++;
        if (o < least_overlap) {
            print_message("%s: %g %g %g %g (score %g): overlap %.3f\n", name, f->x, f->y, f->w, f->h, f->confidence, o);
            continue;
        }
        t->met++;
        t->apart += fabs((double)match->confidence - (double)f->confidence) > 0.005;
        const df_point p[POINTS] = {match->right_eye, match->left_eye, match->nose};
        for (int k = 0; k < POINTS && t->n_offsets < MOST_OFFSETS; k++)
            t->offsets[t->n_offsets++] = (float)(100 * hypot((double)(p[k].x - want[i].points[k].x), (double)(p[k].y - want[i].points[k].y)) / (double)f->w);
    }
    for (size_t i = 0; i < got->n; i++) {
        double o = 0;
        for (size_t k = 0; k < n; k++)
            o = fmax(o, df__face_overlap(&got->items[i], &want[k].face));
        t->extra += o < least_overlap && (double)got->items[i].confidence >= compared_from;
    }
    t->photos++;
}

TEST(mediapipe_finds_what_its_package_finds)
{
    static tally t;
    static known want[MOST];
    if (!test_data_dir())
        skip();
    df_error err;
    char *dir;
    void *detector;
    CHECK_OK(df__weights_dir(&dir, &err));
    df_loader loader = {.dir = dir, .precision = DF_PRECISION_FAST};
    CHECK_OK(df__detector_mediapipe.open(&loader, &detector, &err));
    golden g = golden_open("mediapipe.csv");
    df_arena scratch = {0};
    while (golden_row(&g)) {
        char name[1024];
        df_pixels px;
        size_t n = (size_t)golden_int(&g, 3);
        snprintf(name, sizeof name, "%s", g.fields[0]);
        bool there = golden_photo(name, &px);
        CHECK(n <= MOST);
        for (size_t i = 0; i < n; i++)
            want[i] = read_face(&g, name);
        if (!there)
            continue;
        df_face_list got = {0};
        const df_detect_params params = {.score = 0.5, .threads = 1};
        CHECK_OK(df__detector_mediapipe.detect(detector, px, &params, &scratch, &got, &err));
        compare_photo(name, want, n, &got, &t);
        df__face_list_free(&got);
        df__arena_reset(&scratch);
        df__pixels_free(&px);
    }
    df__detector_mediapipe.close(detector);
    df__arena_free(&scratch);
    free(dir);
    CHECK(t.photos >= 120 && t.wanted >= 140 && t.n_offsets > 0);
    qsort(t.offsets, t.n_offsets, sizeof *t.offsets, by_size);
    print_message("%zu photos: %zu of %zu faces, %zu others, %zu scores apart; points apart by %.3f %% of the face (median), %.3f %% (99 of 100)\n",
                  t.photos, t.met, t.wanted, t.extra, t.apart, (double)t.offsets[t.n_offsets / 2], (double)t.offsets[t.n_offsets * 99 / 100]);
    CHECK((double)t.met >= 0.99 * (double)t.wanted && (double)t.extra <= 0.01 * (double)t.wanted);
    CHECK((double)t.apart <= 0.03 * (double)t.wanted);
    CHECK(t.offsets[t.n_offsets / 2] <= 0.2f && t.offsets[t.n_offsets * 99 / 100] <= 2);
}
