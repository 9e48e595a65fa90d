#include "core/options.h"
#include "test.h"

TEST(defaults_are_those_of_the_header)
{
    df_opts o = df_opts_default();
    assert_int_equal(o.size, sizeof o);
    assert_string_equal(o.detector, "retinaface");
    assert_string_equal(o.align, "points");
    assert_string_equal(o.model, "Dlib");
    assert_string_equal(o.normalization, "base");
    assert_string_equal(o.metric, "cosine");
    CHECK(isnan(o.threshold) && isnan(o.score) && isnan(o.far));
    CHECK(o.expand == 0 && o.max_faces == 0 && o.min_face == 0 && o.detect_size == 0 && o.enforce && o.flip && !o.mask);
    assert_string_equal(o.landmarks, "none");
    assert_string_equal(o.rotate, "none");
    assert_int_equal(o.tile, 0);
}

TEST(the_table_covers_every_field_in_order)
{
    const char *names[] = {"detector", "align", "model", "normalization", "metric", "threshold", "score", "expand",
                           "max_faces", "min_face", "detect_size", "enforce", "flip", "landmarks", "mask", "rotate", "tile", "far", "border", "attributes",
                           "anti_spoofing", "liveness", "min_quality"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CHECK(df_option_at(i) != NULL);
        assert_string_equal(df_option_at(i)->name, names[i]);
        CHECK(df_option_at(i)->help[0] != '\0');
    }
    CHECK(df_option_at(sizeof names / sizeof *names) == NULL);
}

TEST(text_sets_fields_and_bad_text_says_what_is_allowed)
{
    df_error err;
    df_opts o = df_opts_default();
    CHECK_OK(df_opts_set(&o, "detector", "SSD", &err));
    assert_string_equal(o.detector, "ssd");
    CHECK_OK(df_opts_set(&o, "max-faces", "3", &err));
    assert_int_equal(o.max_faces, 3);
    CHECK_OK(df_opts_set(&o, "threshold", "0.25", &err));
    CHECK_NEAR(0.25, o.threshold, 0);
    CHECK_OK(df_opts_set(&o, "enforce", "false", &err));
    CHECK(!o.enforce);
    CHECK_OK(df_opts_set(&o, "model", "vgg-face", &err));
    assert_string_equal(o.model, "VGG-Face");
    CHECK_OK(df_opts_set(&o, "model", "my/net.json", &err));
    assert_string_equal(o.model, "my/net.json");
    CHECK_STATUS(DF_E_ARGUMENT, df_opts_set(&o, "model", ".json", &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_opts_set(&o, "model", "net.onnx", &err));
    CHECK_HAS(err.message, "Buffalo_L, nor does it end in .json");
    CHECK_STATUS(DF_E_ARGUMENT, df_opts_set(&o, "detector", "my/net.json", &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_opts_set(&o, "detector", "yolo", &err));
    CHECK_HAS(err.message, "detector: \"yolo\" is none of: retinaface, ssd");
    CHECK_STATUS(DF_E_ARGUMENT, df_opts_set(&o, "expand", "501", &err));
    CHECK_HAS(err.message, "0..500");
    CHECK_STATUS(DF_E_ARGUMENT, df_opts_set(&o, "expand", "12px", &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_opts_set(&o, "expand", "nan", &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_opts_set(&o, "max_faces", "1.5", &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_opts_set(&o, "enforce", "maybe", &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_opts_set(&o, "colour", "red", &err));
    CHECK_HAS(err.message, "colour");
}

TEST(an_older_caller_gets_defaults_for_what_it_does_not_know)
{
    df_error err;
    unsigned char room[sizeof(df_opts)];
    memset(room, 0xAA, sizeof room);
    size_t old = offsetof(df_opts, expand);
    df_opts_init((df_opts *)(void *)room, old);
    for (size_t i = old; i < sizeof room; i++)
        assert_int_equal(room[i], 0xAA);
    df_opts mine;
    CHECK_OK(df__opts_read((df_opts *)(void *)room, &mine, &err));
    CHECK(mine.enforce && mine.max_faces == 0);
}

TEST(a_struct_that_was_never_initialised_is_refused)
{
    df_error err;
    df_opts zero, mine;
    memset(&zero, 0, sizeof zero);
    CHECK_STATUS(DF_E_ARGUMENT, df__opts_read(&zero, &mine, &err));
    CHECK_HAS(err.message, "df_opts_default");
    df_opts bad = df_opts_default();
    bad.expand = -1;
    CHECK_STATUS(DF_E_ARGUMENT, df__opts_read(&bad, &mine, &err));
    bad = df_opts_default();
    bad.metric = "manhattan";
    CHECK_STATUS(DF_E_ARGUMENT, df__opts_read(&bad, &mine, &err));
    CHECK_HAS(err.message, "manhattan");
    bad = df_opts_default();
    bad.metric = NULL;
    CHECK_OK(df__opts_read(&bad, &mine, &err));
    assert_string_equal(mine.metric, "cosine");
}
