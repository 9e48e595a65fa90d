/* A description of a recogniser. */
#include "models/describe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    df_error err;
    const df_recogniser *row;
    df_bytes text = {.data = (uint8_t *)(uintptr_t)data, .len = size};
    if (df__describe_parse(&text, "fuzz/model.json", &row, &err) == DF_OK)
        df__recogniser_release(row);
    return 0;
}
