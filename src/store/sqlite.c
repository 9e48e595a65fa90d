/* sqlite.c - the default store: one SQLite file in WAL mode. Opening, the schema and its versions, prepared statements, transactions, errors.
 *
 * photo 1-n face 1-1 vector, face n-1 person. Vectors lie in a table of their own, so that a filter over attributes reads small rows. */
#include "store/sqlite.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sha256.h"

enum { BUSY_MS = 30000 }; /* how long a writer waits for another one */

/* steps[v] brings a file of version v to v + 1; user_version holds v. A file is only ever changed whole: each step is one transaction. */
static const char *const steps[DF_SQLITE_VERSION] = {
    "CREATE TABLE gallery (one INTEGER PRIMARY KEY CHECK (one = 1), uid TEXT NOT NULL, pipeline TEXT NOT NULL, dims INTEGER NOT NULL,"
    "  change INTEGER NOT NULL, log_from INTEGER NOT NULL, made INTEGER NOT NULL);"
    "CREATE TABLE photo (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, sha256 BLOB NOT NULL CHECK (length(sha256) = 32),"
    "  size INTEGER NOT NULL, modified INTEGER NOT NULL, failed TEXT, meta TEXT CHECK (meta IS NULL OR json_valid(meta)), added INTEGER NOT NULL);"
    "CREATE INDEX photo_sha256 ON photo (sha256);"
    "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, meta TEXT CHECK (meta IS NULL OR json_valid(meta)));"
    "CREATE TABLE face (id INTEGER PRIMARY KEY, photo INTEGER NOT NULL REFERENCES photo, person INTEGER REFERENCES person,"
    "  age REAL, gender TEXT, gender_confidence REAL, emotion TEXT, emotion_confidence REAL, race TEXT, race_confidence REAL, liveness REAL,"
    "  quality REAL, x REAL NOT NULL, y REAL NOT NULL, w REAL NOT NULL, h REAL NOT NULL, score REAL NOT NULL, points BLOB, added INTEGER NOT NULL);"
    "CREATE INDEX face_photo ON face (photo);"
    "CREATE INDEX face_person ON face (person);"
    "CREATE TABLE vector (face INTEGER PRIMARY KEY REFERENCES face, data BLOB NOT NULL, sum INTEGER NOT NULL);"
    "CREATE TABLE removal (change INTEGER PRIMARY KEY, face INTEGER NOT NULL);"
    "CREATE TABLE note (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;",
};

#define PHOTO_COLUMNS "photo.id, photo.path, photo.sha256, photo.size, photo.modified, photo.meta, photo.failed"
#define FACE_COLUMNS \
    "face.id, person.name, person.meta, age, gender, gender_confidence, emotion, emotion_confidence, race, race_confidence, liveness, quality," \
    " x, y, w, h, score, points, face.added"
#define FACE_TABLES " FROM face JOIN photo ON photo.id = face.photo LEFT JOIN person ON person.id = face.person"

static const char *const texts[DF_SQL_STATEMENTS] = {
    [DF_SQL_BEGIN] = "BEGIN",
    [DF_SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [DF_SQL_COMMIT] = "COMMIT",
    [DF_SQL_ROLLBACK] = "ROLLBACK",
    [DF_SQL_CHANGE] = "SELECT change, log_from FROM gallery",
    [DF_SQL_SET_CHANGE] = "UPDATE gallery SET change = ?",
    [DF_SQL_PHOTO_PUT] = "INSERT INTO photo (path, sha256, size, modified, meta, failed, added) VALUES (?, ?, ?, ?, ?, ?, unixepoch())",
    [DF_SQL_PHOTO_TOUCH] = "UPDATE photo SET path = ?, size = ?, modified = ? WHERE id = ?",
    [DF_SQL_PHOTO_DROP] = "DELETE FROM photo WHERE id = ?",
    [DF_SQL_PHOTO_BY_PATH] = "SELECT " PHOTO_COLUMNS " FROM photo WHERE path = ?",
    [DF_SQL_PHOTO_BY_HASH] = "SELECT " PHOTO_COLUMNS " FROM photo WHERE sha256 = ? ORDER BY id LIMIT 1",
    [DF_SQL_PHOTOS] = "SELECT " PHOTO_COLUMNS " FROM photo ORDER BY id",
    [DF_SQL_PHOTO_OF_FACE] = "SELECT photo FROM face WHERE id = ?",
    [DF_SQL_PHOTO_IF_EMPTY] = "DELETE FROM photo WHERE id = ? AND NOT EXISTS (SELECT 1 FROM face WHERE face.photo = photo.id)",
    [DF_SQL_PERSON_ADD] = "INSERT INTO person (name) VALUES (?) ON CONFLICT DO NOTHING",
    [DF_SQL_PERSON_FIND] = "SELECT id FROM person WHERE name = ?",
    [DF_SQL_PERSON_META] = "UPDATE person SET meta = ? WHERE id = ?",
    [DF_SQL_PERSON_SWEEP] = "DELETE FROM person WHERE id = ? AND NOT EXISTS (SELECT 1 FROM face WHERE face.person = person.id)",
    [DF_SQL_FACE_PUT] = "INSERT INTO face (id, photo, person, age, gender, gender_confidence, emotion, emotion_confidence, race, race_confidence,"
                        " liveness, quality, x, y, w, h, score, points, added)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ifnull(?, unixepoch()))",
    [DF_SQL_VECTOR_PUT] = "INSERT INTO vector (face, data, sum) VALUES (?, ?, ?)",
    [DF_SQL_FACES_OF] = "SELECT id FROM face WHERE photo = ? ORDER BY id",
    [DF_SQL_FACE_DROP] = "DELETE FROM face WHERE id = ?",
    [DF_SQL_VECTOR_DROP] = "DELETE FROM vector WHERE face = ?",
    [DF_SQL_REMOVAL] = "INSERT INTO removal (change, face) VALUES (?, ?)",
    [DF_SQL_FACE_NAME] = "UPDATE face SET person = ? WHERE id = ?",
    /* The expressions see the row as it was. */
    [DF_SQL_FACE_DESCRIBE] = "UPDATE face SET age = ifnull(age, ?), gender = ifnull(gender, ?), gender_confidence = iif(gender IS NULL, ?, gender_confidence),"
                             " emotion = ifnull(emotion, ?), emotion_confidence = iif(emotion IS NULL, ?, emotion_confidence),"
                             " race = ifnull(race, ?), race_confidence = iif(race IS NULL, ?, race_confidence), liveness = ifnull(liveness, ?),"
                             " quality = ifnull(quality, ?) WHERE id = ?",
    [DF_SQL_FACE_PERSON] = "SELECT person FROM face WHERE id = ?",
    [DF_SQL_FACE] = "SELECT " PHOTO_COLUMNS ", " FACE_COLUMNS ", data, sum" FACE_TABLES " JOIN vector ON vector.face = face.id WHERE face.id = ?",
    [DF_SQL_FACES_OF_PHOTO] = "SELECT " PHOTO_COLUMNS ", " FACE_COLUMNS ", data, sum" FACE_TABLES
                              " JOIN vector ON vector.face = face.id WHERE photo.id = ? ORDER BY face.id",
    [DF_SQL_ADDED] = "SELECT face, data, sum FROM vector WHERE face > ? ORDER BY face",
    [DF_SQL_REMOVED] = "SELECT change, face FROM removal WHERE change > ? ORDER BY change",
    [DF_SQL_NOTE] = "SELECT text FROM note WHERE name = ?",
    [DF_SQL_SET_NOTE] = "INSERT INTO note (name, text) VALUES (?, ?) ON CONFLICT DO UPDATE SET text = excluded.text",
};

/* ---- errors ---- */

df_status df__sqlite_fail(const df_sqlite *s, int code, const char *act, df_error *err)
{
    const char *said = s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(code), *path = s->path;
    switch (code & 0xFF) {
    case SQLITE_NOMEM:
        return df__fail(err, DF_E_NO_MEMORY, "out of memory: %s", path);
    case SQLITE_FULL:
        return df__fail(err, DF_E_STORE, "%s: the disk is full, cannot %s; what was stored before is safe", path, act);
    case SQLITE_READONLY:
        return df__fail(err, DF_E_STORE, "%s: read only, cannot %s", path, act);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return df__fail(err, DF_E_STORE, "%s: another process has been writing for %d s, cannot %s", path, BUSY_MS / 1000, act);
    case SQLITE_CORRUPT:
        return df__fail(err, DF_E_STORE, "%s: the file is damaged (%s), cannot %s; `deepface gallery check` says where", path, said, act);
    case SQLITE_NOTADB:
        return df__fail(err, DF_E_STORE, "%s: not a gallery", path);
    case SQLITE_IOERR:
        return df__fail(err, DF_E_STORE, "%s: the disk fails to %s: %s (%s)", path, act, said, strerror(s->db ? sqlite3_system_errno(s->db) : 0));
    case SQLITE_CANTOPEN:
        return df__fail(err, DF_E_IO, "cannot open %s: %s", path, said);
    default:
        return df__fail(err, DF_E_STORE, "%s: cannot %s: %s", path, act, said);
    }
}

/* ---- statements and transactions ---- */

df_status df__sqlite_use(df_sqlite *s, df_sqlite_statement which, sqlite3_stmt **out, df_error *err)
{
    sqlite3_stmt **st = &s->statements[which];
    *out = NULL;
    if (!*st) {
        int code = sqlite3_prepare_v3(s->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
        if (code != SQLITE_OK)
            return df__sqlite_fail(s, code, "prepare a statement", err);
    }
    *out = *st;
    return DF_OK;
}

df_status df__sqlite_finish(df_sqlite *s, sqlite3_stmt *st, const char *act, df_error *err)
{
    int code;
    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
    }
    df_status status = code == SQLITE_DONE ? DF_OK : df__sqlite_fail(s, code, act, err);
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return status;
}

df_status df__sqlite_run(df_sqlite *s, df_sqlite_statement which, const char *act, df_error *err)
{
    sqlite3_stmt *st = NULL;
    df_status status = df__sqlite_use(s, which, &st, err);
    return status == DF_OK ? df__sqlite_finish(s, st, act, err) : status;
}

static df_status last_change(df_sqlite *s, uint64_t *change, df_error *err)
{
    sqlite3_stmt *q;
    df_status st = df__sqlite_use(s, DF_SQL_CHANGE, &q, err);
    if (st != DF_OK)
        return st;
    int code = sqlite3_step(q);
    if (code == SQLITE_ROW)
        *change = (uint64_t)sqlite3_column_int64(q, 0);
    else
        st = code == SQLITE_DONE ? df__fail(err, DF_E_STORE, "%s: the file is damaged: its head is gone", s->path)
                                 : df__sqlite_fail(s, code, "read", err);
    sqlite3_reset(q);
    return st;
}

static void roll_back(df_sqlite *s)
{
    if (!sqlite3_get_autocommit(s->db))
        (void)df__sqlite_run(s, DF_SQL_ROLLBACK, "go back", NULL);
}

df_status df__sqlite_begin(void *self, uint64_t *change, df_error *err)
{
    df_sqlite *s = self;
    df_status st = df__sqlite_run(s, DF_SQL_BEGIN, "read", err);
    if (st == DF_OK && (st = last_change(s, change, err)) != DF_OK)
        roll_back(s);
    return st;
}

void df__sqlite_end(void *self) { roll_back(self); }

df_status df__sqlite_begin_write(df_sqlite *s, uint64_t *change, df_error *err)
{
    if (s->read_only)
        return df__fail(err, DF_E_STORE, "%s: opened for reading alone", s->path);
    df_status st = df__sqlite_run(s, DF_SQL_BEGIN_WRITE, "write", err);
    if (st == DF_OK && (st = last_change(s, change, err)) != DF_OK)
        roll_back(s);
    return st;
}

df_status df__sqlite_end_write(df_sqlite *s, uint64_t change, df_status st, df_error *err)
{
    sqlite3_stmt *q = NULL;
    if (st == DF_OK && (st = df__sqlite_use(s, DF_SQL_SET_CHANGE, &q, err)) == DF_OK) {
        sqlite3_bind_int64(q, 1, (sqlite3_int64)change);
        st = df__sqlite_finish(s, q, "write", err);
    }
    if (st == DF_OK)
        st = df__sqlite_run(s, DF_SQL_COMMIT, "write", err);
    if (st != DF_OK)
        roll_back(s);
    return st;
}

void df__sqlite_text(sqlite3_stmt *st, int at, const char *text)
{
    if (text)
        sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(st, at);
}

void df__sqlite_number(sqlite3_stmt *st, int at, double value) { sqlite3_bind_double(st, at, value); /* SQLite makes NULL of NaN */ }

int64_t df__sqlite_sum(uint64_t face, const void *vector, size_t bytes)
{
    int64_t sum;
    uint8_t state[sizeof sum];
    memcpy(state, &face, sizeof state);
    df__sha256_chain(state, sizeof state, vector, bytes);
    memcpy(&sum, state, sizeof sum);
    return sum;
}

/* ---- opening ---- */

static df_status execute(df_sqlite *s, const char *sql, const char *act, df_error *err)
{
    int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? DF_OK : df__sqlite_fail(s, code, act, err);
}

/* One number of a pragma or a query. */
static df_status ask(df_sqlite *s, const char *sql, int64_t *out, df_error *err)
{
    sqlite3_stmt *q = NULL;
    int code = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(q)) == SQLITE_ROW)
        *out = sqlite3_column_int64(q, 0), code = SQLITE_OK;
    df_status st = code == SQLITE_OK ? DF_OK : df__sqlite_fail(s, code, "read", err);
    sqlite3_finalize(q);
    return st;
}

/* What kind of file it is: ours and of which version, an empty one, or DF_E_STORE. */
static df_status look(df_sqlite *s, int64_t *version, df_error *err)
{
    df_status st = DF_OK;
    int64_t application = 0, tables = 0;
    DF_TRY(ask(s, "PRAGMA application_id", &application, err));
    DF_TRY(ask(s, "PRAGMA user_version", version, err));
    DF_TRY(ask(s, "SELECT count(*) FROM sqlite_schema", &tables, err));
    if (application != DF_SQLITE_APPLICATION && (application != 0 || tables != 0))
        return df__fail(err, DF_E_STORE, "%s: an SQLite database, but not a gallery", s->path);
    if (*version > DF_SQLITE_VERSION)
        return df__fail(err, DF_E_STORE, "%s: made by a newer deepface (schema %lld, this one knows %d)", s->path, (long long)*version,
                        DF_SQLITE_VERSION);
done:
    return st;
}

static df_status write_head(df_sqlite *s, const df_store_key *key, df_error *err)
{
    sqlite3_stmt *q = NULL;
    int code = sqlite3_prepare_v2(s->db, "INSERT INTO gallery VALUES (1, lower(hex(randomblob(16))), ?, ?, 0, 0, unixepoch())", -1, &q, NULL);
    if (code == SQLITE_OK) {
        df__sqlite_text(q, 1, key->pipeline);
        sqlite3_bind_int64(q, 2, key->dims);
        code = sqlite3_step(q);
    }
    df_status st = code == SQLITE_DONE ? DF_OK : df__sqlite_fail(s, code, "make the gallery", err);
    sqlite3_finalize(q);
    return st;
}

/* Bring the schema to this version, one transaction. Another process may have done so meanwhile. */
static df_status upgrade(df_sqlite *s, const df_store_key *key, df_error *err)
{
    df_status st = DF_OK;
    int64_t version;
    char sql[96];
    DF_TRY(execute(s, "BEGIN IMMEDIATE", "write", err));
    DF_TRY(look(s, &version, err));
    for (; version < DF_SQLITE_VERSION; version++) {
        if (version == 0 && !key)
            DF_TRY(df__fail(err, DF_E_STORE, "%s: an empty file, not a gallery", s->path));
        DF_TRY(execute(s, steps[version], "bring the schema up to date", err));
        if (version == 0)
            DF_TRY(write_head(s, key, err));
    }
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d", DF_SQLITE_APPLICATION, DF_SQLITE_VERSION);
    DF_TRY(execute(s, sql, "write", err));
    DF_TRY(execute(s, "COMMIT", "write", err));
done:
    if (st != DF_OK && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

static df_status read_head(df_sqlite *s, const df_store_key *key, df_error *err)
{
    sqlite3_stmt *q = NULL;
    df_status st = DF_OK;
    int code = sqlite3_prepare_v2(s->db, "SELECT uid, pipeline, dims FROM gallery", -1, &q, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(q)) == SQLITE_ROW) {
        const unsigned char *uid = sqlite3_column_text(q, 0), *pipeline = sqlite3_column_text(q, 1);
        int64_t dims = sqlite3_column_int64(q, 2);
        if (!uid || !pipeline || strlen((const char *)pipeline) >= sizeof s->key.pipeline || dims < 1 || dims > DF_STORE_MAX_DIMS)
            st = df__fail(err, DF_E_STORE, "%s: the file is damaged: its head makes no sense", s->path);
        else {
            snprintf(s->uid, sizeof s->uid, "%s", (const char *)uid);
            snprintf(s->key.pipeline, sizeof s->key.pipeline, "%s", (const char *)pipeline);
            s->key.dims = (uint32_t)dims;
        }
    } else {
        st = code == SQLITE_DONE ? df__fail(err, DF_E_STORE, "%s: the file is damaged: its head is gone", s->path)
                                 : df__sqlite_fail(s, code, "read", err);
    }
    sqlite3_finalize(q);
    if (st == DF_OK && key && (strcmp(key->pipeline, s->key.pipeline) != 0 || key->dims != s->key.dims))
        return df__fail(err, DF_E_STORE, "%s holds vectors of %s, not of %s: vectors of two pipelines do not compare", s->path, s->key.pipeline,
                        key->pipeline);
    return st;
}

/* In a folder where nothing can be written SQLite cannot keep its list of readers; when nobody can write, none is needed. */
static int open_unchanging(df_sqlite *s)
{
    static const char hex[] = "0123456789ABCDEF", after[] = "?immutable=1";
    size_t n = strlen(s->path);
    struct stat info;
    char *uri = malloc(3 * n + 32), *at = uri;
    if (!uri)
        return SQLITE_NOMEM;
    sprintf(uri, "%s-wal", s->path);
    if (stat(uri, &info) == 0 && info.st_size > 0) { /* changes wait there that would not be seen */
        free(uri);
        return SQLITE_CANTOPEN;
    }
    at += sprintf(at, "file:");
    for (const char *c = s->path; *c; c++)
        if (*c == '?' || *c == '#' || *c == '%')
            *at++ = '%', *at++ = hex[(unsigned char)*c >> 4], *at++ = hex[*c & 15];
        else
            *at++ = *c;
    memcpy(at, after, sizeof after);
    sqlite3_close(s->db);
    s->db = NULL;
    int code = sqlite3_open_v2(uri, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL);
    free(uri);
    return code;
}

static df_status connect(df_sqlite *s, df_store_how how, df_error *err)
{
    static const int flags[] = {[DF_STORE_READ] = SQLITE_OPEN_READONLY, [DF_STORE_WRITE] = SQLITE_OPEN_READWRITE,
                                [DF_STORE_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE};
    int64_t version;
    df_status st = DF_OK;
    if (how != DF_STORE_CREATE && access(s->path, F_OK) != 0)
        return df__fail(err, DF_E_IO, "%s: there is no gallery of this name: %s", s->path, strerror(errno));
    int code = sqlite3_open_v2(s->path, &s->db, flags[how] | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK && how == DF_STORE_READ) {
        sqlite3_busy_timeout(s->db, BUSY_MS);
        code = sqlite3_exec(s->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
        if ((code & 0xFF) == SQLITE_CANTOPEN || (code & 0xFF) == SQLITE_READONLY)
            code = open_unchanging(s);
        else
            code = SQLITE_OK; /* what else is wrong is told below */
    }
    if (code != SQLITE_OK)
        return df__sqlite_fail(s, code, "open", err);
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    DF_TRY(look(s, &version, err));
    if (how == DF_STORE_READ) {
        if (version < DF_SQLITE_VERSION)
            return df__fail(err, DF_E_STORE, version ? "%s: made by an older deepface; a command that writes brings it up to date" : "%s: an empty file, not a gallery", s->path);
        goto done;
    }
    if (sqlite3_db_readonly(s->db, "main") == 1)
        return df__fail(err, DF_E_STORE, "%s: read only", s->path);
    /* FULL: a commit is on disk when it returns. */
    DF_TRY(execute(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON", "write", err));
done:
    return st;
}

static void close_store(void *self)
{
    df_sqlite *s = self;
    if (!s)
        return;
    for (size_t i = 0; i < DF_SQL_STATEMENTS; i++)
        sqlite3_finalize(s->statements[i]);
    sqlite3_close(s->db);
    free(s->path);
    free(s);
}

static df_status open_store(const char *path, const df_store_key *key, df_store_how how, void **self, df_error *err)
{
    df_status st = DF_OK;
    int64_t version = 0;
    *self = NULL;
    df_sqlite *s = calloc(1, sizeof *s);
    if (s)
        s->path = strdup(path);
    if (!s || !s->path) {
        close_store(s);
        return df__no_memory(err, "gallery", sizeof *s);
    }
    s->read_only = how == DF_STORE_READ;
    DF_TRY(connect(s, how, err));
    DF_TRY(look(s, &version, err));
    if (version < DF_SQLITE_VERSION)
        DF_TRY(upgrade(s, how == DF_STORE_CREATE ? key : NULL, err));
    DF_TRY(read_head(s, key, err));
    *self = s, s = NULL;
done:
    close_store(s);
    return st;
}

static const df_store_key *store_key(const void *self) { return &((const df_sqlite *)self)->key; }
static const char *store_uid(const void *self) { return ((const df_sqlite *)self)->uid; }

const df_store_ops df__store_sqlite = {
    .scheme = "sqlite", .open = open_store, .close = close_store, .key = store_key, .uid = store_uid,
    .begin = df__sqlite_begin, .end = df__sqlite_end, .put = df__sqlite_put, .touch = df__sqlite_touch, .forget = df__sqlite_forget,
    .remove = df__sqlite_remove, .describe = df__sqlite_describe, .update = df__sqlite_update, .photos = df__sqlite_photos, .photo = df__sqlite_photo,
    .changes = df__sqlite_changes, .faces = df__sqlite_faces, .of_photo = df__sqlite_of_photo, .select = df__sqlite_select,
    .note = df__sqlite_note, .set_note = df__sqlite_set_note, .counts = df__sqlite_counts, .check = df__sqlite_check, .vacuum = df__sqlite_vacuum,
};
