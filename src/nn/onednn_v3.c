/* onednn_v3.c - the calls of onednn_api.h in oneDNN 3.x: opaque descriptors, scales with each run. */
#include "nn/onednn_api.h"

df_md df__md_new(int rank, const dnnl_dims_t dims, const dnnl_dims_t strides, dnnl_data_type_t type)
{
    df_md md = NULL;
    dnnl_status_t st = strides ? dnnl_memory_desc_create_with_strides(&md, rank, dims, type, strides)
                               : dnnl_memory_desc_create_with_tag(&md, rank, dims, type, dnnl_format_tag_any);
    return st == dnnl_success ? md : NULL;
}

df_md df__md_copy(df_md_view md)
{
    df_md copy = NULL;
    return md && dnnl_memory_desc_clone(&copy, md) == dnnl_success ? copy : NULL;
}

void df__md_free(df_md md)
{
    if (md)
        dnnl_memory_desc_destroy(md);
}

static const dnnl_dim_t *list_of(df_md_view md, dnnl_query_t what)
{
    const dnnl_dims_t *list = NULL;
    return dnnl_memory_desc_query(md, what, &list) == dnnl_success && list ? *list : NULL;
}

df_md_look df__md_look(df_md_view md)
{
    dnnl_format_kind_t format = dnnl_format_kind_undef;
    df_md_look look = {.type = dnnl_data_type_undef, .blocks = -1};
    int64_t whole = 1;
    (void)dnnl_memory_desc_query(md, dnnl_query_data_type, &look.type);
    (void)dnnl_memory_desc_query(md, dnnl_query_ndims_s32, &look.rank);
    (void)dnnl_memory_desc_query(md, dnnl_query_format_kind, &format);
    look.dims = list_of(md, dnnl_query_dims);
    look.padded = list_of(md, dnnl_query_padded_dims);
    if (format == dnnl_blocked && dnnl_memory_desc_query(md, dnnl_query_inner_nblks_s32, &look.blocks) == dnnl_success) {
        look.strides = list_of(md, dnnl_query_strides);
        look.block = list_of(md, dnnl_query_inner_blks);
        look.blocked = list_of(md, dnnl_query_inner_idxs);
    }
    for (int i = 0; i < look.rank; i++)
        whole *= look.padded[i];
    look.extra = dnnl_memory_desc_get_size(md) != (size_t)whole * dnnl_data_type_size(look.type); /* there is no query for it */
    return look;
}

dnnl_primitive_desc_t df__dnn_describe(dnnl_engine_t engine, const df_prim_job *j, const_dnnl_primitive_attr_t attr)
{
    dnnl_primitive_desc_t pd = NULL;
    df_md_view bias = j->bias ? j->bias_md : NULL;
    dnnl_status_t st = dnnl_unimplemented;
    switch (j->shape) {
    case DF_SHAPE_CONV:
        st = dnnl_convolution_forward_primitive_desc_create(&pd, engine, dnnl_forward_inference, dnnl_convolution_direct, j->src, j->weights, bias,
                                                            j->dst, j->stride, j->dilation, j->pad, j->pad_end, attr);
        break;
    case DF_SHAPE_DECONV:
        st = dnnl_deconvolution_forward_primitive_desc_create(&pd, engine, dnnl_forward_inference, dnnl_deconvolution_direct, j->src, j->weights,
                                                              bias, j->dst, j->stride, j->dilation, j->pad, j->pad_end, attr);
        break;
    case DF_SHAPE_PRODUCT:
        st = dnnl_inner_product_forward_primitive_desc_create(&pd, engine, dnnl_forward_inference, j->src, j->weights, bias, j->dst, attr);
        break;
    case DF_SHAPE_BATCHED: st = dnnl_matmul_primitive_desc_create(&pd, engine, j->src, j->weights, NULL, j->dst, attr); break;
    }
    return st == dnnl_success ? pd : NULL;
}

/* Hard-swish has its slope and offset as parameters here: x * clip(x / 6 + 1 / 2, 0, 1). */
bool df__dnn_eltwise(dnnl_post_ops_t ops, dnnl_alg_kind_t kind, float a, float b)
{
    bool hard = kind == dnnl_eltwise_hardswish;
    return dnnl_post_ops_append_eltwise(ops, kind, hard ? 1.0f / 6 : a, hard ? 0.5f : b) == dnnl_success;
}

bool df__dnn_scale(dnnl_primitive_attr_t attr, bool copy, int64_t n, int mask, const float *scales, int *arg)
{
    int of = copy ? DNNL_ARG_FROM : DNNL_ARG_WEIGHTS;
    (void)n, (void)scales;
    *arg = DNNL_ARG_ATTR_SCALES | of;
    return dnnl_primitive_attr_set_scales_mask(attr, of, mask) == dnnl_success;
}
