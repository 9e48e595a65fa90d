/* gallery_register.c - the verb register. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/gallery.h"
#include "core/options.h"

/* A gallery is read from other working folders than the one it was made in. malloc. */
static char *absolute(const char *folder, const char *path)
{
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    size_t size = strlen(folder) + strlen(path) + 2;
    char *full = malloc(size);
    if (full)
        snprintf(full, size, "%s%s%s", path[0] == '/' ? "" : folder, path[0] == '/' || strcmp(folder, "/") == 0 ? "" : "/", path);
    return full;
}

void df_register_opts_init(df_register_opts *opts, size_t size)
{
    df_register_opts all = {.size = size};
    memset(opts, 0, size);
    memcpy(opts, &all, size < sizeof all ? size : sizeof all);
}

static df_status read_opts(const df_register_opts *given, df_register_opts *out, df_error *err)
{
    const unsigned all = DF_WITH_ATTRIBUTES | DF_WITH_LIVENESS | DF_WITH_QUALITY;
    df_register_opts_init(out, sizeof *out);
    df_status st = df__struct_read("df_register_opts", given, out, sizeof *out, err);
    if (st != DF_OK)
        return st;
    return out->with & ~all ? df__fail(err, DF_E_ARGUMENT, "with: only age, gender, emotion, race, liveness and quality can be kept beside the vector") : DF_OK;
}

df_status df_gallery_register(df_gallery *g, const df_photo_item *items, size_t n, const df_opts *opts, const df_register_opts *how, df_register_fn each,
                              void *user, df_error *err)
{
    df_status st = DF_OK;
    df_processor w;
    df_register_opts o;
    char *folder = NULL;
    df_ingest_item *list = NULL;
    if (!g || (!items && n))
        return df__fail(err, DF_E_ARGUMENT, "df_gallery_register: a NULL argument");
    if (g->read_only)
        return df__fail(err, DF_E_STORE, "%s: opened for reading alone", g->path);
    DF_TRY(read_opts(how, &o, err));
    for (size_t i = 0; i < n; i++) {
        if (!items[i].path || !*items[i].path || strcmp(items[i].path, "-") == 0)
            return df__fail(err, DF_E_ARGUMENT, "photo %zu is no file", i);
        if (items[i].name && strlen(items[i].name) > DF_STORE_NAME)
            return df__fail(err, DF_E_LIMIT, "%s: its name has %zu bytes, the limit is %d", items[i].path, strlen(items[i].name), DF_STORE_NAME);
        DF_TRY(df__gallery_check_meta(items[i].path, items[i].meta, err));
    }
    DF_TRY(df__process_open(g->engine, DF_WITH_EMBEDDING | o.with, opts ? opts : &g->opts, &w, err));
    DF_TRY(df__gallery_fits(g, &w.p, err));
    folder = getcwd(NULL, 0);
    if (!folder)
        DF_TRY(df__fail(err, DF_E_IO, "the working folder cannot be found: %s", strerror(errno)));
    list = calloc(n + 1, sizeof *list);
    if (!list)
        DF_TRY(df__no_memory(err, "photos", n * sizeof *list));
    for (size_t i = 0; i < n; i++) {
        list[i] = (df_ingest_item){.path = items[i].path, .stored = absolute(folder, items[i].path), .name = items[i].name, .meta = items[i].meta, .index = i};
        if (!list[i].stored)
            DF_TRY(df__no_memory(err, "path", strlen(items[i].path)));
    }
    df_ingest job = {.items = list, .n = n, .with = o.with, .once = true, .each = each, .user = user};
    DF_TRY(df__gallery_ingest(g, &w, &job, err));
done:
    for (size_t i = 0; list && i < n; i++)
        free((char *)list[i].stored);
    free(list);
    free(folder);
    return st;
}
