/* onednn.h - what the engine asks of oneDNN. onednn.c alone includes dnnl.h. */
#ifndef DF_NN_ONEDNN_H
#define DF_NN_ONEDNN_H

#include "nn/ir.h"

/* Weights as oneDNN wants them, kept for all plans of a net. Guarded by whoever compiles. */
typedef struct df_packed df_packed;
typedef struct df_packer {
    df_packed *list;   /* of the net */
    bool       shared; /* the weights at hand outlive the plan: worth remembering */
} df_packer;
void df__packer_free(df_packer *packer);

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

/* A stream of work for one thread at a time; NULL when there is none. */
void *df__dnn_stream_new(void);
void  df__dnn_stream_free(void *stream);
/* Threads that the calling thread's kernels use from now on; returns what it was. */
int   df__dnn_threads(int threads);

#endif
