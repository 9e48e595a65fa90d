/* bytes.h - a run of bytes in memory, and files as such. */
#ifndef DF_CORE_BYTES_H
#define DF_CORE_BYTES_H

#include "core/status.h"

typedef struct df_bytes {
    uint8_t *data;
    size_t   len;
    bool     mapped; /* by mmap, read only; else malloc */
} df_bytes;          /* {0} is empty */

/* Read a whole file; "-" is standard input. More than `limit` bytes is DF_E_LIMIT, a failure DF_E_IO naming path and reason. */
df_status df__read_file(const char *path, size_t limit, df_bytes *out, df_error *err);
/* Map a regular file read-only. An absent file is DF_E_IO. */
df_status df__map_file(const char *path, size_t limit, df_bytes *out, df_error *err);
/* Write beside and rename: afterwards `path` holds all of it or what it held before. "-" is standard output. */
df_status df__write_file(const char *path, const void *data, size_t len, df_error *err);
void df__bytes_free(df_bytes *bytes);

#endif
