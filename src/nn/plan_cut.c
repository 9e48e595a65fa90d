/* plan_cut.c - Split and Slice that need no copy. */
#include <string.h>

#include "nn/plan.h"

static const df_tensor *shape_of(const df_program *p, int value) { return &p->values[df__value_root(p, value)].t; }

/* Where the part begins, in bytes, if the output is one run of the input's numbers: cut along the outermost dimension that is not 1. */
bool df__leading_part(const df_program *p, const df_step *s, size_t output, size_t *offset)
{
    const df_tensor *x = shape_of(p, s->in[0]), *y = shape_of(p, s->out[output]);
    int axis = 0;
    while (axis < x->rank && x->dims[axis] == 1)
        axis++;
    if (axis == x->rank || x->rank != y->rank || df__tensor_count(y) < 1)
        return false;
    for (int i = 0; i < x->rank; i++)
        if (i != axis && x->dims[i] != y->dims[i])
            return false;
    int64_t row = df__tensor_count(x) / x->dims[axis], first = 0;
    if (s->op == df__op_find("", "Split")) {
        int64_t own = df__node_int(s->node, "axis", 0);
        if (own + (own < 0 ? x->rank : 0) != axis)
            return false;
        for (size_t i = 0; i < output; i++) {
            if (s->out[i] < 0)
                return false;
            first += shape_of(p, s->out[i])->dims[axis];
        }
    } else { /* Slice since operator set 10, along this axis alone */
        int64_t start, of = 0, step = 1, *const into[] = {NULL, &start, NULL, &of, &step};
        if (s->n_in < 4 || s->in[3] < 0)
            return false;
        for (size_t i = 1; i < s->n_in && i < 5; i++) {
            const df_value *v = s->in[i] >= 0 ? &p->values[df__value_root(p, s->in[i])] : NULL;
            if (!v && i == 4)
                continue;
            if (!v || !v->known || v->t.type != DF_I64 || df__tensor_count(&v->t) != 1)
                return false;
            if (into[i])
                memcpy(into[i], v->t.data, sizeof *into[i]);
        }
        if (of + (of < 0 ? x->rank : 0) != axis || step != 1)
            return false;
        first = start + (start < 0 ? x->dims[axis] : 0);
        first = first < 0 ? 0 : first;
    }
    if (first > x->dims[axis] - y->dims[axis])
        return false;
    *offset = (size_t)(first * row) * df__dtype_size(x->type);
    return true;
}
