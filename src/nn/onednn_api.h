/* onednn_api.h - the calls that differ between oneDNN 2.x (onednn_v2.c) and 3.x (onednn_v3.c); the build takes the one that fits dnnl.h.
 * Included by these two files and by onednn.c alone. */
#ifndef DF_NN_ONEDNN_API_H
#define DF_NN_ONEDNN_API_H

#include <stdbool.h>

#include <oneapi/dnnl/dnnl.h>

#include "nn/onednn.h"
#include "nn/pack.h"

/* A memory descriptor: in 2.x a struct, in 3.x an opaque one. Here always a pointer, and whoever makes one frees it. */
#if DNNL_VERSION_MAJOR < 3
typedef dnnl_memory_desc_t       *df_md;
typedef const dnnl_memory_desc_t *df_md_view;
#else
typedef dnnl_memory_desc_t        df_md;
typedef const_dnnl_memory_desc_t  df_md_view;
#endif

typedef enum df_shape { DF_SHAPE_CONV, DF_SHAPE_DECONV, DF_SHAPE_PRODUCT, DF_SHAPE_BATCHED } df_shape;

/* What a primitive computes. The descriptors are the maker's. */
typedef struct df_prim_job {
    df_shape    shape;
    bool        bias, odd, one_pixel; /* the number of input channels (of a group); all of the output */
    df_md       src, weights, dst, bias_md;
    df_md       add[DF_MAX_POSTS];  /* of the post of that number: the tensor that is added, the slopes; else NULL */
    dnnl_dims_t stride, dilation, pad, pad_end;
    int64_t     channels;           /* of the output */
} df_prim_job;

/* What a descriptor says; the pointers live as long as it. */
typedef struct df_md_look {
    dnnl_data_type_t type;
    int              rank, blocks;  /* inner blocks; -1: no layout of blocks */
    const dnnl_dim_t *dims, *padded, *strides, *block, *blocked;
    bool             extra;         /* more than the numbers lies in it */
} df_md_look;

/* strides NULL: any layout that the kernel likes. NULL: no memory, or no such thing. */
df_md      df__md_new(int rank, const dnnl_dims_t dims, const dnnl_dims_t strides, dnnl_data_type_t type);
df_md      df__md_copy(df_md_view md);
void       df__md_free(df_md md);
df_md_look df__md_look(df_md_view md);

dnnl_primitive_desc_t df__dnn_describe(dnnl_engine_t engine, const df_prim_job *job, const_dnnl_primitive_attr_t attr);
bool df__dnn_eltwise(dnnl_post_ops_t ops, dnnl_alg_kind_t kind, float a, float b);

/* Numbers that results (`copy`: of a reorder) are multiplied by, one for each index of the dimensions in `mask`, those of the weights. In 2.x the
 * attributes hold them; in 3.x each run gets them, as the argument *arg, which else is 0. */
bool df__dnn_scale(dnnl_primitive_attr_t attr, bool copy, int64_t n, int mask, const float *scales, int *arg);

#endif
