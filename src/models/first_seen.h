/* first_seen.h - the sha256 of a weight file that no row of the catalogue could pin, kept beside the file from its first use on: another
 * file in its place is noticed. One line in PATH.sha256, as sha256sum writes it and `sha256sum -c` checks it. */
#ifndef DF_MODELS_FIRST_SEEN_H
#define DF_MODELS_FIRST_SEEN_H

#include "core/status.h"

/* The hash that the record of `path` tells, "" without a record. Errors: DF_E_BAD_MODEL when it cannot be understood. */
df_status df__first_seen_read(const char *path, char hex[65], df_error *err);
/* DF_E_BAD_MODEL, with both hashes and the way out, when the record of `path` tells another hash than `hex`, or cannot be understood;
 * DF_OK when there is no record. *known (may be NULL): whether there is one. */
df_status df__first_seen_check(const char *path, const char hex[65], bool *known, df_error *err);
/* Write the record. */
df_status df__first_seen_keep(const char *path, const char hex[65], df_error *err);

#endif
