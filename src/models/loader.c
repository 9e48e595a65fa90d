/* loader.c - finds a weight file, checks it, and makes a net of it. */
#include "models/loader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/sha256.h"
#include "models/caffe.h"
#include "models/dlib.h"
#include "nn/onnx.h"

static const size_t weights_limit = (size_t)1 << 31; /* bytes of a weight file at most */

static df_status join(const char *a, const char *b, char **out, df_error *err)
{
    size_t size = strlen(a) + strlen(b) + 2;
    *out = malloc(size);
    if (!*out)
        return df__no_memory(err, "path", size);
    snprintf(*out, size, "%s/%s", a, b);
    return DF_OK;
}

df_status df__weights_dir(char **out, df_error *err)
{
    const char *home = getenv("DEEPFACE_HOME");
    if (!home || !*home)
        home = getenv("HOME");
    *out = NULL;
    if (!home || !*home)
        return df__fail(err, DF_E_ARGUMENT, "neither DEEPFACE_HOME nor HOME is set: where are the weights?");
    return join(home, ".deepface/weights", out, err);
}

df_status df__weights_path(const df_loader *loader, const char *file, char **out, df_error *err)
{
    return join(loader->dir, file, out, err);
}

static df_status absent(const df_model_info *info, const char *path, df_error *err)
{
    return df__fail(err, DF_E_NO_MODEL, "%s: weights not found at %s (%.1f MB, %s). To fetch them: %s", info->name, path,
                    (double)info->bytes / 1e6, info->licence, info->get);
}

df_status df__weights_open(const df_loader *loader, const char *name, df_bytes *out, df_error *err)
{
    df_status st = DF_OK;
    df_bytes file = {0};
    char *path = NULL, hash[65];
    const df_weights *row = df__weights_find(name);
    *out = (df_bytes){0};
    if (!row)
        return df__fail(err, DF_E_ARGUMENT, "no weights are named \"%s\"", name);
    const df_model_info *info = &row->info;
    DF_TRY(df__weights_path(loader, info->file, &path, err));
    if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        st = absent(info, path, err);
        goto done;
    }
    DF_TRY(df__map_file(path, weights_limit, &file, err));
    if (file.len != info->bytes) {
        st = df__fail(err, DF_E_BAD_MODEL, "%s: %s has %zu bytes, not %zu: cut off or another file. Delete it, then: %s", info->name,
                      path, file.len, info->bytes, info->get);
        goto done;
    }
    df__sha256_hex(file.data, file.len, hash);
    if (strcmp(hash, info->sha256) != 0) {
        st = df__fail(err, DF_E_BAD_MODEL, "%s: %s has sha256 %s, not %s. Delete it, then: %s", info->name, path, hash,
                      info->sha256, info->get);
        goto done;
    }
    df__log(&loader->log, DF_LOG_DEBUG, "%s: %s, %zu bytes, sha256 right", info->name, path, file.len);
    *out = file, file = (df_bytes){0};
done:
    df__bytes_free(&file);
    free(path);
    return st;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

static df_status open_caffe(const df_loader *loader, const char *name, const df_bytes *caffemodel, df_graph **out, df_error *err)
{
    df_status st = DF_OK;
    df_bytes prototxt = {0};
    char text[96];
    snprintf(text, sizeof text, "%s-prototxt", name);
    DF_TRY(df__weights_open(loader, text, &prototxt, err));
    DF_TRY(df__caffe_parse(&prototxt, caffemodel, name, out, err));
done:
    df__bytes_free(&prototxt);
    return st;
}

df_status df__weights_net(const df_loader *loader, const char *name, df_net **out, df_error *err)
{
    df_status st = DF_OK;
    df_bytes file = {0};
    df_graph *graph = NULL;
    *out = NULL;
    DF_TRY(df__weights_open(loader, name, &file, err));
    const char *base = df__weights_find(name)->info.file;
    if (ends_with(base, ".onnx"))
        DF_TRY(df__onnx_parse(&file, base, NULL, &graph, err));
    else if (ends_with(base, ".dat"))
        DF_TRY(df__dlib_recogniser_parse(&file, base, &graph, err));
    else if (ends_with(base, ".caffemodel"))
        DF_TRY(open_caffe(loader, name, &file, &graph, err));
    else
        DF_TRY(df__fail(err, DF_E_UNSUPPORTED, "%s: no reader for %s", name, base));
    df_graph *given = graph;
    graph = NULL; /* df__net_new takes it over in any case */
    DF_TRY(df__net_new(given, NULL, out, err));
done:
    df__graph_free(graph);
    df__bytes_free(&file);
    return st;
}
