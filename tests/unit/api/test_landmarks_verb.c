/* Landmarks, the mask that follows them, photos that lie on their side, and the picture of the stages: on the demo's photos. */
#include "photos.h"

static df_error err;

static df_engine *engine_with(const char *const *names, size_t n)
{
    df_engine *df = engine_or_skip(1);
    for (size_t i = 0; i < n; i++) {
        df_model_state state;
        CHECK_OK(df_model_check(df, names[i], false, &state, NULL, 0, &err));
        if (state != DF_MODEL_READY) {
            df_engine_free(df);
            skip();
        }
    }
    return df;
}

static df_engine *engine_of_landmarks(void)
{
    static const char *const names[] = {"facemesh", "dlib-68-points", "dlib-5-points", "mediapipe", "ssd", "mtcnn-pnet"};
    return engine_with(names, sizeof names / sizeof *names);
}

/* The photo turned by `quarters`, with the clock. */
static df_image *turned(df_engine *df, const char *name, int quarters)
{
    df_image *img, *out;
    CHECK_OK(df_image_load(df, photo(name), &img, &err));
    int w = df_image_width(img), h = df_image_height(img), tw = quarters % 2 ? h : w, th = quarters % 2 ? w : h;
    size_t stride = df_image_stride(img);
    const uint8_t *from = df_image_pixels(img);
    uint8_t *rgb = malloc(3 * (size_t)w * (size_t)h);
    for (int y = 0; y < th; y++)
        for (int x = 0; x < tw; x++) {
            const int from_x[4] = {x, y, w - 1 - x, w - 1 - y}, from_y[4] = {y, h - 1 - x, h - 1 - y, x};
            memcpy(rgb + 3 * ((size_t)y * (size_t)tw + (size_t)x), from + (size_t)from_y[quarters] * stride + 3 * (size_t)from_x[quarters], 3);
        }
    CHECK_OK(df_image_from_rgb(tw, th, 0, rgb, &out, &err));
    free(rgb);
    df_image_free(img);
    return out;
}

/* A place of the photo, w x h, in the photo turned. */
static df_point turn(df_point p, int quarters, float w, float h)
{
    const df_point at[4] = {p, {h - p.y, p.x}, {w - p.x, h - p.y}, {p.y, w - p.x}};
    return at[quarters];
}

static double apart(df_point a, df_point b) { return hypot((double)a.x - (double)b.x, (double)a.y - (double)b.y); }

TEST(landmarks_lie_where_the_detector_sees_eyes_and_nose)
{
    df_engine *df = engine_of_landmarks();
    static const char *const detectors[] = {"retinaface", "mediapipe", "ssd"}, *const photos[] = {"obama.jpg", "biden.jpg", "obama3.jpg"};
    for (size_t d = 0; d < 3; d++)
        for (size_t i = 0; i < 3; i++) {
            df_opts o = df_opts_default();
            df_faces *mesh, *shape;
            size_t n = 7;
            o.detector = detectors[d], o.landmarks = "468";
            CHECK_OK(df_detect(df, photo(photos[i]), &o, &mesh, &err));
            o.landmarks = "68";
            CHECK_OK(df_detect(df, photo(photos[i]), &o, &shape, &err));
            const df_face *f = df_faces_at(mesh, 0);
            const df_point *m = df_landmarks(mesh, 0, &n);
            assert_int_equal(n, 468);
            const df_point *s = df_landmarks(shape, 0, &n);
            assert_int_equal(n, 68);
            /* tip of the nose: 1 of the mesh, 30 of the shape; outer corners of the eyes 33, 263 and 36, 45; the chin 152 and 8. Of a face that
             * looks aside, as one of these does, the two methods see the chin apart. */
            double eyes = apart(m[33], m[263]);
            CHECK(apart(m[1], s[30]) < 0.15 * eyes);
            CHECK(apart(m[33], s[36]) < 0.15 * eyes && apart(m[263], s[45]) < 0.15 * eyes);
            CHECK(apart(m[152], s[8]) < 0.4 * eyes);
            const df_point right = {(m[33].x + m[133].x) / 2, (m[33].y + m[133].y) / 2}, left = {(m[263].x + m[362].x) / 2, (m[263].y + m[362].y) / 2};
            CHECK(apart(right, f->right_eye) < 0.15 * eyes && apart(left, f->left_eye) < 0.15 * eyes);
            CHECK(df_landmarks(mesh, 1, &n) == NULL && n == 0);
            df_faces_free(mesh), df_faces_free(shape);
        }
    df_engine_free(df);
}

TEST(there_are_no_landmarks_where_none_were_asked_for_or_no_face_is)
{
    df_engine *df = engine_of_landmarks();
    df_opts o = df_opts_default();
    df_faces *faces;
    df_image *grey;
    char *json;
    size_t n = 7;
    CHECK_OK(df_detect(df, photo("obama.jpg"), NULL, &faces, &err));
    CHECK(df_landmarks(faces, 0, &n) == NULL && n == 0);
    CHECK(df_landmarks(NULL, 0, NULL) == NULL);
    df_faces_free(faces);
    static const uint8_t rgb[3 * 40 * 30] = {9};
    CHECK_OK(df_image_from_rgb(40, 30, 0, rgb, &grey, &err));
    o.landmarks = "68", o.enforce = false;
    CHECK_OK(df_detect_image(df, grey, &o, &faces, &err));
    CHECK(df_landmarks(faces, 0, &n) == NULL && n == 0);
    CHECK_OK(df_faces_json(faces, &json, &err));
    CHECK(strstr(json, "landmarks") == NULL);
    df_string_free(json);
    df_faces_free(faces);
    o.detector = "skip"; /* whose face is the whole photo */
    CHECK_OK(df_detect_image(df, grey, &o, &faces, &err));
    CHECK(df_landmarks(faces, 0, &n) != NULL && n == 68);
    CHECK_OK(df_faces_json(faces, &json, &err));
    CHECK_HAS(json, "\"landmarks\": [[");
    df_string_free(json);
    df_faces_free(faces);
    df_image_free(grey);
    df_engine_free(df);
}

TEST(a_photo_on_its_side_gives_the_same_face)
{
    df_engine *df = engine_of_landmarks();
    static const char *const detectors[] = {"ssd", "mtcnn"}; /* that see no face but an upright one, or see it with less of a score */
    for (size_t d = 0; d < 2; d++) {
        df_opts o = df_opts_default();
        df_faces *upright, *found;
        df_chips *chips;
        o.detector = detectors[d], o.landmarks = "468";
        CHECK_OK(df_detect(df, photo("obama2.jpg"), &o, &upright, &err));
        const df_face *want = df_faces_at(upright, 0);
        int stood_up = 0;
        for (int q = 1; q <= 3; q++) {
            df_image *img = turned(df, "obama2.jpg", q);
            float w = (float)(q % 2 ? df_image_height(img) : df_image_width(img)), h = (float)(q % 2 ? df_image_width(img) : df_image_height(img));
            size_t n;
            o.rotate = "none";
            df_status st = df_detect_image(df, img, &o, &found, &err);
            df_faces_free(found);
            o.rotate = "auto";
            CHECK_OK(df_detect_image(df, img, &o, &found, &err));
            const df_face *f = df_faces_at(found, 0);
            if (st != DF_OK) { /* else a face was found as it lies, and nothing is turned */
                stood_up++;
                df_point a = turn((df_point){want->x + want->w / 2, want->y + want->h / 2}, q, w, h);
                CHECK_NEAR(a.x, f->x + f->w / 2, 3);
                CHECK_NEAR(a.y, f->y + f->h / 2, 3);
                CHECK_NEAR(q % 2 ? want->h : want->w, f->w, 4);
                CHECK(apart(turn(want->left_eye, q, w, h), f->left_eye) < 3 && apart(turn(want->nose, q, w, h), f->nose) < 3);
                const df_point *m = df_landmarks(found, 0, &n), *was = df_landmarks(upright, 0, &n);
                for (size_t i = 0; i < n; i++)
                    CHECK(apart(turn(was[i], q, w, h), m[i]) < 4);
                /* the chip is upright: nearly that of the upright photo */
                df_chips *same;
                double sum = 0;
                CHECK_OK(df_extract_image(df, img, &o, &chips, &err));
                CHECK_OK(df_extract(df, photo("obama2.jpg"), &o, &same, &err));
                const df_image *x = df_chips_image(chips, 0), *y = df_chips_image(same, 0);
                for (int row = 0; row < 150; row++)
                    for (int k = 0; k < 450; k++)
                        sum += abs(df_image_pixels(x)[(size_t)row * df_image_stride(x) + (size_t)k] - df_image_pixels(y)[(size_t)row * df_image_stride(y) + (size_t)k]);
                CHECK(sum / (150 * 450) < 6);
                df_chips_free(chips), df_chips_free(same);
            }
            df_faces_free(found);
            df_image_free(img);
        }
        CHECK(stood_up > 0);
        df_faces_free(upright);
    }
    df_engine_free(df);
}

TEST(a_turned_photo_without_a_face_stays_one)
{
    df_engine *df = engine_of_landmarks();
    df_opts o = df_opts_default();
    df_faces *faces;
    df_image *grey;
    static const uint8_t rgb[3 * 40 * 30] = {9};
    CHECK_OK(df_image_from_rgb(40, 30, 0, rgb, &grey, &err));
    o.rotate = "auto";
    CHECK_STATUS(DF_E_NO_FACE, df_detect_image(df, grey, &o, &faces, &err));
    CHECK_HAS(err.message, "40 x 30");
    CHECK_HAS(err.message, "turned");
    o.enforce = false;
    CHECK_OK(df_detect_image(df, grey, &o, &faces, &err));
    CHECK(df_faces_at(faces, 0)->w == 39 && df_faces_at(faces, 0)->h == 29); /* clipped as upstream clips: one less */
    df_faces_free(faces);
    df_image_free(grey);
    df_engine_free(df);
}

static size_t black_pixels(const df_image *img)
{
    size_t n = 0;
    for (int y = 0; y < df_image_height(img); y++)
        for (int x = 0; x < df_image_width(img); x++) {
            const uint8_t *p = df_image_pixels(img) + (size_t)y * df_image_stride(img) + 3 * (size_t)x;
            n += p[0] == 0 && p[1] == 0 && p[2] == 0;
        }
    return n;
}

TEST(the_mask_blackens_what_is_not_the_face_and_nothing_else)
{
    df_engine *df = engine_of_landmarks();
    static const char *const aligns[] = {"points", "eyes", "none"}, *const sets[] = {"none", "68"};
    df_image *img;
    CHECK_OK(df_image_load(df, photo("biden.jpg"), &img, &err)); /* read by path, a mask's photo is decoded larger */
    for (size_t a = 0; a < 3; a++)
        for (size_t s = 0; s < 2; s++) {
            df_opts o = df_opts_default();
            df_chips *plain, *masked;
            o.align = aligns[a], o.landmarks = sets[s];
            CHECK_OK(df_extract_image(df, img, &o, &plain, &err));
            o.mask = true;
            CHECK_OK(df_extract_image(df, img, &o, &masked, &err));
            const df_image *p = df_chips_image(plain, 0), *m = df_chips_image(masked, 0);
            int w = df_image_width(p), h = df_image_height(p);
            CHECK(df_image_width(m) == w && df_image_height(m) == h);
            size_t differ = 0;
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++) {
                    const uint8_t *u = df_image_pixels(p) + (size_t)y * df_image_stride(p) + 3 * (size_t)x;
                    const uint8_t *v = df_image_pixels(m) + (size_t)y * df_image_stride(m) + 3 * (size_t)x;
                    if (memcmp(u, v, 3) != 0) {
                        CHECK(v[0] == 0 && v[1] == 0 && v[2] == 0);
                        differ++;
                    }
                    if (x > w * 2 / 5 && x < w * 3 / 5 && y > h / 2 && y < h * 3 / 5) /* nose and cheeks */
                        CHECK(memcmp(u, v, 3) == 0);
                }
            double part = (double)differ / (w * h);
            if (!(part > 0.1 && part < 0.7))
                fail_msg("align %s, landmarks %s: %.2f of the crop is black", aligns[a], sets[s], part);
            df_chips_free(plain), df_chips_free(masked);
        }
    df_image_free(img);
    df_engine_free(df);
}

TEST(a_mask_of_the_whole_photo_leaves_the_photo_alone)
{
    df_engine *df = engine_of_landmarks();
    df_opts o = df_opts_default();
    df_image *img;
    df_chips *chips;
    CHECK_OK(df_image_load(df, photo("obama.jpg"), &img, &err));
    size_t before = black_pixels(img);
    o.detector = "skip", o.mask = true;
    CHECK_OK(df_extract_image(df, img, &o, &chips, &err));
    assert_int_equal(black_pixels(img), before);
    CHECK(black_pixels(df_chips_image(chips, 0)) > before + 1000);
    df_chips_free(chips);
    df_image_free(img);
    df_engine_free(df);
}

TEST(masked_and_plain_embeddings_do_not_compare)
{
    df_engine *df = engine_of_landmarks();
    df_opts o = df_opts_default();
    df_embeddings *plain, *masked;
    df_verify_result r;
    CHECK_OK(df_represent(df, photo("obama.jpg"), &o, &plain, &err));
    o.mask = true;
    CHECK_OK(df_represent(df, photo("obama.jpg"), &o, &masked, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_verify_embeddings(plain, masked, &o, &r, &err));
    CHECK_HAS(err.message, "mask 468");
    CHECK_OK(df_verify(df, photo("obama.jpg"), photo("obama2.jpg"), &o, &r, &err));
    CHECK(r.distance > 0);
    df_embeddings_free(plain), df_embeddings_free(masked);
    df_engine_free(df);
}

TEST(stages_show_five_tiles)
{
    df_engine *df = engine_of_landmarks();
    df_opts o = df_opts_default();
    df_image *img, *turned_img = turned(df, "obama2.jpg", 1), *out;
    CHECK_OK(df_stages(df, photo("obama.jpg"), NULL, &img, &err));
    /* the photo's 910 x 1137 and the chips' 150 x 150 at a height of 360, gaps of 16 */
    assert_int_equal(df_image_width(img), 16 + 2 * (288 + 16) + 3 * (360 + 16));
    df_image_free(img);
    o.detector = "mtcnn", o.rotate = "auto", o.mask = true, o.landmarks = "68", o.align = "eyes";
    CHECK_OK(df_stages_image(df, turned_img, &o, &out, &err));
    df_image_free(out);
    df_image_free(turned_img);
    CHECK_STATUS(DF_E_ARGUMENT, df_stages(df, photo("obama.jpg"), NULL, NULL, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_stages_image(df, NULL, NULL, &out, &err));
    CHECK(out == NULL);
    df_engine_free(df);
}

TEST(every_allocation_may_fail)
{
    df_engine *df = engine_of_landmarks();
    df_opts o = df_opts_default();
    df_image *img = turned(df, "obama.jpg", 2), *out;
    df_faces *faces;
    o.mask = true, o.rotate = "auto", o.landmarks = "468", o.detector = "ssd";
    for (int verb = 0; verb < 2; verb++) {
        size_t total = 0;
        for (size_t round = 0, i = 0; round == 0 || i <= total; round++, i += total > 60 ? total / 60 : 1) { /* first without, so that nothing is left to load */
            out = NULL, faces = NULL;
            test_alloc_fail_at(round == 0 ? 0 : i);
            df_status st = verb ? df_stages_image(df, img, &o, &out, &err) : df_detect_image(df, img, &o, &faces, &err);
            if (round == 0)
                total = test_alloc_count();
            test_alloc_fail_at(0);
            if (round == 0) {
                CHECK_OK(st);
                df_image_free(out), df_faces_free(faces);
                out = NULL, faces = NULL;
                i = 1;
                continue;
            }
            if (st != DF_OK && st != DF_E_NO_MEMORY)
                fail_msg("allocation %zu of %zu: %s: %s", i, total, df_status_text(st), err.message);
            CHECK(st == DF_OK || (out == NULL && faces == NULL));
            df_image_free(out), df_faces_free(faces);
        }
    }
    df_image_free(img);
    df_engine_free(df);
}
