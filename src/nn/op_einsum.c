/* op_einsum.c - Einsum: sums of products over named dimensions (NumPy's einsum, https://onnx.ai/onnx/operators/onnx__Einsum.html). Operands are
 * taken in from the left; each pair is brought into the order [batch][rows][summed] and [batch][summed][columns] and multiplied. */
#include <string.h>

#include "core/simd.h"
#include "nn/op.h"

enum { LETTERS = 52, LABELS = LETTERS + DF_MAX_RANK, NARROW = 8, LANES = 16 }; /* the dims of "..." are labels behind the letters, the last one last */

/* Dims of size 1 have no label: they neither spread nor sum to anything. */
typedef struct operand {
    int         n;
    uint8_t     label[LABELS];
    int64_t     step[LABELS]; /* in elements */
    const void *data;
} operand;

typedef struct einsum {
    int64_t  size[LABELS];
    uint64_t in[DF_MAX_IN]; /* labels of each input, as bits */
    uint8_t  terms[DF_MAX_IN][DF_MAX_RANK], out[LABELS];
    int      n_in, n_out, ellipsis; /* dims that the longest "..." stands for */
} einsum;

static uint64_t bit(int label) { return (uint64_t)1 << label; }

static int letter(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1; }

/* One term of the equation, up to ',', '-' or the end; `dots` is how many dims "..." stands for, -1 where the term has none. */
static df_status read_term(const df_call *call, const char **at, int rank, uint8_t *labels, int *n, int *dots)
{
    const char *p = *at;
    int letters = 0, most = rank < 0 ? LABELS : DF_MAX_RANK;
    *n = 0;
    for (const char *q = p; *q && *q != ',' && *q != '-'; q++)
        letters += letter(*q) >= 0;
    int spread = *dots;
    *dots = -1;
    for (; *p && *p != ',' && *p != '-'; p++) {
        if (*p == ' ')
            continue;
        if (strncmp(p, "...", 3) == 0 && *dots < 0) {
            *dots = rank < 0 ? spread : rank - letters;
            if (*dots < 0 || *dots > DF_MAX_RANK || *n + *dots > most)
                return df__call_fail(call, DF_E_BAD_MODEL, "%d subscripts for %d dimensions", letters, rank);
            for (int i = 0; i < *dots; i++)
                labels[(*n)++] = (uint8_t)(LABELS - *dots + i);
            p += 2;
        } else if (letter(*p) >= 0 && *n < most) {
            labels[(*n)++] = (uint8_t)letter(*p);
        } else {
            return df__call_fail(call, DF_E_BAD_MODEL, "equation \"%.100s\" at \"%.10s\"", df__call_string(call, "equation", ""), p);
        }
    }
    if (rank >= 0 && *n != rank)
        return df__call_fail(call, DF_E_BAD_MODEL, "%d subscripts for %d dimensions", *n, rank);
    *at = p;
    return DF_OK;
}

static df_status read_inputs(const df_call *call, const char **at, einsum *e, int *count)
{
    for (int i = 0; i < LABELS; i++)
        e->size[i] = 1;
    for (e->n_in = 0; (size_t)e->n_in < call->n_in; e->n_in++) {
        const df_tensor *t = &call->in[e->n_in];
        int n, dots = 0;
        if (e->n_in > 0 && *(*at)++ != ',')
            return df__call_fail(call, DF_E_BAD_MODEL, "equation with fewer terms than %zu inputs", call->n_in);
        df_status st = read_term(call, at, t->rank, e->terms[e->n_in], &n, &dots);
        if (st != DF_OK)
            return st;
        e->ellipsis = dots > e->ellipsis ? dots : e->ellipsis;
        for (int d = 0; d < n; d++) {
            int label = e->terms[e->n_in][d];
            count[label]++;
            if (e->size[label] != 1 && t->dims[d] != 1 && e->size[label] != t->dims[d])
                return df__call_fail(call, DF_E_BAD_MODEL, "one subscript for dimensions of %lld and %lld", (long long)e->size[label],
                                     (long long)t->dims[d]);
            e->size[label] = t->dims[d] == 1 ? e->size[label] : t->dims[d];
        }
    }
    return DF_OK;
}

static df_status parse(const df_call *call, einsum *e)
{
    const char *at = df__call_string(call, "equation", NULL);
    int count[LABELS] = {0}, dots = 0;
    df_status st = DF_OK;
    memset(e, 0, sizeof *e);
    if (!at)
        DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "no equation"));
    DF_TRY(read_inputs(call, &at, e, count));
    if (*at == '\0') { /* not said: what "..." stands for, then the letters that occur once, in their order */
        for (int i = LABELS - e->ellipsis; i < LABELS; i++)
            e->out[e->n_out++] = (uint8_t)i;
        for (int i = 0; i < LETTERS; i++)
            if (count[i] == 1)
                e->out[e->n_out++] = (uint8_t)i;
    } else {
        if (at[0] != '-' || at[1] != '>')
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "equation with more terms than %zu inputs", call->n_in));
        at += 2;
        dots = e->ellipsis;
        DF_TRY(read_term(call, &at, -1, e->out, &e->n_out, &dots));
        if (*at)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "equation with two results"));
    }
    uint64_t seen = 0;
    for (int i = 0; i < e->n_out; i++) {
        if (count[e->out[i]] == 0 && e->out[i] < LETTERS)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "a subscript of the result that no input has"));
        if (seen & bit(e->out[i]))
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "a subscript twice in the result"));
        seen |= bit(e->out[i]);
    }
    if (e->n_out > DF_MAX_RANK)
        DF_TRY(df__call_fail(call, DF_E_LIMIT, "%d dimensions, the limit is %d", e->n_out, DF_MAX_RANK));
    for (int i = 0; i < e->n_in; i++)
        for (int d = 0; d < call->in[i].rank; d++)
            e->in[i] |= call->in[i].dims[d] == 1 ? 0 : bit(e->terms[i][d]);
done:
    return st;
}

/* ---- sizes of what is in between ---- */

/* Product of the sizes of some labels, DF_E_LIMIT past what a tensor may have. */
static df_status volume(const df_call *call, const einsum *e, uint64_t labels, int64_t *out)
{
    int64_t most = (int64_t)(call->limits->bytes / 8);
    *out = 1;
    for (int i = 0; i < LABELS; i++)
        if (labels & bit(i)) {
            if (e->size[i] != 0 && *out > most / e->size[i])
                return df__call_fail(call, DF_E_LIMIT, "an intermediate sum passes the limit of %zu bytes", call->limits->bytes);
            *out *= e->size[i];
        }
    return DF_OK;
}

/* Labels that the result or an input behind `i` has. */
static uint64_t wanted_after(const einsum *e, int i)
{
    uint64_t w = 0;
    for (int k = 0; k < e->n_out; k++)
        w |= bit(e->out[k]);
    for (int k = i + 1; k < e->n_in; k++)
        w |= e->in[k];
    return w;
}

static df_status einsum_infer(df_call *call)
{
    einsum e;
    df_status st = DF_OK;
    DF_TRY(df__call_arity(call, 1, DF_MAX_IN));
    DF_TRY(df__call_types(call, 0, df__numbers));
    for (size_t i = 0; i < call->n_in; i++)
        if (!df__given(call, i) || call->in[i].type != call->in[0].type)
            DF_TRY(df__call_fail(call, DF_E_BAD_MODEL, "input %zu is not of the type of input 0", i));
    DF_TRY(parse(call, &e));
    call->out[0] = (df_tensor){.type = call->in[0].type, .rank = e.n_out};
    for (int i = 0; i < e.n_out; i++)
        call->out[0].dims[i] = e.size[e.out[i]];
    DF_TRY(df__call_check(call, &call->out[0]));
    uint64_t have = e.in[0];
    int64_t kept = 0, summed = 0;
    for (int i = 0; i < e.n_in; i++) {
        uint64_t all = have | e.in[i], keep = all & wanted_after(&e, i);
        DF_TRY(volume(call, &e, keep, &kept));
        DF_TRY(volume(call, &e, all & ~keep, &summed));
        DF_TRY(df__call_work(call, kept, summed));
        have = keep;
    }
done:
    return st;
}

/* ---- computing ---- */

static operand operand_of(const einsum *e, int i, const df_tensor *t, const void *data)
{
    operand o = {.data = data};
    int64_t own[DF_MAX_RANK];
    df__strides(t, own);
    for (int d = 0; d < t->rank; d++) {
        int k = 0;
        if (t->dims[d] == 1)
            continue;
        while (k < o.n && o.label[k] != e->terms[i][d]) /* a label twice is a diagonal: both steps at once */
            k++;
        if (k == o.n) {
            o.label[o.n] = e->terms[i][d];
            o.step[o.n++] = 0;
        }
        o.step[k] += own[d];
    }
    return o;
}

static int64_t step_of(const operand *o, int label)
{
    for (int i = 0; i < o->n; i++)
        if (o->label[i] == label)
            return o->step[i];
    return 0;
}

/* A walk over the labels of `order`, then over those that are summed. */
typedef struct box { int n, n_sum; int64_t dims[LABELS], step[LABELS], sum_dims[LABELS], sum_step[LABELS]; int64_t count, each; } box;

static box box_of(const einsum *e, const operand *o, const uint8_t *order, int n)
{
    box b = {.count = 1, .each = 1};
    uint64_t kept = 0;
    for (int i = 0; i < n; i++) {
        int64_t size = e->size[order[i]];
        kept |= bit(order[i]);
        b.count *= size;
        if (size == 1)
            continue;
        b.dims[b.n] = size;
        b.step[b.n++] = step_of(o, order[i]);
    }
    for (int i = 0; i < o->n; i++)
        if (!(kept & bit(o->label[i]))) {
            b.sum_dims[b.n_sum] = e->size[o->label[i]];
            b.sum_step[b.n_sum++] = o->step[i];
            b.each *= e->size[o->label[i]];
        }
    return b;
}

static bool is_dense(const box *b)
{
    int64_t step = 1;
    for (int i = b->n - 1; i >= 0; step *= b->dims[i--])
        if (b->step[i] != step)
            return false;
    return b->n_sum == 0;
}

static int64_t advance(int64_t *at, const int64_t *dims, const int64_t *step, int n)
{
    int64_t moved = 0;
    for (int i = n - 1; i >= 0; i--) {
        moved += step[i];
        if (++at[i] < dims[i])
            break;
        moved -= step[i] * dims[i];
        at[i] = 0;
    }
    return moved;
}

/* pack: the operand in the order of a box, summed. multiply: c[b][m][n] = sum over k; b lies as [k][n], or as [n][k] for dot products. */
#define ARITHMETIC(T, A)                                                                                                  \
    static void pack_##A(const box *b, const T *x, T *y)                                                                  \
    {                                                                                                                     \
        int64_t at[LABELS] = {0};                                                                                         \
        for (int64_t i = 0; i < b->count; i++) {                                                                          \
            int64_t in[LABELS] = {0};                                                                                     \
            const T *p = x;                                                                                               \
            T sum = 0;                                                                                                    \
            for (int64_t k = 0; k < b->each; k++) {                                                                       \
                sum += *p;                                                                                                \
                p += advance(in, b->sum_dims, b->sum_step, b->n_sum);                                                     \
            }                                                                                                             \
            y[i] = sum;                                                                                                   \
            x += advance(at, b->dims, b->step, b->n);                                                                     \
        }                                                                                                                 \
    }                                                                                                                     \
    DF_CLONES static T dot_##A(const T *a, const T *b, int64_t n)                                                         \
    {                                                                                                                     \
        T lane[LANES] = {0}, sum = 0;                                                                                     \
        int64_t i = 0;                                                                                                    \
        for (; i + LANES <= n; i += LANES)                                                                                \
            for (int l = 0; l < LANES; l++)                                                                               \
                lane[l] += a[i + l] * b[i + l];                                                                           \
        for (; i < n; i++)                                                                                                \
            sum += a[i] * b[i];                                                                                           \
        for (int l = 0; l < LANES; l++)                                                                                   \
            sum += lane[l];                                                                                               \
        return sum;                                                                                                       \
    }                                                                                                                     \
    DF_CLONES static void add_##A(T *c, const T *b, T a, int64_t n)                                                       \
    {                                                                                                                     \
        for (int64_t j = 0; j < n; j++)                                                                                   \
            c[j] += a * b[j];                                                                                             \
    }                                                                                                                     \
    static void multiply_##A(const T *a, const T *b, T *c, int64_t batch, int64_t m, int64_t k, int64_t n, bool dots)     \
    {                                                                                                                     \
        for (int64_t r = 0; r < batch * m; r++) {                                                                         \
            const T *row = a + r * k, *to = b + r / m * k * n;                                                            \
            for (int64_t j = 0; j < n; j++)                                                                               \
                c[r * n + j] = dots ? dot_##A(row, to + j * k, k) : 0;                                                    \
            for (int64_t l = 0; l < k && !dots; l++)                                                                      \
                add_##A(c + r * n, to + l * n, row[l], n);                                                                \
        }                                                                                                                 \
    }
ARITHMETIC(float, f32)
ARITHMETIC(double, f64)
ARITHMETIC(uint64_t, u64) /* integers of every width: wraps as they do */

static df_status make_room(const df_call *call, df_dtype type, int64_t n, void **out)
{
    *out = df__arena_calloc(call->scratch, (size_t)n + 1, type == DF_F32 ? sizeof(float) : sizeof(double));
    return *out ? DF_OK : df__no_memory(call->err, "Einsum", (size_t)n * sizeof(double));
}

static df_status pack(const df_call *call, const einsum *e, const operand *o, const uint8_t *order, int n, const void **out)
{
    box b = box_of(e, o, order, n);
    df_dtype type = call->in[0].type;
    void *to = NULL;
    *out = o->data;
    if (is_dense(&b))
        return DF_OK;
    df_status st = make_room(call, type, b.count, &to);
    if (st != DF_OK)
        return st;
    if (type == DF_F32)
        pack_f32(&b, o->data, to);
    else if (type == DF_F64)
        pack_f64(&b, o->data, to);
    else
        pack_u64(&b, o->data, to);
    *out = to;
    return DF_OK;
}

static int list_of(uint64_t labels, uint8_t *list)
{
    int n = 0;
    for (int i = 0; i < LABELS; i++)
        if (labels & bit(i))
            list[n++] = (uint8_t)i;
    return n;
}

static uint64_t labels_of(const operand *o)
{
    uint64_t s = 0;
    for (int i = 0; i < o->n; i++)
        s |= bit(o->label[i]);
    return s;
}

/* *a becomes the product of both, summed over what nobody wants. */
static df_status product(const df_call *call, const einsum *e, operand *a, const operand *b, uint64_t keep)
{
    uint64_t in_a = labels_of(a), in_b = labels_of(b), groups[4] = {in_a & in_b & keep, in_a & ~in_b & keep, in_b & ~in_a & keep, in_a & in_b & ~keep};
    uint8_t lists[4][LABELS], order[2 * LABELS];
    int n[4], at;
    int64_t size[4];
    const void *pa, *pb;
    void *c = NULL;
    df_dtype type = call->in[0].type;
    df_status st = DF_OK;
    for (int i = 0; i < 4; i++) {
        n[i] = list_of(groups[i], lists[i]);
        DF_TRY(volume(call, e, groups[i], &size[i]));
    }
#define APPEND(group) memcpy(order + at, lists[group], (size_t)n[group]), at += n[group]
    at = 0, APPEND(0), APPEND(1), APPEND(3);
    DF_TRY(pack(call, e, a, order, at, &pa));
    at = 0, APPEND(0), APPEND(2), APPEND(3);
    box whole = box_of(e, b, order, at);
    bool dots = size[2] < NARROW || (is_dense(&whole) && size[3] >= LANES); /* weights that lie well are not copied */
    if (!dots)
        at = 0, APPEND(0), APPEND(3), APPEND(2);
    DF_TRY(pack(call, e, b, order, at, &pb));
    DF_TRY(make_room(call, type, size[0] * size[1] * size[2], &c));
    if (type == DF_F32)
        multiply_f32(pa, pb, c, size[0], size[1], size[3], size[2], dots);
    else if (type == DF_F64)
        multiply_f64(pa, pb, c, size[0], size[1], size[3], size[2], dots);
    else
        multiply_u64(pa, pb, c, size[0], size[1], size[3], size[2], dots);
    at = 0, APPEND(0), APPEND(1), APPEND(2);
    *a = (operand){.n = at, .data = c};
    memcpy(a->label, order, (size_t)at);
    int64_t step = 1;
    for (int i = at - 1; i >= 0; step *= e->size[a->label[i--]])
        a->step[i] = step;
done:
    return st;
}

/* Numbers that the arithmetic above takes as they are; other integers become 64 bits wide. */
static df_status widened(const df_call *call, const df_tensor *t, const void **out)
{
    *out = t->data;
    if (df__is_float(t->type) || t->type == DF_I64 || t->type == DF_U64)
        return DF_OK;
    int64_t n = df__tensor_count(t), *to = df__arena_calloc(call->scratch, (size_t)n + 1, sizeof *to);
    if (!to)
        return df__no_memory(call->err, "Einsum", (size_t)n * sizeof *to);
    for (int64_t i = 0; i < n; i++)
        to[i] = df__load_i64(t, i);
    *out = to;
    return DF_OK;
}

static df_status einsum_run(const df_call *call)
{
    einsum e;
    operand a = {0};
    const void *data = NULL;
    df_tensor *y = &call->out[0];
    df_status st = DF_OK;
    DF_TRY(parse(call, &e));
    for (int i = 0; i < e.n_in; i++) {
        DF_TRY(widened(call, &call->in[i], &data));
        operand b = operand_of(&e, i, &call->in[i], data);
        if (i == 0)
            a = b;
        else
            DF_TRY(product(call, &e, &a, &b, wanted_after(&e, i)));
    }
    DF_TRY(pack(call, &e, &a, e.out, e.n_out, &data));
    if (df__is_float(y->type))
        memcpy(y->data, data, df__tensor_bytes(y));
    else
        for (int64_t i = 0, n = df__tensor_count(y); i < n; i++)
            df__store_i64(y, i, ((const int64_t *)data)[i]);
done:
    return st;
}

const df_op df__op_Einsum = {.name = "Einsum", .infer = einsum_infer, .run = einsum_run};
