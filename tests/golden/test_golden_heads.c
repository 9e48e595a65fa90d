/* Faces that upstream finds with the real weights of YuNet (yunet.csv) and CenterFace (centerface.csv), and those that the original
 * post-processing makes of networks with known answers, for the detectors whose files users bring (heads.csv). */
#include <unistd.h>

#include "detect/list.h"
#include "golden.h"
#include "photo.h"
#include "temp_dir.h"
#include "tiny_heads.h"

enum { MOST = 1024 };

typedef struct face_set { df_face items[MOST]; size_t n; } face_set;

static df_error err;

static void read_faces(golden *g, const char *what, size_t n, face_set *out)
{
    CHECK(n <= MOST);
    out->n = n;
    for (size_t i = 0; i < n; i++) {
        if (!golden_row(g) || g->fields[0][0])
            fail_msg("%s lacks faces", what);
        df_face f = {.confidence = (float)golden_number(g, 1), .x = (float)golden_number(g, 2), .y = (float)golden_number(g, 3),
                     .w = (float)golden_number(g, 4), .h = (float)golden_number(g, 5)};
        df_point *points[] = {&f.right_eye, &f.left_eye, &f.nose, &f.mouth_right, &f.mouth_left};
        for (size_t k = 0; k < 5 && g->n > 6; k++) {
            f.has = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH;
            *points[k] = (df_point){(float)golden_number(g, 6 + 2 * k), (float)golden_number(g, 7 + 2 * k)};
        }
        out->items[i] = f;
    }
}

static const df_face *nearest(const df_face *face, const df_face *items, size_t n)
{
    const df_face *best = NULL;
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        double o = df__face_overlap(face, &items[i]);
        if (o > most)
            most = o, best = &items[i];
    }
    return best;
}

static double farthest_point(const df_face *a, const df_face *b)
{
    const df_point *p[] = {&a->right_eye, &a->left_eye, &a->nose, &a->mouth_right, &a->mouth_left};
    const df_point *q[] = {&b->right_eye, &b->left_eye, &b->nose, &b->mouth_right, &b->mouth_left};
    double most = 0;
    for (int i = 0; i < 5; i++)
        most = fmax(most, hypot((double)(p[i]->x - q[i]->x), (double)(p[i]->y - q[i]->y)));
    return most;
}

/* ---- real weights ---- */

/* Every face that scores clear of the threshold on one side is on the other side too. */
static void compare_photos(const char *csv, const df_detector_ops *ops, double least, int side)
{
    char *dir;
    void *self;
    CHECK_OK(df__weights_dir(&dir, &err));
    df_loader loader = {.dir = dir};
    df_status st = ops->open(&loader, &self, &err);
    free(dir);
    if (st == DF_E_NO_MODEL)
        skip();
    CHECK_OK(st);
    golden g = golden_open(csv);
    size_t photos = 0, faces = 0;
    double worst = 1, far = 0;
    while (golden_row(&g)) {
        char name[1024];
        static face_set want;
        df_pixels px;
        snprintf(name, sizeof name, "%s", g.fields[0]);
        double longer = fmax(golden_number(&g, 1), golden_number(&g, 2)), pixel = side && longer > side ? longer / side : 1;
        read_faces(&g, name, (size_t)golden_int(&g, 3), &want);
        if (!golden_photo(name, &px))
            continue;
        df_arena scratch = {0};
        df_face_list got = {0};
        CHECK_OK(ops->detect(self, px, &(df_detect_params){.score = least - 0.02, .threads = 2}, &scratch, &got, &err));
        for (size_t i = 0; i < want.n; i++) {
            const df_face *w = &want.items[i], *f = nearest(w, got.items, got.n);
            if ((double)w->confidence < least + 0.02)
                continue;
            double o = f ? df__face_overlap(w, f) : 0, d = f ? farthest_point(w, f) / pixel : 0;
            if (!(o >= 0.99 && d <= 0.5))
                fail_msg("%s: the face at %g, %g (score %g): overlap %.4f, points %.2f", name, (double)w->x, (double)w->y, (double)w->confidence, o, d);
            CHECK_NEAR(w->confidence, f->confidence, 0.01);
            worst = fmin(worst, o), far = fmax(far, d);
            faces++;
        }
        for (size_t i = 0; i < got.n; i++) {
            const df_face *f = &got.items[i], *w = nearest(f, want.items, want.n);
            if ((double)f->confidence >= least + 0.02 && (!w || df__face_overlap(w, f) < 0.9))
                fail_msg("%s: the face at %g, %g (score %g) is not in %s", name, (double)f->x, (double)f->y, (double)f->confidence, csv);
        }
        df__face_list_free(&got);
        df__arena_free(&scratch);
        df__pixels_free(&px);
        photos++;
    }
    print_message("%s: %zu faces of %zu photos, worst overlap %.4f, points within %.3f px\n", csv, faces, photos, worst, far);
    CHECK(photos >= 100 && faces >= 100);
    ops->close(self);
}

TEST(yunet_finds_what_opencv_finds)
{
    if (!test_data_dir())
        skip();
    compare_photos("yunet.csv", &df__detector_yunet, 0.9, 640);
}

TEST(centerface_finds_what_upstream_finds)
{
    if (!test_data_dir())
        skip();
    compare_photos("centerface.csv", &df__detector_centerface, 0.35, 0);
}

/* ---- networks with known answers ---- */

static void *open_tiny(const temp_dir *dir, const df_detector_ops *ops)
{
    void *self = NULL;
    const df_weights *row = df__weights_find(ops->name);
    df_bytes file = tiny_model(tiny_head_of(ops->name));
    CHECK_OK(df__write_file(temp_path(dir, row->info.file), file.data, file.len, &err));
    df__bytes_free(&file);
    df_loader loader = {.dir = dir->path};
    CHECK_OK(ops->open(&loader, &self, &err));
    return self;
}

/* How many faces of `want` have one in `got` within the tolerance that heads.csv names. */
static size_t agreeing(const face_set *want, const df_face_list *got)
{
    size_t n = 0;
    for (size_t i = 0; i < want->n; i++) {
        bool found = false;
        const df_face *w = &want->items[i];
        for (size_t k = 0; k < got->n && !found; k++) {
            const df_face *f = &got->items[k];
            found = w->has == f->has && fabsf(w->confidence - f->confidence) <= 0.01f && fabsf(w->x - f->x) <= 1 && fabsf(w->y - f->y) <= 1 &&
                    fabsf(w->x + w->w - f->x - f->w) <= 1 && fabsf(w->y + w->h - f->y - f->h) <= 1 && farthest_point(w, f) <= 1;
        }
        n += found;
    }
    return n;
}

TEST(heads_are_decoded_as_by_the_originals)
{
    setenv("DEEPFACE_CACHE", "off", 1);
    golden g = golden_open("heads.csv");
    size_t pictures = 0;
    while (golden_row(&g)) {
        static face_set want;
        char name[64];
        snprintf(name, sizeof name, "%s", g.fields[0]);
        int width = golden_int(&g, 1), height = golden_int(&g, 2), seed = golden_int(&g, 3);
        read_faces(&g, name, (size_t)golden_int(&g, 4), &want);
        temp_dir dir = temp_dir_new();
        const df_detector_ops *ops = df__detector_find(name);
        void *self = open_tiny(&dir, ops);
        df_pixels px = synthetic_picture(width, height, (uint32_t)seed);
        df_arena scratch = {0};
        df_face_list got = {0};
        CHECK_OK(ops->detect(self, px, &(df_detect_params){.score = (double)NAN, .threads = 2}, &scratch, &got, &err));
        size_t same = agreeing(&want, &got);
        print_message("%s %d x %d: %zu faces, %zu there, %zu the same\n", name, width, height, got.n, want.n, same);
        CHECK(want.n > 0 && same == want.n && got.n == want.n);
        for (size_t i = 1; i < got.n; i++)
            CHECK(got.items[i - 1].confidence >= got.items[i].confidence);
        df__face_list_free(&got);
        df__arena_free(&scratch);
        df__pixels_free(&px);
        ops->close(self);
        pictures++;
    }
    CHECK(pictures >= 15);
}
