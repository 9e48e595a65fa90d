/* flat.h - exact search: the answer of reading every float32 row, at the price of reading the 8-bit copy.
 *
 * The order is df_distance's between query and row, in float64 of the float32 numbers, least first, equal ones by id; rows of length 0 are found by
 * `euclidean` alone, the others have no direction to compare. How it is proven: docs/index.md. */
#ifndef DF_INDEX_FLAT_H
#define DF_INDEX_FLAT_H

#include "index/filter.h"
#include "index/matrix.h"
#include "models/catalogue.h"

typedef struct df_hit { uint64_t id; double distance; } df_hit;

/* n queries of the matrix's dims, one after another; hits [n][k] and found [n]: how many of each row are filled. `filter` may be NULL.
 * Errors: DF_E_ARGUMENT (NaN, infinity; a query of length 0 unless `euclidean`), DF_E_NO_MEMORY, DF_E_STORE (a row that would be answered does
 * not fit its checksum). */
df_status df__flat_search(df_matrix *m, df_metric metric, const float *queries, size_t n, size_t k, const df_filter *filter, int threads,
                          df_hit *hits, size_t *found, df_error *err);

#endif
