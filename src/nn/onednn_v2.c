/* onednn_v2.c - the calls of onednn_api.h in oneDNN 2.x (Debian 12): operation descriptors, scales as attributes. */
#include "nn/onednn_api.h"

#include <stdlib.h>
#include <string.h>

df_md df__md_new(int rank, const dnnl_dims_t dims, const dnnl_dims_t strides, dnnl_data_type_t type)
{
    df_md md = malloc(sizeof *md);
    dnnl_status_t st = !md       ? dnnl_out_of_memory
                       : strides ? dnnl_memory_desc_init_by_strides(md, rank, dims, type, strides)
                                 : dnnl_memory_desc_init_by_tag(md, rank, dims, type, dnnl_format_tag_any);
    if (st == dnnl_success)
        return md;
    free(md);
    return NULL;
}

df_md df__md_copy(df_md_view md)
{
    df_md copy = md ? malloc(sizeof *copy) : NULL;
    return copy ? memcpy(copy, md, sizeof *copy) : NULL;
}

void df__md_free(df_md md) { free(md); }

df_md_look df__md_look(df_md_view md)
{
    const dnnl_blocking_desc_t *b = &md->format_desc.blocking;
    return (df_md_look){.type = md->data_type, .rank = md->ndims, .blocks = md->format_kind == dnnl_blocked ? b->inner_nblks : -1, .dims = md->dims,
                        .padded = md->padded_dims, .strides = b->strides, .block = b->inner_blks, .blocked = b->inner_idxs,
                        .extra = md->extra.flags != 0};
}

dnnl_primitive_desc_t df__dnn_describe(dnnl_engine_t engine, const df_prim_job *j, const_dnnl_primitive_attr_t attr)
{
    dnnl_primitive_desc_t pd = NULL;
    df_md_view bias = j->bias ? j->bias_md : NULL;
    union { dnnl_convolution_desc_t conv; dnnl_deconvolution_desc_t deconv; dnnl_inner_product_desc_t product; dnnl_matmul_desc_t matmul; } d;
    dnnl_status_t st = dnnl_unimplemented;
    switch (j->shape) {
    case DF_SHAPE_CONV:
        st = dnnl_dilated_convolution_forward_desc_init(&d.conv, dnnl_forward_inference, dnnl_convolution_direct, j->src, j->weights, bias, j->dst,
                                                        j->stride, j->dilation, j->pad, j->pad_end);
        break;
    case DF_SHAPE_DECONV:
        st = dnnl_dilated_deconvolution_forward_desc_init(&d.deconv, dnnl_forward_inference, dnnl_deconvolution_direct, j->src, j->weights, bias,
                                                          j->dst, j->stride, j->dilation, j->pad, j->pad_end);
        break;
    case DF_SHAPE_PRODUCT:
        st = dnnl_inner_product_forward_desc_init(&d.product, dnnl_forward_inference, j->src, j->weights, bias, j->dst);
        break;
    case DF_SHAPE_BATCHED: st = dnnl_matmul_desc_init(&d.matmul, j->src, j->weights, NULL, j->dst); break;
    }
    return st == dnnl_success && dnnl_primitive_desc_create(&pd, &d, attr, engine, NULL) == dnnl_success ? pd : NULL;
}

bool df__dnn_eltwise(dnnl_post_ops_t ops, dnnl_alg_kind_t kind, float a, float b)
{
    return dnnl_post_ops_append_eltwise(ops, 1.0f, kind, a, b) == dnnl_success;
}

/* A mask of results: channels are their dimension 1. */
bool df__dnn_scale(dnnl_primitive_attr_t attr, bool copy, int64_t n, int mask, const float *scales, int *arg)
{
    *arg = 0;
    return dnnl_primitive_attr_set_output_scales(attr, n, copy ? mask : 2, scales) == dnnl_success;
}
