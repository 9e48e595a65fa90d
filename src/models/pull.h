/* pull.h - fetches the file of a row of the catalogue: from its official addresses in order, or from where the caller says. */
#ifndef DF_MODELS_PULL_H
#define DF_MODELS_PULL_H

#include "models/loader.h"

typedef struct df_pull_job {
    const df_loader    *loader;
    const df_weights   *row;
    const df_pull_opts *opts;
    /* Opens the row's file at `path` as its stage does, and closes it: DF_E_BAD_MODEL and the like when it is another network. Asked about
     * files that no hash vouches for. */
    df_status (*fits)(void *user, const char *path, df_error *err);
    void *user;
} df_pull_job;

/* Is the file that lies there the right one? Reads all of it; one that nobody pinned and that was never used is the one that is expected
 * from now on when it fits. Errors: those of df__weights_check, of fits. */
df_status df__pull_look(const df_pull_job *job, df_error *err);
/* See df_model_pull. */
df_status df__pull(const df_pull_job *job, df_error *err);

#endif
