#include "test.h"

/* Keys of deepface 0.0.103 modules/verification.py and modules/detection.py, spelled as there. */
TEST(verify_prints_upstreams_dictionary)
{
    df_error err;
    char *text;
    df_verify_result r = {.verified = true, .distance = 0.0625, .threshold = 0.5, .confidence = 61.0833, .model = "Dlib",
                          .detector = "ssd", .align = "eyes", .metric = "cosine", .seconds = 0.0125};
    r.face1 = (df_face){.x = 10.9f, .y = 20, .w = 30, .h = 40.5f, .has = DF_HAS_EYES, .left_eye = {25.7f, 30}, .right_eye = {15, 31}};
    r.face2 = (df_face){.w = 99, .h = 49};
    CHECK_OK(df_verify_result_json(&r, &text, &err));
    assert_string_equal(text,
        "{\"verified\": true, \"distance\": 0.0625, \"threshold\": 0.5, \"confidence\": 61.08, \"model\": \"Dlib\", "
        "\"detector_backend\": \"ssd\", \"similarity_metric\": \"cosine\", \"align\": \"eyes\", \"facial_areas\": {"
        "\"img1\": {\"x\": 10, \"y\": 20, \"w\": 30, \"h\": 40, \"left_eye\": [25, 30], \"right_eye\": [15, 31]}, "
        "\"img2\": {\"x\": 0, \"y\": 0, \"w\": 99, \"h\": 49, \"left_eye\": null, \"right_eye\": null}}, \"time\": 0.0125}");
    df_string_free(text);
}

TEST(an_unknown_confidence_is_null)
{
    df_error err;
    char *text;
    df_verify_result r = {.confidence = NAN};
    CHECK_OK(df_verify_result_json(&r, &text, &err));
    CHECK_HAS(text, "\"confidence\": null");
    df_string_free(text);
    CHECK_STATUS(DF_E_ARGUMENT, df_verify_result_json(NULL, &text, &err));
}
