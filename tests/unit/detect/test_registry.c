#include "detect/detector.h"
#include "test.h"

TEST(the_options_table_offers_exactly_the_detectors_there_are)
{
    const df_option_info *info = NULL;
    for (size_t i = 0; df_option_at(i); i++)
        if (strcmp(df_option_at(i)->name, "detector") == 0)
            info = df_option_at(i);
    CHECK(info != NULL);
    size_t n = 0;
    for (; info->choices[n]; n++) {
        CHECK(df__detector_find(info->choices[n]) != NULL);
        assert_string_equal(df__detector_find(info->choices[n])->name, info->choices[n]);
    }
    CHECK(df__detector_at(n - 1) != NULL && df__detector_at(n) == NULL);
}

TEST(a_detector_without_weights_names_the_file_and_the_remedy)
{
    df_error err;
    void *self;
    df_loader nowhere = {.dir = "/nowhere"};
    CHECK_STATUS(DF_E_NO_MODEL, df__detector_retinaface.open(&nowhere, &self, &err));
    CHECK_HAS(err.message, "/nowhere/retinaface_mobilenet025.onnx");
    CHECK_HAS(err.message, "MIT");
    CHECK_HAS(err.message, "make ");
}

TEST(skip_takes_the_whole_photo)
{
    df_error err;
    df_face_list l = {0};
    df_arena a = {0};
    uint8_t bytes[12] = {0};
    df_detect_params params = {.threads = 1};
    CHECK_OK(df__detector_skip.detect(NULL, (df_pixels){2, 2, 6, bytes}, &params, &a, &l, &err));
    assert_int_equal(l.n, 1);
    CHECK(l.items[0].w == 2 && l.items[0].h == 2 && l.items[0].confidence == 0 && l.items[0].has == 0);
    df__face_list_free(&l);
    df__arena_free(&a);
}
