/* pass_spelled.c - activations that a file spells with smaller operators become the one operator that they are, for pass_fuse.c to put behind
 * a convolution, or to be run as one step. Exporters spell what their operator set lacks, or what their framework has no name for. */
#include <math.h>
#include <string.h>

#include "nn/pass_rewrite.h"

enum { MAX_FACTORS = 4, MAX_TREE = 6 };

/* A product with its nested products and divisions by numbers opened up: k * v[0] * v[1] * ... */
typedef struct product {
    float k;
    int   v[MAX_FACTORS], n, nodes;
} product;

static bool near(float a, float b) { return fabsf(a - b) <= 1e-5f * fabsf(b); } /* constants are rounded to float32, some to a few digits */

/* False where it is no product of few values. Inner products count only if nobody else reads them. */
static bool open_product(const df_rewrite *r, const df_step *s, product *out)
{
    bool mul = df__step_is(s, "Mul"), div = df__step_is(s, "Div");
    if ((!mul && !div) || s->n_in != 2 || ++out->nodes > MAX_TREE)
        return false;
    for (size_t i = 0; i < 2; i++) {
        float k;
        int v = df__rewrite_input(r, s, i);
        if (df__rewrite_scalar(r, s, i, &k)) {
            if (div && i == 0)
                return false;
            out->k = div ? out->k / k : out->k * k;
            continue;
        }
        if (v < 0 || (div && i == 1))
            return false;
        const df_step *inner = df__rewrite_sole(r, v);
        product deeper = *out;
        if (inner && open_product(r, inner, &deeper)) {
            *out = deeper;
            continue;
        }
        if (out->n == MAX_FACTORS)
            return false;
        out->v[out->n++] = v;
    }
    return true;
}

static df_status become(df_rewrite *r, df_step *s, const char *op, int x, const df_attr *attrs, size_t n)
{
    return df__rewrite_step(r, s, df__op_find("", op), &x, 1, attrs, n);
}

/* ---- bounds ---- */

/* Of a Clip whose bounds are known, or a Relu; false for all else. */
static bool bounds_of(const df_rewrite *r, const df_step *s, float *low, float *high)
{
    bool relu = df__step_is(s, "Relu");
    if (!relu && !df__step_is(s, "Clip"))
        return false;
    *low = relu ? 0 : df__node_float(s->node, "min", -INFINITY);
    *high = relu ? INFINITY : df__node_float(s->node, "max", INFINITY);
    return relu || ((df__rewrite_input(r, s, 1) < 0 || df__rewrite_scalar(r, s, 1, low)) && (df__rewrite_input(r, s, 2) < 0 || df__rewrite_scalar(r, s, 2, high)));
}

/* Max or Min with a number, as TensorFlow spells a Clip; with the bounds of what stands before it. */
static df_status bound(df_rewrite *r, df_step *s)
{
    float c = NAN, low = -INFINITY, high = INFINITY;
    size_t number = s->n_in == 2 && df__rewrite_scalar(r, s, 0, &c) ? 0 : 1;
    int x = df__rewrite_input(r, s, !number);
    if (s->n_in != 2 || !df__rewrite_scalar(r, s, number, &c) || !isfinite(c) || x < 0 || df__rewrite_constant(r, x))
        return DF_OK;
    int rank = df__rewrite_constant(r, df__rewrite_input(r, s, number))->rank;
    if (rank > 0 && r->p->values[x].t.rank < rank) /* the number might bring dimensions */
        return DF_OK;
    const df_step *inner = df__rewrite_sole(r, x);
    float l, h;
    if (inner && bounds_of(r, inner, &l, &h) && l <= h && df__rewrite_input(r, inner, 0) >= 0) {
        low = l, high = h;
        x = df__rewrite_input(r, inner, 0);
    }
    if (df__step_is(s, "Max"))
        low = fmaxf(low, c), high = fmaxf(high, c);
    else
        low = fminf(low, c), high = fminf(high, c);
    df_attr attrs[2];
    size_t n = 0;
    if (low == 0 && isinf(high))
        return become(r, s, "Relu", x, NULL, 0);
    if (!isinf(low))
        attrs[n++] = (df_attr){.name = "min", .kind = DF_ATTR_FLOAT, .v.f = low};
    if (!isinf(high))
        attrs[n++] = (df_attr){.name = "max", .kind = DF_ATTR_FLOAT, .v.f = high};
    return become(r, s, "Clip", x, attrs, n);
}

/* ---- clip(x + b, 0, h) ---- */

static bool clip_of_sum(const df_rewrite *r, int value, int *x, float *b, float *h)
{
    const df_step *clip = df__rewrite_sole(r, value);
    float low, high;
    if (!clip || !df__step_is(clip, "Clip") || !bounds_of(r, clip, &low, &high) || low != 0 || !(high > 0) || isinf(high))
        return false;
    const df_step *add = df__rewrite_sole(r, df__rewrite_input(r, clip, 0));
    if (!add || !df__step_is(add, "Add") || add->n_in != 2)
        return false;
    for (size_t i = 0; i < 2; i++)
        if (df__rewrite_scalar(r, add, i, b)) {
            *x = df__rewrite_input(r, add, !i);
            *h = high;
            return *x >= 0;
        }
    return false;
}

/* HardSigmoid: clip(x + b, 0, h) / h. HardSwish: x times that, where b is 3 and h is 6. */
static df_status hard(df_rewrite *r, df_step *s, const product *p, bool *done)
{
    for (int i = 0; i < p->n && p->n <= 2; i++) {
        int x = -1;
        float b = 0, h = 0;
        if (!clip_of_sum(r, p->v[i], &x, &b, &h) || !near(p->k * h, 1))
            continue;
        if (p->n == 1) {
            df_attr attrs[2] = {{.name = "alpha", .kind = DF_ATTR_FLOAT, .v.f = p->k}, {.name = "beta", .kind = DF_ATTR_FLOAT, .v.f = p->k * b}};
            *done = true;
            return become(r, s, "HardSigmoid", x, attrs, 2);
        }
        if (p->v[!i] == x && near(b, 3) && near(h, 6)) {
            *done = true;
            return become(r, s, "HardSwish", x, NULL, 0);
        }
    }
    return DF_OK;
}

/* ---- x times something of x ---- */

static df_status gated(df_rewrite *r, df_step *s, const product *p, bool *done)
{
    for (int i = 0; i < 2 && p->n == 2; i++) {
        int x = p->v[!i];
        const char *op = NULL;
        const df_step *gate = df__rewrite_sole(r, p->v[i]);
        if (!gate)
            continue;
        if (df__step_is(gate, "HardSigmoid") && near(p->k, 1) && df__rewrite_input(r, gate, 0) == x &&
            near(df__node_float(gate->node, "alpha", 0.2f), 1 / 6.0f) && near(df__node_float(gate->node, "beta", 0.5f), 0.5f))
            op = "HardSwish";
        const df_step *soft = df__step_is(gate, "Tanh") && near(p->k, 1) ? df__rewrite_sole(r, df__rewrite_input(r, gate, 0)) : NULL;
        if (soft && df__step_is(soft, "Softplus") && df__rewrite_input(r, soft, 0) == x)
            op = "Mish";
        float one = 0, root = 0;
        for (size_t k = 0; k < 2 && df__step_is(gate, "Add") && near(p->k, 0.5f); k++) { /* x * (1 + erf(x / sqrt(2))) / 2 */
            const df_step *erf = df__rewrite_sole(r, df__rewrite_input(r, gate, !k));
            const df_step *scaled = erf && df__step_is(erf, "Erf") ? df__rewrite_sole(r, df__rewrite_input(r, erf, 0)) : NULL;
            product inner = {.k = 1};
            if (df__rewrite_scalar(r, gate, k, &one) && near(one, 1) && scaled && open_product(r, scaled, &inner) && inner.n == 1 && inner.v[0] == x) {
                root = inner.k;
                op = near(root, 0.70710678f) ? "Gelu" : NULL;
            }
        }
        if (op) {
            *done = true;
            return become(r, s, op, x, NULL, 0);
        }
    }
    return DF_OK;
}

/* log(1 + exp(x)) */
static df_status softplus(df_rewrite *r, df_step *s)
{
    const df_step *add = df__rewrite_sole(r, df__rewrite_input(r, s, 0));
    for (size_t i = 0; i < 2 && add && df__step_is(add, "Add") && add->n_in == 2; i++) {
        float one;
        const df_step *e = df__rewrite_sole(r, df__rewrite_input(r, add, !i));
        if (df__rewrite_scalar(r, add, i, &one) && one == 1 && e && df__step_is(e, "Exp") && df__rewrite_input(r, e, 0) >= 0)
            return become(r, s, "Softplus", df__rewrite_input(r, e, 0), NULL, 0);
    }
    return DF_OK;
}

/* PReLU as TensorFlow's converter spells it: relu(x) + (-slope) * relu(-x) */
static df_status prelu(df_rewrite *r, df_step *s)
{
    for (size_t side = 0; side < 2 && s->n_in == 2; side++) {
        const df_step *pos = df__rewrite_sole(r, df__rewrite_input(r, s, side)), *mul = df__rewrite_sole(r, df__rewrite_input(r, s, !side));
        if (!pos || !mul || !df__step_is(pos, "Relu") || !df__step_is(mul, "Mul") || mul->n_in != 2)
            continue;
        for (size_t k = 0; k < 2; k++) {
            const df_tensor *c = df__rewrite_constant(r, df__rewrite_input(r, mul, k));
            const df_step *relu = df__rewrite_sole(r, df__rewrite_input(r, mul, !k));
            const df_step *neg = relu && df__step_is(relu, "Relu") ? df__rewrite_sole(r, df__rewrite_input(r, relu, 0)) : NULL;
            int x = df__rewrite_input(r, pos, 0);
            if (!c || c->type != DF_F32 || !neg || !df__step_is(neg, "Neg") || x < 0 || df__rewrite_input(r, neg, 0) != x)
                continue;
            int64_t n = df__tensor_count(c);
            df_tensor slope = *c;
            float *data = df__arena_alloc(&r->p->arena, (size_t)n * sizeof *data);
            for (int64_t i = 0; data && i < n; i++)
                data[i] = -df__rewrite_f32(c, i);
            slope.data = data;
            int in[2] = {x, data ? df__rewrite_value(r, s->node->name, &slope) : -1};
            if (in[1] < 0)
                return df__no_memory(r->err, r->p->label, (size_t)n * sizeof *data);
            return df__rewrite_step(r, s, df__op_find("", "PRelu"), in, 2, NULL, 0);
        }
    }
    return DF_OK;
}

df_status df__pass_spelled(df_program *p, bool shapes, df_error *err)
{
    df_rewrite r;
    df_status st = DF_OK;
    DF_TRY(df__rewrite_begin(&r, p, shapes, p->main.n_steps, err)); /* each PReLU brings a slope */
    for (size_t i = 0; i < p->main.n_steps; i++) {
        df_step *s = &p->main.steps[i];
        product open = {.k = 1};
        bool done = false;
        if (s->dead || !s->op || s->n_out != 1)
            continue;
        if (df__step_is(s, "Add"))
            DF_TRY(prelu(&r, s));
        else if (df__step_is(s, "Max") || df__step_is(s, "Min"))
            DF_TRY(bound(&r, s));
        else if (df__step_is(s, "Log"))
            DF_TRY(softplus(&r, s));
        else if (open_product(&r, s, &open)) {
            DF_TRY(hard(&r, s, &open, &done));
            if (!done)
                DF_TRY(gated(&r, s, &open, &done));
        }
    }
    DF_TRY(df__pass_dead(p, err));
done:
    return st;
}
