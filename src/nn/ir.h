/* ir.h - a network inside the engine: values by number, steps in an order in which they can run. build.c makes a program of a graph, the
 * passes rewrite it, plan.c compiles it for known shapes. */
#ifndef DF_NN_IR_H
#define DF_NN_IR_H

#include "nn/op.h"

enum { DF_MAX_POSTS = 4 };

/* What the passes put behind a convolution or a matrix product, in this order: y = x * scale + shift (a channel each), then the posts. */
typedef enum df_post_kind {
    DF_POST_RELU,      /* a: slope below 0 */
    DF_POST_CLIP,      /* to a..b */
    DF_POST_SIGMOID, DF_POST_TANH, DF_POST_ELU /* a: alpha */, DF_POST_HARD_SWISH, DF_POST_SWISH, DF_POST_MISH, DF_POST_GELU,
    DF_POST_PRELU,     /* slope: one a channel, or one */
    DF_POST_ADD        /* input: a tensor of the output's shape */
} df_post_kind;

typedef struct df_post {
    df_post_kind kind;
    float        a, b;
    const float *slope;
    int64_t      n_slope;
    size_t       input; /* number of the node's input */
} df_post;

typedef struct df_fused {
    const float *scale, *shift; /* NULL: none; owned by the program */
    df_post      post[DF_MAX_POSTS];
    int          n_post;
} df_fused;

bool df__fused_adds(const df_fused *fused); /* a post is DF_POST_ADD; NULL: none */
/* Apply all of it in plain C to the output of the call; `channel` is the axis that scale, shift and slopes belong to. */
void df__fused_apply(const df_call *call, const df_fused *fused, bool with_affine);

struct df_block;

typedef struct df_step {
    const df_op   *op;  /* NULL: If, Loop and Scan, which the passes open */
    const df_node *node;
    int           *in, *out; /* value numbers; -1: left out */
    size_t         n_in, n_out;
    struct df_block *branch[2]; /* If: then, else; Loop, Scan: the body */
    int           *captured;    /* outer values that the branches read */
    size_t         n_captured;
    df_fused      *fused;       /* NULL: nothing */
    bool           dead;
} df_step;

typedef struct df_block {
    df_step *steps;
    size_t   n_steps;
    int     *outputs;
    size_t   n_outputs;
    int     *inputs; /* of the body of a Loop or Scan */
    size_t   n_inputs;
    int      first, end; /* numbers of the values that are made in it */
} df_block;

typedef struct df_value {
    const char *name;
    df_tensor   t;     /* type 0: nothing is known yet; data only when `known` */
    bool        known; /* a constant */
    bool        shared; /* its data belong to the net, not to one plan */
    int         same_as; /* -1, or the value that it is another name for */
} df_value;

typedef struct df_program {
    df_arena    arena;
    const char *label;
    int64_t     opset;
    df_value   *values;
    size_t      n_values;
    df_block    main;
    int        *inputs;
    size_t      n_inputs;
    df_budget   limits;
} df_program;

/* build.c: numbers for names, order, operators found, constants that are half floats made float32. The program reads the graph's memory. */
df_status df__program_build(const df_graph *graph, const df_budget *limits, df_program *out, df_error *err);
/* A copy to be rewritten; constants are shared. */
df_status df__program_copy(const df_program *from, df_program *out, df_error *err);
bool      df__block_copy(df_arena *arena, const df_block *from, df_block *out); /* false: no memory */
void      df__program_free(df_program *p);
int       df__value_root(const df_program *p, int value); /* follows same_as */
/* "FILE: node "NAME" (OP): " before the message in err. */
void      df__step_blame(const df_program *p, const df_step *step, df_error *err);

/* pass_fold.c: run what is known, infer shapes (`shapes`: those of the inputs are set), open If, drop Identity. *open is set when the
 * shape of something depends on values that are not known; the program is then half done and of no use but to be freed. */
df_status df__pass_fold(df_program *p, bool shapes, bool *open, df_error *err);
/* pass_fuse.c: batch norms, factors, biases, activations and (with known shapes) sums and pads into convolutions. */
df_status df__pass_fuse(df_program *p, bool shapes, df_error *err);
/* Mark steps whose outputs nobody reads. */
df_status df__pass_dead(df_program *p, df_error *err);

#endif
