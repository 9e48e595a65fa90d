/* sqlite.h - what the files of the SQLite store share: the handle, its prepared statements, errors in words. */
#ifndef DF_STORE_SQLITE_H
#define DF_STORE_SQLITE_H

#include <sqlite3.h>

#include "store/store.h"

/* "DeFc": what `file` and SQLite itself see in the header of a gallery. */
enum { DF_SQLITE_APPLICATION = 0x44654663, DF_SQLITE_VERSION = 1 };

typedef enum df_sqlite_statement {
    DF_SQL_BEGIN, DF_SQL_BEGIN_WRITE, DF_SQL_COMMIT, DF_SQL_ROLLBACK,
    DF_SQL_CHANGE, DF_SQL_SET_CHANGE,
    DF_SQL_PHOTO_PUT, DF_SQL_PHOTO_TOUCH, DF_SQL_PHOTO_DROP, DF_SQL_PHOTO_BY_PATH, DF_SQL_PHOTO_BY_HASH, DF_SQL_PHOTOS,
    DF_SQL_PHOTO_OF_FACE, DF_SQL_PHOTO_IF_EMPTY,
    DF_SQL_PERSON_ADD, DF_SQL_PERSON_FIND, DF_SQL_PERSON_META, DF_SQL_PERSON_SWEEP,
    DF_SQL_FACE_PUT, DF_SQL_VECTOR_PUT, DF_SQL_FACES_OF, DF_SQL_FACE_DROP, DF_SQL_VECTOR_DROP, DF_SQL_REMOVAL,
    DF_SQL_FACE_NAME, DF_SQL_FACE_PERSON, DF_SQL_FACE_DESCRIBE,
    DF_SQL_FACE, DF_SQL_FACES_OF_PHOTO, DF_SQL_ADDED, DF_SQL_REMOVED,
    DF_SQL_NOTE, DF_SQL_SET_NOTE,
    DF_SQL_STATEMENTS
} df_sqlite_statement;

typedef struct df_sqlite {
    sqlite3      *db;
    char         *path;
    df_store_key  key;
    char          uid[33];
    bool          read_only;
    sqlite3_stmt *statements[DF_SQL_STATEMENTS]; /* prepared when first used */
} df_sqlite;

/* The status and the message of an SQLite result: what happened to which file, and what to do. */
df_status df__sqlite_fail(const df_sqlite *s, int code, const char *act, df_error *err);
/* A statement, ready for values; NULL and told when it cannot be prepared. */
df_status df__sqlite_use(df_sqlite *s, df_sqlite_statement which, sqlite3_stmt **out, df_error *err);
/* Run a statement that gives no rows. */
df_status df__sqlite_run(df_sqlite *s, df_sqlite_statement which, const char *act, df_error *err);
/* sqlite3_step until the end; for one that has its values. Leaves it ready for others. */
df_status df__sqlite_finish(df_sqlite *s, sqlite3_stmt *st, const char *act, df_error *err);
/* Begin to write and read the last change; end by commit, or by rollback where `st` is none; gives the final status. */
df_status df__sqlite_begin_write(df_sqlite *s, uint64_t *change, df_error *err);
df_status df__sqlite_end_write(df_sqlite *s, uint64_t change, df_status st, df_error *err);
/* Bind text or NULL. */
void df__sqlite_text(sqlite3_stmt *st, int at, const char *text);
void df__sqlite_number(sqlite3_stmt *st, int at, double value); /* NaN is NULL */
/* A number over a vector that tells whether it is still what was written. */
int64_t df__sqlite_sum(uint64_t face, const void *vector, size_t bytes);

df_status df__sqlite_begin(void *self, uint64_t *change, df_error *err);
void      df__sqlite_end(void *self);
df_status df__sqlite_put(void *self, df_store_photo *photos, size_t n, df_error *err);
df_status df__sqlite_touch(void *self, const df_store_photo *photos, size_t n, df_error *err);
df_status df__sqlite_forget(void *self, const uint64_t *photos, size_t n, df_error *err);
df_status df__sqlite_remove(void *self, const uint64_t *faces, size_t n, df_error *err);
df_status df__sqlite_describe(void *self, const df_store_face *faces, size_t n, df_error *err);
df_status df__sqlite_update(void *self, const uint64_t *faces, size_t n, const char *name, const char *meta, df_error *err);
df_status df__sqlite_photos(void *self, df_photo_fn each, void *user, df_error *err);
df_status df__sqlite_photo(void *self, const char *path, const uint8_t sha256[32], df_photo_fn each, void *user, bool *found, df_error *err);
df_status df__sqlite_changes(void *self, uint64_t after, df_change_fn each, void *user, df_error *err);
df_status df__sqlite_faces(void *self, const uint64_t *ids, size_t n, bool vectors, df_record_fn each, void *user, df_error *err);
df_status df__sqlite_of_photo(void *self, uint64_t photo, df_record_fn each, void *user, df_error *err);
df_status df__sqlite_select(void *self, const df_condition *condition, uint64_t **ids, size_t *n, df_error *err);
df_status df__sqlite_note(void *self, const char *name, char **text, df_error *err);
df_status df__sqlite_set_note(void *self, const char *name, const char *text, df_error *err);
df_status df__sqlite_counts(void *self, df_store_counts *out, df_error *err);
df_status df__sqlite_check(void *self, df_fault_fn each, void *user, size_t *faults, df_error *err);
df_status df__sqlite_vacuum(void *self, df_error *err);

#endif
