/* kernel_half.c - bfloat16 tensors for an operator that knows float32 alone: what it reads is widened, what it makes is rounded. Operators that
 * go row by row (DF_OP_ROWS) do so in ranges of rows that stay in the first cache and that threads share out; for others it is all at once. */
#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "nn/kernel.h"

enum { LINE = 64, CHUNK_BYTES = 24 << 10, PIECE = 1 << 16 /* numbers */ };

typedef struct halves {
    df_kernel       base;
    const df_op    *op;
    df_kernel      *inner;  /* NULL: op->run */
    const df_fused *fused;
    bool            rows;
    int64_t         height, chunk, chunks; /* rows of a photo; of a chunk; chunks of a photo */
    size_t          n_in, each; /* float32 copies: of a worker */
    size_t          at[];       /* of each input, then of the output, in that memory; SIZE_MAX: none */
} halves;

static void half_free(df_kernel *base)
{
    halves *h = (halves *)base;
    if (h->inner)
        h->inner->free(h->inner);
    free(h);
}

/* ---- runs ---- */

typedef struct piece { const df_tensor *half; float *wide; bool widen; } piece;

static void convert_piece(void *arg, size_t i, int worker)
{
    const piece *p = arg;
    int64_t first = (int64_t)i * PIECE, n = df__tensor_count(p->half) - first;
    n = n < PIECE ? n : PIECE;
    (void)worker;
    if (p->widen)
        df__lanes()->from_bf16((const uint16_t *)p->half->data + first, p->wide + first, n);
    else
        df__lanes()->to_bf16(p->wide + first, (uint16_t *)p->half->data + first, n);
}

static void convert(const df_tensor *half, float *wide, bool widen, int threads)
{
    piece p = {half, wide, widen};
    df__parallel_for((size_t)((df__tensor_count(half) + PIECE - 1) / PIECE), threads, convert_piece, &p);
}

static df_status run_inner(const halves *h, const df_call *call, const df_exec *exec)
{
    df_status st = h->inner ? h->inner->run(h->inner, call, exec) : h->op->run(call);
    if (st == DF_OK && !h->inner && h->fused)
        df__fused_apply(call, h->fused, true);
    return st;
}

/* The call with float32 in place of bfloat16, in `memory`. */
static void furnish(const halves *h, const df_call *from, char *memory, df_tensor *in, df_tensor *out, df_call *to, int threads)
{
    *to = *from;
    for (size_t i = 0; i < h->n_in; i++) {
        in[i] = from->in[i];
        if (in[i].type != DF_BF16)
            continue;
        convert(&from->in[i], (float *)(void *)(memory + h->at[i]), true, threads);
        in[i].type = DF_F32;
        in[i].data = memory + h->at[i];
    }
    *out = from->out[0];
    if (out->type == DF_BF16) {
        out->type = DF_F32;
        out->data = memory + h->at[h->n_in];
    }
    to->in = in;
    to->out = out;
    to->n_out = 1;
}

static df_status whole_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const halves *h = (const halves *)base;
    df_call wide;
    df_tensor out, *in = df__arena_alloc(call->scratch, (h->n_in + 1) * sizeof *in);
    if (!in)
        return df__no_memory(call->err, "kernel", h->n_in * sizeof *in);
    furnish(h, call, exec->scratch, in, &out, &wide, exec->threads);
    df_exec own = {.scratch = (char *)exec->scratch + h->each, .threads = exec->threads};
    df_status st = run_inner(h, &wide, &own);
    if (st == DF_OK && call->out[0].type == DF_BF16)
        convert(&call->out[0], out.data, false, exec->threads);
    return st;
}

typedef struct work {
    const halves  *h;
    const df_call *call;
    char          *scratch;
    df_mishaps     met;
} work;

/* Rows first .. first + rows of a photo, where the tensor has such rows. */
static df_tensor part_of(const df_tensor *t, int64_t height, int64_t photo, int64_t first, int64_t rows)
{
    df_tensor p = *t;
    if (t->rank != 4 || (t->dims[1] != height && t->dims[0] == 1))
        return p;
    int64_t row = t->dims[2] * t->dims[3];
    bool tall = t->dims[1] == height;
    p.data = (char *)t->data + (size_t)((t->dims[0] > 1 ? photo : 0) * t->dims[1] * row + (tall ? first * row : 0)) * df__dtype_size(t->type);
    p.dims[0] = 1;
    p.dims[1] = tall ? rows : t->dims[1];
    return p;
}

static void run_rows(void *arg, size_t i, int worker)
{
    work *w = arg;
    const halves *h = w->h;
    int64_t photo = (int64_t)i / h->chunks, first = (int64_t)i % h->chunks * h->chunk, rows = h->height - first < h->chunk ? h->height - first : h->chunk;
    df_arena own = {0};
    df_tensor parts[DF_MAX_IN], wide_in[DF_MAX_IN], out = part_of(&w->call->out[0], h->height, photo, first, rows), wide_out;
    df_call call = *w->call, wide;
    for (size_t k = 0; k < h->n_in; k++)
        parts[k] = part_of(&w->call->in[k], h->height, photo, first, rows);
    call.in = parts;
    call.out = &out;
    call.scratch = &own;
    call.threads = 1;
    call.err = &w->met.err[worker];
    furnish(h, &call, w->scratch + (size_t)worker * h->each, wide_in, &wide_out, &wide, 1);
    df_status st = run_inner(h, &wide, &(df_exec){NULL, 1});
    if (st != DF_OK)
        w->met.st[worker] = st;
    else if (out.type == DF_BF16)
        convert(&out, wide_out.data, false, 1);
    df__arena_free(&own);
}

static df_status rows_run(const df_kernel *base, const df_call *call, const df_exec *exec)
{
    const halves *h = (const halves *)base;
    df_arena_mark mark = df__arena_mark(call->scratch);
    work *w = df__arena_calloc(call->scratch, 1, sizeof *w);
    if (!w)
        return df__no_memory(call->err, "kernel", sizeof *w);
    w->h = h;
    w->call = call;
    w->scratch = exec->scratch;
    df_status st = df__run_parts(call, exec->threads, (size_t)(call->out[0].dims[0] * h->chunks), run_rows, w, &w->met);
    df__arena_release(call->scratch, mark);
    return st;
}

/* ---- compilation ---- */

static size_t lines(int64_t numbers) { return ((size_t)numbers * sizeof(float) + LINE - 1) & ~(size_t)(LINE - 1); }

bool df__any_half(const df_call *call)
{
    bool any = false;
    for (size_t i = 0; i < call->n_in; i++)
        any = any || call->in[i].type == DF_BF16;
    for (size_t i = 0; i < call->n_out; i++)
        any = any || (df__wanted(call, i) && call->out[i].type == DF_BF16);
    return any;
}

/* Photos side by side or not, and each input either has the output's rows or is spread over them. */
static bool by_rows(const df_call *call, const df_op *op)
{
    const df_tensor *y = &call->out[0];
    bool fits = (op->flags & DF_OP_ROWS) && !op->compile && call->n_in <= DF_MAX_IN && call->nhwc && y->rank == 4;
    for (size_t i = 0; i < call->n_in && fits; i++) {
        const df_tensor *x = &call->in[i];
        bool alone = x->rank != 4 || (x->dims[0] == 1 && x->dims[1] == 1);
        fits = alone || (x->dims[0] == y->dims[0] && (x->dims[1] == y->dims[1] || x->dims[1] == 1)) || (x->dims[0] == 1 && x->dims[1] == y->dims[1] && y->dims[0] == 1);
    }
    return fits;
}

df_status df__half_compile(const df_call *call, const df_op *op, const df_fused *fused, df_packer *packer, df_kernel **out)
{
    df_status st = DF_OK;
    df_arena memory = {0};
    const df_tensor *y = &call->out[0];
    *out = NULL;
    halves *h = calloc(1, sizeof *h + (call->n_in + 1) * sizeof *h->at);
    df_tensor wide_out = *y, *in = df__arena_alloc(&memory, (call->n_in + 1) * sizeof *in);
    if (!h || !in)
        DF_TRY(df__no_memory(call->err, "kernel", sizeof *h));
    h->op = op;
    h->fused = fused;
    h->n_in = call->n_in;
    h->rows = by_rows(call, op);
    if (!h->rows && !df__any_half(call))
        goto done;
    h->base = (df_kernel){.run = h->rows ? rows_run : whole_run, .free = half_free, .name = df__any_half(call) ? "plain, converted" : "plain, by rows"};
    if (h->rows) {
        int64_t row = y->dims[2] * y->dims[3] * (int64_t)sizeof(float);
        h->height = y->dims[1];
        h->chunk = CHUNK_BYTES / row < 1 ? 1 : CHUNK_BYTES / row < h->height ? CHUNK_BYTES / row : h->height;
        h->chunks = (h->height + h->chunk - 1) / h->chunk;
    }
    for (size_t i = 0; i <= call->n_in; i++) {
        const df_tensor *t = i < call->n_in ? &call->in[i] : y;
        h->at[i] = SIZE_MAX;
        if (t->type != DF_BF16)
            continue;
        h->at[i] = h->each;
        df_tensor part = h->rows ? part_of(t, h->height, 0, 0, h->chunk) : *t;
        h->each += lines(df__tensor_count(&part));
    }
    int workers = call->threads < DF_MAX_WORKERS ? call->threads : DF_MAX_WORKERS;
    h->base.scratch_bytes = h->each * (size_t)(h->rows ? workers : 1);
    if (op->compile) {
        df_call wide = *call;
        for (size_t i = 0; i < call->n_in; i++) {
            in[i] = call->in[i];
            in[i].type = in[i].type == DF_BF16 ? DF_F32 : in[i].type;
        }
        wide_out.type = wide_out.type == DF_BF16 ? DF_F32 : wide_out.type;
        wide.in = in;
        wide.out = &wide_out;
        DF_TRY(op->compile(&wide, fused, packer, &h->inner));
    }
    if (h->inner) {
        h->base.scratch_bytes += h->inner->scratch_bytes;
        h->base.name = h->inner->name;
    }
    *out = &h->base;
    h = NULL;
done:
    if (h)
        half_free(&h->base);
    df__arena_free(&memory);
    return st;
}
