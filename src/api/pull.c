/* pull.c - df_model_pull, and whether a file is the network that its row tells of. */
#include "api/pull.h"

#include <string.h>

#include "api/engine.h"
#include "core/options.h"

enum { MOST_RETRIES = 100, MOST_STALL = 3600 };

/* ---- is it that network? ---- */

/* A picture of one or three channels: which dimensions hold its height and width. False: neither planes nor pixels. */
static bool picture(const df_tensor *in, int64_t *height, int64_t *width)
{
    bool last = in->rank == 4 && (in->dims[3] == 3 || in->dims[3] == 1), planes = in->rank == 4 && (in->dims[1] == 3 || in->dims[1] == 1);
    *height = last ? in->dims[1] : in->dims[2];
    *width = last ? in->dims[2] : in->dims[3];
    return last || planes;
}

/* As the file declares its first input and output, as far as it does: the row's pixels and the row's numbers. */
static df_status declared(const df_net *net, const df_model_info *info, df_error *err)
{
    if (df__net_inputs(net) == 0 || df__net_outputs(net) == 0)
        return df__fail(err, DF_E_BAD_MODEL, "%s: no input or no output", info->file);
    const df_tensor *in = &df__net_input(net, 0)->shape, *out = &df__net_output(net, 0)->shape;
    int64_t height = -1, width = -1;
    if (info->width && (!picture(in, &height, &width) || (height > 0 && height != info->height) || (width > 0 && width != info->width)))
        return df__fail(err, DF_E_BAD_MODEL, "%s: input %s is no picture of %d x %d pixels, as %s takes", info->file,
                        df__net_input(net, 0)->name, info->width, info->height, info->name);
    int64_t dims = out->rank > 0 ? out->dims[out->rank - 1] : -1;
    if (info->dims && dims > 0 && dims != info->dims)
        return df__fail(err, DF_E_BAD_MODEL, "%s: output %s has %lld numbers, not the %d of %s", info->file, df__net_output(net, 0)->name,
                        (long long)dims, info->dims, info->name);
    return DF_OK;
}

/* Rows whose network no detector and no recogniser of that name opens. */
static df_status fits_row(const df_loader *loader, const df_weights *row, df_net **net, df_error *err)
{
    df_status st = DF_OK;
    DF_TRY(df__weights_net(loader, row->info.name, loader->precision, net, err));
    DF_TRY(declared(*net, &row->info, err));
done:
    return st;
}

df_status df__model_fits(void *user, const char *path, df_error *err)
{
    const df_pull_job *job = user;
    df_loader loader = *job->loader;
    const char *name = job->row->info.name;
    const df_detector_ops *detector = df__detector_find(name);
    const df_recogniser *recogniser = NULL;
    df_net *net = NULL;
    loader.tried = job->row;
    loader.tried_at = path;
    for (size_t i = 0; (recogniser = df__recogniser_at(i)) && (!recogniser->weights || strcmp(recogniser->weights, name) != 0); i++) {}
    if (detector) {
        void *self = NULL;
        df_status st = detector->open(&loader, &self, err);
        detector->close(self);
        return st;
    }
    if (recogniser) {
        df_recogniser_net opened = {0};
        df_status st = df__recogniser_open(&loader, recogniser, &opened, err);
        if (st == DF_OK)
            st = declared(opened.net, &job->row->info, err);
        df__recogniser_close(&opened);
        return st;
    }
    df_status st = fits_row(&loader, job->row, &net, err);
    df__net_free(net);
    return st;
}

/* ---- the call ---- */

void df_pull_opts_init(df_pull_opts *opts, size_t size)
{
    df_pull_opts all = {.size = size, .retries = 4, .stall = 30};
    memset(opts, 0, size);
    memcpy(opts, &all, size < sizeof all ? size : sizeof all);
}

static df_status read_opts(const df_pull_opts *given, df_pull_opts *out, df_error *err)
{
    df_pull_opts_init(out, sizeof *out);
    df_status st = df__struct_read("df_pull_opts", given, out, sizeof *out, err);
    if (st != DF_OK)
        return st;
    if (out->retries < 0 || out->retries > MOST_RETRIES)
        return df__fail(err, DF_E_ARGUMENT, "retries: %d is outside 0..%d", out->retries, MOST_RETRIES);
    if (out->stall < 1 || out->stall > MOST_STALL)
        return df__fail(err, DF_E_ARGUMENT, "stall: %d is outside 1..%d", out->stall, MOST_STALL);
    if (out->from && !*out->from)
        return df__fail(err, DF_E_ARGUMENT, "from: an empty name");
    return DF_OK;
}

df_status df_model_pull(df_engine *engine, const char *name, const df_pull_opts *opts, df_error *err)
{
    df_status st = DF_OK;
    df_pull_opts o;
    if (!engine || !name)
        return df__fail(err, DF_E_ARGUMENT, "df_model_pull: a NULL argument");
    const df_weights *row = df__weights_find(name);
    if (!row)
        return df__fail(err, DF_E_ARGUMENT, "df_model_pull: no weights are named \"%s\"", name);
    DF_TRY(read_opts(opts, &o, err));
    df_pull_job job = {.loader = &engine->loader, .row = row, .opts = &o, .fits = df__model_fits};
    job.user = &job;
    DF_TRY(df__pull(&job, err));
done:
    return st;
}
