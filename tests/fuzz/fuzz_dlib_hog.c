/* A HOG detector of dlib; one that is read runs over a small picture. */
#include "detect/hog_find.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WIDTH = 71, HEIGHT = 53 };

static void run(df_dlib_hog *hog)
{
    df_error err;
    df_hog_finder *finder;
    df_hog_face *faces;
    size_t n;
    df_arena scratch = {0};
    uint8_t rgb[3 * WIDTH * HEIGHT];
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(i * i % 251);
    if (df__hog_finder_new(hog, &finder, &err) != DF_OK)
        return;
    df__hog_find(finder, (df_pixels){WIDTH, HEIGHT, 3 * WIDTH, rgb}, true, 0, 1, &scratch, &faces, &n, &err);
    df__hog_finder_free(finder);
    df__arena_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    df_error err;
    df_dlib_hog *hog;
    df_bytes file = {.data = (uint8_t *)(uintptr_t)data, .len = size};
    if (df__dlib_hog_parse(&file, "fuzz", &hog, &err) == DF_OK)
        run(hog);
    return 0;
}
