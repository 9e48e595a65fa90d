/* What is wrong with a gallery's file is told in words, and nothing is lost by it: foreign, empty, newer, cut, damaged, read only, full disk. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "store_test.h"

static const df_store_ops *const ops = &df__store_sqlite;
static df_error err;

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void write_bytes(const char *path, long at, const void *bytes, size_t n)
{
    FILE *f = fopen(path, at < 0 ? "wb" : "r+b");
    CHECK(f != NULL);
    if (at > 0) fseek(f, at, SEEK_SET);
    CHECK(fwrite(bytes, 1, n, f) == n);
    fclose(f);
}

static void refused(const char *path, const df_store_key *key, df_status status, const char *why)
{
    static const df_store_how hows[] = {DF_STORE_READ, DF_STORE_WRITE, DF_STORE_CREATE};
    for (size_t i = 0; i < 3; i++) {
        void *s;
        CHECK_STATUS(status, ops->open(path, key, hows[i], &s, &err));
        CHECK_HAS(err.message, why);
        CHECK_HAS(err.message, path);
        CHECK(s == NULL);
    }
}

static const char *made(const char *name, uint32_t photos)
{
    const char *path = store_test_path(name);
    void *s;
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_CREATE, &s, &err));
    for (uint32_t i = 0; i < photos; i++)
        CHECK_OK(store_test_put(s, i, "Ann", 1, &err));
    ops->close(s);
    return path;
}

TEST(another_pipeline_is_refused_by_name)
{
    const char *path = made("pipeline", 1);
    df_store_key other = {.pipeline = "model Other", .dims = STORE_DIMS};
    refused(path, &other, DF_E_STORE, "model Test, align points, not of model Other");
}

TEST(foreign_files_are_refused)
{
    const char *path = store_test_path("foreign");
    write_bytes(path, -1, "this is a letter, not a gallery, and it is longer than the head of an SQLite file has to be: one hundred bytes", 110);
    refused(path, &store_test_key, DF_E_STORE, "not a gallery");
    path = store_test_path("other");
    run_sql(path, "CREATE TABLE t (x)");
    refused(path, &store_test_key, DF_E_STORE, "SQLite database, but not a gallery");
    path = made("newer", 1);
    run_sql(path, "PRAGMA user_version = 99");
    refused(path, &store_test_key, DF_E_STORE, "newer deepface (schema 99");
}

TEST(absent_and_empty_files)
{
    void *s;
    const char *path = store_test_path("absent");
    CHECK_STATUS(DF_E_IO, ops->open(path, &store_test_key, DF_STORE_WRITE, &s, &err));
    CHECK_HAS(err.message, "no gallery");
    write_bytes(path, -1, "", 0);
    CHECK_STATUS(DF_E_STORE, ops->open(path, &store_test_key, DF_STORE_READ, &s, &err));
    CHECK_HAS(err.message, "empty");
    CHECK_STATUS(DF_E_STORE, ops->open(path, &store_test_key, DF_STORE_WRITE, &s, &err));
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_CREATE, &s, &err)); /* what a kill in the first moment leaves */
    ops->close(s);
}

TEST(a_damaged_vector_is_found_by_its_sum)
{
    const char *path = made("vector", 3);
    void *s;
    size_t n;
    run_sql(path, "UPDATE vector SET data = zeroblob(64) WHERE face = 2");
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_WRITE, &s, &err));
    CHECK_OK(ops->check(s, NULL, NULL, &n, &err));
    assert_int_equal(1, n);
    ops->close(s);
}

static bool count_change(void *user, const df_change *c)
{
    (void)c;
    ++*(size_t *)user;
    return true;
}

/* Every page but the first, one after another, filled with rubbish: an error or an answer, never a crash; the check finds each. */
TEST(damaged_pages_are_found)
{
    const char *path = made("pages", 40);
    struct stat info;
    CHECK(stat(path, &info) == 0);
    char *whole = malloc((size_t)info.st_size), rubbish[4096];
    FILE *f = fopen(path, "rb");
    CHECK(f && fread(whole, 1, (size_t)info.st_size, f) == (size_t)info.st_size);
    fclose(f);
    memset(rubbish, 0xA5, sizeof rubbish);
    size_t found = 0, pages = (size_t)info.st_size / sizeof rubbish;
    CHECK(pages > 10);
    for (size_t page = 1; page < pages; page++) {
        void *s = NULL;
        size_t faults = 0, seen = 0;
        write_bytes(path, -1, whole, (size_t)info.st_size);
        write_bytes(path, (long)(page * sizeof rubbish), rubbish, sizeof rubbish);
        df_status st = ops->open(path, &store_test_key, DF_STORE_READ, &s, &err);
        if (st == DF_OK)
            st = ops->changes(s, 0, count_change, &seen, &err);
        if (st == DF_OK)
            st = ops->check(s, NULL, NULL, &faults, &err);
        CHECK(st == DF_OK || st == DF_E_STORE);
        found += st != DF_OK || faults > 0;
        ops->close(s);
    }
    assert_int_equal(pages - 1, found);
    free(whole);
}

TEST(a_file_cut_short_is_damaged)
{
    const char *path = made("cut", 40);
    struct stat info;
    CHECK(stat(path, &info) == 0 && truncate(path, info.st_size / 2) == 0);
    void *s = NULL;
    size_t seen = 0;
    df_status st = ops->open(path, &store_test_key, DF_STORE_WRITE, &s, &err);
    if (st == DF_OK)
        st = ops->changes(s, 0, count_change, &seen, &err);
    assert_int_equal(DF_E_STORE, st);
    CHECK_HAS(err.message, "damaged");
    ops->close(s);
}

TEST(a_full_disk_keeps_what_was_stored)
{
    const char *path = made("full", 5);
    void *s;
    df_status st = DF_OK;
    struct rlimit old, few = {.rlim_cur = 256 << 10, .rlim_max = RLIM_INFINITY};
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_WRITE, &s, &err));
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    few.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &few) == 0); /* files end at 256 KiB: writing fails as on a full disk */
    uint32_t stored = 5;
    while (stored < 2000 && (st = store_test_put(s, stored, "Bob", 8, &err)) == DF_OK)
        stored++;
    CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
    assert_int_equal(DF_E_STORE, st);
    ops->close(s);
    df_store_counts c;
    size_t faults;
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_WRITE, &s, &err));
    CHECK_OK(ops->counts(s, &c, &err));
    CHECK_OK(ops->check(s, NULL, NULL, &faults, &err));
    assert_int_equal(stored, c.photos), assert_int_equal(0, faults);
    CHECK_OK(store_test_put(s, stored, "Bob", 8, &err));
    ops->close(s);
}

TEST(a_read_only_file_can_be_read)
{
    const char *path = made("readonly", 2);
    void *s;
    df_store_counts c;
    CHECK(chmod(path, 0444) == 0);
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_READ, &s, &err));
    CHECK_OK(ops->counts(s, &c, &err));
    assert_int_equal(2, c.photos);
    ops->close(s);
    if (geteuid() != 0) {
        CHECK_STATUS(DF_E_STORE, ops->open(path, &store_test_key, DF_STORE_WRITE, &s, &err));
        CHECK_HAS(err.message, "read only");
    }
}
