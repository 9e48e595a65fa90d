/* indexes.h - the approximate indexes of a gallery: files beside its database, one a library and order of distances, derived from the matrix. They are
 * opened when asked for, built in the background, and told from what they were built of. Whatever is absent, stale or damaged is answered exactly.
 *
 * One thread at a time, that of the gallery; what goes on in the background has a matrix of its own. */
#ifndef DF_GALLERY_INDEXES_H
#define DF_GALLERY_INDEXES_H

#include "gallery/vectors.h"
#include "index/ann.h"

enum { DF_INDEX_WHY = 400 };

typedef struct df_indexes df_indexes;

/* How a search is to be answered. */
typedef struct df_index_use {
    const df_ann *ann;             /* NULL: exactly */
    double        effort;          /* for df__vectors_use */
    char          name[DF_ANN_WHAT]; /* "flat", "hnsw:M=16,ef=100" */
    char          why[DF_INDEX_WHY]; /* "": nobody asked for an index */
} df_index_use;

/* path: of the database; "PATH-hnsw" is an index of hnswlib. write: files may be made. background: threads may load and build; so many of them. */
df_status df__indexes_new(df_vectors *v, const char *path, bool write, bool background, int threads, df_indexes **out, df_error *err);
void      df__indexes_free(df_indexes *x); /* NULL is fine; what goes on in the background is stopped and waited for */

/* Is it the name of an index, "flat" or "auto"? Errors: those of df__ann_can. */
df_status df__indexes_check(const char *what, df_error *err);
/* Between df__vectors_begin and df__vectors_end: what answers n queries that want this recall. Where no index is ready, one is begun in the background. */
void      df__indexes_choose(df_indexes *x, const char *what, df_metric metric, double recall, size_t n, df_index_use *out);
/* Build now and wait; "auto" is what df__ann_auto says, DF_E_ARGUMENT with its reason where that is no index. Not between begin and end. */
df_status df__indexes_build(df_indexes *x, const char *what, df_metric metric, df_ann_step step, void *user, df_error *err);
/* Remove the files of an index. DF_E_ARGUMENT: there is none. */
df_status df__indexes_drop(df_indexes *x, const char *what, df_metric metric, df_error *err);

/* The index in this place, as its head says; *stale tells why it is not used, "" where it is. false: there is none. Places past the last: *name is NULL.
 * Between df__vectors_begin and df__vectors_end. */
bool df__indexes_at(df_indexes *x, size_t place, const char **name, df_ann_head *head, char stale[DF_INDEX_WHY]);

#endif
