/* Each allocation of registering with attributes, of completing, and of a search with auto_filter fails in turn: an error comes back or the photo is
 * refused for it, nothing leaks (under the address sanitizer), nothing half is in the gallery, and the engine goes on working. */
#include "photos.h"
#include "temp_dir.h"

static df_error err;
static df_engine *df;
static df_gallery *g;
static char path[512];

typedef struct told { size_t states[5]; df_error failed; } told;

static bool tell(void *user, size_t index, df_register_state state, size_t faces, const df_error *failed)
{
    told *t = user;
    (void)index, (void)faces;
    t->states[state]++;
    if (failed)
        t->failed = *failed;
    return true;
}

static void begin(void)
{
    df = engine_or_skip(1);
    need_models(df, (const char *const[]){"faceres"}, 1);
}

static void end(void)
{
    df_gallery_close(g), g = NULL;
    df_engine_free(df);
}

/* A new gallery. */
static void reopen(void)
{
    temp_dir d = temp_dir_new();
    df_gallery_close(g);
    snprintf(path, sizeof path, "%s/g.db", d.path);
    CHECK_OK(df_gallery_open(df, path, NULL, NULL, &g, &err));
}

static df_status put(unsigned with, told *t)
{
    const df_photo_item items[] = {{.path = photo("biden.jpg"), .name = "Joe"}};
    df_register_opts how = df_register_opts_default();
    how.with = with;
    *t = (told){{0}, {0}};
    return df_gallery_register(g, items, 1, NULL, &how, tell, t, &err);
}

static void check_told(df_status st, const told *t, size_t n)
{
    if (st != DF_OK && st != DF_E_NO_MEMORY)
        fail_msg("allocation %zu: %s: %s", n, df_status_text(st), err.message);
    if (t->states[DF_REFUSED] && t->failed.status != DF_E_NO_MEMORY)
        fail_msg("allocation %zu: the photo is refused for %s", n, t->failed.message);
}

TEST(register_survives_every_failed_allocation)
{
    told t;
    df_gallery_stats s;
    begin();
    for (int known = 0; known < 2; known++) {
        reopen();
        if (known)
            CHECK_OK(put(0, &t));
        CHECK_OK(put(DF_WITH_AGE | DF_WITH_QUALITY, &t));
        reopen();
        if (known)
            CHECK_OK(put(0, &t));
        test_alloc_fail_at(0);
        CHECK_OK(put(DF_WITH_AGE | DF_WITH_QUALITY, &t));
        size_t total = test_alloc_count(), step = total > 40 ? total / 40 : 1;
        CHECK(total > 10 && t.states[known ? DF_COMPLETED : DF_REGISTERED] == 1);
        for (size_t n = 1; n <= total; n += step) {
            reopen();
            if (known)
                CHECK_OK(put(0, &t));
            test_alloc_fail_at(n);
            df_status st = put(DF_WITH_AGE | DF_WITH_QUALITY, &t);
            test_alloc_fail_at(0);
            check_told(st, &t, n);
            CHECK_OK(df_gallery_get_stats(g, &s, &err));
            CHECK(s.faces == (known || t.states[DF_REGISTERED] ? 1u : 0u) && s.with_age == s.with_quality && s.with_age <= s.faces);
            CHECK(!t.states[DF_COMPLETED] || s.with_age == 1);
            CHECK_OK(put(DF_WITH_AGE | DF_WITH_QUALITY, &t)); /* it goes on */
            CHECK_OK(df_gallery_get_stats(g, &s, &err));
            CHECK(s.faces == 1 && s.with_age == 1 && s.with_quality == 1);
        }
    }
    end();
}

TEST(search_by_the_photo_s_own_face_survives_every_failed_allocation)
{
    told t;
    df_matches *m = NULL;
    df_search_opts o = df_search_opts_default();
    o.auto_filter = true, o.auto_by = DF_WITH_GENDER | DF_WITH_AGE, o.where = "name is not null", o.nearest = true;
    begin();
    reopen();
    CHECK_OK(put(DF_WITH_AGE | DF_WITH_GENDER, &t));
    CHECK_OK(df_gallery_search(g, photo("biden.jpg"), NULL, &o, &m, &err));
    df_matches_free(m);
    test_alloc_fail_at(0);
    CHECK_OK(df_gallery_search(g, photo("biden.jpg"), NULL, &o, &m, &err));
    size_t total = test_alloc_count(), step = total > 40 ? total / 40 : 1;
    df_matches_free(m);
    for (size_t n = 1; n <= total; n += step) {
        df_gallery_close(g), g = NULL; /* a handle that has no condition yet */
        CHECK_OK(df_gallery_open(df, path, NULL, NULL, &g, &err));
        test_alloc_fail_at(n);
        df_status st = df_gallery_search(g, photo("biden.jpg"), NULL, &o, &m, &err);
        test_alloc_fail_at(0);
        if (st != DF_OK && st != DF_E_NO_MEMORY)
            fail_msg("allocation %zu of %zu: %s: %s", n, total, df_status_text(st), err.message);
        CHECK((st == DF_OK) == (m != NULL));
        CHECK(!m || (df_matches_count(m, 0) == 1 && df_matches_filter(m, 0)));
        df_matches_free(m);
    }
    end();
}
