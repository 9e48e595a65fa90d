/* A cascade; one that is read runs over a small picture. */
#include "detect/haar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WIDTH = 61, HEIGHT = 43 };

static void run(const df_cascade *c)
{
    df_error err;
    df_haar *h;
    df_arena scratch = {0};
    df_haar_boxes boxes = {0};
    uint8_t px[WIDTH * HEIGHT];
    for (size_t i = 0; i < sizeof px; i++)
        px[i] = (uint8_t)(i * i % 251);
    if (df__haar_new(c, &h, &err) != DF_OK)
        return;
    if (df__haar_windows(h, (df_grey){WIDTH, HEIGHT, WIDTH, px}, 1.4, 1, &scratch, &boxes, &err) == DF_OK)
        df__haar_group(&boxes, 2, &scratch, &err);
    df__haar_boxes_free(&boxes);
    df__haar_free(h);
    df__arena_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    df_error err;
    df_cascade *c;
    df_bytes file = {.data = (uint8_t *)(uintptr_t)data, .len = size};
    if (df__cascade_parse(&file, "fuzz", &c, &err) == DF_OK)
        run(c);
    df__cascade_free(c);
    return 0;
}
