/* onnx_read.h - what the files that read .onnx share. */
#ifndef DF_NN_ONNX_READ_H
#define DF_NN_ONNX_READ_H

#include "core/wire.h"
#include "nn/graph.h"

typedef struct df_onnx_reader {
    df_graph   *g;    /* the outermost: its arena holds everything */
    const char *dir;
    df_error   *err;
    int64_t     ir_version;
    int         depth;
} df_onnx_reader;

df_status df__onnx_no_memory(const df_onnx_reader *r, size_t bytes);
df_status df__onnx_torn(const df_onnx_reader *r, const char *what); /* "... is cut short or no ONNX" */
df_status df__onnx_text(const df_onnx_reader *r, const df_field *f, const char **out);
/* onnx_tensor.c: a TensorProto; the data stay in the file where they can. */
df_status df__onnx_tensor(const df_onnx_reader *r, df_wire w, const char **name, df_tensor *out);

#endif
