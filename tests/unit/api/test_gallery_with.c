/* Attributes in a gallery: kept at registering, completed afterwards, moved with a folder's photos, in and out of a gallery. */
#include "photos.h"
#include "temp_dir.h"

static df_error err;

enum { EVERYTHING = DF_WITH_ATTRIBUTES | DF_WITH_LIVENESS | DF_WITH_QUALITY };

static df_engine *attributes_or_skip(void)
{
    df_engine *df = engine_or_skip(2);
    need_models(df, (const char *const[]){"emotion", "faceres", "antispoof", "liveness"}, 4);
    return df;
}

static df_gallery *open_new(df_engine *df)
{
    temp_dir d = temp_dir_new();
    df_gallery *g = NULL;
    CHECK_OK(df_gallery_open(df, temp_path(&d, "g.db"), NULL, NULL, &g, &err));
    return g;
}

typedef struct kept { df_gallery_face faces[8]; char gender[8][16], path[8][512]; float vectors[8][128]; size_t n; } kept;

static bool keep(void *user, const df_gallery_face *f)
{
    kept *k = user;
    CHECK(k->n < 8);
    k->faces[k->n] = *f;
    snprintf(k->gender[k->n], sizeof k->gender[0], "%s", f->gender ? f->gender : "-");
    snprintf(k->path[k->n], sizeof k->path[0], "%s", f->path);
    memcpy(k->vectors[k->n++], f->vector, sizeof k->vectors[0]);
    return true;
}

static kept *faces_of(df_gallery *g)
{
    static kept rooms[4];
    static int next;
    kept *k = &rooms[next++ % 4];
    memset(k, 0, sizeof *k);
    CHECK_OK(df_gallery_export(g, NULL, keep, k, &err));
    return k;
}

typedef struct told { size_t states[5]; df_status failed; char message[508]; } told;

static bool tell(void *user, size_t index, df_register_state state, size_t faces, const df_error *failed)
{
    told *t = user;
    (void)index, (void)faces;
    t->states[state]++;
    CHECK((state == DF_REFUSED) == (failed != NULL));
    if (failed)
        t->failed = failed->status, memcpy(t->message, failed->message, sizeof t->message);
    return true;
}

static told put(df_gallery *g, unsigned with, const df_opts *opts)
{
    const df_photo_item items[] = {{.path = photo("obama.jpg"), .name = "Barack"}, {.path = photo("biden.jpg"), .name = "Joe"}};
    df_register_opts how = df_register_opts_default();
    told t = {{0}, DF_OK, ""};
    how.with = with;
    CHECK_OK(df_gallery_register(g, items, 2, opts, &how, tell, &t, &err));
    return t;
}

TEST(attributes_are_kept_with_what_analyze_tells_and_the_vector_is_that_of_represent)
{
    df_engine *df = attributes_or_skip();
    df_gallery *g = open_new(df);
    df_gallery_stats s;
    assert_int_equal(2, put(g, EVERYTHING, NULL).states[DF_REGISTERED]);
    const kept *k = faces_of(g);
    assert_int_equal(2, k->n);
    for (size_t i = 0; i < 2; i++) {
        df_results *r = NULL;
        df_embeddings *e = NULL;
        CHECK_OK(df_process(df, k->path[i], EVERYTHING, NULL, &r, &err));
        CHECK_OK(df_represent(df, k->path[i], NULL, &e, &err));
        const df_attributes *a = df_results_attributes(r, 0);
        const df_gallery_face *f = &k->faces[i];
        CHECK_NEAR(a->age, f->age, 0.1);
        assert_string_equal("Man", k->gender[i]);
        CHECK_NEAR(a->gender[DF_MAN] / 100, f->gender_confidence, 1e-3);
        CHECK_NEAR(a->emotion[a->dominant_emotion] / 100, f->emotion_confidence, 1e-2);
        CHECK_NEAR(a->race[a->dominant_race] / 100, f->race_confidence, 3e-2); /* as in test_process.c */
        CHECK_NEAR(a->quality.score / 100, f->quality, 1e-3);
        CHECK_NEAR(a->is_real ? a->antispoof_score : 1 - a->antispoof_score, f->liveness, 1e-2);
        double distance; /* both were in one batch */
        CHECK_OK(df_distance("cosine", df_embeddings_row(e, 0), k->vectors[i], 128, &distance, &err));
        CHECK(distance < 4e-4);
        df_results_free(r), df_embeddings_free(e);
    }
    CHECK_OK(df_gallery_get_stats(g, &s, &err));
    CHECK(s.with_age == 2 && s.with_gender == 2 && s.with_emotion == 2 && s.with_race == 2 && s.with_liveness == 2 && s.with_quality == 2);
    df_gallery_close(g), df_engine_free(df);
}

TEST(what_is_known_is_completed_and_nothing_else_changes)
{
    df_engine *df = attributes_or_skip();
    df_gallery *g = open_new(df);
    df_gallery_stats s;
    put(g, 0, NULL);
    const kept *before = faces_of(g);
    CHECK(isnan(before->faces[0].age) && before->gender[0][0] == '-');
    told t = put(g, DF_WITH_AGE, NULL);
    assert_int_equal(2, t.states[DF_COMPLETED]);
    CHECK_OK(df_gallery_update(g, "name = 'Joe'", "Joseph", NULL, NULL, &err));
    t = put(g, DF_WITH_AGE | DF_WITH_GENDER, NULL);
    assert_int_equal(2, t.states[DF_COMPLETED]);
    t = put(g, DF_WITH_AGE | DF_WITH_GENDER, NULL);
    assert_int_equal(2, t.states[DF_KNOWN]);
    const kept *after = faces_of(g);
    assert_int_equal(2, after->n);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(before->faces[i].face, after->faces[i].face);
        assert_memory_equal(before->vectors[i], after->vectors[i], sizeof after->vectors[i]);
        assert_string_equal("Man", after->gender[i]);
        CHECK(after->faces[i].age > 20 && after->faces[i].age < 80);
    }
    CHECK_OK(df_gallery_get_stats(g, &s, &err));
    CHECK(s.with_age == 2 && s.with_gender == 2 && s.with_race == 0 && s.people == 2);
    df_gallery_close(g), df_engine_free(df);
}

TEST(what_is_wanted_is_checked_and_what_is_refused_is_told)
{
    df_engine *df = attributes_or_skip();
    df_gallery *g = open_new(df);
    df_register_opts how = df_register_opts_default();
    df_opts opts = df_opts_default();
    how.with = DF_WITH_EMBEDDING;
    CHECK_STATUS(DF_E_ARGUMENT, df_gallery_register(g, NULL, 0, NULL, &how, NULL, NULL, &err));
    how.size = 3;
    CHECK_STATUS(DF_E_ARGUMENT, df_gallery_register(g, NULL, 0, NULL, &how, NULL, NULL, &err));
    opts.min_quality = 100, opts.min_face = 400; /* larger than either face: nothing is left to be judged */
    told t = put(g, DF_WITH_AGE, &opts);
    assert_int_equal(2, t.states[DF_REFUSED]);
    assert_int_equal(DF_E_NO_FACE, t.failed);
    put(g, 0, NULL);
    t = put(g, DF_WITH_AGE, &opts); /* refused now: what the gallery holds stays */
    assert_int_equal(2, t.states[DF_REFUSED]);
    assert_int_equal(2, faces_of(g)->n);
    df_gallery_close(g), df_engine_free(df);
}

static void copy(const char *from, const char *to)
{
    char text[2048];
    snprintf(text, sizeof text, "cp '%s' '%s'", from, to);
    CHECK(system(text) == 0);
}

static size_t found_in(df_engine *df, const char *dir, const char *where)
{
    df_matches *m = NULL;
    df_search_opts o = df_search_opts_default();
    o.with = DF_WITH_GENDER, o.where = where, o.nearest = true;
    CHECK_OK(df_find(df, photo("obama2.jpg"), dir, NULL, &o, NULL, NULL, &m, &err));
    size_t n = df_matches_searched(m);
    df_matches_free(m);
    return n;
}

TEST(a_folders_gallery_keeps_attributes_also_of_photos_that_move)
{
    df_engine *df = attributes_or_skip();
    temp_dir d = temp_dir_new();
    copy(photo("obama.jpg"), temp_path(&d, "a.jpg")), copy(photo("biden.jpg"), temp_path(&d, "b.jpg"));
    assert_int_equal(2, found_in(df, d.path, "gender = 'Man'"));
    assert_int_equal(0, found_in(df, d.path, "gender = 'Woman'"));
    CHECK(rename(temp_path(&d, "a.jpg"), temp_path(&d, "moved.jpg")) == 0);
    assert_int_equal(1, found_in(df, d.path, "gender = 'Man' and path like 'moved%'"));
    assert_int_equal(2, found_in(df, d.path, "gender = 'Man'"));
    df_matches *m = NULL;
    df_search_opts o = df_search_opts_default();
    o.where = "gender = 'Man'"; /* the folder's other gallery, which knows of no attributes */
    CHECK_OK(df_find(df, photo("obama2.jpg"), d.path, NULL, &o, NULL, NULL, &m, &err));
    assert_int_equal(0, df_matches_searched(m));
    df_matches_free(m);
    o.with = DF_WITH_EMBEDDING;
    CHECK_STATUS(DF_E_ARGUMENT, df_find(df, photo("obama2.jpg"), d.path, NULL, &o, NULL, NULL, &m, &err));
    df_engine_free(df);
}

static df_matches *search_with(df_gallery *g, const df_search_opts *o)
{
    df_matches *m = NULL;
    CHECK_OK(df_gallery_search(g, photo("obama2.jpg"), NULL, o, &m, &err));
    assert_int_equal(1, df_matches_probes(m));
    return m;
}

TEST(options_that_are_not_given_are_the_defaults)
{
    df_engine *df = attributes_or_skip();
    df_gallery *g = open_new(df);
    df_search_opts o = df_search_opts_default();
    put(g, 0, NULL);
    df_matches *with = search_with(g, &o), *without = search_with(g, NULL);
    assert_string_equal("flat", df_matches_index(without)->index);
    CHECK(df_matches_index(without)->exact && df_matches_count(without, 0) > 0);
    assert_int_equal(df_matches_count(with, 0), df_matches_count(without, 0));
    CHECK(df_matches_at(with, 0, 0)->face == df_matches_at(without, 0, 0)->face && df_matches_threshold(with) == df_matches_threshold(without));
    df_matches_free(with), df_matches_free(without);
    o.size = 3;
    CHECK_STATUS(DF_E_ARGUMENT, df_gallery_search(g, photo("obama2.jpg"), NULL, &o, &with, &err));
    CHECK_HAS(err.message, "df_search_opts: size is 3; begin with df_search_opts_default()");
    df_gallery_close(g), df_engine_free(df);
}

TEST(auto_filter_leaves_out_only_where_both_sides_are_sure_and_says_what)
{
    df_engine *df = attributes_or_skip();
    df_gallery *g = open_new(df);
    df_search_opts o = df_search_opts_default();
    df_matches *m = NULL;
    char *json = NULL;
    o.nearest = true, o.auto_filter = true;
    put(g, DF_WITH_AGE, NULL);
    CHECK_STATUS(DF_E_ARGUMENT, df_gallery_search(g, photo("obama2.jpg"), NULL, &o, &m, &err));
    CHECK_HAS(err.message, "knows the gender of none of its 2 faces");
    put(g, DF_WITH_GENDER | DF_WITH_RACE, NULL);

    /* one more face, the first's again, of a woman: sure of it, not so sure, not told how sure, and one that nobody has looked at */
    const kept *k = faces_of(g);
    const double confidence[] = {0.99, 0.7, NAN, NAN}, none = NAN;
    for (size_t i = 0; i < 4; i++) {
        char name[16];
        df_gallery_face f = k->faces[0];
        snprintf(name, sizeof name, "/x/%zu.jpg", i);
        f.path = name, f.name = NULL, f.photo_meta = f.person_meta = NULL, f.race = f.emotion = NULL;
        f.gender = i < 3 ? "Woman" : NULL, f.gender_confidence = confidence[i], f.age = i == 2 ? 2 : none, f.vector = k->vectors[0];
        CHECK_OK(df_gallery_import(g, &f, 1, &err));
    }
    m = search_with(g, &o);
    assert_int_equal(6, df_matches_searched(m));
    assert_int_equal(5, df_matches_left(m, 0));
    assert_string_equal("(gender = 'Man' or gender_confidence < 0.9 or gender_confidence is null)", df_matches_filter(m, 0));
    CHECK_OK(df_matches_json(m, &json, &err));
    CHECK_HAS(json, "\"filter\": \"(gender = 'Man' or");
    CHECK_HAS(json, "\"searched\": 5");
    df_string_free(json), df_matches_free(m);

    o.where = "path like '/x/%'";
    m = search_with(g, &o);
    assert_int_equal(4, df_matches_searched(m)), assert_int_equal(3, df_matches_left(m, 0));
    df_matches_free(m);
    o.where = NULL, o.auto_by = DF_WITH_AGE;
    m = search_with(g, &o); /* two years are not about forty, nor is Joe, of sixty; those without an age stay */
    assert_int_equal(4, df_matches_left(m, 0));
    CHECK_HAS(df_matches_filter(m, 0), "(age between 2");
    df_matches_free(m);
    o.auto_by = DF_WITH_GENDER, o.auto_bar = 1; /* the photo's own face is not that sure */
    m = search_with(g, &o);
    CHECK(!df_matches_filter(m, 0) && df_matches_left(m, 0) == 6 && !df_matches_filter(m, 1) && df_matches_left(m, 1) == 0);
    df_matches_free(m);
    o.auto_bar = 0.3;
    CHECK_STATUS(DF_E_ARGUMENT, df_gallery_search(g, photo("obama2.jpg"), NULL, &o, &m, &err));
    o.auto_bar = none, o.auto_by = DF_WITH_EMOTION;
    CHECK_STATUS(DF_E_ARGUMENT, df_gallery_search(g, photo("obama2.jpg"), NULL, &o, &m, &err));
    o.auto_filter = false, o.auto_by = 0;
    df_opts opts = df_opts_default();
    opts.far = 1e-3, o.far = 0.1; /* one share is of a comparison, the other of the search */
    CHECK_STATUS(DF_E_ARGUMENT, df_gallery_search(g, photo("obama2.jpg"), &opts, &o, &m, &err));
    CHECK_HAS(err.message, "exclude each other");
    o.far = none;
    m = search_with(g, &o);
    CHECK(!df_matches_filter(m, 0) && df_matches_left(m, 0) == 6);
    CHECK_OK(df_matches_json(m, &json, &err));
    CHECK(!strstr(json, "filter"));
    df_string_free(json), df_matches_free(m);
    df_gallery_close(g), df_engine_free(df);
}
