/* ann_load.c - see ann_load.h. Modules lie in $DEEPFACE_MODULES, else in `deepface/` beside the library (or the program that holds it). */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* dladdr */
#endif
#include "index/ann_load.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "index/scan.h"

typedef struct known { const char *name, *package; const df_ann_module *module; } known;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static known all[] = {
    {"hnsw", "libhnswlib-dev (Debian), then build again", NULL},
    {"faiss", "libfaiss-dev (Debian), then build again", NULL},
    {"annoy", "Annoy's headers (tools/setup/annoy.py), then build again", NULL},
    {"nmslib", "NMSLIB (tools/setup/nmslib.py), then build again", NULL},
};

const char *df__ann_kind(size_t index) { return index < sizeof all / sizeof *all ? all[index].name : NULL; }

static known *find(const char *what, size_t n)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strlen(all[i].name) == n && memcmp(all[i].name, what, n) == 0)
            return &all[i];
    return NULL;
}

/* Folder of the modules with its slash, cut off where it does not fit: then nothing is found there. */
static void folder(char *out, size_t size)
{
    const char *set = getenv("DEEPFACE_MODULES");
    Dl_info info;
    out[0] = '\0';
    if (set && *set)
        snprintf(out, size, "%s/", set);
    else if (dladdr((const void *)all, &info) && info.dli_fname) {
        const char *end = strrchr(info.dli_fname, '/');
        snprintf(out, size, "%.*sdeepface/", end ? (int)(end - info.dli_fname + 1) : 0, info.dli_fname);
    }
}

static df_status load(known *k, df_error *err)
{
    char path[4096];
    folder(path, sizeof path);
    size_t n = strlen(path);
    snprintf(path + n, sizeof path - n, "deepface-index-%s-%s.so", k->name, df__scan()->name); /* for this processor, where there is such a one */
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!so) {
        snprintf(path + n, sizeof path - n, "deepface-index-%s.so", k->name);
        so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    if (!so) {
        const char *why = dlerror();
        return df__fail(err, DF_E_UNSUPPORTED, "index %s is not built in: it needs %s (%s)", k->name, k->package, why ? why : path);
    }
    df_ann_module_fn of = NULL;
    void *symbol = dlsym(so, DF_ANN_MODULE_SYMBOL);
    memcpy(&of, &symbol, sizeof of); /* ISO C has no cast from object to function */
    const df_ann_module *m = of ? of() : NULL;
    if (!m || m->version != DF_ANN_MODULE_VERSION || strcmp(m->name, k->name) != 0) {
        dlclose(so);
        return df__fail(err, DF_E_UNSUPPORTED, "%s: a module of another version", path);
    }
    k->module = m;
    return DF_OK;
}

df_status df__ann_module(const char *what, const df_ann_module **out, const char **parameters, df_error *err)
{
    size_t n = strcspn(what, ":");
    known *k = find(what, n);
    if (!k)
        return df__fail(err, DF_E_ARGUMENT, "no index is called \"%.*s\": flat, auto, hnsw, faiss, annoy, nmslib are", (int)(n < 40 ? n : 40), what);
    pthread_mutex_lock(&lock);
    df_status st = k->module ? DF_OK : load(k, err);
    *out = k->module;
    pthread_mutex_unlock(&lock);
    *parameters = what[n] ? what + n + 1 : "";
    return st;
}
