/* kernel.h - the ways to compute a convolution or a product, and the choice of the fastest for a shape. */
#ifndef DF_NN_KERNEL_H
#define DF_NN_KERNEL_H

#include "nn/lanes.h"
#include "nn/onednn.h"

/* Of a kernel that is to be timed and freed: any weights will do. The largest piece of them. */
typedef struct df_trial { const void *weights; size_t bytes; } df_trial;

/* A convolution that is to be compiled. */
typedef struct df_conv {
    const df_call   *call;
    const df_window *w;
    int64_t          group;
    bool             transposed;
    const df_fused  *fused;
    df_packer       *packer;
    df_trial *trial; /* NULL: the kernel is to stay */
} df_conv;

/* y[m, n] = a[m, k] * weights (+ bias) */
typedef struct df_gemm {
    int64_t          m, k, n;
    bool             trans_a, trans_b; /* weights are [n, k] */
    const df_tensor *weights, *bias;   /* bias: n values or NULL */
    float            alpha, beta;
} df_gemm;

/* Work of a part that takes some three microseconds: a loop of two threads costs 0.6 while workers are awake (core/threads.c). */
enum { DF_PART_ADDS = 125000 /* multiply-adds of dense products in vector registers */, DF_PART_NUMBERS = 1 << 15 /* read, with little done to each */ };
double df__part_adds(df_num num); /* of dense products of such numbers: matrix registers are faster */

/* Parts of a loop over `work`, each with `least` of it or more: 1 to `most`, and to the number of threads. */
int64_t df__parts(const df_call *call, double work, double least, int64_t most);

/* *out stays NULL where there is no faster way than the operator's own plain C. */
df_status df__conv_compile(const df_call *call, const df_window *w, int64_t group, bool transposed, const df_fused *fused, df_packer *packer,
                           df_kernel **out);
df_status df__gemm_compile(const df_call *call, const df_gemm *g, const df_fused *fused, df_packer *packer, df_kernel **out);

/* y[batch][m][n] = a[batch][m][k] b[batch][k][n], both inputs dense. */
df_status df__pairs_compile(const df_call *call, int64_t batch, int64_t m, int64_t k, int64_t n, df_kernel **out);
/* The numbers that two tensors of the run are multiplied in: small products are not worth rounding them. */
df_num df__product_num(const df_call *call, int64_t m, int64_t k, int64_t n);

/* ---- the ways; *out stays NULL where one does not apply ---- */

/* own_tail: oneDNN computes the sum alone, bias and posts follow slice by slice; its best kernels do not take every post. */
df_status df__conv_direct(const df_conv *conv, df_num num, bool own_tail, df_kernel **out);
/* Tiles of m x m outputs, m = 2 or 4. */
df_status df__conv_winograd(const df_conv *conv, int m, df_num num, df_kernel **out);
/* Rows of the photo by panels of 32 output channels, by loops of our own. */
df_status df__conv_panels(const df_conv *conv, df_num num, df_kernel **out);
/* Each channel by itself, by loops of our own. */
df_status df__conv_depthwise(const df_conv *conv, df_kernel **out);
/* 1 x 1 to few outputs, by loops of our own: the time that reading the photo takes. Weights are exact. */
bool df__conv_few_applies(const df_conv *conv);
df_status df__conv_few(const df_conv *conv, df_kernel **out);
/* Products of bfloat16 in AMX's matrix registers; `exact`: of pairs of them, which hold 16 bits. */
df_status df__conv_amx(const df_conv *conv, bool exact, df_kernel **out);
/* 8-bit products: scales a photo for the input, a channel for the weights. */
df_status df__conv_int8(const df_conv *conv, df_kernel **out);

/* Transposed, windows side by side. */
df_status df__conv_up(const df_conv *conv, df_kernel **out);

/* A few rows times a matrix: y[m][n] = x[m][k] . matrix; element i of column c lies at c * step_n + (i's place in dims, dims[2] fastest) * steps. */
typedef struct df_dots_job { int64_t m, k, n, step_n, dims[3], steps[3]; const void *matrix; const df_tensor *bias; } df_dots_job;
df_status df__dots(const df_call *call, const df_dots_job *job, const df_fused *fused, df_packer *packer, df_trial *trial, df_kernel **out);
/* The convolution whose window is the whole photo. */
df_status df__conv_dots(const df_conv *conv, df_kernel **out);

/* ---- helpers ---- */

/* x = exp(x - the largest of all n); their sum (op_softmax.c). */
float df__softmax_powers(float *x, int64_t n);
/* The same to y in bfloat16, each power to 1 part in 10,000 before it is rounded. */
float df__softmax_powers_bf16(const float *x, int64_t n, uint16_t *y);

/* Products are twice as fast in bfloat16, and that is enough. */
bool df__half_products(const df_call *call);

/* Weights in a kernel's layout: the packer's, or the kernel's own. */
typedef struct df_weights_at { const void *data; void *own; } df_weights_at;
typedef df_status df_fill_fn(void *arg, void *out, df_error *err);
/* Finds them under the key, or has fill() write them. For a trial: memory that was touched. */
df_status df__weights_place(const df_call *call, df_packer *packer, df_trial *trial, const df_pack_key *key, size_t bytes,
                            df_fill_fn *fill, void *arg, df_weights_at *at);
/* A key that says: these weights, these scales. */
df_pack_key df__weights_key(const df_call *call, const char *kind, const float *scale, int64_t channels);
/* bias * scale + shift, one for each channel; *out stays NULL where there is neither bias nor shift. */
df_status df__bias_new(const df_call *call, const df_tensor *bias, const df_fused *fused, int64_t channels, float **out);
enum { DF_MAX_WORKERS = 64 }; /* threads of one layer */
/* What each worker met. */
typedef struct df_mishaps { df_status st[DF_MAX_WORKERS]; df_error err[DF_MAX_WORKERS]; } df_mishaps;
/* fn(arg, i, worker) for i below n on so many threads; worker stays below both `threads` and n, for which scratch is counted. fn notes a
 * failure in *met, which is all zero before; the first of them is the call's. */
df_status df__run_parts(const df_call *call, int threads, size_t n, void (*fn)(void *arg, size_t i, int worker), void *arg, const df_mishaps *met);
/* Of df_lanes.panel and .pixels. */
static inline int df__lanes_num(df_num num) { return num == DF_NUM_S16 ? 2 : num == DF_NUM_BF16; }
/* Numbers of the tensor as the kernels know them: float32 or bfloat16. */
static inline df_num df__num_of(const df_tensor *t) { return t->type == DF_BF16 ? DF_NUM_BF16 : DF_NUM_F32; }
static inline bool df__is_half(const df_tensor *t) { return t->type == DF_BF16; }
static inline void *df__element(const df_tensor *t, int64_t i) { return (char *)t->data + i * (t->type == DF_BF16 ? 2 : 4); }
/* n numbers from element `at` on of a tensor of either kind, as float32 or bfloat16. */
void df__copy_as(const df_tensor *x, int64_t at, int64_t n, df_num num, void *to);
/* The tensors of the posts that add one, from their element `offset` on. */
void df__add_inputs(const df_call *call, const df_fused *fused, int64_t offset, const void **add);
df_tail df__tail_new(const df_call *call, const float *bias, const df_fused *fused, int64_t offset);

/* ---- kernel_pixels.c ---- */

/* Operators that go over pixels in channels last, of float32 or bfloat16: means of a photo's channels, numbers a channel that a photo is multiplied by. */
bool df__pixels_know(const df_op *op);
df_status df__pixels_compile(const df_call *call, const df_op *op, df_kernel **out);

/* ---- kernel_half.c ---- */

bool df__any_half(const df_call *call); /* a tensor is of bfloat16 */
/* A kernel of the operator, which knows float32 alone, for such tensors. */
df_status df__half_compile(const df_call *call, const df_op *op, const df_fused *fused, df_packer *packer, df_kernel **out);

#endif
