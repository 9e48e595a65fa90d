/* sqlite_care.c - looking after an SQLite store: counting, checking every row, giving space back. */
#include <stdio.h>
#include <string.h>

#include "store/sqlite.h"

df_status df__sqlite_counts(void *self, df_store_counts *out, df_error *err)
{
    static const char sql[] =
        "SELECT (SELECT count(*) FROM person), (SELECT count(*) FROM photo), (SELECT count(failed) FROM photo), (SELECT count(*) FROM face),"
        " (SELECT count(*) FROM face WHERE person IS NULL), (SELECT count(*) FROM removal), change, log_from,"
        " (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size),"
        " (SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size), aged, gendered, emoted, raced, alive, good, made FROM gallery,"
        " (SELECT count(age) aged, count(gender) gendered, count(emotion) emoted, count(race) raced, count(liveness) alive, count(quality) good FROM face)";
    df_sqlite *s = self;
    sqlite3_stmt *q = NULL;
    df_status st = DF_OK;
    *out = (df_store_counts){0};
    int code = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(q)) == SQLITE_ROW) {
        uint64_t *fields[] = {&out->people, &out->photos, &out->failed, &out->faces, &out->unnamed, &out->removals, &out->change, &out->log_from,
                              &out->bytes, &out->free_bytes, &out->with_age, &out->with_gender, &out->with_emotion, &out->with_race, &out->with_liveness,
                              &out->with_quality};
        const int n = sizeof fields / sizeof *fields;
        for (int i = 0; i < n; i++)
            *fields[i] = (uint64_t)sqlite3_column_int64(q, i);
        out->made = sqlite3_column_int64(q, n);
    } else {
        st = df__sqlite_fail(s, code, "count", err);
    }
    sqlite3_finalize(q);
    return st;
}

/* ---- check ---- */

typedef struct faults { df_fault_fn each; void *user; size_t n; } faults;

static void tell(faults *f, const char *text)
{
    f->n++;
    if (f->each)
        f->each(f->user, text);
}

/* Each row of a query is a fault; its first column says which. */
static df_status faults_of(df_sqlite *s, const char *sql, const char *format, faults *f, df_error *err)
{
    sqlite3_stmt *q = NULL;
    char text[512];
    int code = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
    while (code == SQLITE_OK && (code = sqlite3_step(q)) == SQLITE_ROW) {
        const char *said = (const char *)sqlite3_column_text(q, 0);
        code = SQLITE_OK;
        if (said && strcmp(said, "ok") == 0)
            continue;
        snprintf(text, sizeof text, format, said ? said : "?");
        tell(f, text);
    }
    df_status st = code == SQLITE_DONE ? DF_OK : df__sqlite_fail(s, code, "check", err);
    sqlite3_finalize(q);
    return st;
}

static df_status check_vectors(df_sqlite *s, faults *f, df_error *err)
{
    sqlite3_stmt *q = NULL;
    char text[128];
    int code = sqlite3_prepare_v2(s->db, "SELECT face, data, sum FROM vector", -1, &q, NULL);
    while (code == SQLITE_OK && (code = sqlite3_step(q)) == SQLITE_ROW) {
        uint64_t face = (uint64_t)sqlite3_column_int64(q, 0);
        const void *data = sqlite3_column_blob(q, 1);
        size_t bytes = (size_t)sqlite3_column_bytes(q, 1);
        code = SQLITE_OK;
        if (bytes == s->key.dims * sizeof(float) && data && sqlite3_column_int64(q, 2) == df__sqlite_sum(face, data, bytes))
            continue;
        snprintf(text, sizeof text, "the vector of face %llu is not what was written", (unsigned long long)face);
        tell(f, text);
    }
    df_status st = code == SQLITE_DONE ? DF_OK : df__sqlite_fail(s, code, "check", err);
    sqlite3_finalize(q);
    return st;
}

df_status df__sqlite_check(void *self, df_fault_fn each, void *user, size_t *n, df_error *err)
{
    static const struct { const char *sql, *format; } queries[] = {
        {"PRAGMA integrity_check(100)", "%s"},
        {"SELECT \"table\" || ' ' || rowid FROM pragma_foreign_key_check", "row %s points to what is not there"},
        {"SELECT id FROM face WHERE NOT EXISTS (SELECT 1 FROM vector WHERE vector.face = face.id)", "face %s has no vector"},
        {"SELECT face FROM vector WHERE NOT EXISTS (SELECT 1 FROM face WHERE face.id = vector.face)", "the vector of face %s has no face"},
        {"SELECT max(id) FROM face HAVING max(id) > (SELECT change FROM gallery)", "face %s is newer than the last change"},
        {"SELECT max(change) FROM removal HAVING max(change) > (SELECT change FROM gallery)", "removal %s is newer than the last change"},
        {"SELECT name FROM person WHERE NOT EXISTS (SELECT 1 FROM face WHERE face.person = person.id)", "\"%s\" has no face"},
    };
    df_sqlite *s = self;
    df_status st = DF_OK;
    faults f = {.each = each, .user = user};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        DF_TRY(faults_of(s, queries[i].sql, queries[i].format, &f, err));
    DF_TRY(check_vectors(s, &f, err));
done:
    *n = f.n;
    return st;
}

df_status df__sqlite_vacuum(void *self, df_error *err)
{
    static const char log[] = "BEGIN IMMEDIATE; UPDATE gallery SET log_from = change; DELETE FROM removal; COMMIT";
    df_sqlite *s = self;
    if (s->read_only)
        return df__fail(err, DF_E_STORE, "%s: opened for reading alone", s->path);
    int code = sqlite3_exec(s->db, log, NULL, NULL, NULL);
    if (code != SQLITE_OK && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(s->db, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
    return code == SQLITE_OK ? DF_OK : df__sqlite_fail(s, code, "give space back", err);
}
