/* pass_local.c - a locally connected layer, as PyTorch's exporter spells it: patches by two Gathers, a Transpose and a Reshape, their products with
 * each place's own weights by an Einsum, then a Reshape, a bias and a Relu. Shapes are known here: what the exporter computed from them is constant. */
#include <string.h>

#include "nn/pass_rewrite.h"

/* The only two-operand product of [n, patch, place] and [place, filter, patch] to [n, filter, place], by whatever letters. */
static bool equation_is_local(const df_step *s)
{
    const df_attr *a = df__node_attr(s->node, "equation");
    char e[16];
    size_t n = 0;
    if (!a || a->kind != DF_ATTR_STRING)
        return false;
    for (const char *p = a->v.s; *p; p++) {
        if (*p == ' ')
            continue;
        if (n == sizeof e - 1)
            return false;
        e[n++] = *p;
    }
    e[n] = '\0';
    /*                 0123456789012 */
    /*                 npl,lfp->nfl  */
    if (n != 12 || e[3] != ',' || e[7] != '-' || e[8] != '>')
        return false;
    char N = e[0], P = e[1], L = e[2], F = e[5];
    return N != P && N != L && N != F && P != L && P != F && L != F && e[4] == L && e[6] == P && e[9] == N && e[10] == F && e[11] == L;
}

/* Indices [kernel, places] = i + stride * j, by which a Gather cuts windows. */
static bool windows(const df_rewrite *r, const df_step *s, int64_t axis, int64_t *kernel, int64_t *places, int64_t *stride)
{
    const df_tensor *t = df__rewrite_constant(r, df__rewrite_input(r, s, 1));
    if (!df__step_is(s, "Gather") || df__node_int(s->node, "axis", 0) != axis || !t || t->type != DF_I64 || t->rank != 2 || df__tensor_count(t) < 1)
        return false;
    *kernel = t->dims[0];
    *places = t->dims[1];
    *stride = 1;
    for (int64_t i = 0; i < *kernel; i++)
        for (int64_t j = 0; j < *places; j++) {
            int64_t v;
            memcpy(&v, (const char *)t->data + (size_t)(i * *places + j) * sizeof v, sizeof v);
            if (v < 0 || v > INT32_MAX || *kernel > INT32_MAX || *places > INT32_MAX)
                return false;
            if (i == 0 && j == 1)
                *stride = v;
            if (v != i + j * *stride)
                return false;
        }
    return *stride > 0;
}

static bool shape_is(const df_rewrite *r, int value, int rank, const int64_t *dims)
{
    const df_tensor *t = &r->p->values[df__value_root(r->p, value)].t;
    return t->type == DF_F32 && t->rank == rank && memcmp(t->dims, dims, sizeof *dims * (size_t)rank) == 0;
}

static df_status make_local(df_rewrite *r, df_step *s)
{
    int64_t kernel[2], places[2], stride[2];
    const df_tensor *w = df__rewrite_constant(r, df__rewrite_input(r, s, 1));
    const df_step *flat = df__rewrite_sole(r, df__rewrite_input(r, s, 0));
    if (!equation_is_local(s) || s->n_in != 2 || !w || w->type != DF_F32 || w->rank != 3 || !flat || !df__step_is(flat, "Reshape"))
        return DF_OK;
    const df_step *turn = df__rewrite_sole(r, df__rewrite_input(r, flat, 0));
    const df_attr *perm = turn && df__step_is(turn, "Transpose") ? df__node_attr(turn->node, "perm") : NULL;
    static const int64_t order[6] = {0, 1, 2, 4, 3, 5}; /* n, c, kernel, places, kernel, places: both kernels forward */
    if (!perm || perm->kind != DF_ATTR_INTS || perm->n != 6 || memcmp(perm->v.ints, order, sizeof order) != 0)
        return DF_OK;
    const df_step *across = df__rewrite_sole(r, df__rewrite_input(r, turn, 0));
    const df_step *down = across ? df__rewrite_sole(r, df__rewrite_input(r, across, 0)) : NULL;
    if (!down || !windows(r, across, 4, &kernel[1], &places[1], &stride[1]) || !windows(r, down, 2, &kernel[0], &places[0], &stride[0]))
        return DF_OK;
    int x = df__rewrite_input(r, down, 0);
    const df_tensor *in = &r->p->values[x].t;
    int64_t here = places[0] * places[1];
    if (in->rank != 4 || in->type != DF_F32 || (in->dims[2] - kernel[0]) / stride[0] + 1 != places[0] || (in->dims[3] - kernel[1]) / stride[1] + 1 != places[1] ||
        !shape_is(r, flat->out[0], 3, (int64_t[]){in->dims[0], in->dims[1] * kernel[0] * kernel[1], here}))
        return DF_OK;
    /* The photo again, the bias, the Relu: the operator takes the place of the last. */
    df_step *back = df__rewrite_reader(r, s), *last = back, *add, *relu;
    if (!back || !df__step_is(back, "Reshape") || !shape_is(r, back->out[0], 4, (int64_t[]){in->dims[0], w->dims[1], places[0], places[1]}))
        return DF_OK;
    int list[3] = {x, df__rewrite_input(r, s, 1), -1};
    bool has_relu = false;
    add = df__rewrite_reader(r, last);
    for (size_t i = 0; add && df__step_is(add, "Add") && i < 2; i++) {
        const df_tensor *b = df__rewrite_constant(r, df__rewrite_input(r, add, i));
        if (b && b->type == DF_F32 && b->rank >= 3 && df__tensor_count(b) == w->dims[1] * here && b->dims[b->rank - 1] == places[1] &&
            b->dims[b->rank - 2] == places[0] && list[2] < 0) {
            list[2] = df__rewrite_input(r, add, i);
            last = add;
        }
    }
    relu = df__rewrite_reader(r, last);
    if (relu && df__step_is(relu, "Relu")) {
        has_relu = true;
        last = relu;
    }
    int64_t *ints = df__arena_alloc(&r->p->arena, 4 * sizeof *ints);
    if (!ints)
        return df__no_memory(r->err, r->p->label, 4 * sizeof *ints);
    ints[0] = kernel[0], ints[1] = kernel[1], ints[2] = stride[0], ints[3] = stride[1];
    df_attr attrs[] = {{.name = "kernel_shape", .kind = DF_ATTR_INTS, .n = 2, .v.ints = ints}, {.name = "strides", .kind = DF_ATTR_INTS, .n = 2, .v.ints = ints + 2},
                       {.name = "relu", .kind = DF_ATTR_INT, .v.i = has_relu}};
    return df__rewrite_step(r, last, &df__op_local, list, list[2] < 0 ? 2 : 3, attrs, sizeof attrs / sizeof *attrs);
}

df_status df__pass_local(df_program *p, df_error *err) { return df__rewrite_each(p, "Einsum", make_local, err); }
