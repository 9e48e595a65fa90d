/* ann_part.h - what the files of approximate indexes share: an index in memory, and searching one with a view that is held. */
#ifndef DF_INDEX_ANN_PART_H
#define DF_INDEX_ANN_PART_H

#include "index/ann.h"
#include "index/ann_module.h"
#include "index/matrix_file.h"

struct df_ann {
    const df_ann_module *module;
    const char          *parameters;
    void                *self;
    df_ann_head          head;
};

/* As df__ann_search. */
df_status df__ann_search_view(const df_ann *a, const df_view *v, df_metric metric, const float *queries, size_t n, size_t k, const df_filter *filter,
                              double effort, int threads, df_hit *hits, size_t *found, size_t *exact, df_error *err);
/* Fill in a->head.points by asking for rows of the view. */
df_status df__ann_measure(df_ann *a, const df_view *v, df_metric metric, int threads, df_error *err);

#endif
