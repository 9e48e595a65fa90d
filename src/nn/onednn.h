/* onednn.h - what the engine asks of oneDNN: compiled primitives, weights in their layouts. onednn*.c alone include dnnl.h. */
#ifndef DF_NN_ONEDNN_H
#define DF_NN_ONEDNN_H

#include "nn/ir.h"

/* What a primitive multiplies; sums are float32, results too unless the job says otherwise. */
typedef enum df_num { DF_NUM_F32, DF_NUM_BF16, DF_NUM_U8, DF_NUM_S8, DF_NUM_S16 /* by our own loops alone */ } df_num;

/* This processor multiplies such numbers faster than float32. */
bool   df__dnn_has(df_num num);
bool   df__dnn_has_amx(void); /* matrix registers, for bfloat16 */
size_t df__num_size(df_num num);
/* Library and instruction set: another one may want other layouts. A string of oneDNN's own kind, for the identity of a cache. */
const char *df__dnn_identity(void);

typedef struct df_prim df_prim; /* immutable; any number of threads run it, each on itself alone */

enum { DF_DNN_SPACE = 3 };

/* A convolution. Steps in elements, of [n, channels, space...]. */
typedef struct df_conv_job {
    bool    transposed, bias;
    int     space;
    int64_t group, n, c_in, c_out;
    int64_t in[DF_DNN_SPACE], out[DF_DNN_SPACE], kernel[DF_DNN_SPACE], stride[DF_DNN_SPACE], dilation[DF_DNN_SPACE];
    int64_t pad[DF_DNN_SPACE], pad_end[DF_DNN_SPACE];
    int64_t src_steps[2 + DF_DNN_SPACE], dst_steps[2 + DF_DNN_SPACE];
    df_num  src; /* weights of U8 and S8 are S8 */
    df_num  dst, add[DF_MAX_POSTS]; /* F32 or BF16; of the tensor of the post of that number */
    bool    plain_weights;  /* they come with each call, as the file has them */
    const df_fused *fused;  /* its posts alone; scale and shift are the caller's */
    const float *scales;        /* of 8-bit products: one for each output channel, applied before the posts, as long-lived as the primitive; else NULL */
} df_conv_job;

/* Each gives *out NULL where oneDNN has no kernel of its own (its slow reference counts as none); *after: it has none with the posts, which
 * the caller then applies. `like`: a primitive whose weights' layout this one shares, or NULL. */
df_status df__prim_conv(const df_conv_job *job, const df_prim *like, df_prim **out, bool *after, df_error *err);
/* dst[m][n] = src[m][k] * weights[n][k] (+ bias of n) */
typedef struct df_product_job { int64_t m, k, n, src_step, dst_step; df_num src; bool bias; const df_fused *fused; } df_product_job;
df_status df__prim_product(const df_product_job *job, const df_prim *like, df_prim **out, bool *after, df_error *err);
/* dst[b][m][n] = src[b][m][k] * weights[b][k][n], all dense, for each of `batch` */
typedef struct df_batched_job { int64_t batch, m, k, n; df_num src; bool plain_weights; /* see df_conv_job */ } df_batched_job;
df_status df__prim_batched(const df_batched_job *job, const df_prim *like, df_prim **out, df_error *err);
void      df__prim_free(df_prim *prim);

size_t      df__prim_weight_bytes(const df_prim *prim);
size_t      df__prim_scratch_bytes(const df_prim *prim);
const char *df__prim_name(const df_prim *prim); /* as long as the program lives */
void        df__prim_layout(const df_prim *prim, df_pack_key *key); /* adds the layout of the weights to the key */

/* float32 weights, output channels first (`steps` of the dims of the primitive's weights, in elements), each output channel times its scale
 * (NULL: 1), to the primitive's own numbers and layout. */
df_status df__prim_pack(const df_prim *prim, const void *weights, const int64_t *steps, const float *scale, int64_t channels, void *out, df_error *err);

typedef struct df_prim_args {
    const void  *src, *weights;
    const float *bias;
    void        *dst, *scratch;
    const void  *add[DF_MAX_POSTS]; /* of the post of that number, if it is DF_POST_ADD */
} df_prim_args;
df_status df__prim_run(const df_prim *prim, const df_prim_args *args, df_error *err);

#endif
