/* process.h - the faces of a photo and all that was wanted of them. */
#ifndef DF_API_PROCESS_H
#define DF_API_PROCESS_H

#include "api/pipeline.h"

enum { DF_PROCESS_NETS = 8 };

/* The pipeline and the networks of what is wanted, opened; read by any number of threads. */
typedef struct df_processor {
    df_pipeline         p;
    unsigned            want; /* DF_WITH_* */
    df_family           family, liveness;
    const df_attribute *nets[DF_PROCESS_NETS];
    df_net             *opened[DF_PROCESS_NETS];
    size_t              n_nets;
} df_processor;

df_status df__process_open(df_engine *engine, unsigned want, const df_opts *opts, df_processor *out, df_error *err);
/* The same for a part of what it is open for. */
df_processor df__process_less(const df_processor *w, unsigned want);
/* One photo, of a path or of a picture. With DF_WITH_EMBEDDING the vectors are those of df__pipeline_represent. */
df_status df__process_one(const df_processor *w, const char *path, const df_image *img, int threads, df_results **out, df_error *err);
/* Photos of paths together: each is opened by a thread, then the faces of all go through the networks in batches. One that fails fails alone:
 * `st` and `err`, `out` NULL. So many at most are worth holding in memory at once: df__process_most. */
typedef struct df_processed { const char *path; df_results *out; df_status st; df_error err; } df_processed;
void   df__process_group(const df_processor *w, df_processed *photos, size_t n, int threads);
size_t df__process_most(const df_engine *engine);

struct df_results {
    size_t         n;
    unsigned       want;
    df_family      family;     /* of the networks of attributes */
    df_face       *faces;      /* [n] */
    df_attributes *attributes; /* [n] */
    df_embeddings *e;          /* NULL: none wanted */
};

#endif
