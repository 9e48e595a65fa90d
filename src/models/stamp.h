/* stamp.h - the sha256 of a large file, remembered beside the caches for as long as the file stays as it is. */
#ifndef DF_MODELS_STAMP_H
#define DF_MODELS_STAMP_H

#include "core/bytes.h"

/* Hash the file's bytes, or take what a stamp in `folder` (NULL: none) says of the same device, inode, size and times to the nanosecond.
 *   path   the file's name; `state` is that of the file that was mapped
 *   trust  false: hash in any case, and renew the stamp
 *   hex    64 digits and a NUL
 * Returns whether a stamp was believed. A file that changed within the last two seconds is hashed again the next time: its times cannot
 * tell another change from this one. */
bool df__stamped_sha256(const char *folder, const char *path, const df_bytes *file, const df_file_state *state, bool trust, char hex[65]);

#endif
