/* plan.h - a program compiled for the shapes of its inputs: where each tensor lies, in which layout, and which kernel makes it. Immutable but
 * for the pool of workspaces, which has its own lock. */
#ifndef DF_NN_PLAN_H
#define DF_NN_PLAN_H

#include <pthread.h>

#include "nn/onednn.h"

typedef enum df_place { DF_PLACE_WORK, DF_PLACE_INPUT, DF_PLACE_OUTPUT, DF_PLACE_CONST, DF_PLACE_NONE /* inside of a kernel */ } df_place;

/* A tensor as it lies in memory. Several may share bytes: `root` owns them, the others begin `offset` behind. */
typedef struct df_slot {
    df_tensor t; /* dims in memory's order; data for constants */
    int       root;
    size_t    offset;
    df_place  place; /* of a root */
    size_t    at;    /* bytes from the workspace's begin; number of the input or output */
    int       first, last; /* steps between which the bytes are needed */
} df_slot;

typedef struct df_plan_step {
    const df_op    *op;
    const df_node  *node;
    const df_fused *fused;
    df_kernel      *kernel; /* NULL: op->run */
    size_t          in, n_in, out, n_out; /* in df_plan.refs: numbers of slots, -1 left out */
    bool            nhwc;
    int             weights_id; /* see df_call */
    int             value;      /* of the program, that output 0 is: the same for all shapes of a network's inputs; -1: the plan's own step */
    bool            not_negative, spared, wide, exact; /* spared: its products; wide: what it makes; exact: its kernel: see df_spared */
    const struct df_plan_member *members; /* layers that one kernel computes together, the last one's node is the step's; NULL: none */
    int             n_members;
} df_plan_step;

/* `from`: the member that makes input 0 or an input that a post adds, or ~i: input i of the whole. */
typedef struct df_plan_member { df_plan_step step; int from, add[DF_MAX_POSTS]; } df_plan_member;

typedef struct df_workspace {
    struct df_workspace *next;
    uint8_t   *memory;
    df_tensor *tensors; /* one a ref of the plan */
    df_arena   scratch;
} df_workspace;

/* Whether steps are computed together row by row (plan_stack.c): where nothing else is faster, which is in float32; or although there are products of
 * bfloat16, whose rows then are made together too. MOSTLY: no plan is made unless more than a third of the steps come together.
 * NONE: never. */
typedef enum df_stacks { DF_STACKS_OF_F32, DF_STACKS_MOSTLY, DF_STACKS_NONE } df_stacks;

typedef struct df_plan {
    df_program    program; /* owns what the steps point to */
    df_slot      *slots;
    size_t        n_slots, cap_slots;
    df_plan_step *steps;
    size_t        n_steps, cap_steps;
    int          *refs;
    size_t        n_refs, cap_refs;
    int          *outputs; /* slots of the graph's outputs */
    bool         *copied;  /* the output lies elsewhere and is copied at the end */
    size_t        bytes, kernel_bytes; /* of a workspace; of its part for kernels */
    int           threads; /* that one run may use; 0: the plan is not whole */
    df_precision  precision;
    double        advantage, tiles; /* see df_call */
    bool          whole; /* see df_call */
    bool          exact_pixels; /* convolutions of up to 4 channels, which see a photo, stay exact */
    bool          halves; /* tensors between layers may be bfloat16 (plan_half.c) */
    df_stacks     stacks;
    size_t        n_stacked; /* steps that became layers of stacks */
    pthread_mutex_t lock;
    df_workspace *idle;
    size_t        n_idle;
} df_plan;

/* What rounding costs most for the time that it saves (net_spare.c): steps, whose products stay exact in FAST and do as in FAST in INT8; and tensors, which stay float32; and
 * whatever is spared, kernels that rounded nothing before: of other tensors another kernel might be faster that does. Three bits a value of the program: the step that makes it, itself,
 * the step's kernel. plan_half.c has them. */
typedef struct df_spared { const uint8_t *bits; size_t bytes; } df_spared;
typedef enum df_spare_kind { DF_SPARE_PRODUCT, DF_SPARE_TENSOR, DF_SPARE_KERNEL, DF_SPARE_KINDS } df_spare_kind;
size_t df__spared_bytes(size_t values);
void   df__spare(uint8_t *bits, size_t bytes, int value, df_spare_kind kind);
void   df__plan_spare(df_plan *plan, const df_spared *spared);

/* Compile; takes over the program, also on failure. Its steps have known shapes (df__pass_fold). *out stays NULL where `stacks` says so. */
typedef struct df_plan_opts { df_precision precision; double advantage, tiles; bool whole, exact_pixels; df_spared spared; bool halves; df_stacks stacks; int threads; } df_plan_opts; /* see df_plan */
df_status df__plan_new(df_program *program, const df_plan_opts *opts, df_packer *packer, df_plan **out, df_error *err);
void      df__plan_free(df_plan *plan);
/* plan_cut.c: whether an output of Split or Slice is one run of its input's numbers, and where that begins, in bytes. */
bool df__leading_part(const df_program *p, const df_step *s, size_t output, size_t *offset);
/* plan_sign.c: whether the step's outputs have no number below 0, given what is known of its inputs (by value). */
bool df__step_not_negative(const df_program *p, const df_step *s, const bool *not_negative);
/* plan_stack.c: steps that are better computed together, row by row, become one (kernel_stack.h). */
df_status df__plan_stacks(df_plan *plan, df_error *err);
/* plan_compile.c: a step as its operator's compile() sees it; tensors in `scratch`. */
df_status df__step_call(const df_plan *plan, const df_plan_step *s, df_arena *scratch, df_call *out, df_error *err);
/* plan_compile.c: kernels for the steps. */
df_status df__plan_compile(df_plan *plan, df_packer *packer, df_error *err);
/* plan_half.c: gives tensors between steps that take it the type bfloat16. */
df_status df__plan_halves(df_plan *plan, df_error *err);
/* plan_memory.c: whether each tensor by itself is within the limits; later, places for all roots, which may depend on the kernels. */
df_status df__plan_fits(const df_plan *plan, df_error *err);
df_status df__plan_memory(df_plan *plan, df_error *err);
/* Who looks on at a run: before a step, whose call it may change for this step alone, with memory from call->scratch; and behind it. */
typedef struct df_watch {
    void       *user;
    df_status (*before)(void *user, size_t step, df_call *call);
    void      (*after)(void *user, size_t step, const df_call *call);
} df_watch;
/* `out`: type and dims are set, data in `results`; `watch`: NULL, nobody looks on */
df_status df__plan_run(df_plan *plan, const df_tensor *in, df_tensor *out, df_arena *results, const df_watch *watch, df_error *err);

/* Seconds from some moment on. */
double df__plan_clock(void);
/* profile.c: a watch that keeps the least time that each step took in seconds[step], at first 0. */
typedef struct df_stopwatch { double begun, *seconds; } df_stopwatch;
df_watch df__stopwatch(df_stopwatch *s);

/* profile.c: a step as people see it; names in `scratch`. */
df_status df__step_layer(const df_plan *plan, const df_plan_step *step, double seconds, df_arena *scratch, df_layer *out, df_error *err);

/* layout.c: [n,c,h,w] to [n,h,w,c] and back, as operators. */
extern const df_op df__op_to_nhwc, df__op_to_nchw;

#endif
