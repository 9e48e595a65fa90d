/* weights.h - the real weight files, where a user has them. */
#ifndef DF_TEST_WEIGHTS_H
#define DF_TEST_WEIGHTS_H

#include "core/bytes.h"
#include "test.h"

/* Map a file of $DEEPFACE_HOME/.deepface/weights (default: the home folder); false, with a message, where it is not. */
static inline bool weights_map(const char *name, df_bytes *out)
{
    df_error err;
    char path[4096];
    const char *home = getenv("DEEPFACE_HOME") ? getenv("DEEPFACE_HOME") : getenv("HOME");
    snprintf(path, sizeof path, "%s/.deepface/weights/%s", home ? home : "", name);
    if (df__map_file(path, (size_t)1 << 30, out, &err) == DF_OK)
        return true;
    print_message("skipped: %s\n", err.message);
    return false;
}

#endif
