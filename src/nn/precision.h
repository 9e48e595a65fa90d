/* precision.h - the precisions by the names that people give. */
#ifndef DF_NN_PRECISION_H
#define DF_NN_PRECISION_H

#include "nn/op.h"

const char *df__precision_name(df_precision precision);
/* Upper and lower case alike. DF_E_ARGUMENT lists the names. */
df_status df__precision_find(const char *name, df_precision *out, df_error *err);

#endif
