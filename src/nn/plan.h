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
    bool            not_negative, early; /* early: among those that `exact_tenths` says */
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

/* Which tensors between layers may be bfloat16. Along sums, as those of residual networks, rounding adds up: INNER leaves these alone, and costs
 * next to no exactness, since products of bfloat16 round what they read anyway. */
typedef enum df_halves { DF_HALVES_NONE, DF_HALVES_INNER, DF_HALVES_ALL } df_halves;

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
    bool          exact_pixels; /* convolutions of up to 4 channels, which see a photo, stay exact */
    int           exact_tenths; /* of the steps, 0 to 10, the first ones, that stay exact: what they are off by goes through all others */
    df_halves     halves;
    df_stacks     stacks;
    size_t        n_stacked; /* steps that became layers of stacks */
    pthread_mutex_t lock;
    df_workspace *idle;
    size_t        n_idle;
} df_plan;

/* Compile; takes over the program, also on failure. Its steps have known shapes (df__pass_fold). *out stays NULL where `stacks` says so. */
typedef struct df_plan_opts { df_precision precision; double advantage, tiles; bool exact_pixels; int exact_tenths; df_halves halves; df_stacks stacks; int threads; } df_plan_opts; /* see df_plan */
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
/* `out`: type and dims are set, data in `results`; `seconds`: what each step took, or NULL */
df_status df__plan_run(df_plan *plan, const df_tensor *in, df_tensor *out, df_arena *results, double *seconds, df_error *err);

/* Seconds from some moment on, as `seconds` counts them. */
double df__plan_clock(void);

/* profile.c: a step as people see it; names in `scratch`. */
df_status df__step_layer(const df_plan *plan, const df_plan_step *step, double seconds, df_arena *scratch, df_layer *out, df_error *err);

/* layout.c: [n,c,h,w] to [n,h,w,c] and back, as operators. */
extern const df_op df__op_to_nhwc, df__op_to_nchw;

#endif
