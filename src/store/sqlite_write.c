/* sqlite_write.c - every change of the SQLite store, each one transaction: all of it or nothing, also after kill -9. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite.h"

/* One id that a statement asks for or gives; 0: none. */
static df_status ask_id(df_sqlite *s, sqlite3_stmt *q, uint64_t *out, df_error *err)
{
    int code = sqlite3_step(q);
    *out = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(q, 0) : 0;
    df_status st = code == SQLITE_ROW || code == SQLITE_DONE ? DF_OK : df__sqlite_fail(s, code, "read", err);
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
    return st;
}

static df_status ask_by_id(df_sqlite *s, df_sqlite_statement which, uint64_t id, uint64_t *out, df_error *err)
{
    sqlite3_stmt *q;
    df_status st = df__sqlite_use(s, which, &q, err);
    if (st != DF_OK)
        return st;
    sqlite3_bind_int64(q, 1, (sqlite3_int64)id);
    return ask_id(s, q, out, err);
}

static df_status run_by_id(df_sqlite *s, df_sqlite_statement which, uint64_t id, df_error *err)
{
    uint64_t ignored;
    return ask_by_id(s, which, id, &ignored, err);
}

/* ---- people ---- */

static df_status find_person(df_sqlite *s, const char *name, bool make, uint64_t *id, df_error *err)
{
    df_status st = DF_OK;
    sqlite3_stmt *q;
    if (make) {
        DF_TRY(df__sqlite_use(s, DF_SQL_PERSON_ADD, &q, err));
        df__sqlite_text(q, 1, name);
        DF_TRY(df__sqlite_finish(s, q, "add a person", err));
    }
    DF_TRY(df__sqlite_use(s, DF_SQL_PERSON_FIND, &q, err));
    df__sqlite_text(q, 1, name);
    DF_TRY(ask_id(s, q, id, err));
done:
    return st;
}

/* ---- removing ---- */

static df_status drop_face(df_sqlite *s, uint64_t face, uint64_t *change, df_error *err)
{
    df_status st = DF_OK;
    sqlite3_stmt *q;
    uint64_t person;
    DF_TRY(ask_by_id(s, DF_SQL_FACE_PERSON, face, &person, err));
    DF_TRY(df__sqlite_use(s, DF_SQL_REMOVAL, &q, err));
    sqlite3_bind_int64(q, 1, (sqlite3_int64)++*change);
    sqlite3_bind_int64(q, 2, (sqlite3_int64)face);
    DF_TRY(df__sqlite_finish(s, q, "remove a face", err));
    DF_TRY(run_by_id(s, DF_SQL_VECTOR_DROP, face, err));
    DF_TRY(run_by_id(s, DF_SQL_FACE_DROP, face, err));
    if (person)
        DF_TRY(run_by_id(s, DF_SQL_PERSON_SWEEP, person, err));
done:
    return st;
}

static df_status drop_photo(df_sqlite *s, uint64_t photo, uint64_t *change, df_error *err)
{
    df_status st = DF_OK;
    for (uint64_t face;;) { /* the first that is left, until none is */
        DF_TRY(ask_by_id(s, DF_SQL_FACES_OF, photo, &face, err));
        if (!face)
            break;
        DF_TRY(drop_face(s, face, change, err));
    }
    DF_TRY(run_by_id(s, DF_SQL_PHOTO_DROP, photo, err));
done:
    return st;
}

df_status df__sqlite_forget(void *self, const uint64_t *photos, size_t n, df_error *err)
{
    df_sqlite *s = self;
    uint64_t change;
    df_status st = df__sqlite_begin_write(s, &change, err);
    if (st != DF_OK)
        return st;
    for (size_t i = 0; st == DF_OK && i < n; i++)
        st = drop_photo(s, photos[i], &change, err);
    return df__sqlite_end_write(s, change, st, err);
}

df_status df__sqlite_remove(void *self, const uint64_t *faces, size_t n, df_error *err)
{
    df_sqlite *s = self;
    uint64_t change, photo;
    df_status st = df__sqlite_begin_write(s, &change, err);
    if (st != DF_OK)
        return st;
    for (size_t i = 0; i < n; i++) {
        DF_TRY(ask_by_id(s, DF_SQL_PHOTO_OF_FACE, faces[i], &photo, err));
        if (!photo) /* it is gone already */
            continue;
        DF_TRY(drop_face(s, faces[i], &change, err));
        DF_TRY(run_by_id(s, DF_SQL_PHOTO_IF_EMPTY, photo, err));
    }
done:
    return df__sqlite_end_write(s, change, st, err);
}

/* ---- adding ---- */

/* Age to quality, nine values from `at` on. */
static void bind_traits(sqlite3_stmt *q, int at, const df_store_face *f)
{
    const df_traits *t = &f->traits;
    df__sqlite_number(q, at, t->age);
    df__sqlite_text(q, at + 1, t->gender), df__sqlite_number(q, at + 2, t->gender ? t->gender_confidence : (double)NAN);
    df__sqlite_text(q, at + 3, t->emotion), df__sqlite_number(q, at + 4, t->emotion ? t->emotion_confidence : (double)NAN);
    df__sqlite_text(q, at + 5, t->race), df__sqlite_number(q, at + 6, t->race ? t->race_confidence : (double)NAN);
    df__sqlite_number(q, at + 7, t->liveness);
    df__sqlite_number(q, at + 8, f->quality);
}

static df_status put_face(df_sqlite *s, uint64_t photo, const df_store_face *f, uint64_t id, df_error *err)
{
    df_status st = DF_OK;
    sqlite3_stmt *q;
    uint64_t person = 0;
    float points[10];
    size_t bytes = s->key.dims * sizeof *f->vector;
    for (uint32_t i = 0; i < s->key.dims; i++)
        if (!isfinite(f->vector[i]))
            return df__fail(err, DF_E_ARGUMENT, "%s: number %u of a vector is not finite", s->path, i);
    bool nothing = true;
    for (uint32_t i = 0; i < s->key.dims && nothing; i++)
        nothing = f->vector[i] == 0;
    if (nothing)
        return df__fail(err, DF_E_ARGUMENT, "%s: a vector of length 0 has no direction", s->path);
    if (f->name && strlen(f->name) > DF_STORE_NAME)
        return df__fail(err, DF_E_LIMIT, "a name has %zu bytes, the limit is %d", strlen(f->name), DF_STORE_NAME);
    if (f->name && *f->name)
        DF_TRY(find_person(s, f->name, true, &person, err));
    DF_TRY(df__sqlite_use(s, DF_SQL_FACE_PUT, &q, err));
    sqlite3_bind_int64(q, 1, (sqlite3_int64)id);
    sqlite3_bind_int64(q, 2, (sqlite3_int64)photo);
    if (person)
        sqlite3_bind_int64(q, 3, (sqlite3_int64)person);
    bind_traits(q, 4, f);
    const float box[] = {f->at.x, f->at.y, f->at.w, f->at.h, f->at.confidence};
    for (int i = 0; i < 5; i++)
        sqlite3_bind_double(q, 13 + i, (double)box[i]);
    if (f->at.has) { /* the five points, NaN where the detector gives none */
        const df_point *p[] = {&f->at.left_eye, &f->at.right_eye, &f->at.nose, &f->at.mouth_left, &f->at.mouth_right};
        static const unsigned of[] = {DF_HAS_EYES, DF_HAS_EYES, DF_HAS_NOSE, DF_HAS_MOUTH, DF_HAS_MOUTH};
        for (int i = 0; i < 5; i++) {
            points[2 * i] = f->at.has & of[i] ? p[i]->x : NAN;
            points[2 * i + 1] = f->at.has & of[i] ? p[i]->y : NAN;
        }
        sqlite3_bind_blob(q, 18, points, sizeof points, SQLITE_STATIC);
    }
    if (f->added)
        sqlite3_bind_int64(q, 19, f->added);
    DF_TRY(df__sqlite_finish(s, q, "add a face", err));
    DF_TRY(df__sqlite_use(s, DF_SQL_VECTOR_PUT, &q, err));
    sqlite3_bind_int64(q, 1, (sqlite3_int64)id);
    sqlite3_bind_blob(q, 2, f->vector, (int)bytes, SQLITE_STATIC);
    sqlite3_bind_int64(q, 3, df__sqlite_sum(id, f->vector, bytes));
    DF_TRY(df__sqlite_finish(s, q, "add a face", err));
done:
    return st;
}

static df_status put_photo(df_sqlite *s, df_store_photo *p, uint64_t *change, df_error *err)
{
    df_status st = DF_OK;
    sqlite3_stmt *q;
    uint64_t old, same;
    if (p->meta && strlen(p->meta) > DF_STORE_META)
        return df__fail(err, DF_E_LIMIT, "%s: its metadata has %zu bytes, the limit is %d", p->path, strlen(p->meta), DF_STORE_META);
    DF_TRY(df__sqlite_use(s, DF_SQL_PHOTO_BY_PATH, &q, err));
    df__sqlite_text(q, 1, p->path);
    DF_TRY(ask_id(s, q, &old, err));
    if (p->once) {
        DF_TRY(df__sqlite_use(s, DF_SQL_PHOTO_BY_HASH, &q, err));
        sqlite3_bind_blob(q, 1, p->sha256, sizeof p->sha256, SQLITE_STATIC);
        DF_TRY(ask_id(s, q, &same, err));
        p->left_out = same && same != old;
        if (p->left_out)
            return DF_OK;
    }
    if (old)
        DF_TRY(drop_photo(s, old, change, err));
    DF_TRY(df__sqlite_use(s, DF_SQL_PHOTO_PUT, &q, err));
    df__sqlite_text(q, 1, p->path);
    sqlite3_bind_blob(q, 2, p->sha256, sizeof p->sha256, SQLITE_STATIC);
    sqlite3_bind_int64(q, 3, (sqlite3_int64)p->size);
    sqlite3_bind_int64(q, 4, p->modified);
    df__sqlite_text(q, 5, p->meta);
    df__sqlite_text(q, 6, p->failed);
    DF_TRY(df__sqlite_finish(s, q, "add a photo", err));
    p->id = (uint64_t)sqlite3_last_insert_rowid(s->db);
    for (size_t i = 0; i < p->n; i++)
        DF_TRY(put_face(s, p->id, &p->faces[i], ++*change, err));
done:
    return st;
}

df_status df__sqlite_put(void *self, df_store_photo *photos, size_t n, df_error *err)
{
    df_sqlite *s = self;
    uint64_t change;
    df_status st = df__sqlite_begin_write(s, &change, err);
    if (st != DF_OK)
        return st;
    for (size_t i = 0; st == DF_OK && i < n; i++)
        st = put_photo(s, &photos[i], &change, err);
    return df__sqlite_end_write(s, change, st, err);
}

/* ---- changing ---- */

/* Two photos may have changed places: first all get paths that nobody has. */
df_status df__sqlite_touch(void *self, const df_store_photo *photos, size_t n, df_error *err)
{
    df_sqlite *s = self;
    sqlite3_stmt *q;
    uint64_t change;
    df_status st = df__sqlite_begin_write(s, &change, err);
    if (st != DF_OK)
        return st;
    DF_TRY(df__sqlite_use(s, DF_SQL_PHOTO_TOUCH, &q, err));
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < n; i++) {
            char away[48];
            snprintf(away, sizeof away, "//%llu", (unsigned long long)photos[i].id);
            df__sqlite_text(q, 1, round == 0 ? away : photos[i].path);
            sqlite3_bind_int64(q, 2, (sqlite3_int64)photos[i].size);
            sqlite3_bind_int64(q, 3, photos[i].modified);
            sqlite3_bind_int64(q, 4, (sqlite3_int64)photos[i].id);
            DF_TRY(df__sqlite_finish(s, q, "move a photo", err));
        }
done:
    return df__sqlite_end_write(s, change, st, err);
}

df_status df__sqlite_describe(void *self, const df_store_face *faces, size_t n, df_error *err)
{
    df_sqlite *s = self;
    sqlite3_stmt *q;
    uint64_t change;
    df_status st = df__sqlite_begin_write(s, &change, err);
    if (st != DF_OK)
        return st;
    DF_TRY(df__sqlite_use(s, DF_SQL_FACE_DESCRIBE, &q, err));
    for (size_t i = 0; i < n; i++) {
        bind_traits(q, 1, &faces[i]);
        sqlite3_bind_int64(q, 10, (sqlite3_int64)faces[i].id);
        DF_TRY(df__sqlite_finish(s, q, "describe a face", err));
    }
    change += n > 0; /* answers to filters are others now */
done:
    return df__sqlite_end_write(s, change, st, err);
}

static df_status update_face(df_sqlite *s, uint64_t face, uint64_t to, bool named, const char *meta, df_error *err)
{
    df_status st = DF_OK;
    sqlite3_stmt *q;
    uint64_t person;
    DF_TRY(ask_by_id(s, DF_SQL_FACE_PERSON, face, &person, err));
    if (named && to != person) {
        DF_TRY(df__sqlite_use(s, DF_SQL_FACE_NAME, &q, err));
        if (to)
            sqlite3_bind_int64(q, 1, (sqlite3_int64)to);
        sqlite3_bind_int64(q, 2, (sqlite3_int64)face);
        DF_TRY(df__sqlite_finish(s, q, "name a face", err));
        if (person)
            DF_TRY(run_by_id(s, DF_SQL_PERSON_SWEEP, person, err));
        person = to;
    }
    if (meta && person) {
        DF_TRY(df__sqlite_use(s, DF_SQL_PERSON_META, &q, err));
        df__sqlite_text(q, 1, *meta ? meta : NULL);
        sqlite3_bind_int64(q, 2, (sqlite3_int64)person);
        DF_TRY(df__sqlite_finish(s, q, "keep metadata", err));
    }
done:
    return st;
}

df_status df__sqlite_update(void *self, const uint64_t *faces, size_t n, const char *name, const char *meta, df_error *err)
{
    df_sqlite *s = self;
    uint64_t change, person = 0;
    if (name && strlen(name) > DF_STORE_NAME)
        return df__fail(err, DF_E_LIMIT, "a name has %zu bytes, the limit is %d", strlen(name), DF_STORE_NAME);
    if (meta && strlen(meta) > DF_STORE_META)
        return df__fail(err, DF_E_LIMIT, "metadata has %zu bytes, the limit is %d", strlen(meta), DF_STORE_META);
    df_status st = df__sqlite_begin_write(s, &change, err);
    if (st != DF_OK)
        return st;
    if (name && *name && n)
        DF_TRY(find_person(s, name, true, &person, err));
    for (size_t i = 0; i < n; i++)
        DF_TRY(update_face(s, faces[i], person, name != NULL, meta, err));
    change += n > 0; /* answers to filters are others now */
    if (person)
        DF_TRY(run_by_id(s, DF_SQL_PERSON_SWEEP, person, err)); /* none of the faces was there */
done:
    return df__sqlite_end_write(s, change, st, err);
}

df_status df__sqlite_set_note(void *self, const char *name, const char *text, df_error *err)
{
    df_sqlite *s = self;
    sqlite3_stmt *q;
    if (s->read_only)
        return df__fail(err, DF_E_STORE, "%s: opened for reading alone", s->path);
    df_status st = df__sqlite_use(s, DF_SQL_SET_NOTE, &q, err);
    if (st != DF_OK)
        return st;
    df__sqlite_text(q, 1, name);
    df__sqlite_text(q, 2, text);
    return df__sqlite_finish(s, q, "keep a note", err);
}
