/* onednn.h - what the engine asks of oneDNN. onednn.c alone includes dnnl.h. */
#ifndef DF_NN_ONEDNN_H
#define DF_NN_ONEDNN_H

#include "nn/ir.h"

/* y[m, n] = a[m, k] * weights (+ bias) */
typedef struct df_gemm {
    int64_t          m, k, n;
    bool             trans_a, trans_b; /* weights are [n, k] */
    const df_tensor *weights, *bias;   /* bias: n values or NULL */
    float            alpha, beta;
} df_gemm;

/* *out stays NULL where oneDNN has no kernel or the weights are not known. */
df_status df__dnn_conv(const df_call *call, const df_window *w, int64_t group, bool transposed, const df_fused *fused, df_packer *packer,
                       df_kernel **out);
df_status df__dnn_gemm(const df_call *call, const df_gemm *g, const df_fused *fused, df_packer *packer, df_kernel **out);

#endif
