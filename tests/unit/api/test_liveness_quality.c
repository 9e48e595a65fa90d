/* Anti-spoofing and quality on the verbs: told by detect and extract, refused by the rest; deepface's networks by name, with the small graphs of
 * tests/golden/attributes in place of its weight files. */
#include "photos.h"
#include "temp_dir.h"

static df_error err;

/* A folder of weights that has our own files and deepface's small graphs. */
static const char *mixed_folder(void)
{
    static temp_dir dir;
    static const char *const graphs[] = {"age_model_weights.onnx", "gender_model_weights.onnx", "race_model_single_batch.onnx", "facial_expression_model_weights.onnx",
                                         "2.7_80x80_MiniFASNetV2.onnx", "4_0_0_80x80_MiniFASNetV1SE.onnx"};
    static const char *const own[] = {"retinaface", "Dlib", "emotion", "faceres", "antispoof", "liveness"};
    static bool made;
    if (made)
        return dir.path;
    df_engine *df = engine_or_skip(1);
    dir = temp_dir_new();
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        char from[4096];
        df_model_state state;
        CHECK_OK(df_model_check(df, own[i], false, &state, from, sizeof from, &err));
        if (state != DF_MODEL_READY) {
            print_message("%s is absent: make weights-test\n", own[i]);
            skip();
        }
        CHECK(symlink(from, temp_path(&dir, strrchr(from, '/') + 1)) == 0);
    }
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++) {
        char from[4096];
        snprintf(from, sizeof from, "%s/attributes/%s", test_golden_dir(), graphs[i]);
        CHECK(symlink(from, temp_path(&dir, graphs[i])) == 0);
    }
    df_engine_free(df);
    made = true;
    return dir.path;
}

static df_engine *engine_of_mixed(void)
{
    df_engine *df = NULL;
    df_engine_opts o = df_engine_opts_default();
    o.weights_dir = mixed_folder(), o.threads = 2, o.precision = "strict";
    CHECK_OK(df_engine_new(&o, &df, &err));
    return df;
}

typedef struct heard { size_t real, spoof; char message[508]; } heard;

static bool tell(void *user, size_t index, df_register_state state, size_t faces, const df_error *failed)
{
    heard *t = user;
    (void)index, (void)faces;
    t->real += state == DF_REGISTERED;
    t->spoof += failed && failed->status == DF_E_SPOOF;
    if (failed)
        memcpy(t->message, failed->message, sizeof t->message);
    return true;
}

/* register keeps what is alive and lists the rest. */
static void check_register(df_engine *df, const df_opts *opts, const char *const *names, size_t n, size_t real)
{
    char path[512];
    df_photo_item items[8] = {{0}};
    df_gallery *g = NULL;
    df_gallery_stats s;
    heard t = {0, 0, ""};
    for (size_t i = 0; i < n; i++)
        items[i].path = photo(names[i]);
    snprintf(path, sizeof path, "%s/spoofs.db", mixed_folder());
    CHECK_OK(df_gallery_open(df, path, NULL, NULL, &g, &err));
    CHECK_OK(df_gallery_register(g, items, n, opts, NULL, tell, &t, &err));
    CHECK(t.real == real && t.spoof == n - real);
    CHECK_HAS(t.message, "no live one");
    CHECK_OK(df_gallery_get_stats(g, &s, &err));
    CHECK(s.photos == real && s.faces == real);
    df_gallery_close(g);
}

/* The seeded FasNet calls some of the demo photos spoofs: which, it tells itself. */
TEST(a_spoof_is_told_by_detect_and_extract_and_refused_by_the_rest)
{
    static const char *const names[] = {"obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"};
    df_engine *df = engine_of_mixed();
    df_opts opts = df_opts_default();
    opts.anti_spoofing = true, opts.liveness = "fasnet";
    size_t real = 0, spoof = 0;
    for (size_t i = 0; i < 4; i++) {
        df_faces *faces = NULL;
        df_chips *chips = NULL;
        df_embeddings *e = NULL;
        df_results *r = NULL;
        char *json = NULL;
        df_verify_result v;
        CHECK_OK(df_detect(df, photo(names[i]), &opts, &faces, &err));
        CHECK_OK(df_extract(df, photo(names[i]), &opts, &chips, &err));
        const df_face *f = df_faces_at(faces, 0), *g = df_chips_face(chips, 0);
        CHECK((f->has & DF_HAS_LIVENESS) && (g->has & DF_HAS_LIVENESS) && f->is_real == g->is_real);
        CHECK(f->antispoof_score > 0.3f && f->antispoof_score <= 1);
        CHECK_OK(df_faces_json(faces, &json, &err));
        CHECK_HAS(json, f->is_real ? "\"is_real\": true" : "\"is_real\": false");
        CHECK_HAS(json, "\"antispoof_score\": ");
        df_status wanted = f->is_real ? DF_OK : DF_E_SPOOF;
        CHECK_STATUS(wanted, df_represent(df, photo(names[i]), &opts, &e, &err));
        if (!f->is_real) {
            CHECK_HAS(err.message, names[i]);
            CHECK_HAS(err.message, "no live one");
        }
        CHECK_STATUS(wanted, df_verify(df, photo(names[i]), photo(names[i]), &opts, &v, &err));
        CHECK_STATUS(wanted, df_analyze(df, photo(names[i]), DF_WITH_AGE, &opts, &r, &err));
        df_results_free(r);
        df_opts told = opts; /* as an attribute it is told, not refused */
        told.anti_spoofing = false;
        CHECK_OK(df_process(df, photo(names[i]), DF_WITH_LIVENESS, &told, &r, &err));
        const df_attributes *a = df_results_attributes(r, 0);
        assert_int_equal(a->is_real, f->is_real);
        CHECK_NEAR(f->antispoof_score, a->antispoof_score, 0.1); /* boxes of photos decoded at two scales */
        real += f->is_real, spoof += !f->is_real;
        df_string_free(json), df_faces_free(faces), df_chips_free(chips), df_embeddings_free(e), df_results_free(r);
    }
    CHECK(real > 0 && spoof > 0);
    check_register(df, &opts, names, 4, real);
    df_engine_free(df);
}

TEST(the_light_networks_take_the_demo_photos_for_real)
{
    df_engine *df = engine_of_mixed();
    df_opts opts = df_opts_default();
    df_verify_result v;
    opts.anti_spoofing = true;
    CHECK_OK(df_verify(df, photo("obama.jpg"), photo("obama2.jpg"), &opts, &v, &err));
    CHECK(v.face1.is_real && (v.face1.has & DF_HAS_LIVENESS) && v.face1.antispoof_score >= 0.5f);
    df_engine_free(df);
}

TEST(deepface_s_networks_are_used_by_name)
{
    df_engine *df = engine_of_mixed();
    df_opts opts = df_opts_default();
    df_results *r = NULL;
    char *json = NULL;
    opts.attributes = "deepface", opts.align = "eyes";
    CHECK_OK(df_analyze(df, photo("biden.jpg"), 0, &opts, &r, &err));
    const df_attributes *a = df_results_attributes(r, 0);
    CHECK(isnan(a->race[DF_RACE_OTHER]) && !isnan(a->race[DF_RACE_MIDDLE_EASTERN]));
    CHECK_OK(df_results_json(r, &json, &err));
    CHECK_HAS(json, "\"latino hispanic\": ");
    CHECK(!strstr(json, "\"other\"") && !strstr(json, "null"));
    char age[32];
    snprintf(age, sizeof age, "\"age\": %d,", (int)a->age); /* cut to a whole number, as deepface does */
    CHECK_HAS(json, age);
    df_string_free(json), df_results_free(r), df_engine_free(df);
}

TEST(min_quality_drops_faces_and_says_why)
{
    df_engine *df = engine_of_mixed();
    df_opts opts = df_opts_default();
    df_faces *faces = NULL;
    df_verify_result v;
    opts.min_quality = 60;
    CHECK_OK(df_detect(df, photo("obama.jpg"), &opts, &faces, &err));
    CHECK((df_faces_at(faces, 0)->has & DF_HAS_QUALITY) && df_faces_at(faces, 0)->quality >= 60);
    df_faces_free(faces);
    opts.min_quality = 90;
    CHECK_STATUS(DF_E_NO_FACE, df_verify(df, photo("obama.jpg"), photo("obama_partial_face.jpg"), &opts, &v, &err));
    CHECK_HAS(err.message, "obama_partial_face.jpg: 1 face, none of quality 90 or more");
    CHECK_HAS(err.message, "it is cut");
    opts.min_quality = 101;
    CHECK_STATUS(DF_E_ARGUMENT, df_detect(df, photo("obama.jpg"), &opts, &faces, &err));
    df_results *r = NULL;
    CHECK_OK(df_process(df, photo("obama_partial_face.jpg"), DF_WITH_QUALITY, NULL, &r, &err));
    const df_quality *q = &df_results_attributes(r, 0)->quality;
    CHECK(q->reasons & DF_QUALITY_CUT);
    char *json = NULL;
    CHECK_OK(df_results_json(r, &json, &err));
    CHECK_HAS(json, "\"reasons\": [\"cut\"");
    df_string_free(json), df_results_free(r), df_engine_free(df);
}

TEST(liveness_survives_every_failed_allocation)
{
    df_engine *df = engine_of_mixed();
    df_faces *faces = NULL;
    df_opts opts = df_opts_default();
    opts.anti_spoofing = true, opts.liveness = "fasnet", opts.min_quality = 10;
    CHECK_OK(df_detect(df, photo("obama.jpg"), &opts, &faces, &err));
    df_faces_free(faces);
    test_alloc_fail_at(0);
    CHECK_OK(df_detect(df, photo("obama.jpg"), &opts, &faces, &err));
    size_t total = test_alloc_count(), step = total > 60 ? total / 60 : 1;
    df_faces_free(faces);
    for (size_t n = 1; n <= total; n += step) {
        test_alloc_fail_at(n);
        df_status st = df_detect(df, photo("obama.jpg"), &opts, &faces, &err);
        test_alloc_fail_at(0);
        if (st != DF_OK && st != DF_E_NO_MEMORY)
            fail_msg("allocation %zu of %zu: %s: %s", n, total, df_status_text(st), err.message);
        df_faces_free(faces);
    }
    df_engine_free(df);
}
