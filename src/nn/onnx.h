/* onnx.h - an .onnx file to a graph. Source: onnx.proto3 of the ONNX project, field numbers alone. */
#ifndef DF_NN_ONNX_H
#define DF_NN_ONNX_H

#include "nn/graph.h"

/* Parse a ModelProto. Takes over `file` (freed with the graph, or here on failure); raw tensors stay in it, not copied.
 *   label  names the model in messages
 *   dir    folder of external data files, NULL: none are allowed; a location that leaves it is refused
 * Errors: DF_E_BAD_MODEL naming the node or tensor, DF_E_UNSUPPORTED (data type, domain), DF_E_LIMIT, DF_E_NO_MEMORY. */
df_status df__onnx_parse(df_bytes *file, const char *label, const char *dir, df_graph **out, df_error *err);

#endif
