/* caffe_shape.c - layers that compute nothing: the same numbers in another shape or order, side by side, or by other names. On constants
 * (prior boxes) the work is done here. Source: weiliu89/caffe (branch ssd) src/caffe/layers/NAME_layer.cpp. */
#include <string.h>

#include "models/caffe_net.h"

/* Constants side by side along an axis. */
static void join_data(df_caffe_net *net, int axis, df_caffe_value *y)
{
    int64_t outer = df__caffe_count(y, 0, axis);
    float *to = y->data;
    for (int64_t i = 0; i < outer; i++)
        for (size_t k = 0; k < net->n_in; k++) {
            int64_t n = df__caffe_count(net->in[k], axis, y->rank);
            memcpy(to, net->in[k]->data + i * n, (size_t)n * sizeof *to);
            to += n;
        }
}

df_status df__caffe_concat(df_caffe_net *net)
{
    df_status st = DF_OK;
    int axis;
    int64_t dims[DF_MAX_RANK];
    bool constant = true;
    df_node *node;
    df_caffe_value *x = net->in[0], *y;
    const char *in[DF_CAFFE_MAX_PORTS + 1] = {0};
    DF_TRY(df__caffe_axis(net, df__text_field(net->param, "concat_dim") ? "concat_dim" : "axis", 1, x->rank, &axis));
    memcpy(dims, x->dims, sizeof dims);
    dims[axis] = 0;
    for (size_t i = 0; i < net->n_in; i++) {
        const df_caffe_value *v = net->in[i];
        for (int k = 0; k < x->rank; k++)
            if (v->rank != x->rank || (k != axis && v->dims[k] != x->dims[k]))
                DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "input %zu differs in shape", i));
        dims[axis] += v->dims[axis];
        constant = constant && v->data;
    }
    DF_TRY(df__caffe_value_new(net, 0, x->rank, dims, constant, &y));
    if (constant) {
        DF_TRY(df__caffe_fill(net, y));
        join_data(net, axis, y);
        goto done;
    }
    for (size_t i = 0; i < net->n_in; i++)
        DF_TRY(df__caffe_use(net, net->in[i], &in[i]));
    DF_TRY(df__caffe_node(net, "Concat", in, y->name, &node));
    DF_TRY(df__node_set_int(net->graph, node, "axis", axis, net->err));
done:
    return st;
}

/* The same blob by other names. */
df_status df__caffe_split(df_caffe_net *net)
{
    df_status st = DF_OK;
    df_caffe_value *x = net->in[0], *y;
    df_node *node;
    const char *from;
    DF_TRY(df__caffe_use(net, x, &from));
    for (size_t i = 0; i < net->n_top; i++) {
        DF_TRY(df__caffe_value_new(net, i, x->rank, x->dims, false, &y));
        DF_TRY(df__caffe_node(net, "Identity", (const char *[]){from, NULL}, y->name, &node));
    }
done:
    return st;
}

/* ---- the same numbers in another shape or order ---- */

df_status df__caffe_permute(df_caffe_net *net)
{
    df_status st = DF_OK;
    int n = 0;
    int64_t order[DF_MAX_RANK], dims[DF_MAX_RANK];
    bool used[DF_MAX_RANK] = {0};
    df_node *node;
    df_caffe_value *x = net->in[0];
    for (const df_text *o = df__text_field(net->param, "order"); o; o = df__text_again(o), n++) {
        int64_t axis;
        DF_TRY(df__caffe_whole(net, o, 0, x->rank - 1, &axis));
        if (used[axis])
            DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "order: %s comes twice", o->value));
        used[axis] = true;
        order[n] = axis;
    }
    for (int axis = 0; axis < x->rank; axis++) /* those not named come behind, as they were */
        if (!used[axis])
            order[n++] = axis;
    for (int i = 0; i < n; i++)
        dims[i] = x->dims[order[i]];
    DF_TRY(df__caffe_one(net, "Transpose", x, x->rank, dims, &node));
    DF_TRY(df__node_set_ints(net->graph, node, "perm", (size_t)x->rank, order, net->err));
done:
    return st;
}

static df_status give_shape(df_caffe_net *net, int rank, const int64_t *dims)
{
    df_status st = DF_OK;
    const char *shape, *from;
    df_node *node;
    df_caffe_value *y;
    DF_TRY(df__caffe_value_new(net, 0, rank, dims, net->in[0]->data != NULL, &y));
    if (net->in[0]->data) {
        y->data = net->in[0]->data;
        goto done;
    }
    DF_TRY(df__caffe_ints(net, "shape", (size_t)rank, dims, &shape));
    DF_TRY(df__caffe_use(net, net->in[0], &from));
    DF_TRY(df__caffe_node(net, "Reshape", (const char *[]){from, shape, NULL}, y->name, &node));
done:
    return st;
}

df_status df__caffe_flatten(df_caffe_net *net)
{
    df_status st = DF_OK;
    int first, last, rank = 0;
    int64_t dims[DF_MAX_RANK];
    df_caffe_value *x = net->in[0];
    DF_TRY(df__caffe_axis(net, "axis", 1, x->rank, &first));
    DF_TRY(df__caffe_axis(net, "end_axis", -1, x->rank, &last));
    if (last < first)
        DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "axis %d behind end_axis %d", first, last));
    for (int i = 0; i < first; i++)
        dims[rank++] = x->dims[i];
    dims[rank++] = df__caffe_count(x, first, last + 1);
    for (int i = last + 1; i < x->rank; i++)
        dims[rank++] = x->dims[i];
    DF_TRY(give_shape(net, rank, dims));
done:
    return st;
}

/* 0 keeps a dimension, one -1 takes what is left. */
df_status df__caffe_reshape(df_caffe_net *net)
{
    df_status st = DF_OK;
    int rank = 0, open = -1;
    int64_t dims[DF_MAX_RANK], axis, axes, known = 1;
    df_caffe_value *x = net->in[0];
    int64_t count = df__caffe_count(x, 0, x->rank);
    DF_TRY(df__caffe_int(net, "axis", 0, 0, 0, &axis));
    DF_TRY(df__caffe_int(net, "num_axes", -1, -1, -1, &axes));
    for (const df_text *d = df__text_field(df__text_field(net->param, "shape"), "dim"); d; d = df__text_again(d), rank++) {
        int64_t v;
        DF_TRY(df__caffe_whole(net, d, -1, DF_CAFFE_MAX_SIDE, &v));
        if (rank == DF_MAX_RANK || (v == 0 && rank >= x->rank) || (v == -1 && open >= 0))
            DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "dim: %s in place %d", d->value, rank));
        dims[rank] = v == 0 ? x->dims[rank] : v;
        if (v == -1)
            open = rank, dims[rank] = 1;
        if (dims[rank] < 1 || known > count / dims[rank])
            DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "its shape has more than the %lld numbers of its input", (long long)count));
        known *= dims[rank];
    }
    if (open >= 0 && count % known == 0) {
        dims[open] = count / known;
        known = count;
    }
    if (rank == 0 || known != count)
        DF_TRY(df__caffe_fail(net, DF_E_BAD_MODEL, "%lld numbers do not fit its shape", (long long)count));
    DF_TRY(give_shape(net, rank, dims));
done:
    return st;
}
