/* flat_part.h - an exact search of a view that is held, from a row on. */
#ifndef DF_INDEX_FLAT_PART_H
#define DF_INDEX_FLAT_PART_H

#include "index/flat.h"
#include "index/matrix_file.h"

/* As df__flat_search, over the rows [from, v->rows). */
df_status df__flat_search_view(const df_view *v, df_metric metric, const float *queries, size_t n, size_t k, const df_filter *filter, size_t from,
                               int threads, df_hit *hits, size_t *found, df_error *err);

#endif
