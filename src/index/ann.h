/* ann.h - approximate indexes of libraries that others wrote, behind one contract.
 *
 * An index is two files: `path`, a head of our own that says what it is, of which matrix, and the checksum of the other one, `path`.NUMBER, which is the
 * library's. Both are written beside and renamed, the head last, so that it names a whole one; a file that is truncated, foreign or damaged is DF_E_STORE
 * before the library sees it, one of another state of the matrix too. Rows that came after it was built are searched exactly beside it, removed and filtered ones
 * are dropped and more is asked for, and every answer's distance is df_distance's.
 *
 * The libraries are C++ in modules of their own (modules/), loaded when they are asked for: nobody else pays for them. */
#ifndef DF_INDEX_ANN_H
#define DF_INDEX_ANN_H

#include "index/ann_file.h"
#include "index/flat.h"

typedef struct df_ann df_ann;

#define DF_ANN_RECALL 0.95 /* where nobody asks for another */
#define DF_ANN_WORTH  0.92 /* of an exact search's time: what takes longer is not worth missing a face, and the measurement is no closer */

/* Rows done of all; false stops the build: DF_E_STOPPED. */
typedef bool (*df_ann_step)(void *user, size_t done, size_t all);

/* Is `what` ("hnsw", "hnsw:M=16,ef=200", "faiss:IVF1024,Flat", "annoy:trees=50") an index that is built in here? DF_E_ARGUMENT for an unknown
 * name, DF_E_UNSUPPORTED with the package to install otherwise. */
df_status df__ann_can(const char *what, df_error *err);
/* Build from the rows that are there now and keep it as `path`. Searches and appends go on meanwhile. DF_E_STORE: another process is building it. */
df_status df__ann_build(df_matrix *m, df_metric metric, const char *what, int threads, df_ann_step step, void *user, const char *path, df_error *err);
/* Is the index of this head one of the matrix as it is now? DF_E_STORE: stale, or for other vectors: build anew. */
df_status df__ann_fits(const char *path, const df_ann_head *head, df_matrix *m, df_metric metric, df_error *err);
/* DF_E_STORE: stale, truncated, foreign or damaged: build anew. Any number of threads may search one. */
df_status df__ann_open(const char *path, df_matrix *m, df_metric metric, df_ann **out, df_error *err);
void      df__ann_close(df_ann *a); /* NULL is fine */
const df_ann_head *df__ann_head(const df_ann *a);
/* As df__flat_search, of the matrix that it was opened for; `effort` is the library's own number (hnsw and faiss HNSW: ef, IVF: nprobe, annoy: search_k),
 * 0 its default. Any metric but euclidean serves for any other but euclidean. *exact: how many of the queries were answered exactly. */
df_status df__ann_search(const df_ann *a, df_matrix *m, df_metric metric, const float *queries, size_t n, size_t k, const df_filter *filter, double effort,
                         int threads, df_hit *hits, size_t *found, size_t *exact, df_error *err);
/* The effort that finds this part of the ten nearest, and the share of an exact search's time that one query then takes, as measured when the index was
 * built. false: no effort does. */
bool df__ann_effort(const df_ann_head *head, double recall, double *effort, double *share);

/* Which index is worth building for this many rows, by measurement (docs/index.md): "flat" or what df__ann_build takes. `recall` of the exact k, 0..1; `batch`: queries that come
 * at once. Writes a sentence that says why. */
const char *df__ann_auto(size_t rows, uint32_t dims, double recall, size_t batch, char *why, size_t why_bytes);

#endif
