#include "photos.h"
#include "temp_dir.h"

TEST(two_photos_of_one_person_and_one_of_another)
{
    df_error err;
    df_verify_result r;
    df_engine *df = engine_or_skip(2);
    CHECK_OK(df_verify(df, photo("obama.jpg"), photo("obama2.jpg"), NULL, &r, &err));
    CHECK(r.verified && r.distance < r.threshold && r.confidence > 50);
    assert_string_equal(r.model, "Dlib");
    assert_string_equal(r.detector, "retinaface");
    assert_string_equal(r.align, "points");
    assert_string_equal(r.metric, "cosine");
    CHECK(r.face1.has == (DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH));
    CHECK(r.face1.left_eye.x > r.face1.right_eye.x); /* the person's own left */
    CHECK_OK(df_verify(df, photo("obama.jpg"), photo("biden.jpg"), NULL, &r, &err));
    CHECK(!r.verified && r.distance > r.threshold && r.confidence < 50);
    df_engine_free(df);
}

TEST(every_detector_alignment_and_metric_tells_them_apart)
{
    df_error err;
    df_verify_result r;
    df_model_state state;
    df_engine *df = engine_or_skip(2);
    const char *detectors[] = {"retinaface", "ssd"}, *aligns[] = {"points", "eyes"};
    const char *metrics[] = {"cosine", "euclidean", "euclidean_l2", "angular"};
    CHECK_OK(df_model_check(df, "ssd", false, &state, NULL, 0, &err));
    for (int d = 0; d < (state == DF_MODEL_READY ? 2 : 1); d++)
        for (int a = 0; a < 2; a++)
            for (int m = 0; m < 4; m++) {
                df_opts o = df_opts_default();
                o.detector = detectors[d], o.align = aligns[a], o.metric = metrics[m];
                CHECK_OK(df_verify(df, photo("obama.jpg"), photo("obama2.jpg"), &o, &r, &err));
                double threshold;
                CHECK_OK(df_threshold("Dlib", metrics[m], aligns[a], &threshold, &err));
                CHECK_NEAR(threshold, r.threshold, 0);
                if (!r.verified)
                    fail_msg("%s %s %s: %g is over %g", detectors[d], aligns[a], metrics[m], r.distance, r.threshold);
                CHECK_OK(df_verify(df, photo("obama.jpg"), photo("biden.jpg"), &o, &r, &err));
                if (r.verified)
                    fail_msg("%s %s %s: %g is not over %g", detectors[d], aligns[a], metrics[m], r.distance, r.threshold);
            }
    df_engine_free(df);
}

TEST(a_given_threshold_decides)
{
    df_error err;
    df_verify_result r;
    df_engine *df = engine_or_skip(1);
    df_opts o = df_opts_default();
    o.threshold = 0;
    CHECK_OK(df_verify(df, photo("obama.jpg"), photo("obama2.jpg"), &o, &r, &err));
    CHECK(!r.verified && r.threshold == 0);
    CHECK_OK(df_verify(df, photo("obama.jpg"), photo("obama.jpg"), &o, &r, &err));
    CHECK(r.verified && r.distance == 0 && r.confidence == 100);
    df_engine_free(df);
}

TEST(pictures_in_memory_give_the_same_answer_as_files_at_full_scale)
{
    df_error err;
    df_verify_result by_path, by_image;
    df_image *a, *b;
    df_engine *df = engine_or_skip(2);
    df_opts o = df_opts_default();
    o.align = "eyes"; /* always from the photo at full scale */
    CHECK_OK(df_image_load(df, photo("obama.jpg"), &a, &err));
    CHECK_OK(df_image_load(df, photo("obama2.jpg"), &b, &err));
    CHECK_OK(df_verify(df, photo("obama.jpg"), photo("obama2.jpg"), &o, &by_path, &err));
    CHECK_OK(df_verify_images(df, a, b, &o, &by_image, &err));
    CHECK_NEAR(by_path.distance, by_image.distance, 0);
    CHECK_NEAR(by_path.face1.x, by_image.face1.x, 0);
    df_image_free(a), df_image_free(b);
    df_engine_free(df);
}

TEST(no_face_is_a_status_and_never_verified)
{
    df_error err;
    df_verify_result r;
    df_image *img, *portrait;
    df_engine *df = engine_or_skip(2);
    static uint8_t grey[3 * 300 * 200];
    memset(grey, 127, sizeof grey);
    CHECK_OK(df_image_from_rgb(300, 200, 0, grey, &img, &err));
    CHECK_OK(df_image_load(df, photo("obama.jpg"), &portrait, &err));
    CHECK_STATUS(DF_E_NO_FACE, df_verify_images(df, portrait, img, NULL, &r, &err));
    CHECK(!r.verified);
    CHECK_HAS(err.message, "300 x 200");
    df_opts o = df_opts_default();
    o.enforce = false;
    CHECK_OK(df_verify_images(df, portrait, img, &o, &r, &err));
    CHECK(!r.verified && r.face2.confidence == 0 && r.face2.w == 299);
    df_image_free(img), df_image_free(portrait);
    df_engine_free(df);
}

TEST(a_jpeg_tall_as_a_tower_keeps_its_measures_when_it_is_decoded_smaller)
{
    df_error err;
    df_image *img;
    df_faces *faces;
    df_engine *df = engine_or_skip(1);
    static uint8_t grey[3 * 101 * 6400];
    memset(grey, 127, sizeof grey);
    CHECK_OK(df_image_from_rgb(101, 6400, 0, grey, &img, &err));
    temp_dir d = temp_dir_new();
    const char *tower = temp_path(&d, "tower.jpg");
    CHECK_OK(df_image_save(img, tower, &err));
    df_opts o = df_opts_default();
    o.enforce = false;
    CHECK_OK(df_detect(df, tower, &o, &faces, &err));
    CHECK_NEAR(6399, df_faces_at(faces, 0)->h, 0);
    CHECK_NEAR(100, df_faces_at(faces, 0)->w, 0);
    df_faces_free(faces);
    df_image_free(img);
    df_engine_free(df);
}

TEST(max_faces_and_min_face_choose)
{
    df_error err;
    df_faces *faces;
    df_engine *df = engine_or_skip(1);
    df_opts o = df_opts_default();
    o.max_faces = 1;
    CHECK_OK(df_detect(df, photo("obama.jpg"), &o, &faces, &err));
    assert_int_equal(df_faces_count(faces), 1);
    int width = (int)df_faces_at(faces, 0)->w;
    df_faces_free(faces);
    o.min_face = width + 50;
    CHECK_STATUS(DF_E_NO_FACE, df_detect(df, photo("obama.jpg"), &o, &faces, &err));
    df_engine_free(df);
}

TEST(files_that_are_no_photos_are_named)
{
    df_error err;
    df_verify_result r;
    df_engine *df = engine_or_skip(2);
    CHECK_STATUS(DF_E_IO, df_verify(df, photo("obama.jpg"), "/nowhere/b.jpg", NULL, &r, &err));
    CHECK_HAS(err.message, "/nowhere/b.jpg");
    CHECK_STATUS(DF_E_DECODE, df_verify(df, "/dev/null", photo("obama.jpg"), NULL, &r, &err));
    CHECK_HAS(err.message, "/dev/null");
    CHECK_STATUS(DF_E_IO, df_verify(df, "/tmp", photo("obama.jpg"), NULL, &r, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_verify(df, NULL, photo("obama.jpg"), NULL, &r, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_verify(df, "-", "-", NULL, &r, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_verify(NULL, photo("obama.jpg"), photo("obama.jpg"), NULL, &r, &err));
    df_engine_free(df);
}

TEST(extract_gives_the_chip_that_the_model_sees)
{
    df_error err;
    df_chips *chips;
    df_engine *df = engine_or_skip(1);
    CHECK_OK(df_extract(df, photo("biden.jpg"), NULL, &chips, &err));
    CHECK(df_chips_count(chips) >= 1);
    CHECK(df_image_width(df_chips_image(chips, 0)) == 150 && df_image_height(df_chips_image(chips, 0)) == 150);
    CHECK(df_chips_image(chips, df_chips_count(chips)) == NULL);
    df_chips_free(chips);
    df_opts o = df_opts_default();
    o.align = "none";
    CHECK_OK(df_extract(df, photo("biden.jpg"), &o, &chips, &err));
    const df_face *f = df_chips_face(chips, 0);
    CHECK_NEAR(f->w, df_image_width(df_chips_image(chips, 0)), 1.5);
    df_chips_free(chips);
    df_engine_free(df);
}

static bool count_photos(void *user, size_t index, const df_embeddings *faces, const df_error *failed)
{
    int *seen = user;
    if (index == 1)
        CHECK(faces == NULL && failed->status == DF_E_IO);
    else
        CHECK(failed == NULL && df_embeddings_count(faces) >= 1 && df_embeddings_dims(faces) == 128);
    seen[index]++;
    return true;
}

static bool stop_at_once(void *user, size_t index, const df_embeddings *faces, const df_error *failed)
{
    (void)index, (void)faces, (void)failed;
    ++*(int *)user;
    return false;
}

TEST(many_photos_come_once_each_and_a_bad_one_does_not_stop_the_rest)
{
    df_error err;
    df_engine *df = engine_or_skip(2);
    const char *paths[] = {photo("obama.jpg"), "/nowhere/x.jpg", photo("biden.jpg")};
    int seen[3] = {0}, calls = 0;
    CHECK_OK(df_represent_many(df, paths, 3, NULL, count_photos, seen, &err));
    CHECK(seen[0] == 1 && seen[1] == 1 && seen[2] == 1);
    CHECK_OK(df_represent_many(df, paths, 3, NULL, stop_at_once, &calls, &err));
    assert_int_equal(calls, 1);
    CHECK_OK(df_represent_many(df, paths, 0, NULL, stop_at_once, &calls, &err));
    df_engine_free(df);
}

TEST(embeddings_of_two_pipelines_never_mix)
{
    df_error err;
    df_verify_result r;
    df_embeddings *a, *b;
    df_engine *df = engine_or_skip(1);
    df_opts o = df_opts_default();
    o.align = "eyes";
    CHECK_OK(df_represent(df, photo("obama.jpg"), NULL, &a, &err));
    CHECK_OK(df_represent(df, photo("obama.jpg"), &o, &b, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_verify_embeddings(a, b, NULL, &r, &err));
    CHECK_OK(df_verify_embeddings(a, a, NULL, &r, &err));
    CHECK(r.verified);
    df_embeddings_free(a), df_embeddings_free(b);
    df_engine_free(df);
}
