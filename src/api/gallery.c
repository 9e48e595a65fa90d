/* gallery.c - opening and closing galleries; which pipeline their vectors are of. */
#include "api/gallery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/options.h"
#include "models/stamp.h"

void df_gallery_opts_init(df_gallery_opts *opts, size_t size)
{
    df_gallery_opts all = {.size = size, .create = true, .background = true};
    memset(opts, 0, size);
    memcpy(opts, &all, size < sizeof all ? size : sizeof all);
}

static df_status read_opts(const df_gallery_opts *given, df_gallery_opts *out, df_error *err)
{
    df_gallery_opts_init(out, sizeof *out);
    return df__struct_read("df_gallery_opts", given, out, sizeof *out, err);
}

/* sha256 of the ONNX file that a description names. */
static df_status own_hash(df_engine *engine, const df_recogniser *row, char out[65], df_error *err)
{
    df_status st = DF_OK;
    char *folder = NULL;
    df_bytes file = {0};
    df_file_state state;
    DF_TRY(df__cache_dir(&engine->loader, &folder, err));
    DF_TRY(df__map_file_state(row->file, (size_t)1 << 31, &file, &state, err));
    df__stamped_sha256(folder, row->file, &file, &state, true, out);
done:
    df__bytes_free(&file);
    free(folder);
    return st;
}

/* sha256 of a recogniser's file: the catalogue's, or what its first use wrote beside it. */
static df_status model_hash(df_engine *engine, const df_recogniser *row, char out[65], df_error *err)
{
    df_status st = DF_OK;
    if (!row->weights)
        return own_hash(engine, row, out, err);
    const df_model_info *info = &df__weights_find(row->weights)->info;
    const df_recogniser_net *net;
    df_bytes record = {0};
    char *path = NULL;
    if (info->sha256[0]) {
        snprintf(out, 65, "%s", info->sha256);
        return DF_OK;
    }
    DF_TRY(df__engine_recogniser(engine, row, &net, err));
    DF_TRY(df__weights_path(&engine->loader, info->file, &path, err));
    size_t size = strlen(path) + sizeof ".sha256";
    char *name = realloc(path, size);
    if (!name)
        DF_TRY(df__no_memory(err, "path", size));
    path = strcat(name, ".sha256");
    DF_TRY(df__read_file(path, 4096, &record, err));
    if (record.len < 64)
        DF_TRY(df__fail(err, DF_E_BAD_MODEL, "%s: not the record of a sha256", path));
    memcpy(out, record.data, 64);
    out[64] = '\0';
done:
    df__bytes_free(&record);
    free(path);
    return st;
}

df_status df__gallery_key(df_engine *engine, const df_opts *opts, df_store_key *out, df_error *err)
{
    const df_recogniser *row;
    const df_template *chip;
    char hash[65];
    df_status st = df__engine_row(engine, opts->model, &row, &chip, err);
    if (st == DF_OK)
        st = model_hash(engine, row, hash, err);
    if (st != DF_OK)
        return st;
    bool points = strcmp(opts->align, "points") == 0;
    int n = snprintf(out->pipeline, sizeof out->pipeline,
                     "model %s (%.12s), detector %s, align %s, normalization %s, expand %g, flip %s, mask %s%s%s", row->name, hash, opts->detector, opts->align,
                     opts->normalization, opts->expand, points && opts->flip ? "on" : "off",
                     !opts->mask ? "off" : strcmp(opts->landmarks, "68") == 0 ? "68" : "468",
                     opts->border && strcmp(opts->align, "eyes") == 0 ? ", border on" : "",
                     engine->loader.precision == DF_PRECISION_INT8 ? ", precision int8" : "");
    if (n < 0 || (size_t)n >= sizeof out->pipeline)
        return df__fail(err, DF_E_INTERNAL, "the name of a pipeline has %d bytes", n);
    out->dims = (uint32_t)row->dims;
    return DF_OK;
}

df_status df_gallery_open(df_engine *engine, const char *path, const df_opts *opts, const df_gallery_opts *how, df_gallery **out, df_error *err)
{
    df_status st = DF_OK;
    df_gallery_opts o;
    df_store_key key;
    df_gallery *g = NULL;
    if (!engine || !path || !out)
        return df__fail(err, DF_E_ARGUMENT, "df_gallery_open: a NULL argument");
    *out = NULL;
    DF_TRY(read_opts(how, &o, err));
    g = calloc(1, sizeof *g);
    if (g)
        g->path = strdup(path);
    if (!g || !g->path)
        DF_TRY(df__no_memory(err, "gallery", sizeof *g));
    g->engine = engine, g->ops = &df__store_sqlite, g->read_only = o.read_only;
    DF_TRY(df__opts_read(opts, &g->opts, err));
    DF_TRY(df__gallery_key(engine, &g->opts, &key, err));
    DF_TRY(g->ops->open(path, &key, o.read_only ? DF_STORE_READ : o.create ? DF_STORE_CREATE : DF_STORE_WRITE, &g->store, err));
    DF_TRY(df__vectors_open(g->ops, g->store, path, !o.read_only, &g->vectors, err));
    DF_TRY(df__indexes_new(g->vectors, path, !o.read_only, o.background, engine->threads, &g->indexes, err));
    *out = g, g = NULL;
done:
    df_gallery_close(g);
    return st;
}

void df_gallery_close(df_gallery *g)
{
    if (!g)
        return;
    df__indexes_free(g->indexes);
    df__vectors_close(g->vectors);
    if (g->store)
        g->ops->close(g->store);
    for (size_t i = 0; i < DF_GALLERY_FILTERS; i++)
        free(g->filters[i].text), free(g->filters[i].ids);
    free(g->path);
    free(g);
}

df_status df__gallery_pipeline(df_gallery *g, const df_opts *opts, bool network, df_pipeline *out, df_error *err)
{
    df_status st = df__pipeline_open(g->engine, opts ? opts : &g->opts, network, out, err);
    return st == DF_OK ? df__gallery_fits(g, out, err) : st;
}

df_status df__gallery_fits(df_gallery *g, const df_pipeline *p, df_error *err)
{
    df_status st = DF_OK;
    df_store_key key;
    const df_store_key *mine = g->ops->key(g->store);
    DF_TRY(df__gallery_key(g->engine, &p->opts, &key, err));
    if (strcmp(key.pipeline, mine->pipeline) != 0)
        return df__fail(err, DF_E_STORE, "%s holds vectors of %s, not of %s: vectors of two pipelines do not compare", g->path, mine->pipeline, key.pipeline);
done:
    return st;
}

df_status df_gallery_get_stats(df_gallery *g, df_gallery_stats *out, df_error *err)
{
    df_store_counts c;
    if (!g || !out)
        return df__fail(err, DF_E_ARGUMENT, "df_gallery_get_stats: a NULL argument");
    df_status st = g->ops->counts(g->store, &c, err);
    if (st != DF_OK)
        return st;
    const df_store_key *key = g->ops->key(g->store);
    *out = (df_gallery_stats){.dims = key->dims, .people = c.people, .photos = c.photos, .faces = c.faces, .unnamed = c.unnamed, .bytes = c.bytes,
                              .unused_bytes = c.free_bytes, .matrix_bytes = df__vectors_bytes(g->vectors), .change = c.change, .made = c.made,
                              .with_age = c.with_age, .with_gender = c.with_gender, .with_emotion = c.with_emotion, .with_race = c.with_race,
                              .with_liveness = c.with_liveness, .with_quality = c.with_quality};
    memcpy(out->pipeline, key->pipeline, sizeof out->pipeline);
    return DF_OK;
}
