/* store.h - where a gallery's truth is kept: photos, the faces found on them with their vectors and attributes, their people, and a log of
 * what was removed. The contract is df_store_ops; sqlite.c is the default. A backend knows nothing of files of photos, detectors or searches.
 *
 * Every change has a number. A face's id is the number of the change that brought it, so ids are never given twice and ascend with time;
 * each removal has a number of its own. Whoever keeps a copy of the vectors (the matrix of src/index) catches up by replaying what came
 * after the last number it knows.
 *
 * Threads: one handle, one thread at a time. Any number of handles and processes may read while one writes; writers wait for each other. */
#ifndef DF_STORE_STORE_H
#define DF_STORE_STORE_H

#include "core/status.h"

enum {
    DF_STORE_MAX_DIMS = 8192, /* of a vector */
    DF_STORE_NAME = 512,      /* bytes of a person's name at most */
    DF_STORE_META = 65536     /* bytes of a metadata object at most */
};

/* What makes vectors comparable. A store holds vectors of one key alone. */
typedef struct df_store_key {
    char     pipeline[512]; /* detector, alignment, model and the hash of its file, pixels (gallery/pipeline_id.h) */
    uint32_t dims;
} df_store_key;

/* Attributes of a face as far as they are known: NaN, NULL. Confidences are 0..1. */
typedef struct df_traits {
    double      age, gender_confidence, emotion_confidence, race_confidence, liveness;
    const char *gender, *emotion, *race;
} df_traits;

typedef struct df_store_face {
    uint64_t     id;      /* given by the store */
    df_face      at;
    double       quality; /* 0..1, NaN: unknown */
    const char  *name;    /* of the person; NULL: nobody has named it */
    df_traits    traits;
    const float *vector;  /* [dims] */
    int64_t      added;   /* seconds since 1970; 0 in put(): now */
} df_store_face;

typedef struct df_store_photo {
    uint64_t             id;     /* given by the store */
    const char          *path;   /* any bytes, no NUL */
    uint8_t              sha256[32];
    uint64_t             size;
    int64_t              modified; /* ns since 1970 */
    const char          *meta;   /* a JSON object as text, or NULL */
    const char          *failed; /* why there are no faces, or NULL */
    const df_store_face *faces;
    size_t               n;
    bool                 once;   /* put(): leave it out where another path has the same content */
    bool                 left_out; /* set by put() */
} df_store_photo;

/* A face with its photo, as it is read. Everything is borrowed and ends with the call. */
typedef struct df_store_record {
    df_store_face         face;
    const df_store_photo *photo;       /* without its faces */
    const char           *person_meta; /* or NULL */
} df_store_record;

typedef enum df_change_kind { DF_CHANGE_ADD, DF_CHANGE_REMOVE } df_change_kind;
typedef struct df_change {
    df_change_kind kind;
    uint64_t       number, face; /* equal for DF_CHANGE_ADD */
    const float   *vector;       /* of an added face */
} df_change;

/* A condition of a filter, made by gallery/where.c: SQL over the tables of sqlite.c with a ? for each value. */
typedef struct df_value {
    enum { DF_VALUE_NULL, DF_VALUE_NUMBER, DF_VALUE_TEXT } kind;
    double      number;
    const char *text;
} df_value;
typedef struct df_condition {
    const char     *sql; /* NULL: every face */
    const df_value *values;
    size_t          n;
} df_condition;

typedef struct df_store_counts {
    uint64_t people, photos, failed, faces, unnamed, removals; /* removals: kept in the log */
    uint64_t with_age, with_gender, with_emotion, with_race, with_liveness, with_quality; /* faces of which it is known */
    uint64_t change, log_from;                                /* the last change; the log holds removals after log_from */
    uint64_t bytes, free_bytes;                               /* of the file; of them no longer used */
    int64_t  made;
} df_store_counts;

/* Return false to stop early. */
typedef bool (*df_record_fn)(void *user, const df_store_record *record);
typedef bool (*df_photo_fn)(void *user, const df_store_photo *photo);
typedef bool (*df_change_fn)(void *user, const df_change *change);
typedef void (*df_fault_fn)(void *user, const char *fault);

typedef enum df_store_how { DF_STORE_READ, DF_STORE_WRITE, DF_STORE_CREATE } df_store_how; /* CREATE: where there is none */

typedef struct df_store_ops {
    const char *scheme; /* "sqlite" */
    /* `key` is wanted where there is none yet; NULL takes a store as it is. Another pipeline is DF_E_STORE with both spelled out.
     * Errors: DF_E_IO absent, DF_E_STORE damaged, foreign, newer than this library. */
    df_status (*open)(const char *path, const df_store_key *key, df_store_how how, void **self, df_error *err);
    void      (*close)(void *self);
    const df_store_key *(*key)(const void *self);
    const char *(*uid)(const void *self); /* a random name that no other store has */

    /* What is read between begin and end is of one moment. *change: the last change of that moment. */
    df_status (*begin)(void *self, uint64_t *change, df_error *err);
    void      (*end)(void *self);

    /* All or none, on disk when it returns. A photo whose path is known takes the place of the old one, whose faces are removed.
     * `photos` get their ids. */
    df_status (*put)(void *self, df_store_photo *photos, size_t n, df_error *err);
    /* The file of a photo has another path, size or time, its content is the same. All or none. */
    df_status (*touch)(void *self, const df_store_photo *photos, size_t n, df_error *err);
    /* Remove photos with their faces; people without a face go too. All or none. */
    df_status (*forget)(void *self, const uint64_t *photos, size_t n, df_error *err);
    /* Remove faces; photos and people that are left without one go too. All or none. */
    df_status (*remove)(void *self, const uint64_t *faces, size_t n, df_error *err);
    /* Give faces the traits and the quality that they lack; what is known of them stays. Ids that are absent are passed over. All or none. */
    df_status (*describe)(void *self, const df_store_face *faces, size_t n, df_error *err);
    /* Give faces another name ("" takes it away) or their people other metadata ("" takes it away); NULL leaves as it is. All or none. */
    df_status (*update)(void *self, const uint64_t *faces, size_t n, const char *name, const char *meta, df_error *err);

    df_status (*photos)(void *self, df_photo_fn each, void *user, df_error *err); /* all, by id, without faces */
    /* Photo of a path, or of a content (path NULL; the first of several). *found is false where there is none; `each` is then not called. */
    df_status (*photo)(void *self, const char *path, const uint8_t sha256[32], df_photo_fn each, void *user, bool *found, df_error *err);
    df_status (*changes)(void *self, uint64_t after, df_change_fn each, void *user, df_error *err); /* in order; DF_E_STORE before log_from */
    /* Faces by id, in the order given; absent ones are passed over. `vectors`: with them. */
    df_status (*faces)(void *self, const uint64_t *ids, size_t n, bool vectors, df_record_fn each, void *user, df_error *err);
    df_status (*of_photo)(void *self, uint64_t photo, df_record_fn each, void *user, df_error *err); /* faces of a photo, with vectors */
    /* Ids of the faces of a condition, ascending; free(). */
    df_status (*select)(void *self, const df_condition *condition, uint64_t **ids, size_t *n, df_error *err);

    /* Small texts of the store's user, by name. *text is malloc, NULL where there is none. */
    df_status (*note)(void *self, const char *name, char **text, df_error *err);
    df_status (*set_note)(void *self, const char *name, const char *text, df_error *err);

    df_status (*counts)(void *self, df_store_counts *out, df_error *err);
    /* Read every row and compare what can be compared; each fault is told. DF_E_STORE when the file cannot be read on. */
    df_status (*check)(void *self, df_fault_fn each, void *user, size_t *faults, df_error *err);
    /* Give unused space back and forget the log of removals up to now. */
    df_status (*vacuum)(void *self, df_error *err);
} df_store_ops;

extern const df_store_ops df__store_sqlite;

#endif
