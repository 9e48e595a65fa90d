/* loader.c - finds a weight file, checks it, and makes a net of it. */
#include "models/loader.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/sha256.h"
#include "models/caffe.h"
#include "models/dlib.h"
#include "models/first_seen.h"
#include "models/stamp.h"
#include "nn/onnx.h"
#include "nn/precision.h"
#include "nn/weight_cache.h"

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

static bool begins_with(const char *text, const char *begin) { return strncmp(text, begin, strlen(begin)) == 0; }

static df_status absent(const df_weights *row, const char *path, df_error *err)
{
    const df_model_info *info = &row->info;
    if (info->bytes == 0 && row->about)
        return df__fail(err, DF_E_NO_MODEL, "%s: weights not found at %s (about %.0f MB, %s). To fetch them: %s", info->name, path,
                        (double)row->about / 1e6, info->licence, info->get);
    if (info->bytes == 0)
        return df__fail(err, DF_E_NO_MODEL, "%s: weights not found at %s (%s). To fetch them: %s", info->name, path, info->licence, info->get);
    bool both = row->urls[0] && !begins_with(info->get, "deepface "); /* its project's address serves it too */
    return df__fail(err, DF_E_NO_MODEL, "%s: weights not found at %s (%.1f MB, %s). To fetch them: %s%s%s", info->name, path,
                    (double)info->bytes / 1e6, info->licence, info->get, both ? ", or deepface models pull " : "", both ? info->name : "");
}

/* ---- the cache folder ---- */

df_status df__cache_dir(const df_loader *loader, char **out, df_error *err)
{
    const char *set = getenv("DEEPFACE_CACHE");
    static const char last[] = "/weights";
    size_t n = strlen(loader->dir);
    *out = NULL;
    if (set && strcmp(set, "off") == 0)
        return DF_OK;
    while (n > 1 && loader->dir[n - 1] == '/')
        n--;
    if (n >= strlen(last) && strncmp(loader->dir + n - strlen(last), last, strlen(last)) == 0)
        n -= strlen(last);
    size_t size = set && *set ? strlen(set) + 1 : n + sizeof "/cache";
    *out = malloc(size);
    if (!*out)
        return df__no_memory(err, "path", size);
    if (set && *set)
        memcpy(*out, set, size);
    else
        snprintf(*out, size, "%.*s/cache", (int)n, loader->dir);
    return DF_OK;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

/* Caches of the same model and precision that are of no more use here - of another version of the model, the library or the machine - and what
 * killed writers left. Called when a new one is about to be made. */
static void sweep(const df_loader *loader, const char *folder, const char *begin, const char *keep)
{
    static const int64_t hour = (int64_t)3600 * 1000000000;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        df_file_state state;
        char *path = NULL;
        df_error err;
        bool part = ends_with(e->d_name, ".part"), cache = ends_with(e->d_name, ".packed") || ends_with(e->d_name, ".packed.small");
        if (!begins_with(e->d_name, begin) || !(part || cache) || (!part && begins_with(e->d_name, keep)) || join(folder, e->d_name, &path, &err))
            continue;
        bool writing = part && df__file_state(path, &state) && state.modified > ((int64_t)time(NULL) * 1000000000) - hour;
        if (!writing && unlink(path) == 0)
            df__log(&loader->log, DF_LOG_DEBUG, "%s: removed, of no more use", path);
        free(path);
    }
    if (d)
        closedir(d);
}

static df_status cache_path(const df_loader *loader, const char *base, df_precision precision, const uint8_t model[32], char **out, df_error *err)
{
    uint8_t id[32];
    df_status st = DF_OK;
    char *folder = NULL;
    *out = NULL;
    DF_TRY(df__cache_dir(loader, &folder, err));
    if (!folder)
        goto done;
    df__cache_identity(model, precision, id);
    size_t size = strlen(folder) + strlen(base) + 64;
    char *name, *begin;
    *out = malloc(size);
    if (!*out)
        DF_TRY(df__no_memory(err, "path", size));
    snprintf(*out, size, "%s/%s-%s-%02x%02x%02x%02x%02x%02x.packed", folder, base, df__precision_name(precision), id[0], id[1], id[2], id[3], id[4], id[5]);
    if (access(*out, F_OK) != 0) {
        name = *out + strlen(folder) + 1;
        begin = malloc(size);
        if (!begin)
            DF_TRY(df__no_memory(err, "path", size));
        snprintf(begin, size, "%s-%s-", base, df__precision_name(precision));
        sweep(loader, folder, begin, name);
        free(begin);
    }
done:
    if (st != DF_OK) {
        free(*out);
        *out = NULL;
    }
    free(folder);
    return st;
}

/* ---- files ---- */

/* `hash` may be NULL. */
static df_status open_file(const df_loader *loader, const char *name, bool trust, df_bytes *out, char *hash, df_error *err)
{
    df_status st = DF_OK;
    df_bytes file = {0};
    df_file_state state;
    char *path = NULL, *folder = NULL, hex[65];
    const df_weights *row = df__weights_find(name);
    *out = (df_bytes){0};
    if (!row)
        return df__fail(err, DF_E_ARGUMENT, "no weights are named \"%s\"", name);
    const df_model_info *info = &row->info;
    bool tried = loader->tried == row;
    if (tried && !(path = strdup(loader->tried_at)))
        DF_TRY(df__no_memory(err, "path", strlen(loader->tried_at)));
    if (!tried)
        DF_TRY(df__weights_path(loader, info->file, &path, err));
    if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        st = absent(row, path, err);
        goto done;
    }
    DF_TRY(df__map_file_state(path, weights_limit, &file, &state, err));
    if (info->bytes && file.len != info->bytes) {
        st = df__fail(err, DF_E_BAD_MODEL, "%s: %s has %zu bytes, not %zu: cut off or another file. Delete it, then: %s", info->name,
                      path, file.len, info->bytes, info->get);
        goto done;
    }
    if (!tried)
        DF_TRY(df__cache_dir(loader, &folder, err));
    bool known = df__stamped_sha256(folder, path, &file, &state, trust, hex), pinned = info->sha256[0] != '\0';
    if (known && (pinned ? strcmp(hex, info->sha256) != 0 : df__first_seen_check(path, hex, NULL, NULL) != DF_OK))
        known = df__stamped_sha256(folder, path, &file, &state, false, hex); /* nobody is sent to fetch a file because a stamp is wrong */
    if (!pinned)
        DF_TRY(df__first_seen_check(path, hex, NULL, err));
    else if (strcmp(hex, info->sha256) != 0) {
        st = df__fail(err, DF_E_BAD_MODEL, "%s: %s has sha256 %s, not %s. Delete it, then: %s", info->name, path, hex,
                      info->sha256, info->get);
        goto done;
    }
    df__log(&loader->log, DF_LOG_DEBUG, "%s: %s, %zu bytes, sha256 right%s", info->name, path, file.len, known ? " when it was read last" : "");
    if (!known)
        df__bytes_drop(&file);
    if (hash)
        memcpy(hash, hex, sizeof hex);
    *out = file, file = (df_bytes){0};
done:
    df__bytes_free(&file);
    free(path);
    free(folder);
    return st;
}

df_status df__weights_open(const df_loader *loader, const char *name, df_bytes *out, df_error *err)
{
    return open_file(loader, name, true, out, NULL, err);
}

df_status df__weights_check(const df_loader *loader, const char *name, df_error *err)
{
    df_bytes file = {0};
    df_status st = open_file(loader, name, false, &file, NULL, err);
    df__bytes_free(&file);
    return st;
}

/* ---- nets ---- */

static df_status open_caffe(const df_loader *loader, const char *name, const df_bytes *caffemodel, uint8_t model[32], df_graph **out,
                            df_error *err)
{
    df_status st = DF_OK;
    df_bytes prototxt = {0};
    char text[96], hex[65];
    snprintf(text, sizeof text, "%s-prototxt", name);
    DF_TRY(open_file(loader, text, true, &prototxt, hex, err));
    df__sha256_chain(model, 32, hex, 64);
    DF_TRY(df__caffe_parse(&prototxt, caffemodel, name, out, err));
done:
    df__bytes_free(&prototxt);
    return st;
}

/* Takes over the graph. `row` may be NULL: a file that no catalogue knows. */
static df_status net_of(const df_loader *loader, df_graph *graph, const char *base, df_precision precision, const uint8_t model[32], const df_weights *row, df_net **out,
                        df_error *err)
{
    char *cache = NULL;
    df_net_opts opts = {.precision = precision, .least_cosine = row ? row->least_cosine : 0, .exact_weights = row && row->exact_weights, .log = &loader->log};
    memcpy(opts.model_hash, model, 32);
    df_status st = cache_path(loader, base, precision, model, &cache, err);
    if (st != DF_OK) {
        df__graph_free(graph);
        return st;
    }
    opts.cache = cache;
    st = df__net_new(graph, &opts, out, err);
    free(cache);
    return st;
}

/* Batch, height and width of the picture are let go: the file names one size, its layers take any. */
static void free_size(df_graph *graph)
{
    df_tensor *in = graph->n_inputs ? &graph->inputs[0].shape : NULL;
    if (in && in->rank == 4)
        in->dims[0] = in->dims[2] = in->dims[3] = -1;
}

/* The first file that was found right is the one that is expected from now on. */
static void remember(const df_loader *loader, const df_model_info *info, const char *hex)
{
    char *path = NULL;
    bool known = false;
    df_error err;
    df_status st = df__weights_path(loader, info->file, &path, &err);
    if (st == DF_OK)
        st = df__first_seen_check(path, hex, &known, &err);
    if (st == DF_OK && !known)
        st = df__first_seen_keep(path, hex, &err);
    if (st != DF_OK) /* of a folder that may only be read, say: the file is used all the same */
        df__log(&loader->log, DF_LOG_WARN, "%s: the hash of %s is not kept: %s", info->name, info->file, err.message);
    free(path);
}

df_status df__weights_net_checked(const df_loader *loader, const char *name, df_precision precision, df_net_check check, df_net **out, df_error *err)
{
    df_status st = DF_OK;
    df_bytes file = {0};
    df_graph *graph = NULL;
    df_net *net = NULL;
    uint8_t model[32] = {0};
    char hex[65];
    *out = NULL;
    DF_TRY(open_file(loader, name, true, &file, hex, err));
    df__sha256_chain(model, sizeof model, hex, 64);
    const df_weights *row = df__weights_find(name);
    const char *base = row->info.file;
    if (row->least_cosine > 0 && precision == DF_PRECISION_INT8) /* too coarse for it */
        precision = DF_PRECISION_FAST;
    if (ends_with(base, ".onnx"))
        DF_TRY(df__onnx_parse(&file, base, NULL, &graph, err));
    else if (ends_with(base, ".dat"))
        DF_TRY(df__dlib_recogniser_parse(&file, base, &graph, err));
    else if (ends_with(base, ".caffemodel"))
        DF_TRY(open_caffe(loader, name, &file, model, &graph, err));
    else
        DF_TRY(df__fail(err, DF_E_UNSUPPORTED, "%s: no reader for %s", name, base));
    if (row->any_size)
        free_size(graph);
    df_graph *given = graph;
    graph = NULL; /* df__net_new takes it over in any case */
    DF_TRY(net_of(loader, given, base, precision, model, row, &net, err));
    if (check)
        DF_TRY(check(net, err));
    if (row->info.dims)
        DF_TRY(df__ports_check(&row->info, net, err));
    if (row->info.sha256[0] == '\0' && loader->tried != row)
        remember(loader, &row->info, hex);
    *out = net, net = NULL;
done:
    df__net_free(net);
    df__graph_free(graph);
    df__bytes_free(&file);
    return st;
}

df_status df__weights_net(const df_loader *loader, const char *name, df_precision precision, df_net **out, df_error *err)
{
    return df__weights_net_checked(loader, name, precision, NULL, out, err);
}

/* The files that tensors lie in beside the model belong to what it is. */
static df_status add_files(const char *folder, const char *dir, const df_graph *graph, uint8_t model[32], df_error *err)
{
    df_status st = DF_OK;
    for (const df_graph_file *f = graph->files; f && st == DF_OK; f = f->next) {
        char *path = NULL, hex[65];
        df_file_state state;
        st = join(dir, f->name, &path, err);
        if (st == DF_OK && !df__file_state(path, &state))
            st = df__fail(err, DF_E_IO, "cannot read %s: %s", path, strerror(errno));
        if (st == DF_OK) {
            df__stamped_sha256(folder, path, &f->bytes, &state, true, hex);
            df__sha256_chain(model, 32, hex, 64);
        }
        free(path);
    }
    return st;
}

df_status df__file_net(const df_loader *loader, const char *path, df_precision precision, df_net **out, df_error *err)
{
    df_status st = DF_OK;
    df_bytes file = {0};
    df_file_state state;
    df_graph *graph = NULL;
    uint8_t model[32] = {0};
    char hex[65], *folder = NULL, *dir = NULL, *name = NULL;
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    *out = NULL;
    size_t size = strlen(path) + 32;
    DF_TRY(df__cache_dir(loader, &folder, err));
    dir = malloc(size);
    name = malloc(size);
    if (!dir || !name)
        DF_TRY(df__no_memory(err, "path", size));
    snprintf(dir, size, "%.*s", slash ? (int)(slash - path + (slash == path)) : 1, slash ? path : ".");
    df__sha256_hex(path, strlen(path), hex);
    snprintf(name, size, "%s-%.12s", base, hex); /* many models are called model.onnx */
    DF_TRY(df__map_file_state(path, weights_limit, &file, &state, err));
    df__stamped_sha256(folder, path, &file, &state, true, hex);
    df__sha256_chain(model, sizeof model, hex, 64);
    DF_TRY(df__onnx_parse(&file, base, dir, &graph, err));
    DF_TRY(add_files(folder, dir, graph, model, err));
    df_graph *given = graph;
    graph = NULL;
    DF_TRY(net_of(loader, given, name, precision, model, NULL, out, err));
done:
    df__graph_free(graph);
    df__bytes_free(&file);
    free(folder);
    free(dir);
    free(name);
    return st;
}
