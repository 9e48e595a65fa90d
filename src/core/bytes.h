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
/* The same for a file that is to be believed: DF_E_IO unless it belongs to this user or to root and nobody else may write it. */
df_status df__map_own_file(const char *path, size_t limit, df_bytes *out, df_error *err);
/* Write beside and rename: afterwards `path` holds all of it or what it held before. "-" is standard output. */
df_status df__write_file(const char *path, const void *data, size_t len, df_error *err);
void df__bytes_free(df_bytes *bytes);
/* Give the memory of a mapped file's pages back; they are read again when they are touched. */
void df__bytes_drop(const df_bytes *bytes);

/* What tells a file from an earlier state of it, as the system keeps it. */
typedef struct df_file_state { uint64_t device, inode, size; int64_t modified, changed; /* ns since 1970 */ } df_file_state;
bool df__file_state(const char *path, df_file_state *out);
/* df__map_file, and the state of the very file that was mapped. */
df_status df__map_file_state(const char *path, size_t limit, df_bytes *out, df_file_state *state, df_error *err);

/* A file that appears whole or not at all: it is written under a name of its own in the same folder. */
typedef struct df_new_file { const char *path; char *beside; int fd; } df_new_file;
df_status df__new_file_open(const char *path, df_new_file *out, df_error *err);
df_status df__new_file_write(df_new_file *f, const void *data, size_t len, df_error *err);
/* Give it its name, after it reached the disk where `sync` is set; on failure nothing stays. */
df_status df__new_file_keep(df_new_file *f, bool sync, df_error *err);
/* Throw it away; does nothing after keep(), nor to {0}. */
void df__new_file_free(df_new_file *f);
/* The folder that `path` lies in exists, or was made now, for this user alone; its own parent must be there. */
bool df__folder_for(const char *path);

#endif
