/* df_process: one detection serves all outputs, many photos give what single ones give, errors, threads, failed allocations. */
#include <pthread.h>

#include "photos.h"

enum { ALL = DF_WITH_ATTRIBUTES | DF_WITH_EMBEDDING };

static df_engine *attributes_or_skip(int threads)
{
    df_engine *df = engine_or_skip(threads);
    need_models(df, (const char *const[]){"emotion", "faceres"}, 2);
    return df;
}

static void check_sum(const float *v, size_t n, double expected)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += isnan(v[i]) ? 0 : (double)v[i];
    CHECK_NEAR(expected, sum, 1e-3);
}

TEST(one_call_gives_the_embedding_of_represent_and_every_attribute)
{
    df_error err;
    df_engine *df = attributes_or_skip(2);
    df_results *r = NULL;
    df_embeddings *e = NULL;
    CHECK_OK(df_process(df, photo("obama.jpg"), ALL, NULL, &r, &err));
    CHECK_OK(df_represent(df, photo("obama.jpg"), NULL, &e, &err));
    assert_int_equal(df_results_count(r), 1);
    const df_face *f = df_results_face(r, 0), *g = df_embeddings_face(e, 0);
    CHECK_NEAR(g->x, f->x, 0.01);
    CHECK_NEAR(g->w, f->w, 0.01);
    /* the chip is cut before an attribute makes the photo be decoded at full scale */
    assert_memory_equal(df_embeddings_row(e, 0), df_embeddings_row(df_results_embeddings(r), 0), 128 * sizeof(float));
    const df_attributes *a = df_results_attributes(r, 0);
    assert_int_equal(a->has, DF_WITH_ATTRIBUTES);
    check_sum(a->gender, DF_GENDERS, 100), check_sum(a->emotion, DF_EMOTIONS, 100), check_sum(a->race, DF_RACES, 100);
    assert_int_equal(a->dominant_gender, DF_MAN);
    assert_int_equal(a->dominant_emotion, DF_HAPPY);
    CHECK(a->age > 30 && a->age < 60);
    CHECK(isnan(a->race[DF_RACE_MIDDLE_EASTERN]) && isnan(a->race[DF_RACE_LATINO_HISPANIC]));
    CHECK(!df_results_attributes(r, 1) && !df_results_face(r, 1));
    df_results_free(r), df_embeddings_free(e), df_engine_free(df);
}

TEST(what_was_not_wanted_is_not_there)
{
    df_error err;
    df_engine *df = attributes_or_skip(1);
    df_results *r = NULL;
    CHECK_OK(df_process(df, photo("biden.jpg"), DF_WITH_AGE, NULL, &r, &err));
    CHECK(!df_results_embeddings(r));
    CHECK(df_results_attributes(r, 0)->has & DF_WITH_AGE);
    CHECK(!(df_results_attributes(r, 0)->has & (DF_WITH_EMOTION | DF_WITH_RACE)));
    df_results_free(r);
    CHECK_STATUS(DF_E_ARGUMENT, df_process(df, photo("biden.jpg"), 0, NULL, &r, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_process(df, photo("biden.jpg"), 1u << 30, NULL, &r, &err));
    CHECK(r == NULL);
    CHECK_STATUS(DF_E_ARGUMENT, df_process(df, photo("biden.jpg"), ALL, NULL, NULL, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_process(NULL, photo("biden.jpg"), ALL, NULL, &r, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_process(df, NULL, ALL, NULL, &r, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_process_image(df, NULL, ALL, NULL, &r, &err));
    CHECK_STATUS(DF_E_IO, df_analyze(df, "no/such.jpg", 0, NULL, &r, &err));
    CHECK_HAS(err.message, "no/such.jpg");
    CHECK_STATUS(DF_E_ARGUMENT, df_process_many(df, NULL, 1, ALL, NULL, NULL, NULL, &err));
    df_results_free(NULL);
    df_engine_free(df);
}

TEST(what_is_wanted_is_read_from_words)
{
    df_error err;
    unsigned want = 0;
    CHECK_OK(df_want_parse(" age, emotion ,embedding", &want, &err));
    assert_int_equal(want, DF_WITH_AGE | DF_WITH_EMOTION | DF_WITH_EMBEDDING);
    const char *bad[] = {"", "ages", "age,", "age,,race", "age race", "Age"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_STATUS(DF_E_ARGUMENT, df_want_parse(bad[i], &want, &err));
    CHECK_HAS(err.message, "\"Age\" is none of: age, gender");
    CHECK_STATUS(DF_E_ARGUMENT, df_want_parse(NULL, &want, &err));
    assert_string_equal(df_attribute_label(DF_WITH_GENDER, DF_WOMAN), "Woman");
    assert_string_equal(df_attribute_label(DF_WITH_EMOTION, DF_NEUTRAL), "neutral");
    assert_string_equal(df_attribute_label(DF_WITH_RACE, DF_RACE_LATINO_HISPANIC), "latino hispanic");
    CHECK(!df_attribute_label(DF_WITH_RACE, DF_RACES) && !df_attribute_label(DF_WITH_GENDER, 2) && !df_attribute_label(DF_WITH_AGE, 0));
}

typedef struct seen { size_t calls, failed; df_attributes a[16]; float row[16][128]; size_t stop_after; } seen;

static bool each(void *user, size_t index, const df_results *r, const df_error *failed)
{
    seen *s = user;
    s->calls++;
    CHECK((r == NULL) != (failed == NULL));
    if (failed) {
        s->failed++;
    } else {
        s->a[index] = *df_results_attributes(r, 0);
        memcpy(s->row[index], df_embeddings_row(df_results_embeddings(r), 0), sizeof s->row[0]);
    }
    return s->calls != s->stop_after;
}

TEST(many_photos_give_what_single_ones_give)
{
    static const char *const names[] = {"obama.jpg", "biden.jpg", "obama2.jpg", "nix.jpg", "obama3.jpg", "biden.jpg", "obama.jpg", "obama2.jpg", "biden.jpg", "obama.jpg"};
    enum { N = sizeof names / sizeof *names };
    const char *paths[N];
    char text[N][1024];
    df_error err;
    df_engine *df = attributes_or_skip(2);
    seen s = {0};
    for (size_t i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i], "%s/%s", test_photos_dir(), names[i]);
        paths[i] = text[i];
    }
    CHECK_OK(df_process_many(df, paths, N, ALL, NULL, each, &s, &err));
    assert_int_equal(s.calls, N);
    assert_int_equal(s.failed, 1);
    for (size_t i = 0; i < N; i++) {
        df_results *r = NULL;
        if (strcmp(names[i], "nix.jpg") == 0)
            continue;
        CHECK_OK(df_process(df, paths[i], ALL, NULL, &r, &err));
        const df_attributes *a = df_results_attributes(r, 0);
        const float *row = df_embeddings_row(df_results_embeddings(r), 0);
        CHECK_NEAR(a->age, s.a[i].age, 0.1); /* other batches, other kernels: the last digits of sums */
        for (size_t k = 0; k < DF_EMOTIONS; k++)
            CHECK_NEAR(a->emotion[k], s.a[i].emotion[k], 0.5);
        CHECK_NEAR(a->gender[DF_MAN], s.a[i].gender[DF_MAN], 0.5);
        CHECK_NEAR(a->race[DF_RACE_WHITE], s.a[i].race[DF_RACE_WHITE], 3); /* a sum over 1,024 of them: up to 1.5 seen between `fast` and `strict` */
        for (size_t k = 0; k < 128; k++)
            CHECK_NEAR(row[k], s.row[i][k], 0.01);
        df_results_free(r);
    }
    s = (seen){.stop_after = 2};
    CHECK_OK(df_process_many(df, paths, N, DF_WITH_EMBEDDING, NULL, each, &s, &err));
    assert_int_equal(s.calls, 2);
    df_engine_free(df);
}

TEST(the_json_has_the_keys_of_upstream)
{
    df_error err;
    df_engine *df = attributes_or_skip(1);
    df_results *r = NULL;
    char *json = NULL;
    CHECK_OK(df_analyze(df, photo("obama.jpg"), 0, NULL, &r, &err));
    CHECK_OK(df_results_json(r, &json, &err));
    const char *keys[] = {"\"emotion\": {\"angry\": ", "\"dominant_emotion\": \"happy\"", "\"age\": ", "\"gender\": {\"Woman\": ", "\"dominant_gender\": \"Man\"",
                          "\"race\": {\"asian\": ", "\"middle eastern\": null", "\"dominant_race\": \"", "\"region\": {\"x\": ", "\"left_eye\": [", "\"face_confidence\": "};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        CHECK_HAS(json, keys[i]);
    CHECK(!strstr(json, "embedding"));
    df_string_free(json);
    CHECK_STATUS(DF_E_ARGUMENT, df_results_json(NULL, &json, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df_results_json(r, NULL, &err));
    df_results_free(r), df_engine_free(df);
}

TEST(a_missing_network_is_named_with_its_path_and_command)
{
    df_error err;
    df_engine *df = NULL;
    df_results *r = NULL;
    df_engine_opts o = df_engine_opts_default();
    o.weights_dir = "/no/such/folder";
    CHECK_OK(df_engine_new(&o, &df, &err));
    df_opts opts = df_opts_default();
    opts.detector = "skip";
    df_image *img = NULL;
    const uint8_t grey[3] = {90, 90, 90};
    CHECK_OK(df_image_from_rgb(1, 1, 0, grey, &img, &err));
    opts.align = "none";
    CHECK_STATUS(DF_E_NO_MODEL, df_process_image(df, img, DF_WITH_EMOTION, &opts, &r, &err));
    CHECK_HAS(err.message, "/no/such/folder/emotion_mini_xception.onnx");
    CHECK_HAS(err.message, "make weights-test");
    df_image_free(img), df_engine_free(df);
}

#if defined(__SANITIZE_THREAD__) /* slow there, and one thread alone */
enum { TRIED = 4 };
#else
enum { TRIED = 50 };
#endif

TEST(process_survives_every_failed_allocation)
{
    df_error err;
    df_results *r = NULL;
    df_engine *df = attributes_or_skip(1);
    CHECK_OK(df_process(df, photo("obama.jpg"), ALL, NULL, &r, &err));
    float expected = df_results_attributes(r, 0)->age;
    df_results_free(r);
    test_alloc_fail_at(0);
    CHECK_OK(df_process(df, photo("obama.jpg"), ALL, NULL, &r, &err));
    size_t total = test_alloc_count();
    df_results_free(r);
    CHECK(total > 10);
    size_t step = total > TRIED ? total / TRIED : 1;
    for (size_t n = 1; n <= total; n += step) {
        test_alloc_fail_at(n);
        df_status st = df_process(df, photo("obama.jpg"), ALL, NULL, &r, &err);
        test_alloc_fail_at(0);
        if (st != DF_OK && st != DF_E_NO_MEMORY)
            fail_msg("allocation %zu of %zu: %s: %s", n, total, df_status_text(st), err.message);
        CHECK((st == DF_OK) == (r != NULL));
        df_results_free(r);
    }
    CHECK_OK(df_process(df, photo("obama.jpg"), ALL, NULL, &r, &err));
    CHECK_NEAR(expected, df_results_attributes(r, 0)->age, 0);
    df_results_free(r), df_engine_free(df);
}

typedef struct caller { df_engine *df; df_status st; df_error err; df_attributes a; } caller;

static void *work(void *arg)
{
    caller *c = arg;
    for (int i = 0; i < 2; i++) {
        df_results *r = NULL;
        c->st = df_process(c->df, photo("obama2.jpg"), ALL, NULL, &r, &c->err);
        if (c->st != DF_OK)
            return NULL;
        c->a = *df_results_attributes(r, 0);
        df_results_free(r);
    }
    return NULL;
}

TEST(threads_on_one_engine_get_the_same_answers)
{
    enum { CALLERS = 4 };
    caller c[CALLERS];
    pthread_t id[CALLERS];
    df_engine *df = attributes_or_skip(2);
    for (int i = 0; i < CALLERS; i++) {
        c[i] = (caller){.df = df};
        assert_int_equal(pthread_create(&id[i], NULL, work, &c[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++)
        pthread_join(id[i], NULL);
    for (int i = 0; i < CALLERS; i++) {
        if (c[i].st != DF_OK)
            fail_msg("caller %d: %s", i, c[i].err.message);
        CHECK_NEAR(c[0].a.age, c[i].a.age, 0);
        CHECK_NEAR(c[0].a.emotion[DF_HAPPY], c[i].a.emotion[DF_HAPPY], 0);
    }
    df_engine_free(df);
}
