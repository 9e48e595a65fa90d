/* Faces and eyes that OpenCV's own cascade classifier finds with the same two files (opencv.csv). */
#include "detect/opencv.h"
#include "golden.h"
#include "photo.h"

typedef struct counts { size_t photos, faces, same_faces, eyes, same_eyes; } counts;

/* A face of the golden; `eyes` as recorded, inside the box. */
typedef struct row { df_face face; float eyes[4]; bool has_eyes; } row;

enum { MOST = 256 };

static row read_row(golden *g, const char *name)
{
    row r = {0};
    if (!golden_row(g) || g->fields[0][0] || g->n < 10)
        fail_msg("opencv.csv: %s lacks faces", name);
    r.face = (df_face){.x = (float)golden_number(g, 1), .y = (float)golden_number(g, 2), .w = (float)golden_number(g, 3),
                       .h = (float)golden_number(g, 4), .confidence = (float)((100 - golden_number(g, 5)) / 100)};
    r.has_eyes = g->fields[6][0] != 0;
    for (size_t i = 0; r.has_eyes && i < 4; i++)
        r.eyes[i] = (float)golden_number(g, 6 + i);
    return r;
}

static bool same_box(const df_face *a, const df_face *b)
{
    return fabsf(a->x - b->x) <= 1 && fabsf(a->y - b->y) <= 1 && fabsf(a->w - b->w) <= 1 && fabsf(a->h - b->h) <= 1;
}

static bool same_eyes(const row *want, const df_face *got)
{
    if (!want->has_eyes || !(got->has & DF_HAS_EYES))
        return want->has_eyes == ((got->has & DF_HAS_EYES) != 0);
    const float at[4] = {got->right_eye.x - got->x, got->right_eye.y - got->y, got->left_eye.x - got->x, got->left_eye.y - got->y};
    for (int i = 0; i < 4; i++)
        if (!(fabsf(at[i] - want->eyes[i]) <= 1))
            return false;
    return true;
}

static void compare_photo(void *detector, const char *name, df_pixels px, const row *want, size_t n, counts *c)
{
    df_error err;
    df_arena scratch = {0};
    df_face_list got = {0};
    const df_detect_params params = {.score = (double)NAN, .threads = 2};
    CHECK_OK(df__detector_opencv.detect(detector, px, &params, &scratch, &got, &err));
    for (size_t i = 1; i < got.n; i++)
        CHECK(got.items[i - 1].confidence <= got.items[i].confidence); /* surest first */
    c->photos++;
    c->faces += n > got.n ? n : got.n;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < got.n; k++) {
            df_face *f = &got.items[k];
            if (!same_box(&want[i].face, f) || !(fabsf(want[i].face.confidence - f->confidence) <= 1e-3f))
                continue;
            CHECK_OK(df__opencv_eyes(detector, px, 0, f, &scratch, &err));
            c->same_faces++;
            c->eyes++;
            bool same = same_eyes(&want[i], f);
            c->same_eyes += same;
            if (!same)
                print_message("%s: the eyes in %g, %g are others\n", name, f->x, f->y);
            break;
        }
    df__face_list_free(&got);
    df__arena_free(&scratch);
}

TEST(boxes_and_eyes_are_those_of_opencv)
{
    df_error err;
    char *dir;
    void *detector;
    counts c = {0};
    if (!test_data_dir())
        skip();
    CHECK_OK(df__weights_dir(&dir, &err));
    df_loader loader = {.dir = dir};
    CHECK_OK(df__detector_opencv.open(&loader, &detector, &err));
    golden g = golden_open("opencv.csv");
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
        compare_photo(detector, name, px, want, n, &c);
        df__pixels_free(&px);
    }
    print_message("%zu photos: %zu of %zu faces, %zu of %zu pairs of eyes are the same\n", c.photos, c.same_faces, c.faces, c.same_eyes, c.eyes);
    CHECK(c.photos >= 120 && c.faces >= 150);
    CHECK((double)c.same_faces >= 0.99 * (double)c.faces && (double)c.same_eyes >= 0.99 * (double)c.eyes);
    df__detector_opencv.close(detector);
    free(dir);
}
