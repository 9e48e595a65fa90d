/* library.c - dlopen and dlsym. */
#include "core/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static df_status load(const char *const *files, const char *const *names, void *functions, const char *package, df_error *err)
{
    void *library = NULL;
    for (size_t i = 0; files[i] && !library; i++)
        library = dlopen(files[i], RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return df__fail(err, DF_E_UNSUPPORTED, "%s is not installed. On Debian: apt-get install %s", files[0], package);
    for (size_t i = 0; names[i]; i++) {
        void *at = dlsym(library, names[i]);
        if (!at)
            return df__fail(err, DF_E_UNSUPPORTED, "%s has no %s: it is too old", files[0], names[i]);
        memcpy((char *)functions + i * sizeof at, &at, sizeof at); /* POSIX: a function's address fits in a void pointer */
    }
    return DF_OK;
}

df_status df__library_load(const char *const *files, const char *const *names, void *functions, bool *ready, const char *package, df_error *err)
{
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&once);
    df_status st = *ready ? DF_OK : load(files, names, functions, package, err);
    *ready = st == DF_OK;
    pthread_mutex_unlock(&once);
    return st;
}
