/* sqlite_read.c - what is asked of the SQLite store: photos, faces, changes, conditions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite.h"

/* Columns as PHOTO_COLUMNS and FACE_COLUMNS of sqlite.c name them. */
enum { PHOTO_FIELDS = 7, FACE_FIELDS = 19 };

static const char *text_at(sqlite3_stmt *q, int at) { return (const char *)sqlite3_column_text(q, at); }

static double number_at(sqlite3_stmt *q, int at)
{
    return sqlite3_column_type(q, at) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(q, at);
}

static df_status damaged(const df_sqlite *s, const char *what, sqlite3_int64 id, df_error *err)
{
    return df__fail(err, DF_E_STORE, "%s: the file is damaged: %s %lld is not what was written; `deepface gallery check` says what else", s->path, what,
                    (long long)id);
}

static df_status photo_of(const df_sqlite *s, sqlite3_stmt *q, df_store_photo *out, df_error *err)
{
    const void *hash = sqlite3_column_blob(q, 2);
    *out = (df_store_photo){.id = (uint64_t)sqlite3_column_int64(q, 0), .path = text_at(q, 1), .size = (uint64_t)sqlite3_column_int64(q, 3),
                            .modified = sqlite3_column_int64(q, 4), .meta = text_at(q, 5), .failed = text_at(q, 6)};
    if (!out->path || !hash || sqlite3_column_bytes(q, 2) != sizeof out->sha256)
        return damaged(s, "photo", sqlite3_column_int64(q, 0), err);
    memcpy(out->sha256, hash, sizeof out->sha256);
    return DF_OK;
}

/* The vector of a row, checked against its sum. */
static df_status vector_of(const df_sqlite *s, sqlite3_stmt *q, int at, uint64_t face, const float **out, df_error *err)
{
    size_t bytes = s->key.dims * sizeof **out;
    *out = sqlite3_column_blob(q, at);
    if (!*out || (size_t)sqlite3_column_bytes(q, at) != bytes || sqlite3_column_int64(q, at + 1) != df__sqlite_sum(face, *out, bytes))
        return damaged(s, "the vector of face", (sqlite3_int64)face, err);
    return DF_OK;
}

static void points_of(const float *points, df_face *f)
{
    df_point *p[] = {&f->left_eye, &f->right_eye, &f->nose, &f->mouth_left, &f->mouth_right};
    static const unsigned of[] = {DF_HAS_EYES, DF_HAS_EYES, DF_HAS_NOSE, DF_HAS_MOUTH, DF_HAS_MOUTH};
    for (int i = 0; i < 5; i++)
        if (!isnan(points[2 * i])) {
            *p[i] = (df_point){points[2 * i], points[2 * i + 1]};
            f->has |= of[i];
        }
}

static df_status record_of(const df_sqlite *s, sqlite3_stmt *q, bool vectors, df_store_photo *photo, df_store_record *out, df_error *err)
{
    df_status st = DF_OK;
    int k = PHOTO_FIELDS;
    df_store_face *f = &out->face;
    float points[10];
    DF_TRY(photo_of(s, q, photo, err));
    *out = (df_store_record){.photo = photo, .person_meta = text_at(q, k + 2)};
    *f = (df_store_face){.id = (uint64_t)sqlite3_column_int64(q, k), .name = text_at(q, k + 1), .quality = number_at(q, k + 11),
                         .added = sqlite3_column_int64(q, k + 18)};
    f->traits = (df_traits){.age = number_at(q, k + 3), .gender = text_at(q, k + 4), .gender_confidence = number_at(q, k + 5),
                            .emotion = text_at(q, k + 6), .emotion_confidence = number_at(q, k + 7), .race = text_at(q, k + 8),
                            .race_confidence = number_at(q, k + 9), .liveness = number_at(q, k + 10)};
    f->at = (df_face){.x = (float)sqlite3_column_double(q, k + 12), .y = (float)sqlite3_column_double(q, k + 13),
                      .w = (float)sqlite3_column_double(q, k + 14), .h = (float)sqlite3_column_double(q, k + 15),
                      .confidence = (float)sqlite3_column_double(q, k + 16)};
    const void *blob = sqlite3_column_blob(q, k + 17);
    if (blob && sqlite3_column_bytes(q, k + 17) == sizeof points) {
        memcpy(points, blob, sizeof points);
        points_of(points, &f->at);
    }
    if (vectors)
        DF_TRY(vector_of(s, q, k + FACE_FIELDS, f->id, &f->vector, err));
done:
    return st;
}

/* ---- photos ---- */

/* Each row of a statement that has its values; *found counts them. */
static df_status each_photo(df_sqlite *s, sqlite3_stmt *q, df_photo_fn each, void *user, size_t *found, df_error *err)
{
    df_status st = DF_OK;
    df_store_photo photo;
    int code;
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        DF_TRY(photo_of(s, q, &photo, err));
        ++*found;
        if (!each(user, &photo))
            goto done;
    }
    if (code != SQLITE_DONE)
        st = df__sqlite_fail(s, code, "read the photos", err);
done:
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
    return st;
}

df_status df__sqlite_photos(void *self, df_photo_fn each, void *user, df_error *err)
{
    sqlite3_stmt *q;
    size_t found = 0;
    df_status st = df__sqlite_use(self, DF_SQL_PHOTOS, &q, err);
    return st == DF_OK ? each_photo(self, q, each, user, &found, err) : st;
}

df_status df__sqlite_photo(void *self, const char *path, const uint8_t sha256[32], df_photo_fn each, void *user, bool *found, df_error *err)
{
    sqlite3_stmt *q;
    size_t n = 0;
    df_status st = df__sqlite_use(self, path ? DF_SQL_PHOTO_BY_PATH : DF_SQL_PHOTO_BY_HASH, &q, err);
    if (st != DF_OK)
        return st;
    if (path)
        df__sqlite_text(q, 1, path);
    else
        sqlite3_bind_blob(q, 1, sha256, 32, SQLITE_STATIC);
    st = each_photo(self, q, each, user, &n, err);
    *found = n > 0;
    return st;
}

/* ---- faces ---- */

static df_status each_record(df_sqlite *s, sqlite3_stmt *q, bool vectors, df_record_fn each, void *user, bool *go_on, df_error *err)
{
    df_status st = DF_OK;
    df_store_record record;
    df_store_photo photo;
    int code;
    *go_on = true;
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        DF_TRY(record_of(s, q, vectors, &photo, &record, err));
        *go_on = each(user, &record);
        if (!*go_on)
            goto done;
    }
    if (code != SQLITE_DONE)
        st = df__sqlite_fail(s, code, "read the faces", err);
done:
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
    return st;
}

df_status df__sqlite_faces(void *self, const uint64_t *ids, size_t n, bool vectors, df_record_fn each, void *user, df_error *err)
{
    df_sqlite *s = self;
    df_status st = DF_OK;
    sqlite3_stmt *q;
    bool go_on = true;
    for (size_t i = 0; go_on && i < n; i++) {
        DF_TRY(df__sqlite_use(s, DF_SQL_FACE, &q, err));
        sqlite3_bind_int64(q, 1, (sqlite3_int64)ids[i]);
        DF_TRY(each_record(s, q, vectors, each, user, &go_on, err));
    }
done:
    return st;
}

df_status df__sqlite_of_photo(void *self, uint64_t photo, df_record_fn each, void *user, df_error *err)
{
    sqlite3_stmt *q;
    bool go_on;
    df_status st = df__sqlite_use(self, DF_SQL_FACES_OF_PHOTO, &q, err);
    if (st != DF_OK)
        return st;
    sqlite3_bind_int64(q, 1, (sqlite3_int64)photo);
    return each_record(self, q, true, each, user, &go_on, err);
}

/* ---- changes ---- */

/* One step of a statement: *more is false at its end. */
static df_status step(df_sqlite *s, sqlite3_stmt *q, bool *more, df_error *err)
{
    int code = sqlite3_step(q);
    *more = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? DF_OK : df__sqlite_fail(s, code, "read the changes", err);
}

static df_status log_reaches(df_sqlite *s, uint64_t after, df_error *err)
{
    sqlite3_stmt *q;
    bool more;
    df_status st = df__sqlite_use(s, DF_SQL_CHANGE, &q, err);
    if (st == DF_OK && (st = step(s, q, &more, err)) == DF_OK && more && after < (uint64_t)sqlite3_column_int64(q, 1) && after > 0)
        st = df__fail(err, DF_E_STORE, "%s: changes after %llu are no longer known, the log begins at %lld", s->path, (unsigned long long)after,
                      (long long)sqlite3_column_int64(q, 1));
    if (st == DF_OK || q)
        sqlite3_reset(q);
    return st;
}

/* Two streams in order of their numbers, merged: the vectors that were added and are still there, the removals. */
df_status df__sqlite_changes(void *self, uint64_t after, df_change_fn each, void *user, df_error *err)
{
    df_sqlite *s = self;
    df_status st = DF_OK;
    sqlite3_stmt *added = NULL, *removed = NULL;
    bool more_added, more_removed;
    DF_TRY(log_reaches(s, after, err));
    DF_TRY(df__sqlite_use(s, DF_SQL_ADDED, &added, err));
    DF_TRY(df__sqlite_use(s, DF_SQL_REMOVED, &removed, err));
    sqlite3_bind_int64(added, 1, (sqlite3_int64)after);
    sqlite3_bind_int64(removed, 1, (sqlite3_int64)after);
    DF_TRY(step(s, added, &more_added, err));
    DF_TRY(step(s, removed, &more_removed, err));
    while (more_added || more_removed) {
        df_change c = {.kind = DF_CHANGE_REMOVE};
        if (more_added && (!more_removed || sqlite3_column_int64(added, 0) < sqlite3_column_int64(removed, 0))) {
            c = (df_change){.kind = DF_CHANGE_ADD, .number = (uint64_t)sqlite3_column_int64(added, 0)};
            c.face = c.number;
            DF_TRY(vector_of(s, added, 1, c.face, &c.vector, err));
        } else {
            c.number = (uint64_t)sqlite3_column_int64(removed, 0), c.face = (uint64_t)sqlite3_column_int64(removed, 1);
        }
        if (!each(user, &c))
            goto done;
        DF_TRY(c.kind == DF_CHANGE_ADD ? step(s, added, &more_added, err) : step(s, removed, &more_removed, err));
    }
done:
    if (added)
        sqlite3_reset(added);
    if (removed)
        sqlite3_reset(removed);
    return st;
}

/* ---- conditions ---- */

df_status df__sqlite_select(void *self, const df_condition *condition, uint64_t **ids, size_t *n, df_error *err)
{
    static const char before[] = "SELECT face.id FROM face LEFT JOIN photo ON photo.id = face.photo LEFT JOIN person ON person.id = face.person";
    df_sqlite *s = self;
    df_status st = DF_OK;
    sqlite3_stmt *q = NULL;
    sqlite3_str *sql = sqlite3_str_new(s->db);
    size_t cap = 0;
    int code;
    *ids = NULL, *n = 0;
    sqlite3_str_appendall(sql, before);
    if (condition && condition->sql)
        sqlite3_str_appendf(sql, " WHERE (%s)", condition->sql);
    sqlite3_str_appendall(sql, " ORDER BY face.id");
    char *text = sqlite3_str_finish(sql);
    code = text ? sqlite3_prepare_v2(s->db, text, -1, &q, NULL) : SQLITE_NOMEM;
    sqlite3_free(text);
    for (size_t i = 0; code == SQLITE_OK && condition && i < condition->n; i++) {
        const df_value *v = &condition->values[i];
        if (v->kind == DF_VALUE_NUMBER)
            df__sqlite_number(q, (int)i + 1, v->number);
        else if (v->kind == DF_VALUE_TEXT)
            df__sqlite_text(q, (int)i + 1, v->text);
    }
    while (code == SQLITE_OK && (code = sqlite3_step(q)) == SQLITE_ROW) {
        if (*n == cap) {
            cap = cap ? 2 * cap : 256;
            uint64_t *more = realloc(*ids, cap * sizeof *more);
            if (!more) {
                st = df__no_memory(err, "ids of a filter", cap * sizeof *more);
                goto done;
            }
            *ids = more;
        }
        (*ids)[(*n)++] = (uint64_t)sqlite3_column_int64(q, 0);
        code = SQLITE_OK;
    }
    if (code != SQLITE_DONE)
        st = df__sqlite_fail(s, code, "filter the faces", err);
done:
    sqlite3_finalize(q);
    if (st != DF_OK) {
        free(*ids);
        *ids = NULL, *n = 0;
    }
    return st;
}

df_status df__sqlite_note(void *self, const char *name, char **text, df_error *err)
{
    df_sqlite *s = self;
    df_status st = DF_OK;
    sqlite3_stmt *q;
    *text = NULL;
    DF_TRY(df__sqlite_use(s, DF_SQL_NOTE, &q, err));
    df__sqlite_text(q, 1, name);
    int code = sqlite3_step(q);
    if (code == SQLITE_ROW && text_at(q, 0)) {
        *text = strdup(text_at(q, 0));
        if (!*text)
            st = df__no_memory(err, "note", strlen(text_at(q, 0)));
    } else if (code != SQLITE_DONE && code != SQLITE_ROW) {
        st = df__sqlite_fail(s, code, "read a note", err);
    }
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
done:
    return st;
}
