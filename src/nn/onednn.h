/* onednn.h - what the engine asks of oneDNN. onednn.c alone includes dnnl.h. */
#ifndef DF_NN_ONEDNN_H
#define DF_NN_ONEDNN_H

#include <pthread.h>

#include "nn/ir.h"

/* Weights as oneDNN wants them, kept for all plans of a net. Several threads may compile kernels with one packer. */
typedef struct df_packed df_packed;
typedef struct df_packer {
    df_packed      *list;
    df_arena        arena; /* the weights, side by side */
    pthread_mutex_t lock;  /* of both */
} df_packer;
bool df__packer_init(df_packer *packer);
/* Room for weights of so many bytes at once: a hint that saves page faults. */
void df__packer_reserve(df_packer *packer, size_t bytes);
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
