/* caffe.h - Caffe's prototxt + caffemodel to a graph. Layers: Convolution, BatchNorm, Scale, ReLU, Pooling, Eltwise, Concat, Permute,
 * Flatten, Reshape, Softmax, Normalize, PriorBox (folded to a constant), InnerProduct, Split, Input; DetectionOutput ends the graph:
 * its bottoms become the outputs. Source: caffe.proto of BVLC/caffe and weiliu89's ssd branch, field numbers alone. */
#ifndef DF_MODELS_CAFFE_H
#define DF_MODELS_CAFFE_H

#include "nn/graph.h"

/* Both files are only read. Errors: DF_E_BAD_MODEL naming the layer (and the line of the prototxt), DF_E_UNSUPPORTED, DF_E_NO_MEMORY. */
df_status df__caffe_parse(const df_bytes *prototxt, const df_bytes *caffemodel, const char *label, df_graph **out, df_error *err);

#endif
