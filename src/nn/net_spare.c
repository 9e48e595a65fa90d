/* net_spare.c - which layers of a net rounding costs most for the time that it saves. Each is tried in the plan of float32: what it multiplies is rounded, and what it
 * makes, and the answers are compared. Errors of layers are as good as independent, so their squares add up. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/lanes.h"
#include "nn/net_spare.h"

static const double ENOUGH_S = 2; /* for all runs: of a large network several layers are tried at once */
enum { LEAST_ITEMS = 16 };        /* but no more than leave so many: what is spared whole costs its whole time */
static const double MOST_ERROR = 1e9; /* of an answer that is no number any more */

/* ---- a run in which something rounds ---- */

static void round_halves(float *x, int64_t n)
{
    enum { AT_ONCE = 512 };
    uint16_t some[AT_ONCE];
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < AT_ONCE ? n - i : AT_ONCE;
        df__lanes()->to_bf16(x + i, some, m);
        df__lanes()->from_bf16(some, x + i, m);
    }
}

static void round_bytes(float *x, int64_t n)
{
    float most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmaxf(most, fabsf(x[i]));
    for (int64_t i = 0; i < n && most > FLT_MIN * 127; i++)
        x[i] = rintf(x[i] * (127 / most)) * (most / 127);
}

/* How many of a step's first inputs the fast plan's kernel for it rounds: weights are constants. */
static size_t factors_of(const df_plan *plan, const df_plan_step *s, const df_plan_step *fast)
{
    const char *op = s->op->name;
    int second = s->n_in > 1 ? plan->refs[s->in + 1] : -1;
    if (!fast || !fast->kernel || !fast->kernel->rounds || s->n_members)
        return 0;
    return strcmp(op, "attention") == 0 ? 3 : second >= 0 && plan->slots[plan->slots[second].root].place != DF_PLACE_CONST ? 2 : 1;
}

/* Of an item: steps whose factors are rounded (DF_SPARE_PRODUCT), or what they make, for those steps that read it and do not round it anyway (DF_SPARE_TENSOR). */
typedef struct rounding { const df_plan *plan; df_spare_kind kind; df_precision precision; const size_t *factors; const int *item_of; int item; } rounding;

static bool makes(const rounding *r, int slot)
{
    for (size_t i = 0; i < r->plan->n_steps; i++)
        if (r->item_of[i] == r->item && r->plan->refs[r->plan->steps[i].out] == slot)
            return true;
    return false;
}

static bool rounds(const rounding *r, size_t step, size_t input)
{
    bool factor = input < r->factors[step];
    int slot = r->plan->refs[r->plan->steps[step].in + input];
    return r->kind == DF_SPARE_PRODUCT ? factor && r->item_of[step] == r->item : !factor && slot >= 0 && makes(r, slot);
}

/* Other steps that read the tensor have it as it was. */
static df_status round_inputs(void *user, size_t step, df_call *call)
{
    const rounding *r = user;
    df_tensor *in = NULL;
    for (size_t i = 0; i < call->n_in; i++) {
        if (call->in[i].type != DF_F32 || !rounds(r, step, i))
            continue;
        int64_t n = df__tensor_count(&call->in[i]);
        float *rounded = df__arena_alloc(call->scratch, (size_t)n * sizeof *rounded);
        if (!in && (in = df__arena_alloc(call->scratch, call->n_in * sizeof *in)))
            memcpy(in, call->in, call->n_in * sizeof *in);
        if (!in || !rounded)
            return df__no_memory(call->err, "a rounded tensor", (size_t)n * sizeof *rounded);
        memcpy(rounded, in[i].data, (size_t)n * sizeof *rounded);
        (r->kind == DF_SPARE_PRODUCT && r->precision == DF_PRECISION_INT8 ? round_bytes : round_halves)(rounded, n);
        in[i].data = rounded;
    }
    call->in = in ? in : call->in;
    return DF_OK;
}

/* ---- what may be spared ---- */

/* error: a square, 1 is what is promised; seconds: that rounding saves; first: its first step. */
typedef struct item { df_spare_kind kind; int number; size_t first; double error, seconds; } item;

static int worst_first(const void *a, const void *b)
{
    const item *x = a, *y = b;
    double of_x = x->error * y->seconds, of_y = y->error * x->seconds;
    return of_x != of_y ? (of_x < of_y ? 1 : -1) : (x->first > y->first) - (x->first < y->first);
}

enum { KINDS = 2 };

struct df_sparing {
    df_plan *plan;
    item    *items;
    size_t  *factors; /* of a step: factors_of() */
    bool    *exact; /* of a step: its kernel in the fast plan rounds nothing, though some of its tensors are of bfloat16, which may change */
    int     *item_of[KINDS]; /* of a step: the number of its item; -1: none */
    size_t   n, values;
    uint8_t *bits;
    size_t   bytes;
    df_arena arena;
};

/* The least of some runs, for each step. */
static df_status time_steps(df_sparing *s, df_plan *plan, const df_yardstick *yard, double **seconds, df_error *err)
{
    enum { RUNS = 3 };
    df_status st = DF_OK;
    df_arena results = {0};
    df_stopwatch least = {.seconds = df__arena_calloc(&s->arena, plan->n_steps + 1, sizeof *least.seconds)};
    const df_watch watch = df__stopwatch(&least);
    df_tensor *out = df__arena_calloc(&s->arena, yard->n_out + 1, sizeof *out);
    if (!least.seconds || !out)
        return df__no_memory(err, "times of layers", plan->n_steps * sizeof *least.seconds);
    for (int i = 0; i < RUNS; i++, df__arena_reset(&results))
        DF_TRY(df__plan_run(plan, yard->in[0], out, &results, &watch, err));
    *seconds = least.seconds;
done:
    df__arena_free(&results);
    return st;
}

/* The step of the other plan that makes the same. */
static const df_plan_step *same_in(const df_plan *other, int value)
{
    for (size_t i = 0; i < other->n_steps; i++)
        if (other->steps[i].value == value)
            return &other->steps[i];
    return NULL;
}

/* A product that the fast plan rounds, and the time that this saves. */
static bool may_round(const df_sparing *s, const df_plan *fast, const double *exact_s, const double *fast_s, size_t step, double *seconds)
{
    static const double least = 0.02; /* of its time: nothing is for nothing */
    if (s->factors[step] == 0)
        return false;
    *seconds = fmax(exact_s[step] - fast_s[same_in(fast, s->plan->steps[step].value) - fast->steps], least * exact_s[step]);
    return *seconds > 0;
}

/* What lies in bfloat16 in the fast plan and is read by a step that would not round it: the time to write and read half of it. */
static bool may_lie_half(const df_sparing *s, const df_plan *fast, size_t step, double *seconds)
{
    static const double per_number = 0.4e-9;
    const df_plan *exact = s->plan;
    const df_plan_step *mine = &exact->steps[step], *other = same_in(fast, mine->value);
    int slot = mine->n_out == 1 ? exact->refs[mine->out] : -1;
    if (slot < 0 || !other || other->n_out != 1 || fast->slots[fast->refs[other->out]].t.type != DF_BF16)
        return false;
    *seconds = per_number * (double)df__tensor_count(&exact->slots[slot].t);
    for (size_t i = 0; i < exact->n_steps; i++)
        for (size_t k = s->factors[i]; k < exact->steps[i].n_in; k++)
            if (exact->refs[exact->steps[i].in + k] == slot)
                return true;
    return false;
}

static bool exact_of_halves(const df_plan *fast, const df_plan_step *s)
{
    bool any = false;
    for (size_t k = 0; k < s->n_in + s->n_out; k++) {
        int slot = fast->refs[s->in + k];
        any = any || (slot >= 0 && fast->slots[slot].t.type == DF_BF16);
    }
    return any && s->kernel && !s->kernel->rounds && !s->n_members;
}

/* `all`: of a run in float32, in seconds. */
static df_status list(df_sparing *s, df_plan *fast, const df_yardstick *yard, double *all, df_error *err)
{
    df_status st = DF_OK;
    double *exact_s, *fast_s, seconds;
    s->items = df__arena_calloc(&s->arena, KINDS * s->plan->n_steps + 1, sizeof *s->items);
    s->factors = df__arena_calloc(&s->arena, s->plan->n_steps + 1, sizeof *s->factors);
    s->exact = df__arena_calloc(&s->arena, s->plan->n_steps + 1, sizeof *s->exact);
    if (!s->items || !s->factors || !s->exact)
        DF_TRY(df__no_memory(err, "layers", KINDS * s->plan->n_steps * sizeof *s->items));
    for (size_t i = 0; i < s->plan->n_steps; i++) {
        const df_plan_step *step = &s->plan->steps[i], *other = step->value >= 0 ? same_in(fast, step->value) : NULL;
        s->factors[i] = factors_of(s->plan, step, other);
        s->exact[i] = other && exact_of_halves(fast, other);
    }
    DF_TRY(time_steps(s, s->plan, yard, &exact_s, err));
    DF_TRY(time_steps(s, fast, yard, &fast_s, err));
    for (size_t i = 0; i < s->plan->n_steps; i++)
        *all += exact_s[i];
    for (df_spare_kind kind = DF_SPARE_PRODUCT; kind <= DF_SPARE_TENSOR; kind++) {
        s->item_of[kind] = df__arena_alloc(&s->arena, (s->plan->n_steps + 1) * sizeof *s->item_of[kind]);
        if (!s->item_of[kind])
            DF_TRY(df__no_memory(err, "layers", s->plan->n_steps * sizeof *s->item_of[kind]));
        for (size_t i = 0; i < s->plan->n_steps; i++) {
            int value = s->plan->steps[i].value; /* a step's own, beyond those of the file, has another number for another shape */
            bool is = value >= 0 && (size_t)value < s->values &&
                      (kind == DF_SPARE_PRODUCT ? may_round(s, fast, exact_s, fast_s, i, &seconds) : may_lie_half(s, fast, i, &seconds));
            s->item_of[kind][i] = is ? (int)s->n : -1;
            if (is)
                s->items[s->n++] = (item){kind, 0, i, 0, seconds};
        }
    }
done:
    return st;
}

size_t df__sparing_at_once(size_t n, double seconds)
{
    size_t many = 1 + (size_t)(seconds / ENOUGH_S), most = n / LEAST_ITEMS;
    return many < most ? many : most > 1 ? most : 1;
}

/* So many neighbours become one. */
static void merge(df_sparing *s, size_t many)
{
    size_t n = 0;
    for (df_spare_kind kind = DF_SPARE_PRODUCT; kind <= DF_SPARE_TENSOR; kind++) {
        size_t since = many;
        for (size_t i = 0; i < s->plan->n_steps; i++) {
            if (s->item_of[kind][i] < 0)
                continue;
            item t = s->items[s->item_of[kind][i]];
            if (since == many) {
                t.number = (int)n;
                s->items[n++] = t; /* not beyond where it was */
                since = 0;
            } else {
                s->items[n - 1].seconds += t.seconds;
            }
            s->item_of[kind][i] = (int)n - 1;
            since++;
        }
    }
    s->n = n;
}

df_status df__sparing_new(df_plan *exact, df_plan *fast, const df_yardstick *yard, df_precision precision, df_closeness least, size_t values, df_sparing **out, df_error *err)
{
    df_status st = DF_OK;
    double all = 0;
    df_sparing *s = calloc(1, sizeof *s);
    *out = s;
    if (!s)
        return df__no_memory(err, "layers", sizeof *s);
    s->plan = exact;
    s->values = values;
    s->bytes = df__spared_bytes(values);
    s->bits = df__arena_calloc(&s->arena, s->bytes + 1, 1);
    if (!s->bits)
        DF_TRY(df__no_memory(err, "layers", s->bytes));
    DF_TRY(list(s, fast, yard, &all, err));
    merge(s, df__sparing_at_once(s->n, all * (double)s->n * df__yardstick_watched(yard)));
    for (size_t i = 0; i < s->n; i++) {
        df_closeness found;
        item *t = &s->items[i];
        rounding r = {exact, t->kind, precision, s->factors, s->item_of[t->kind], t->number};
        const df_watch watch = {&r, round_inputs, NULL};
        DF_TRY(df__yardstick_watch(yard, exact, &watch, &found, err));
        t->error = fmin(MOST_ERROR, df__closeness_share(found, least) * (t->kind == DF_SPARE_PRODUCT ? 2 : 1)); /* the weights round as well */
    }
    qsort(s->items, s->n, sizeof *s->items, worst_first);
done:
    return st;
}

void df__sparing_free(df_sparing *s)
{
    if (s)
        df__arena_free(&s->arena);
    free(s);
}

size_t df__sparing_size(const df_sparing *s) { return s->n; }

double df__sparing_left(const df_sparing *s, size_t n)
{
    double left = 0;
    for (size_t i = s->n; i > n; i--) /* from the least on: small errors would get lost beside large ones */
        left += s->items[i - 1].error;
    return left;
}

size_t df__sparing_fewest(const df_sparing *s, double most)
{
    double left = 0;
    size_t n = s->n;
    while (n > 0 && left + s->items[n - 1].error <= most)
        left += s->items[--n].error;
    return n;
}

df_spared df__sparing_take(df_sparing *s, size_t n)
{
    memset(s->bits, 0, s->bytes);
    for (size_t k = 0; k < s->plan->n_steps; k++)
        if (s->exact[k] && (size_t)s->plan->steps[k].value < s->values)
            df__spare(s->bits, s->bytes, s->plan->steps[k].value, DF_SPARE_KERNEL);
    for (size_t i = 0; i < n; i++) {
        const item *t = &s->items[i];
        for (size_t k = 0; k < s->plan->n_steps; k++)
            if (s->item_of[t->kind][k] == t->number)
                df__spare(s->bits, s->bytes, s->plan->steps[k].value, t->kind);
    }
    return (df_spared){s->bits, s->bytes};
}
