/* Attributes beside what others make of the same faces: TensorFlow of the light networks' crops (tfjs_attributes.csv), ONNX Runtime and NumPy of
 * race (race_head.csv), and deepface itself, with small graphs of seeded weights in place of its weight files (attributes_upstream.csv). */
#include "analyze/attribute.h"
#include "golden.h"
#include "nn/onnx.h"
#include "photo.h"

static df_error err;

static const df_attribute *find(const char *name)
{
    for (size_t i = 0; df__attribute_at(i); i++)
        if (strcmp(df__attribute_at(i)->name, name) == 0)
            return df__attribute_at(i);
    fail_msg("no network of attributes is called %s", name);
    return NULL;
}

/* 1e-4 of shares of 1: sums of thousands of float32 products in another order. */
TEST(light_networks_say_of_crops_what_tensorflow_says)
{
    enum { MOST = 256 };
    static char *dir;
    df_net *net = NULL;
    df_arena scratch = {0};
    char name[64] = "";
    size_t seen = 0;
    CHECK_OK(df__weights_dir(&dir, &err));
    const df_loader loader = {.dir = dir, .precision = DF_PRECISION_STRICT};
    if (!test_photos_dir())
        skip();
    golden g = golden_open("tfjs_attributes.csv");
    while (golden_row(&g)) {
        float want[MOST];
        df_pixels photo;
        df_tensor out[DF_MAX_HEADS];
        const df_attribute *a = find(g.fields[0]);
        int left = golden_int(&g, 2), top = golden_int(&g, 3), side = golden_int(&g, 4);
        size_t n = golden_numbers(&g, 5, want, MOST), at = 0;
        if (strcmp(name, a->name) != 0) {
            df__net_free(net);
            CHECK_OK(df__attribute_open(&loader, a, &net, &err));
            snprintf(name, sizeof name, "%s", a->name);
        }
        CHECK(golden_photo(g.fields[1], &photo));
        assert_int_equal(side, a->width);
        df_tensor in = {.type = DF_F32, .rank = 4, .dims = {1, (int64_t)df__attribute_channels(a), side, side}};
        in.data = df__arena_alloc(&scratch, df__attribute_size(a) * sizeof(float));
        df__attribute_feed(a, df__pixels_view(photo, left, top, side, side), false, in.data);
        CHECK_OK(df__net_run(net, &in, 1, out, (size_t)a->n_heads, 1, &scratch, &err));
        for (int h = 0; h < a->n_heads; h++)
            for (int i = 0; i < a->heads[h].numbers && a->heads[h].numbers <= 100; i++, at++)
                CHECK_NEAR(want[at], ((const float *)out[h].data)[i], 1e-4);
        assert_int_equal(at, n);
        seen += n;
        df__pixels_free(&photo);
        df__arena_reset(&scratch);
    }
    CHECK(seen > 500);
    df__net_free(net), df__arena_free(&scratch), free(dir);
}

/* 0.02 of a percent: the features are means of 49 float32 sums of thousands of products. */
TEST(the_head_of_race_says_what_numpy_says_of_onnx_runtime_s_features)
{
    static const int places[] = {DF_RACE_WHITE, DF_RACE_BLACK, DF_RACE_ASIAN, DF_RACE_INDIAN, DF_RACE_OTHER};
    enum { CLASSES = sizeof places / sizeof *places };
    char *dir;
    df_net *net = NULL;
    df_arena scratch = {0};
    const df_attribute *a = find("faceres");
    size_t rows = 0;
    CHECK_OK(df__weights_dir(&dir, &err));
    const df_loader loader = {.dir = dir, .precision = DF_PRECISION_STRICT};
    if (!test_photos_dir())
        skip();
    golden g = golden_open("race_head.csv");
    CHECK_OK(df__attribute_open(&loader, a, &net, &err));
    while (golden_row(&g)) {
        float want[CLASSES];
        df_pixels photo;
        df_findings found = {0};
        df_findings *to[] = {&found};
        int side = golden_int(&g, 3);
        assert_int_equal(golden_numbers(&g, 4, want, CLASSES), CLASSES);
        CHECK(golden_photo(g.fields[0], &photo));
        float *in = df__arena_alloc(&scratch, 2 * df__attribute_size(a) * sizeof *in);
        CHECK(in != NULL);
        df__attribute_feed(a, df__pixels_view(photo, golden_int(&g, 1), golden_int(&g, 2), side, side), false, in);
        memcpy(in + df__attribute_size(a), in, df__attribute_size(a) * sizeof *in); /* both views the same */
        CHECK_OK(df__attribute_run(a, net, in, 1, to, &scratch, &err));
        for (int i = 0; i < CLASSES; i++)
            CHECK_NEAR(want[i], found.attributes.race[places[i]], 0.02);
        CHECK(isnan(found.attributes.race[DF_RACE_MIDDLE_EASTERN]) && isnan(found.attributes.race[DF_RACE_LATINO_HISPANIC]));
        rows++;
        df__pixels_free(&photo);
        df__arena_reset(&scratch);
    }
    assert_int_equal(rows, 5);
    df__net_free(net), df__arena_free(&scratch), free(dir);
}

static void check_shares(const golden *g, size_t field, const float *got, size_t n, double tolerance)
{
    float want[16];
    assert_int_equal(golden_numbers(g, field, want, 16), n);
    for (size_t i = 0; i < n; i++)
        CHECK_NEAR(want[i], got[i], tolerance);
}

static bool point_of(const golden *g, size_t field, df_point *out)
{
    float v[2];
    if (golden_numbers(g, field, v, 2) != 2)
        return false;
    *out = (df_point){v[0], v[1]};
    return true;
}

/* 0.1 of a percent, 0.05 years: the turned crop is within one grey level of OpenCV's (align/eyes.c). */
TEST(the_networks_of_deepface_are_fed_and_read_as_deepface_does)
{
    char dir[4096];
    df_arena scratch = {0};
    size_t rows = 0, n_nets = 0;
    const df_attribute *nets[8];
    df_net *opened[8];
    if (!test_photos_dir())
        skip();
    snprintf(dir, sizeof dir, "%s/attributes", test_golden_dir());
    for (size_t i = 0; df__attribute_at(i); i++)
        if (df__attribute_at(i)->family == DF_FAMILY_DEEPFACE) {
            char path[8192];
            df_bytes file;
            df_graph *graph;
            const df_net_opts opts = {.precision = DF_PRECISION_STRICT};
            nets[n_nets] = df__attribute_at(i);
            const char *name = df__weights_find(nets[n_nets]->name)->info.file;
            snprintf(path, sizeof path, "%s/%s", dir, name);
            CHECK_OK(df__read_file(path, 1 << 20, &file, &err));
            CHECK_OK(df__onnx_parse(&file, name, NULL, &graph, &err));
            CHECK_OK(df__net_new(graph, &opts, &opened[n_nets++], &err));
            df__bytes_free(&file);
        }
    assert_int_equal(n_nets, 6);
    golden g = golden_open("attributes_upstream.csv");
    while (golden_row(&g)) {
        df_pixels px;
        df_findings found = {0};
        const df_attributes *a = &found.attributes;
        df_face face = {.x = (float)golden_number(&g, 1), .y = (float)golden_number(&g, 2), .w = (float)golden_number(&g, 3), .h = (float)golden_number(&g, 4),
                        .confidence = 0.9f};
        CHECK(golden_photo(g.fields[0], &px));
        face.has = point_of(&g, 5, &face.left_eye) && point_of(&g, 6, &face.right_eye) ? DF_HAS_EYES : 0;
        const df_look look = {.px = px, .face = &face, .map = &df__detector_retinaface.dlib, .align = true};
        for (size_t i = 0; i < n_nets; i++)
            CHECK_OK(df__attribute_faces(nets[i], opened[i], &look, 1, &found, &scratch, &err));
        df__liveness_settle(DF_FAMILY_DEEPFACE, &found);
        CHECK_NEAR(golden_number(&g, 7), a->age, 0.05);
        check_shares(&g, 9, a->gender, DF_GENDERS, 0.1);
        check_shares(&g, 10, a->emotion, DF_EMOTIONS, 0.1);
        check_shares(&g, 11, a->race, DF_RACES - 1, 0.1);
        CHECK(isnan(a->race[DF_RACE_OTHER]));
        assert_string_equal(g.fields[12], df_attribute_label(DF_WITH_GENDER, (size_t)a->dominant_gender));
        assert_string_equal(g.fields[13], df_attribute_label(DF_WITH_EMOTION, (size_t)a->dominant_emotion));
        assert_string_equal(g.fields[14], df_attribute_label(DF_WITH_RACE, (size_t)a->dominant_race));
        assert_int_equal(a->is_real, golden_int(&g, 15));
        CHECK_NEAR(golden_number(&g, 16), a->antispoof_score, 2e-5); /* whole pixels and no turn: the crop is OpenCV's to the bit */
        rows++;
        df__pixels_free(&px);
        df__arena_reset(&scratch);
    }
    CHECK(rows >= 8);
    for (size_t i = 0; i < n_nets; i++)
        df__net_free(opened[i]);
    df__arena_free(&scratch);
}
