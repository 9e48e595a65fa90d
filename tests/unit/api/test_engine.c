#include "temp_dir.h"

TEST(options_out_of_bounds_are_refused)
{
    df_error err;
    df_engine *df;
    df_engine_opts o = df_engine_opts_default();
    o.threads = -1;
    CHECK_STATUS(DF_E_ARGUMENT, df_engine_new(&o, &df, &err));
    CHECK(df == NULL);
    CHECK_HAS(err.message, "threads: -1");
    o = df_engine_opts_default();
    o.max_pixels = 0;
    CHECK_STATUS(DF_E_ARGUMENT, df_engine_new(&o, &df, &err));
    memset(&o, 0, sizeof o);
    CHECK_STATUS(DF_E_ARGUMENT, df_engine_new(&o, &df, &err));
    CHECK_HAS(err.message, "df_engine_opts_default");
    CHECK_STATUS(DF_E_ARGUMENT, df_engine_new(NULL, NULL, &err));
}

TEST(missing_weights_are_a_status_of_their_own_and_may_come_later)
{
    df_error err;
    df_engine *df;
    df_faces *faces;
    df_image *img;
    uint8_t grey[3 * 64 * 64];
    memset(grey, 128, sizeof grey);
    df_engine_opts o = df_engine_opts_default();
    o.weights_dir = "/nowhere/at/all";
    CHECK_OK(df_engine_new(&o, &df, &err));
    CHECK_OK(df_image_from_rgb(64, 64, 0, grey, &img, &err));
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(DF_E_NO_MODEL, df_detect_image(df, img, NULL, &faces, &err));
        CHECK(faces == NULL);
        CHECK_HAS(err.message, "/nowhere/at/all/retinaface_mobilenet025.onnx");
    }
    df_image_free(img);
    df_engine_free(df);
}

TEST(a_damaged_weight_file_is_refused_with_both_hashes)
{
    df_error err;
    df_engine *df;
    df_model_state state;
    char path[1024];
    temp_dir d = temp_dir_new();
    df_engine_opts o = df_engine_opts_default();
    o.weights_dir = d.path;
    CHECK_OK(df_engine_new(&o, &df, &err));
    CHECK_OK(df_model_check(df, "retinaface", true, &state, path, sizeof path, &err));
    assert_int_equal(state, DF_MODEL_ABSENT);
    FILE *f = fopen(path, "wb");
    fputs("short", f);
    fclose(f);
    CHECK_OK(df_model_check(df, "retinaface", false, &state, NULL, 0, &err));
    assert_int_equal(state, DF_MODEL_DAMAGED);
    CHECK(truncate(path, 1736694) == 0); /* the right size, the wrong bytes */
    CHECK_OK(df_model_check(df, "retinaface", false, &state, NULL, 0, &err));
    assert_int_equal(state, DF_MODEL_READY);
    CHECK_OK(df_model_check(df, "retinaface", true, &state, NULL, 0, &err));
    assert_int_equal(state, DF_MODEL_DAMAGED);
    df_image *img;
    df_faces *faces;
    uint8_t grey[3 * 8 * 8] = {0};
    CHECK_OK(df_image_from_rgb(8, 8, 0, grey, &img, &err));
    CHECK_STATUS(DF_E_BAD_MODEL, df_detect_image(df, img, NULL, &faces, &err));
    CHECK_HAS(err.message, "b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5");
    df_image_free(img);
    df_engine_free(df);
}

TEST(every_row_of_the_catalogue_is_complete)
{
    size_t n = 0;
    for (; df_model_at(n); n++) {
        const df_model_info *m = df_model_at(n);
        CHECK(m->licence[0] && m->file[0] && m->get[0]);
        if (m->bytes > 0)
            assert_int_equal(strlen(m->sha256), 64);
        else
            assert_string_equal(m->sha256, ""); /* in no registry: its first use is remembered */
    }
    CHECK(n >= 6);
}

TEST(a_file_without_a_known_hash_is_opened_and_then_the_one_remembered)
{
    df_error err;
    df_engine *df;
    df_model_state state;
    df_engine_opts o = df_engine_opts_default();
    char path[1024], record[1100];
    temp_dir d = temp_dir_new();
    o.weights_dir = d.path;
    CHECK_OK(df_engine_new(&o, &df, &err));
    CHECK_OK(df_model_check(df, "yolov8n", true, &state, path, sizeof path, &err));
    assert_int_equal(state, DF_MODEL_ABSENT);
    snprintf(record, sizeof record, "%s.sha256", path);
    const char *const files[] = {path, record}, *const texts[] = {"hello", "0000000000000000000000000000000000000000000000000000000000000000\n"};
    for (int i = 0; i < 2; i++) {
        FILE *f = fopen(files[i], "wb");
        CHECK(f != NULL && fputs(texts[i], f) >= 0 && fclose(f) == 0);
        CHECK_OK(df_model_check(df, "yolov8n", false, &state, NULL, 0, &err));
        assert_int_equal(state, DF_MODEL_READY);
        CHECK_OK(df_model_check(df, "yolov8n", true, &state, NULL, 0, &err));
        assert_int_equal(state, DF_MODEL_DAMAGED); /* no network; another file than the record tells of */
        CHECK_HAS(err.message, i == 0 ? "yolov8n-face.onnx" : record);
        CHECK(i == 1 || access(record, F_OK) != 0);
    }
    df_engine_free(df);
}

TEST(the_weights_folder_follows_deepface_home)
{
    df_error err;
    df_engine *df;
    df_model_state state;
    char path[1024];
    setenv("DEEPFACE_HOME", "/tmp/somewhere", 1);
    CHECK_OK(df_engine_new(NULL, &df, &err));
    CHECK_OK(df_model_check(df, "Dlib", false, &state, path, sizeof path, &err));
    assert_string_equal(path, "/tmp/somewhere/.deepface/weights/dlib_face_recognition_resnet_model_v1.dat");
    df_engine_free(df);
    unsetenv("DEEPFACE_HOME");
    char *home = strdup(getenv("HOME") ? getenv("HOME") : "");
    unsetenv("HOME");
    CHECK_STATUS(DF_E_ARGUMENT, df_engine_new(NULL, &df, &err));
    CHECK_HAS(err.message, "DEEPFACE_HOME");
    setenv("HOME", home, 1);
    free(home);
}
