/* photo.h - a photo that a golden names, decoded at full scale. */
#ifndef DF_TEST_PHOTO_H
#define DF_TEST_PHOTO_H

#include "image/decode.h"
#include "test.h"

static inline df_pixels photo_at(const char *dir, const char *name)
{
    static const df_limits limits = {.bytes = (size_t)1 << 28, .pixels = 100000000};
    char path[8192];
    df_error err;
    df_bytes file;
    df_pixels px;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    CHECK_OK(df__read_file(path, limits.bytes, &file, &err));
    CHECK_OK(df__photo_decode(file.data, file.len, &limits, 0, &px, &err));
    df__bytes_free(&file);
    return px;
}

/* "lfw_dev/..." and "widerface_dev/..." lie in the research data, "photos/..." are the demo's. False where that
 * folder is absent. */
static inline bool golden_photo(const char *name, df_pixels *out)
{
    bool demo = strncmp(name, "photos/", 7) == 0;
    const char *dir = demo ? test_photos_dir() : test_data_dir();
    if (dir)
        *out = photo_at(dir, demo ? name + 7 : name);
    return dir != NULL;
}

#endif
