/* pass_attention.c - attention as exporters spell it: queries times keys, a factor or none, a Softmax along the keys, and that times values; with a
 * Transpose of the last two dimensions here and there. Shapes are known here. */
#include "nn/pass_rewrite.h"

/* What a Transpose of the last two dimensions was made of, else the value itself. */
static int unturned(const df_rewrite *r, int value, bool *turned)
{
    const df_step *s = df__rewrite_maker(r, value);
    const df_attr *perm = s && df__step_is(s, "Transpose") ? df__node_attr(s->node, "perm") : NULL;
    int64_t rank = value >= 0 ? r->p->values[value].t.rank : 0;
    *turned = perm && perm->kind == DF_ATTR_INTS && perm->n == (size_t)rank && rank >= 2;
    for (int64_t i = 0; *turned && i < rank; i++)
        *turned = perm->v.ints[i] == (i < rank - 2 ? i : 2 * rank - 3 - i);
    return *turned ? df__rewrite_input(r, s, 0) : value;
}

static bool along_the_last(const df_rewrite *r, const df_step *s, int rank)
{
    int64_t axis = df__node_int(s->node, "axis", r->p->opset < 13 ? 1 : -1);
    return rank >= 2 && (axis == -1 || axis == rank - 1);
}

/* The product of queries and keys that the scores are, and the factor. */
static const df_step *product_of(const df_rewrite *r, int scores, float *scale)
{
    const df_step *s = df__rewrite_sole(r, scores);
    *scale = 1;
    for (float factor; s && (df__step_is(s, "Mul") || df__step_is(s, "Div")) && s->n_in == 2;) {
        bool div = df__step_is(s, "Div"), behind = df__rewrite_scalar(r, s, 1, &factor);
        if (!behind && (div || !df__rewrite_scalar(r, s, 0, &factor)))
            return NULL;
        *scale = div ? *scale / factor : *scale * factor;
        s = df__rewrite_sole(r, df__rewrite_input(r, s, !behind));
    }
    return s && df__step_is(s, "MatMul") && !s->fused ? s : NULL;
}

static df_status make_attention(df_rewrite *r, df_step *s)
{
    bool q_turned, k_turned, turned = false;
    float scale;
    const df_step *first = product_of(r, df__rewrite_input(r, s, 0), &scale);
    df_step *last = df__rewrite_reader(r, s);
    if (!first || !last || !along_the_last(r, s, r->p->values[df__value_root(r->p, s->out[0])].t.rank))
        return DF_OK;
    int weights = df__value_root(r->p, s->out[0]);
    if (df__step_is(last, "Transpose")) {
        int turned_weights = df__value_root(r->p, last->out[0]);
        if (unturned(r, turned_weights, &turned) != weights || !turned)
            return DF_OK;
        weights = turned_weights;
        last = df__rewrite_reader(r, last);
    }
    if (!last || !df__step_is(last, "MatMul") || last->fused || df__rewrite_input(r, last, turned) != weights)
        return DF_OK;
    int in[3] = {unturned(r, df__rewrite_input(r, first, 0), &q_turned), unturned(r, df__rewrite_input(r, first, 1), &k_turned), df__rewrite_input(r, last, !turned)};
    const df_value *values = r->p->values;
    for (int i = 0; i < 3; i++)
        if (in[i] < 0 || values[in[i]].known || values[in[i]].t.type != DF_F32 || !df__same_batches(&values[in[0]].t, &values[in[i]].t))
            return DF_OK;
    df_attr attrs[] = {{.name = "scale", .kind = DF_ATTR_FLOAT, .v.f = scale}, {.name = "q_turned", .kind = DF_ATTR_INT, .v.i = q_turned},
                       {.name = "k_turned", .kind = DF_ATTR_INT, .v.i = k_turned}, {.name = "turned", .kind = DF_ATTR_INT, .v.i = turned}};
    return df__rewrite_step(r, last, &df__op_attention, in, 3, attrs, sizeof attrs / sizeof *attrs);
}

df_status df__pass_attention(df_program *p, df_error *err) { return df__rewrite_each(p, "Softmax", make_attention, err); }
