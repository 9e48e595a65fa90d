/* pass_fold.h - what pass_fold.c and pass_loop.c share. */
#ifndef DF_NN_PASS_FOLD_H
#define DF_NN_PASS_FOLD_H

#include "nn/ir.h"

typedef struct df_fold {
    df_program *p;
    bool        shapes;
    bool       *open;
    df_error   *err;
    df_step    *out; /* the steps that stay */
    size_t      n_out, cap_out, bytes; /* of constants made so far */
    size_t      cap_values, copied; /* room for values; steps that iterations brought */
    df_arena    scratch;
    df_tensor  *in, *to;               /* of the step at hand */
    size_t      cap_in, cap_to;
} df_fold;

df_status df__fold_step(df_fold *f, const df_step *s);
df_status df__fold_block(df_fold *f, const df_block *block);
/* Loop and Scan, with known shapes. */
df_status df__open_loop(df_fold *f, const df_step *s);

extern const df_op df__op_stack, df__op_pick; /* op_loop.c */

#endif
