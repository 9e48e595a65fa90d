/* Two bytes say how long the prototxt is that follows; the rest is the caffemodel. */
#include "models/caffe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    df_error err;
    df_graph *graph;
    if (size < 2)
        return 0;
    uint8_t *at = (uint8_t *)(uintptr_t)data + 2;
    size_t len = (size_t)data[0] | (size_t)data[1] << 8;
    if (len > size - 2)
        len = size - 2;
    df_bytes prototxt = {.data = at, .len = len}, model = {.data = at + len, .len = size - 2 - len};
    if (df__caffe_parse(&prototxt, &model, "fuzz", &graph, &err) == DF_OK)
        df__graph_free(graph);
    return 0;
}
