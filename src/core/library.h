/* library.h - a shared library that is loaded when it is first needed: what few runs use must not slow the start of all. */
#ifndef DF_CORE_LIBRARY_H
#define DF_CORE_LIBRARY_H

#include "core/status.h"

/* Load the first of `files` (ends with NULL) that is there and look up `names` (ends with NULL). It stays loaded; any number of threads may ask.
 *   functions  a struct of nothing but pointers to functions, in the order of the names
 *   ready      beside it, false at first: whether that was done
 *   package    Debian's, for the message
 * Errors: DF_E_UNSUPPORTED names what is absent and the package. */
df_status df__library_load(const char *const *files, const char *const *names, void *functions, bool *ready, const char *package, df_error *err);

#endif
