/* models.c - the catalogue as callers see it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/engine.h"
#include "api/pull.h"

const df_model_info *df_model_at(size_t index)
{
    const df_weights *row = df__weights_at(index);
    return row ? &row->info : NULL;
}

const char *df_model_url(const char *name, size_t index)
{
    const df_weights *row = name ? df__weights_find(name) : NULL;
    size_t n = 0;
    while (row && row->urls[n])
        n++;
    return index < n ? row->urls[index] : NULL;
}

size_t df_model_bytes(const char *name, bool *rough)
{
    const df_weights *row = name ? df__weights_find(name) : NULL;
    if (rough)
        *rough = row && row->info.bytes == 0 && row->about > 0;
    return !row ? 0 : row->info.bytes ? row->info.bytes : row->about;
}

df_status df_model_check(df_engine *engine, const char *name, bool hash, df_model_state *state, char *path, size_t path_size, df_error *err)
{
    df_status st = DF_OK;
    char *full = NULL;
    const df_weights *row = name ? df__weights_find(name) : NULL;
    if (!engine || !state)
        return df__fail(err, DF_E_ARGUMENT, "df_model_check: a NULL argument");
    if (!row)
        return df__fail(err, DF_E_ARGUMENT, "df_model_check: no weights are named \"%s\"", name ? name : "(NULL)");
    DF_TRY(df__weights_path(&engine->loader, row->info.file, &full, err));
    if (path && path_size)
        snprintf(path, path_size, "%s", full);
    struct stat info;
    if (stat(full, &info) != 0) {
        int why = errno;
        *state = DF_MODEL_ABSENT;
        if (why != ENOENT && why != ENOTDIR)
            DF_TRY(df__fail(err, DF_E_IO, "cannot read %s: %s", full, strerror(why)));
    } else if (!hash) {
        *state = row->info.bytes == 0 || (size_t)info.st_size == row->info.bytes ? DF_MODEL_READY : DF_MODEL_DAMAGED;
    } else {
        df_pull_opts quiet = df_pull_opts_default();
        df_pull_job job = {.loader = &engine->loader, .row = row, .opts = &quiet, .fits = df__model_fits};
        job.user = &job;
        st = df__pull_look(&job, err);
        *state = st == DF_OK ? DF_MODEL_READY : DF_MODEL_DAMAGED;
        if (st == DF_E_BAD_MODEL || st == DF_E_UNSUPPORTED) /* an answer, not a failure; err says what is wrong */
            st = DF_OK;
    }
done:
    free(full);
    return st;
}
