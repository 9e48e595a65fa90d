#include "models/dlib_mmod.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    df_error err;
    df_dlib_mmod mmod;
    df_graph *graph;
    df_bytes file = {.data = (uint8_t *)(uintptr_t)data, .len = size};
    if (df__dlib_mmod_parse(&file, "fuzz", &mmod, &graph, &err) == DF_OK)
        df__graph_free(graph);
    return 0;
}
