/* npy.h - tensors as numpy's .npy files (format 1.0 to 3.0 of numpy's lib/format.py), in C order. */
#ifndef CLI_NPY_H
#define CLI_NPY_H

#include "deepface.h"

/* `name` for i 0; X-1.npy, X-2.npy, ... of X.npy for others. False when it does not fit. */
bool cli_npy_name(const char *name, size_t i, char *out, size_t size);
/* data is malloc'ed. Errors: DF_E_IO, DF_E_DECODE, DF_E_LIMIT (2 GiB), DF_E_NO_MEMORY. */
df_status cli_npy_read(const char *path, df_tensor *out, df_error *err);
/* Errors: DF_E_IO, DF_E_UNSUPPORTED (numpy has no bfloat16). */
df_status cli_npy_write(const char *path, const df_tensor *t, df_error *err);

/* Bytes of an element, 0 for an unknown type; elements of known dims, -1 when they overflow. */
size_t  cli_type_size(df_dtype type);
int64_t cli_tensor_count(const df_tensor *t);

#endif
