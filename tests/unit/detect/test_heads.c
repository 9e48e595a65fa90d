/* Detectors whose ONNX file users bring: the right file is taken and remembered, a wrong one refused with its name and what is wrong; which
 * candidates stay. What the originals answer is in tests/golden/heads.csv. */
#include "detect/canvas.h"
#include "detect/heads.h"
#include "golden/tiny_heads.h"
#include "temp_dir.h"

static df_error err;

static void put_model(const temp_dir *dir, const char *detector, const tiny_head *head)
{
    df_bytes file = tiny_model(head);
    CHECK_OK(df__write_file(temp_path(dir, df__weights_find(detector)->info.file), file.data, file.len, &err));
    df__bytes_free(&file);
}

static df_status open_in(const temp_dir *dir, const char *detector, void **self)
{
    setenv("DEEPFACE_CACHE", "off", 1);
    df_loader loader = {.dir = dir->path};
    return df__detector_find(detector)->open(&loader, self, &err);
}

/* ---- the file ---- */

/* Opens, or detects where it opens: the first failure's status. */
static df_status use(const char *detector, const tiny_head *head)
{
    temp_dir dir = temp_dir_new();
    void *self = NULL;
    put_model(&dir, detector, head);
    df_status st = open_in(&dir, detector, &self);
    if (st == DF_OK) {
        df_arena scratch = {0};
        df_face_list out = {0};
        df_pixels px = synthetic_picture(96, 64, 1);
        st = df__detector_find(detector)->detect(self, px, &(df_detect_params){.score = (double)NAN, .side = 96, .threads = 1}, &scratch, &out, &err);
        df__pixels_free(&px);
        df__arena_free(&scratch);
        df__face_list_free(&out);
    } else {
        assert_null(self);
        assert_int_equal(temp_count(dir.path, ".sha256"), 0); /* a wrong file is not remembered */
    }
    df__detector_find(detector)->close(self);
    return st;
}

TEST(a_file_of_another_detector_is_refused)
{
    static const struct { const char *detector, *brought, *part; } cases[] = {
        {"scrfd", "yolov8n", "det_10g.onnx: 1 outputs, not the 9"},
        {"scrfd", "retinaface-resnet50", "det_10g.onnx: output 0 \"out0\" is float32[any][any][any][4], not float32 of 1 numbers a place"},
        {"retinaface-resnet50", "scrfd", "retinaface.onnx: output 0 \"out0\" is float32[any][1], not float32 of 4 numbers a place"},
        {"yolov8n", "scrfd", "yolov8n-face.onnx: 9 outputs"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_STATUS(DF_E_BAD_MODEL, use(cases[i].detector, tiny_head_of(cases[i].brought)));
        CHECK_HAS(err.message, cases[i].part);
    }
}

TEST(an_input_that_is_no_picture_is_named)
{
    tiny_head h = *tiny_head_of("yolov8m"); /* declares [n][3][640][640], asked as [n][height][width][3] */
    CHECK_STATUS(DF_E_BAD_MODEL, use("retinaface-resnet50", &h));
    CHECK_HAS(err.message, "retinaface.onnx: input \"x\" is float32[any][3][640][640], not float32[n][height][width][3]");
}

TEST(wrong_outputs_are_named_with_their_shapes)
{
    tiny_head h = *tiny_head_of("scrfd");
    CHECK_OK(use("scrfd", &h));
    h.columns[1] = 8, h.kind[1].channels = 16; /* declared */
    CHECK_STATUS(DF_E_BAD_MODEL, use("scrfd", &h));
    CHECK_HAS(err.message, "det_10g.onnx: output 3 \"out3\" is float32[any][8], not float32 of 4 numbers a place");
    h = *tiny_head_of("scrfd");
    h.kind[0].channels = 4; /* four anchors a cell: seen in a run */
    CHECK_STATUS(DF_E_BAD_MODEL, use("scrfd", &h));
    CHECK_HAS(err.message, "det_10g.onnx: output 0 \"out0\" is float32[576][1], not float32[1][288][1] for the input float32[1][3][96][96]");
    h = *tiny_head_of("scrfd");
    h.strides[2] = 16;
    CHECK_STATUS(DF_E_BAD_MODEL, use("scrfd", &h));
    CHECK_HAS(err.message, "output 2");
    h = *tiny_head_of("yolov8n");
    h.kind[1].channels = 80; /* classes that are no faces */
    h.kinds = 2;
    h.kind[1].score = false;
    h.kind[1].channels = 20;
    CHECK_STATUS(DF_E_BAD_MODEL, use("yolov8n", &h));
    CHECK_HAS(err.message, "yolov8n-face.onnx: output 0 \"output0\" is float32[any][24][any]");
    h = *tiny_head_of("yolov11n");
    h.strides[0] = 32;
    CHECK_STATUS(DF_E_BAD_MODEL, use("yolov11n", &h));
    CHECK_HAS(err.message, "yolov11n-face.onnx: output 0");
    h = *tiny_head_of("retinaface-resnet50");
    h.kind[2].channels = h.columns[2] = 18;
    CHECK_STATUS(DF_E_BAD_MODEL, use("retinaface-resnet50", &h));
    CHECK_HAS(err.message, "retinaface.onnx: output 2");
    h = *tiny_head_of("retinaface-resnet50");
    h.strides[1] = 32;
    CHECK_STATUS(DF_E_BAD_MODEL, use("retinaface-resnet50", &h));
    CHECK_HAS(err.message, "retinaface.onnx: output 3");
}

TEST(a_file_is_remembered_and_another_in_its_place_refused)
{
    temp_dir dir = temp_dir_new();
    void *self;
    tiny_head other = *tiny_head_of("yolov8n");
    other.kind[0].base++;
    CHECK_STATUS(DF_E_NO_MODEL, open_in(&dir, "yolov8n", &self));
    CHECK_HAS(err.message, "yolov8n-face.onnx");
    CHECK_HAS(err.message, "AGPL-3.0");
    CHECK_HAS(err.message, "yolo export");
    put_model(&dir, "yolov8n", tiny_head_of("yolov8n"));
    CHECK_OK(open_in(&dir, "yolov8n", &self));
    df__detector_yolov8n.close(self);
    assert_int_equal(temp_count(dir.path, "yolov8n-face.onnx.sha256"), 1);
    CHECK_OK(open_in(&dir, "yolov8n", &self));
    df__detector_yolov8n.close(self);
    put_model(&dir, "yolov8n", &other);
    CHECK_STATUS(DF_E_BAD_MODEL, open_in(&dir, "yolov8n", &self));
    CHECK_HAS(err.message, "yolov8n-face.onnx.sha256");
    df_loader loader = {.dir = dir.path};
    CHECK_STATUS(DF_E_BAD_MODEL, df__weights_check(&loader, "yolov8n", &err));
    CHECK(unlink(temp_path(&dir, "yolov8n-face.onnx.sha256")) == 0);
    CHECK_OK(open_in(&dir, "yolov8n", &self));
    df__detector_yolov8n.close(self);
}

/* ---- photos and options ---- */

TEST(pictures_of_any_size_are_taken)
{
    static const char *const detectors[] = {"scrfd", "retinaface-resnet50", "yolov8n", "yolov8m", "yolov11n"};
    static const int sizes[][2] = {{1, 1}, {1, 300}, {300, 1}, {31, 33}, {65, 64}};
    for (size_t d = 0; d < sizeof detectors / sizeof *detectors; d++) {
        temp_dir dir = temp_dir_new();
        void *self;
        put_model(&dir, detectors[d], tiny_head_of(detectors[d]));
        CHECK_OK(open_in(&dir, detectors[d], &self));
        bool whole = d == 1; /* its pools take no window larger than the picture, and nothing pads it */
        for (size_t i = whole ? 3 : 0; i < sizeof sizes / sizeof *sizes; i++) {
            df_arena scratch = {0};
            df_face_list out = {0};
            df_pixels px = synthetic_picture(sizes[i][0], sizes[i][1], 3);
            CHECK_OK(df__detector_find(detectors[d])->detect(self, px, &(df_detect_params){.score = 0.01, .side = 128, .threads = 2}, &scratch, &out, &err));
            for (size_t k = 0; k < out.n; k++)
                CHECK(out.items[k].confidence >= 0.01f && out.items[k].w > -1e-3f && isfinite(out.items[k].x));
            df__pixels_free(&px);
            df__arena_free(&scratch);
            df__face_list_free(&out);
        }
        df__detector_find(detectors[d])->close(self);
    }
}

TEST(the_score_that_is_asked_for_decides)
{
    temp_dir dir = temp_dir_new();
    void *self;
    size_t n[3];
    put_model(&dir, "scrfd", tiny_head_of("scrfd"));
    CHECK_OK(open_in(&dir, "scrfd", &self));
    df_pixels px = synthetic_picture(320, 240, 1);
    for (int i = 0; i < 3; i++) {
        static const double scores[] = {0.05, 0.5, 1};
        df_arena scratch = {0};
        df_face_list out = {0};
        CHECK_OK(df__detector_scrfd.detect(self, px, &(df_detect_params){.score = scores[i], .threads = 1}, &scratch, &out, &err));
        n[i] = out.n;
        df__arena_free(&scratch);
        df__face_list_free(&out);
    }
    CHECK(n[0] > n[1] && n[1] > n[2] && n[2] == 0);
    df__pixels_free(&px);
    df__detector_scrfd.close(self);
}

TEST(every_allocation_of_a_detector_may_fail)
{
    temp_dir dir = temp_dir_new();
    put_model(&dir, "yolov8n", tiny_head_of("yolov8n"));
    for (size_t i = 1;; i++) {
        void *self = NULL;
        test_alloc_fail_at(i);
        df_status st = open_in(&dir, "yolov8n", &self);
        test_alloc_fail_at(0);
        df__detector_yolov8n.close(self);
        if (st == DF_OK) {
            CHECK(i > 5);
            break;
        }
        CHECK(st == DF_E_NO_MEMORY && self == NULL);
    }
    void *self;
    CHECK_OK(open_in(&dir, "yolov8n", &self));
    df_pixels px = synthetic_picture(100, 70, 1);
    for (size_t i = 0;; i++) { /* 0: none fails, so that the network is compiled */
        df_arena scratch = {0};
        df_face_list out = {0};
        test_alloc_fail_at(i);
        df_status st = df__detector_yolov8n.detect(self, px, &(df_detect_params){.score = 0.01, .side = 96, .threads = 1}, &scratch, &out, &err);
        test_alloc_fail_at(0);
        df__face_list_free(&out);
        df__arena_free(&scratch);
        if (st == DF_OK && i > 0) {
            CHECK(i > 2);
            break;
        }
        CHECK_STATUS(i ? DF_E_NO_MEMORY : DF_OK, st);
    }
    df__pixels_free(&px);
    df__detector_yolov8n.close(self);
}

/* ---- shared arithmetic ---- */

TEST(a_photo_is_laid_on_its_canvas)
{
    uint8_t rgb[] = {10, 20, 30, 40, 50, 60};
    df_pixels px = {2, 1, 6, rgb};
    df_arena scratch = {0};
    df_tensor in;
    CHECK_OK(df__canvas_input(px, 1, 1, 4, 2, &(df_canvas_rule){.mean = {10, 10, 10}, .scale = 0.5f, .around = 110}, &scratch, &in, &err));
    static const float rgb_planes[24] = {50, 50, 50, 50, 50, 0, 15, 50, 50, 50, 50, 50, 50, 5, 20, 50, 50, 50, 50, 50, 50, 10, 25, 50};
    CHECK(in.rank == 4 && in.dims[1] == 3 && in.dims[2] == 2 && in.dims[3] == 4);
    assert_memory_equal(in.data, rgb_planes, sizeof rgb_planes);
    CHECK_OK(df__canvas_input(px, 0, 0, 2, 2, &(df_canvas_rule){.bgr = true, .last = true, .scale = 1}, &scratch, &in, &err));
    static const float bgr_pixels[12] = {30, 20, 10, 60, 50, 40};
    CHECK(in.dims[1] == 2 && in.dims[2] == 2 && in.dims[3] == 3);
    assert_memory_equal(in.data, bgr_pixels, sizeof bgr_pixels);
    df__arena_free(&scratch);
}

TEST(each_channel_of_a_wide_row_has_its_mean)
{
    enum { W = 37, H = 2 }; /* whole vectors and what is left of them */
    uint8_t rgb[3 * W * H];
    for (int i = 0; i < 3 * W * H; i++)
        rgb[i] = (uint8_t)(i * 7);
    df_pixels px = {W, H, 3 * W, rgb};
    df_arena scratch = {0};
    df_tensor in[2];
    const df_canvas_rule planes = {.bgr = true, .mean = {104, 117, 127}, .scale = 0.25f}, pixels = {.bgr = true, .last = true, .mean = {104, 117, 127}, .scale = 0.25f};
    CHECK_OK(df__canvas_input(px, 3, 0, 64, 3, &planes, &scratch, &in[0], &err));
    CHECK_OK(df__canvas_input(px, 3, 0, 64, 3, &pixels, &scratch, &in[1], &err));
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < 3; y++)
            for (int x = 0; x < 64; x++) {
                bool inside = y < H && x >= 3 && x < 3 + W;
                float want = ((float)(inside ? rgb[3 * (y * W + x - 3) + 2 - c] : 0) - planes.mean[c]) * 0.25f;
                CHECK(((const float *)in[0].data)[(c * 3 + y) * 64 + x] == want);
                CHECK(((const float *)in[1].data)[3 * (y * 64 + x) + c] == want);
            }
    df__arena_free(&scratch);
}

/* Boxes of 10 x 10 that share half their area, 50 of 150 pixels; closed they are 11 x 11 and share 66 of 176. */
static size_t left_of_two(df_overlap how, double limit, bool at_limit, float x)
{
    df_face_list list = {0};
    const df_suppression rule = {.overlap = how, .limit = limit, .at_limit = at_limit, .most_before = 10};
    CHECK_OK(df__face_list_add(&list, &(df_face){.w = 10, .h = 10, .confidence = 0.5f}, &err));
    CHECK_OK(df__face_list_add(&list, &(df_face){.x = x, .w = 10, .h = 10, .confidence = 0.6f}, &err));
    CHECK_OK(df__head_suppress(&list, 0, &rule, &err));
    CHECK(list.items[0].confidence == 0.6f);
    size_t n = list.n;
    df__face_list_free(&list);
    return n;
}

TEST(overlaps_are_counted_as_the_originals_count_them)
{
    assert_int_equal(left_of_two(DF_OVERLAP_PLAIN, 50.0 / 150, false, 5), 2);
    assert_int_equal(left_of_two(DF_OVERLAP_PLAIN, 50.0 / 150, true, 5), 1);
    assert_int_equal(left_of_two(DF_OVERLAP_PLAIN, 0.33, false, 5), 1);
    assert_int_equal(left_of_two(DF_OVERLAP_CLOSED, 0.37, false, 5), 1); /* 66 / 176 = 0.375 */
    assert_int_equal(left_of_two(DF_OVERLAP_CLOSED, 0.38, false, 5), 2);
    assert_int_equal(left_of_two(DF_OVERLAP_PLAIN, 0.35, false, 4.9f), 2); /* 51 / 149 = 0.342 */
    assert_int_equal(left_of_two(DF_OVERLAP_WHOLE, 0.35, false, 4.9f), 1); /* x is 4: 60 / 140 = 0.429 */
}

TEST(no_more_candidates_than_asked_for_are_looked_at_and_kept)
{
    df_face_list list = {0};
    for (int i = 0; i < 20; i++)
        CHECK_OK(df__face_list_add(&list, &(df_face){.x = (float)(20 * i), .w = 10, .h = 10, .confidence = (float)i}, &err));
    CHECK_OK(df__head_suppress(&list, 5, &(df_suppression){.limit = 0.5, .most_before = 8, .most_after = 3}, &err));
    assert_int_equal(list.n, 8);
    for (size_t i = 0; i < 8; i++)
        CHECK(list.items[i].confidence == (float)(i < 5 ? i : 24 - i)); /* those before the first stay as they are */
    df__face_list_free(&list);
}

TEST(candidates_that_are_no_numbers_are_left_out)
{
    df_face_list list = {0};
    static const float bad[] = {(float)NAN, (float)INFINITY, -1, 0};
    for (size_t i = 0; i < 4; i++)
        CHECK_OK(df__head_add(&list, &(df_face){.w = bad[i], .h = 1}, &err));
    df_face f = {.w = 1, .h = 1};
    double points[10] = {0};
    points[9] = (double)INFINITY;
    df__head_points(&f, points);
    CHECK_OK(df__head_add(&list, &f, &err));
    assert_int_equal(list.n, 0);
    points[9] = 7;
    df__head_points(&f, points);
    CHECK_OK(df__head_add(&list, &f, &err));
    CHECK(list.n == 1 && list.items[0].mouth_left.y == 7 && list.items[0].has == (DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH));
    df__face_list_free(&list);
}
