/* ann_load.h - modules of approximate indexes, found and loaded by name. */
#ifndef DF_INDEX_ANN_LOAD_H
#define DF_INDEX_ANN_LOAD_H

#include "core/status.h"
#include "index/ann_module.h"

/* The module of `what`, "name" or "name:parameters"; *parameters points behind the colon, or to "". Loaded once, never unloaded. */
df_status df__ann_module(const char *what, const df_ann_module **out, const char **parameters, df_error *err);
/* Names of the libraries: "hnsw", "faiss", ...; NULL past the last. */
const char *df__ann_kind(size_t index);

#endif
