/* options.h - what the library itself asks of the options table. */
#ifndef DF_CORE_OPTIONS_H
#define DF_CORE_OPTIONS_H

#include "core/status.h"

/* A caller's struct of options over `out`, which holds the defaults and is `size` bytes: the caller's may be older or newer than this library's. Its
 * first field is its size; `name` is its type, for the error. NULL: the defaults stay. */
df_status df__struct_read(const char *name, const void *given, void *out, size_t size, df_error *err);
/* A checked copy of a caller's options, with defaults where the caller's struct is older, or NULL. */
df_status df__opts_read(const df_opts *given, df_opts *out, df_error *err);
/* Whether a choice's value is a path, as the option allows beside its choices. */
bool df__option_is_file(const df_option_info *info, const char *value);
/* The same of the option `model`. */
bool df__model_is_file(const char *model);

#endif
