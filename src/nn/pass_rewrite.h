/* pass_rewrite.h - what the passes that recognise patterns share: who makes a value, how often it is read, and how a step becomes another. */
#ifndef DF_NN_PASS_REWRITE_H
#define DF_NN_PASS_REWRITE_H

#include "nn/ir.h"

typedef struct df_rewrite {
    df_program *p;
    bool        shapes; /* those of all values are known */
    df_error   *err;
    int        *maker;   /* step that makes a value, or -1 */
    int        *readers; /* how often a value is read; the graph's outputs count twice more, so that they stay */
    size_t      room;    /* of the two lists */
} df_rewrite;

/* Counts readers. Room for `more` values that the pass may add. */
df_status df__rewrite_begin(df_rewrite *r, df_program *p, bool shapes, size_t more, df_error *err);

bool df__step_is(const df_step *s, const char *op); /* alive, of ONNX's own domain */
int  df__rewrite_input(const df_rewrite *r, const df_step *s, size_t i);   /* the root of input i, -1: left out */
const df_tensor *df__rewrite_constant(const df_rewrite *r, int value);     /* NULL: not known */
bool df__rewrite_scalar(const df_rewrite *r, const df_step *s, size_t i, float *out); /* input i is one known float32 */
/* The step that makes the value, if it has no other output; NULL for inputs and constants. */
df_step *df__rewrite_maker(const df_rewrite *r, int value);
/* The same, if the value is read once: by the asker. */
df_step *df__rewrite_sole(const df_rewrite *r, int value);
/* The step that alone reads what `s` makes, if it has one output; NULL else. */
df_step *df__rewrite_reader(const df_rewrite *r, const df_step *s);
/* A constant that spreads over the channels alone (dimension 1 of `rank`, or the last), as a list; false: it does not. */
bool df__rewrite_by_channel(const df_tensor *t, int64_t channels, int rank, bool last, float *out);
float df__rewrite_f32(const df_tensor *t, int64_t i); /* a constant may lie askew in its file */

/* The step becomes `op` with these inputs; `attrs` are copied. Steps that nobody reads any more die, and theirs. NULL inputs keep the old ones. */
df_status df__rewrite_step(df_rewrite *r, df_step *s, const df_op *op, const int *in, size_t n_in, const df_attr *attrs, size_t n_attrs);
/* All that read `value` read `other` instead; the maker of `value` dies. */
void df__rewrite_same(df_rewrite *r, int value, int other);
/* `make` of each step of one of ONNX's own operators, in their order; a program that has none is left alone. Shapes are known. */
df_status df__rewrite_each(df_program *p, const char *op, df_status (*make)(df_rewrite *r, df_step *s), df_error *err);
/* A new value; shape and data as in t. -1: no room. */
int df__rewrite_value(df_rewrite *r, const char *name, const df_tensor *t);
/* The attributes of a node with some left out (names, ends with NULL), and room for `more` behind; NULL: no memory. */
df_attr *df__rewrite_attrs(df_rewrite *r, const df_node *node, const char *const *without, size_t more, size_t *n);

/* The patterns, in the order in which df__pass_fuse (pass_fuse.c) looks for them. */
df_status df__pass_transpose(df_program *p, bool shapes, df_error *err);                /* pass_transpose.c */
df_status df__pass_spelled(df_program *p, bool shapes, df_error *err);     /* pass_spelled.c: activations */
df_status df__pass_norms(df_program *p, bool shapes, df_error *err);       /* pass_norms.c: vectors of length 1, local response */
df_status df__pass_batch_norms(df_program *p, df_error *err);              /* the same file; after the fusions, with shapes */
df_status df__pass_local(df_program *p, df_error *err);                    /* pass_local.c: locally connected layers; shapes are known */
df_status df__pass_attention(df_program *p, df_error *err);                /* pass_attention.c; shapes are known */
df_status df__pass_forward(df_program *p, df_error *err);                  /* pass_forward.c: before a convolution; after the fusions, without shapes */
df_status df__pass_pad(df_program *p, bool shapes, df_error *err);         /* pass_pad.c: padding into convolutions and pools */

/* Operators of the engine's own, which only passes make. */
extern const df_op df__op_unit, df__op_local, df__op_attention; /* op_unit.c, op_local.c, op_attention.c */
bool df__same_batches(const df_tensor *a, const df_tensor *b); /* of matrices: all dims but the last two (op_attention.c) */

#endif
