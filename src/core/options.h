/* options.h - what the library itself asks of the options table. */
#ifndef DF_CORE_OPTIONS_H
#define DF_CORE_OPTIONS_H

#include "core/status.h"

/* A checked copy of a caller's options, with defaults where the caller's struct is older, or NULL. */
df_status df__opts_read(const df_opts *given, df_opts *out, df_error *err);

#endif
