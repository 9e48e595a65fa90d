/* vectors.h - the vectors of a store, ready to be searched: the memory-mapped matrix beside the database as far as it has caught up, and what
 * came later from the database itself. An answer is thus of one moment and complete, whoever writes and whatever happened to the matrix. */
#ifndef DF_GALLERY_VECTORS_H
#define DF_GALLERY_VECTORS_H

#include "index/ann.h"
#include "store/store.h"

typedef struct df_vectors df_vectors;

/* path: of the database, the matrix is "PATH-vectors"; the store stays the caller's. write: bring the matrix up to date where that is due. */
df_status df__vectors_open(const df_store_ops *ops, void *store, const char *path, bool write, df_vectors **out, df_error *err);
void      df__vectors_close(df_vectors *v);
/* Begin to read: what follows up to df__vectors_end is of one moment, in the store as well; *change (may be NULL) is its last change. */
df_status df__vectors_begin(df_vectors *v, uint64_t *change, df_error *err);
void      df__vectors_end(df_vectors *v);
/* Faces that can be found, between begin and end. */
size_t    df__vectors_count(const df_vectors *v);
/* Rows of the matrix, removed ones among them, and what came later: what an index is behind of. */
size_t    df__vectors_rows(const df_vectors *v);
/* Bytes of the matrix's file, 0 where there is none. */
uint64_t  df__vectors_bytes(const df_vectors *v);
/* Bring the matrix up to date now; not between begin and end. Where another process is at it, nothing is done. compact: throw removed rows away. */
df_status df__vectors_catch_up(df_vectors *v, bool compact, df_error *err);
/* Compare the matrix with the store, vector by vector; each fault is told. Not between begin and end. */
df_status df__vectors_check(df_vectors *v, df_fault_fn each, void *user, size_t *faults, df_error *err);
/* From now to df__vectors_end the two below ask this index with this effort (for ten; in proportion for more); NULL: the matrix itself. */
void      df__vectors_use(df_vectors *v, const df_ann *index, double effort);
/* Was every answer since df__vectors_begin exact? */
bool      df__vectors_exact(const df_vectors *v);
/* The k nearest of each of n queries [n][dims]: hits [n][k], found [n]. A NULL filter allows all. */
df_status df__vectors_search(df_vectors *v, df_metric metric, const float *queries, size_t n, size_t k, const df_filter *filter, int threads,
                             df_hit *hits, size_t *found, df_error *err);
/* All within `most` of one query, nearest first; free() the hits. */
df_status df__vectors_within(df_vectors *v, df_metric metric, const float *query, double most, const df_filter *filter, int threads, df_hit **hits,
                             size_t *found, df_error *err);

#endif
