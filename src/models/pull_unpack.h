/* pull_unpack.h - weight files that are served packed: dlib's as .bz2, InsightFace's in a .zip. By libarchive. */
#ifndef DF_MODELS_PULL_UNPACK_H
#define DF_MODELS_PULL_UNPACK_H

#include "core/bytes.h"

/* Does a file begin as zip, bzip2, gzip or xz do? No weight file does. */
bool df__is_packed(const uint8_t *begin, size_t len);

/* Write what is packed in `archive` to `to`: of a zip the member that is called `name`, in whatever folder.
 *   limit  bytes of it at most
 * Errors: DF_E_BAD_MODEL (damaged, no such member), DF_E_LIMIT, DF_E_IO, DF_E_UNSUPPORTED (no libarchive), DF_E_NO_MEMORY. */
df_status df__unpack(const char *archive, const char *name, const char *to, uint64_t limit, df_error *err);

#endif
