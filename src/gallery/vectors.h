/* vectors.h - the vectors of a store, ready to be searched: the memory-mapped matrix beside the database as far as it has caught up, and what
 * came later from the database itself. An answer is thus of one moment and complete, whoever writes and whatever happened to the matrix. */
#ifndef DF_GALLERY_VECTORS_H
#define DF_GALLERY_VECTORS_H

#include "models/catalogue.h"
#include "store/store.h"

typedef struct df_hit { uint64_t id; double distance; } df_hit; /* least distance first; equal ones by id */
typedef struct df_filter { const uint64_t *ids; size_t n; } df_filter; /* ascending */

typedef struct df_vectors df_vectors;

/* path: of the database; the store stays the caller's. write: bring the matrix up to date where that is due. */
df_status df__vectors_open(const df_store_ops *ops, void *store, const char *path, bool write, df_vectors **out, df_error *err);
void      df__vectors_close(df_vectors *v);
/* Begin to read: what follows up to df__vectors_end is of one moment, in the store as well. */
df_status df__vectors_begin(df_vectors *v, df_error *err);
void      df__vectors_end(df_vectors *v);
/* Faces that can be found. */
size_t    df__vectors_count(const df_vectors *v);
/* The k nearest of each of n queries [n][dims]: hits [n][k], found [n]. A NULL filter allows all. */
df_status df__vectors_search(df_vectors *v, df_metric metric, const float *queries, size_t n, size_t k, const df_filter *filter, int threads,
                             df_hit *hits, size_t *found, df_error *err);
/* All within `most` of one query, nearest first; free() the hits. */
df_status df__vectors_within(df_vectors *v, df_metric metric, const float *query, double most, const df_filter *filter, int threads, df_hit **hits,
                             size_t *found, df_error *err);

#endif
