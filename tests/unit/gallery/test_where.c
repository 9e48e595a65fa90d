/* Filters: what each condition selects, counted from the faces' own numbers; where a wrong one is wrong; limits; memory. */
#include "../store/store_test.h"

#include "gallery/where.h"

static const df_store_ops *const ops = &df__store_sqlite;
static df_error err;

/* 40 faces: photo i has one of age 20 + i, Woman where i is odd, named Ann where i % 4 is 0, team x or y where i % 3 is 0 or 1. */
static void *forty(void)
{
    void *s;
    CHECK_OK(ops->open(store_test_path("where"), &store_test_key, DF_STORE_CREATE, &s, &err));
    for (uint32_t i = 0; i < 40; i++) {
        df_store_face face;
        float vector[STORE_DIMS];
        char path[64], meta[64];
        df_store_photo p = store_test_photo(i, i % 4 == 0 ? "Ann" : i % 4 == 1 ? "Bo O'Neil" : NULL, 1, &face, vector, path);
        face.added = 1700000000 + (int64_t)i * 86400;
        snprintf(meta, sizeof meta, "{\"team\": \"%c\", \"deep\": {\"n\": %u}, \"odd key\": %s}", "xyz"[i % 3], i, i % 2 ? "true" : "false");
        p.meta = meta;
        CHECK_OK(ops->put(s, &p, 1, &err));
    }
    return s;
}

static size_t selected(void *s, const char *text)
{
    df_where w;
    uint64_t *ids;
    size_t n;
    df_status st = df__where_parse(text, &w, &err);
    if (st != DF_OK) fail_msg("%s: %s", text, err.message);
    st = ops->select(s, &w.condition, &ids, &n, &err);
    if (st != DF_OK) fail_msg("%s: %s: %s", text, w.condition.sql, err.message);
    for (size_t i = 1; i < n; i++)
        CHECK(ids[i - 1] < ids[i]);
    free(ids);
    df__where_free(&w);
    return n;
}

TEST(conditions_select_what_they_say)
{
    static const struct { const char *text; size_t n; } cases[] = {
        {"age < 30", 10}, {"age <= 30", 11}, {"age > 30", 29}, {"age>=30", 30}, {"age = 30", 1}, {"age == 30", 1}, {"age != 30", 39}, {"age <> 30", 39},
        {"age between 20 and 35", 16}, {"age not between 20 and 35", 24}, {"age in (20, 21, 99)", 2}, {"age not in (20,21)", 38},
        {"gender = 'Woman'", 20}, {"GENDER = \"woman\"", 20}, {"gender in ('woman', 'Man')", 40}, {"gender like 'w%'", 20}, {"gender not like 'w%'", 20},
        {"gender between 'L' and 'n'", 20}, {"gender < 'n'", 20},
        {"name = 'Ann'", 10}, {"name = 'bo o''neil'", 10}, {"name is null", 20}, {"name is not null", 20}, {"not name is null", 20},
        {"liveness is null", 40}, {"liveness > 0", 0}, {"race = 'asian'", 0},
        {"gender = 'Woman' and age < 30", 5}, {"gender = 'Woman' or age < 30", 25}, {"age < 22 or age < 25 and gender = 'Woman'", 3},
        {"(age < 22 or age < 25) and gender = 'Woman'", 2}, {"not (age < 30)", 30}, {"not age < 30 and not gender = 'Man'", 15},
        {"meta.team = 'x'", 14}, {"meta.team = 'X'", 14}, {"meta.team in ('x', 'y')", 27}, {"meta.deep.n < 5", 5}, {"meta.nothing is null", 40},
        {"meta.'odd key' = true", 20}, {"meta.\"odd key\" = false", 20}, {"meta.team like 'x%' and age < 30", 4}, {"meta.team between 'x' and 'Y'", 27},
        {"path = '/photos/7.jpg'", 1}, {"path like '/photos/1_.jpg'", 10}, {"id <= 7", 7}, {"width = 30 and height = 40", 40}, {"score > 0.5", 40},
        {"quality = .5", 40}, {"age < 2.5e1", 5}, {"age > -1", 40}, {"age > +1", 40},
        {"added < '2023-11-15'", 1}, {"added >= '2023-11-15 22:13:20'", 39}, {"added >= '2023-11-15T22:13:21Z'", 38}, {"added = 1700000000", 1},
        {"added between '2023-11-15' and '2023-11-17'", 2}, {" age\n<\t30 ", 10},
        {"name = ''' or 1=1 --'", 0}, {"path = '; drop table face'", 0},
    };
    void *s = forty();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = selected(s, cases[i].text);
        if (n != cases[i].n) fail_msg("%s: %zu faces, not %zu", cases[i].text, n, cases[i].n);
    }
    assert_int_equal(40, selected(s, NULL));
    ops->close(s);
}

TEST(what_is_wrong_is_told_with_its_place)
{
    static const struct { const char *text, *place, *said; } cases[] = {
        {"", "after 0 bytes", "a field (id, name"}, {"age", "after 3 bytes", "between, in, like or is"}, {"age <", "after 5 bytes", "a number"},
        {"ages < 3", "byte 1: \"ages\"", "a field"}, {"age < 'x'", "byte 7", "a number"}, {"name = 3", "byte 8: \"3\"", "a text in quotes"},
        {"age < 3 age < 4", "byte 9: \"age\"", "and, or or the end"}, {"(age < 3", "after 8 bytes", "and, or or )"}, {"age < 3)", "byte 8", "the end"},
        {"age between 3 or 4", "byte 15: \"or\"", "and is expected"}, {"age in 3", "byte 8", "( and a list"}, {"age in (3", "after 9 bytes", ", or )"},
        {"age in ()", "byte 9", "a number"}, {"name = 'x", "byte 8", "a closing quote"}, {"age < 3x", "byte 7", "a number"}, {"age < 1.2.3", "byte 7", "a number"},
        {"age < 1e999", "byte 7", "a number"}, {"age like '3'", "byte 5", "between, in"}, {"age is 3", "byte 8", "null"}, {"meta = 3", "byte 6", "a dot"},
        {"meta. = 3", "byte 7", "a key"}, {"meta.'a\"b' = 3", "byte 6", "a key"}, {"added < 'soon'", "byte 9", "YYYY-MM-DD"}, {"added < '2023-02-30'", "byte 9", "a time"},
        {"age < 3; drop table face", "byte 8: \";\"", "a field, a value or a sign"}, {"name = true", "byte 8", "a text"}, {"age not 3", "byte 9", "between, in or like"},
        {"not", "after 3 bytes", "a field"}, {"age < 3 and", "after 11 bytes", "a field"}, {"1 = 1", "byte 1: \"1\"", "a field"}, {"age < age", "byte 7", "a number"},
        {"sqlite_version() = 3", "byte 1", "a field"}, {"face.age < 3", "byte 1: \"face\"", "a field"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        df_where w;
        df_status st = df__where_parse(cases[i].text, &w, &err);
        if (st != DF_E_ARGUMENT) fail_msg("%s: status %d", cases[i].text, (int)st);
        if (!strstr(err.message, cases[i].place) || !strstr(err.message, cases[i].said)) fail_msg("%s: %s", cases[i].text, err.message);
        CHECK(w.condition.sql == NULL);
    }
}

TEST(limits)
{
    df_where w;
    char *text = malloc(20000);
    memset(text, '(', 20000);
    text[100] = '\0';
    CHECK_STATUS(DF_E_LIMIT, df__where_parse(text, &w, &err));
    CHECK_HAS(err.message, "deep");
    text[100] = '(', text[19999] = '\0';
    CHECK_STATUS(DF_E_LIMIT, df__where_parse(text, &w, &err));
    CHECK_HAS(err.message, "8192");
    strcpy(text, "age in (1");
    for (int i = 0; i < 600; i++)
        strcat(text, ",1");
    strcat(text, ")");
    CHECK_STATUS(DF_E_LIMIT, df__where_parse(text, &w, &err));
    CHECK_HAS(err.message, "500 values");
    free(text);
}

TEST(every_allocation_may_fail)
{
    for (size_t n = 1; n < 50; n++) {
        df_where w;
        test_alloc_fail_at(n);
        df_status st = df__where_parse("meta.team = 'x' and (name in ('a', 'b') or age between 3 and 4)", &w, &err);
        bool failed = test_alloc_count() >= n;
        test_alloc_fail_at(0);
        df__where_free(&w);
        if (!failed) {
            CHECK(st == DF_OK);
            return;
        }
        assert_int_equal(DF_E_NO_MEMORY, st);
    }
    fail_msg("allocations have no end");
}
