/* op.h - what an operator is: a constant struct of functions, one row of op_table.c. One file op_<family>.c holds a family. */
#ifndef DF_NN_OP_H
#define DF_NN_OP_H

#include "nn/graph.h"
#include "nn/packer.h"

enum { DF_MAX_IN = 64 }; /* inputs of a node that is not Concat, Max, Min, Sum or Mean, which take any number */

/* What one call of an operator may cost; a file cannot ask for more. */
typedef struct df_budget {
    size_t  bytes; /* of tensors that one plan or run holds at once */
    int64_t work;  /* multiply-adds of one node */
} df_budget;

/* How exact the kernels are. Their names: precision.h. */
typedef enum df_precision {
    DF_PRECISION_STRICT, /* float32: what a plain runtime computes, to 1e-4 */
    DF_PRECISION_FAST,   /* products of bfloat16 or 16-bit whole numbers where that is faster: cosine to strict at least 0.9999 */
    DF_PRECISION_INT8    /* products of 8-bit integers, scales a channel and a photo; the rest as FAST */
} df_precision;

/* An advantage that no kernel has: all stay exact. */
#define DF_ADVANTAGE_MOST 1e3

/* One node with its tensors, as an operator sees it. */
typedef struct df_call {
    const df_node   *node;
    int64_t          opset;
    const df_tensor *in;      /* type 0: left out */
    size_t           n_in;
    df_tensor       *out;     /* rank -1: nobody wants it */
    size_t           n_out;
    bool             nhwc;    /* tensors of rank 4 lie in memory, and say so in dims, as [n,h,w,c]; only where the operator's flags allow */
    int              weights_id; /* compile(): a number for input 1 that is the same at each load of the file; -1: input 1 is the plan's own */
    df_precision     precision;  /* compile() */
    int              threads;    /* that a run may use; 0 and 1: one */
    double           advantage;  /* compile(): so many times faster has a kernel to be that is not exact; 0: once is enough */
    double           tiles;      /* and so many times more one whose tiles are bfloat16, which round twice; 0: once is enough */
    bool             whole;      /* compile(): products of 16-bit whole numbers may take the place of those of float32, which they are nearly as exact as */
    bool             not_negative; /* compile(): no value of input 0 is below 0 */
    df_arena        *scratch; /* given back after the call */
    const df_budget *limits;
    df_error        *err;
} df_call;

/* What the planner may do with an operator. */
enum {
    DF_OP_VIEW = 1,         /* the output is input 0 with other dims: no copy */
    DF_OP_INPLACE = 2,      /* the output may lie where an input of the same size lay */
    DF_OP_ELEMENTWISE = 4,  /* any layout that all inputs share, after broadcasting */
    DF_OP_AXIS = 8,         /* any layout; the axes are asked for with df__call_axis */
    DF_OP_CHANNELS_LAST = 16, /* input 0 and output 0 in [n,h,w,c], other inputs as in the file */
    DF_OP_NO_FOLD = 32,     /* not of its inputs alone */
    DF_OP_HALVES = 64,      /* compile() takes tensors of bfloat16 in channels last, or reads and writes rows that are cheap to convert */
    DF_OP_ROWS = 128,       /* a row of the output is made of the same rows of the inputs, or of all of one that has no such rows */
    DF_OP_BITS = 256,       /* moves numbers and looks at none: run() takes bfloat16 too, where all inputs and outputs are of it (of Resize: in the mode "nearest") */
};

struct df_fused;

/* What one run lends to a kernel. */
typedef struct df_exec {
    void *scratch; /* the kernel's scratch_bytes, aligned to 64 */
    int   threads; /* what it was compiled for */
} df_exec;

/* An operator compiled for known shapes: immutable, run by any number of threads. */
typedef struct df_kernel {
    df_status (*run)(const struct df_kernel *self, const df_call *call, const df_exec *exec);
    void      (*free)(struct df_kernel *self);
    size_t      scratch_bytes;
    const char *name; /* of the kernel chosen, for people */
    bool        rounds; /* what it multiplies, to bfloat16 or 8 bits */
    bool        adds_in_place; /* what a post adds may lie where the output goes: each of its numbers is read once, right before another is written there */
} df_kernel;

typedef struct df_op {
    const char *name;
    unsigned    flags;
    uint32_t    needs; /* bit i: the shape of the outputs depends on the values of input i */
    /* Types and dims of the outputs; in[i].data is NULL where the values are not known. Messages need not name the node. */
    df_status (*infer)(df_call *call);
    /* Fill out[i].data; plain C, every type that the operator claims. */
    df_status (*run)(const df_call *call);
    /* (optional) A faster kernel for these shapes; *out stays NULL where there is none. `fused` holds what the passes put into the node. */
    df_status (*compile)(const df_call *call, const struct df_fused *fused, df_packer *packer, df_kernel **out);
} df_op;

const df_op *df__op_find(const char *domain, const char *name); /* NULL when unknown */
const df_op *df__op_at(size_t index);                           /* NULL past the last; for docs and tests */

/* What is claimed of an operator; docs/operators.md shows it. */
typedef struct df_op_row {
    const df_op *op;
    int          since, until; /* operator sets; until 0: still there */
    unsigned     types;        /* of input 0, bit 1 << df_dtype; half floats are held as float32 */
    const char  *note;
} df_op_row;
const df_op_row *df__op_row_at(size_t index); /* NULL past the last */
/* op->infer, after input 0 was found to be of a type that the row claims. */
df_status df__op_infer(const df_op *op, df_call *call);

/* ---- helpers for operators ---- */

bool df__given(const df_call *call, size_t i);   /* input i is there */
bool df__wanted(const df_call *call, size_t i);  /* output i is there */
df_status df__call_fail(const df_call *call, df_status status, const char *format, ...) DF_PRINTF(3, 4);
/* At least `least`, at most `most` inputs, one output or more. */
df_status df__call_arity(const df_call *call, size_t least, size_t most);
/* The type of input i is one of `types` (ends with 0). */
df_status df__call_types(const df_call *call, size_t i, const df_dtype *types);
extern const df_dtype df__floats[], df__numbers[], df__integers[]; /* f32 f64; those and all integers; integers */

/* Attribute `axis` (or a value) to 0..rank-1, in the layout of the call. */
df_status df__call_axis(const df_call *call, int64_t axis, int rank, int *out);
/* Integers that the node gives as an input (known now) or, in older opsets, as an attribute; *n is 0 when absent. At most `most`. */
df_status df__call_ints(const df_call *call, int input, const char *attr, int64_t *out, size_t most, size_t *n);
const char *df__call_string(const df_call *call, const char *attr, const char *otherwise);

df_tensor df__shape_like(const df_tensor *t);             /* type and dims, no data */
df_status df__call_check(const df_call *call, const df_tensor *t); /* dims are sane and below the limits */
df_status df__call_work(const df_call *call, int64_t outputs, int64_t each); /* outputs * each multiply-adds are below the limit */
df_status df__broadcast(const df_call *call, const df_tensor *a, const df_tensor *b, df_tensor *out); /* dims alone */
size_t    df__tensor_bytes(const df_tensor *t);           /* of a checked tensor */
bool      df__call_idle(const df_call *call);             /* every output is empty: there is nothing to run */
int64_t   df__load_i64(const df_tensor *t, int64_t i);    /* element i; floats are cut */
double    df__load_f64(const df_tensor *t, int64_t i);
void      df__store_i64(df_tensor *t, int64_t i, int64_t v);  /* wraps as C does */
void      df__store_f64(df_tensor *t, int64_t i, double v);
void      df__strides(const df_tensor *t, int64_t strides[DF_MAX_RANK]); /* in elements */
/* y[i * sy + j] = x[j * sx + i] for j below rows and i below columns, elements of 4 bytes. */
void      df__turn_4(const void *x, int64_t sx, void *y, int64_t sy, int64_t rows, int64_t columns);
/* From one strided box of `dims` to another; numbers of `size` bytes, strides `st` and `sf` in elements. */
void      df__copy_box(size_t size, int rank, const int64_t *dims, char *to, const int64_t *st, const char *from, const int64_t *sf);
static inline bool df__is_float(df_dtype t) { return t == DF_F32 || t == DF_F64; }
/* The next index of a box, the last dimension fastest; false behind the last, when `at` is all 0 again. */
static inline bool df__next_index(int64_t *at, const int64_t *dims, int rank)
{
    for (int i = rank - 1; i >= 0; i--) {
        if (++at[i] < dims[i])
            return true;
        at[i] = 0;
    }
    return false;
}

/* ---- op_matmul.c ---- */

/* NumPy's product of in[0] and in[b]: batches broadcast, a vector is a row or a column. `a` and `b` are the tensors as matrices. */
typedef struct df_product { int64_t m, k, n, batches; int rank; int64_t dims[DF_MAX_RANK]; df_tensor a, b; } df_product;
df_status df__product_of(const df_call *call, size_t b, df_product *out);
/* Its result's type and dims. */
df_status df__product_infer(df_call *call, size_t b, const df_product *p, df_dtype type);
/* First element of matrix i of a batch of `dims`, in a tensor of matrices that may be spread over it. */
int64_t df__batch_offset(const int64_t *dims, int rank, const df_tensor *t, int64_t i);

/* ---- op_pad.c ---- */

bool df__pad_behind(const df_call *call, int axis); /* zeros behind dimension `axis` of the tensors as they lie are all that Pad adds */

/* ---- op_sort.c ---- */

int64_t df__sort_key(const df_tensor *t, int64_t i); /* grows with element i; NaN above all, -0 equal to 0 */
/* `order` (n row numbers) so that rows of `width` keys rise, first column first; equal rows keep their order. spare: n entries. */
void df__sort_rows(const int64_t *keys, int64_t width, int64_t *order, int64_t n, int64_t *spare);

/* ---- op_window.c: kernels that slide over space (convolution, pooling) ---- */

enum { DF_MAX_SPACE = DF_MAX_RANK - 2 };
typedef struct df_window {
    int     space; /* spatial dims */
    int64_t in[DF_MAX_SPACE], out[DF_MAX_SPACE], kernel[DF_MAX_SPACE], stride[DF_MAX_SPACE], dilation[DF_MAX_SPACE];
    int64_t pad[DF_MAX_SPACE], pad_end[DF_MAX_SPACE];
    int64_t n, c;
} df_window;
/* From the attributes; `kernel` NULL takes kernel_shape. Input dims in the call's layout. */
df_status df__window(const df_call *call, const int64_t *kernel, df_window *w);
/* dims[0] = n, dims[1] = c, then space - or with c last, as the call's layout has it. */
void df__space_dims(const df_call *call, df_tensor *t, int64_t n, int64_t c, int space, const int64_t *dims);
/* Strides in elements of [n, c, space...] of a tensor in the call's layout. */
void df__space_strides(const df_call *call, const df_tensor *t, int64_t strides[DF_MAX_RANK]);

#endif
