/* The detector around the cascades. What it finds on photos is in tests/golden. */
#include "detect/opencv.h"

#include "image/decode.h"
#include "test.h"

static df_error err;
static const df_detect_params whatever = {.score = (double)NAN, .threads = 1};

/* NULL where the weights are not there. */
static void *opened(void)
{
    char *dir;
    void *self;
    CHECK_OK(df__weights_dir(&dir, &err));
    df_loader loader = {.dir = dir};
    df_status st = df__detector_opencv.open(&loader, &self, &err);
    free(dir);
    CHECK(st == DF_OK || st == DF_E_NO_MODEL);
    return self;
}

static df_pixels demo_photo(void)
{
    static const df_limits limits = {.bytes = (size_t)1 << 28, .pixels = 100000000};
    char path[1024];
    df_bytes file;
    df_pixels px;
    snprintf(path, sizeof path, "%s/biden.jpg", test_photos_dir());
    CHECK_OK(df__read_file(path, limits.bytes, &file, &err));
    CHECK_OK(df__photo_decode(file.data, file.len, &limits, 0, &px, &err));
    df__bytes_free(&file);
    return px;
}

TEST(without_weights_the_file_and_the_remedy_are_named)
{
    void *self;
    df_loader nowhere = {.dir = "/nowhere"};
    CHECK_STATUS(DF_E_NO_MODEL, df__detector_opencv.open(&nowhere, &self, &err));
    CHECK_HAS(err.message, "/nowhere/haarcascade_frontalface_default.xml");
    CHECK_HAS(err.message, "make ");
    CHECK(self == NULL);
}

TEST(photos_smaller_than_a_window_and_flat_ones_have_no_face)
{
    void *self = opened();
    if (!self)
        skip();
    for (int side = 1; side < 64; side += 23) {
        df_arena scratch = {0};
        df_face_list l = {0};
        df_pixels px;
        CHECK_OK(df__pixels_new(side, side, &px, &err));
        CHECK_OK(df__detector_opencv.detect(self, px, &whatever, &scratch, &l, &err));
        assert_int_equal(l.n, 0);
        df__pixels_free(&px);
        df__arena_free(&scratch);
    }
    df__detector_opencv.close(self);
}

TEST(a_least_score_keeps_the_surest)
{
    void *self = opened();
    if (!self || !test_photos_dir())
        skip();
    df_arena scratch = {0};
    df_face_list all = {0}, few = {0};
    df_pixels px = demo_photo();
    CHECK_OK(df__detector_opencv.detect(self, px, &whatever, &scratch, &all, &err));
    CHECK(all.n > 0);
    const double missing = 1 - (double)all.items[0].confidence;
    const df_detect_params just = {.score = missing - 1e-4, .threads = 1}, over = {.score = missing + 1e-4, .threads = 1};
    CHECK_OK(df__detector_opencv.detect(self, px, &just, &scratch, &few, &err));
    CHECK(few.n == 1 && few.items[0].x == all.items[0].x && few.items[0].confidence == all.items[0].confidence);
    CHECK_OK(df__detector_opencv.detect(self, px, &over, &scratch, &few, &err));
    CHECK(few.n == 1); /* nothing was added */
    df__face_list_free(&all), df__face_list_free(&few);
    df__pixels_free(&px);
    df__arena_free(&scratch);
    df__detector_opencv.close(self);
}

TEST(eyes_are_looked_for_in_any_box)
{
    static const df_face boxes[] = {{.w = 0, .h = 5}, {.x = -50, .y = -50, .w = 60, .h = 60}, {.x = 1e9f, .y = 0, .w = 10, .h = 10},
                                    {.x = -1e9f, .y = -1e9f, .w = 2e9f, .h = 2e9f}, {.x = 30, .y = 30, .w = 90, .h = 90}};
    void *self = opened();
    if (!self)
        skip();
    df_arena scratch = {0};
    df_pixels px;
    CHECK_OK(df__pixels_new(64, 64, &px, &err));
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++) {
        df_face f = boxes[i];
        CHECK_OK(df__opencv_eyes(self, px, 50, &f, &scratch, &err));
        CHECK(f.has == 0 && f.x == boxes[i].x);
    }
    df__pixels_free(&px);
    df__arena_free(&scratch);
    df__detector_opencv.close(self);
}

/* Black beyond the photo and a box that grows leave the eyes where they are. */
TEST(eyes_of_a_face_at_the_edge_lie_in_the_photo)
{
    void *self = opened();
    if (!self || !test_photos_dir())
        skip();
    df_arena scratch = {0};
    df_face_list l = {0};
    df_pixels px = demo_photo();
    CHECK_OK(df__detector_opencv.detect(self, px, &whatever, &scratch, &l, &err));
    CHECK(l.n > 0);
    df_face whole = l.items[0], cut = whole;
    CHECK_OK(df__opencv_eyes(self, px, 0, &whole, &scratch, &err));
    CHECK(whole.has & DF_HAS_EYES);
    CHECK(whole.right_eye.x < whole.left_eye.x && whole.right_eye.y < whole.y + whole.h / 2);
    int top = (int)whole.y + (int)whole.h / 8; /* the photo now begins inside the box */
    df_pixels part = df__pixels_view(px, 0, top, px.width, px.height - top);
    cut.y -= (float)top;
    CHECK_OK(df__opencv_eyes(self, part, 0, &cut, &scratch, &err));
    CHECK(cut.has & DF_HAS_EYES);
    CHECK_NEAR(whole.right_eye.x, cut.right_eye.x, 2);
    CHECK_NEAR(whole.right_eye.y, cut.right_eye.y + (float)top, 2);
    CHECK_NEAR(whole.left_eye.x, cut.left_eye.x, 2);
    df__face_list_free(&l);
    df__pixels_free(&px);
    df__arena_free(&scratch);
    df__detector_opencv.close(self);
}

TEST(every_allocation_may_fail)
{
    void *self = opened();
    if (!self)
        skip();
    df_pixels px;
    CHECK_OK(df__pixels_new(40, 40, &px, &err));
    for (size_t i = 0; i < px.stride * 40; i++)
        px.data[i] = (uint8_t)(i * i % 251);
    size_t n = 1;
    for (;; n++) {
        df_arena scratch = {0};
        df_face_list l = {0};
        df_face f = {.w = 40, .h = 40};
        test_alloc_fail_at(n);
        df_status st = df__detector_opencv.detect(self, px, &whatever, &scratch, &l, &err);
        if (st == DF_OK)
            st = df__opencv_eyes(self, px, 0, &f, &scratch, &err);
        test_alloc_fail_at(0);
        df__face_list_free(&l);
        df__arena_free(&scratch);
        if (st == DF_OK)
            break;
        CHECK_STATUS(DF_E_NO_MEMORY, st);
    }
    CHECK(n > 2);
    df__pixels_free(&px);
    df__detector_opencv.close(self);
}
