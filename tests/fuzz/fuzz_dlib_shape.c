/* A predictor that is read must also run: on a small grey picture, in a box that reaches past it. */
#include "align/landmarks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t grey[8 * 8 * 3];
    static df_point out[4096];
    df_error err;
    df_arena scratch = {0};
    df_shape_predictor *sp;
    df_bytes file = {.data = (uint8_t *)(uintptr_t)data, .len = size};
    if (df__shape_predictor_parse(&file, "fuzz", &sp, &err) != DF_OK)
        return 0;
    for (size_t i = 0; i < sizeof grey; i++)
        grey[i] = (uint8_t)(i * 37);
    df_pixels px = {.width = 8, .height = 8, .stride = 24, .data = grey};
    (void)df__landmarks(sp, px, -2, 1, 9, 7, out, &scratch, &err);
    df__arena_free(&scratch), df__shape_predictor_free(sp);
    return 0;
}
