/* matrix.h - the vectors of a gallery in a file that is mapped: derived from the database, never the truth.
 *
 * One writer (of all processes), any number of readers. Rows are appended, marked removed, and thrown away by compact, which writes a new file
 * and renames; none of it makes a reader wait. `stamp` is the database's change counter that the file has caught up with: it is
 * written last, so that after a kill -9 the owner replays what came after it. A file that is foreign, truncated or damaged is DF_E_STORE: unlink it
 * and build it again.
 *
 * Threads: any number may use one df_matrix, search and write alike; writers take turns. docs/index.md has the file's layout. */
#ifndef DF_INDEX_MATRIX_H
#define DF_INDEX_MATRIX_H

#include "core/status.h"

enum { DF_MATRIX_MOST_DIMS = 4096 };

typedef struct df_matrix df_matrix;

typedef struct df_matrix_info {
    size_t   rows, removed; /* appended since the last compact, those marked removed among them */
    uint32_t dims;
    uint64_t stamp;
    uint64_t generation;    /* another one after each compact: rows have other numbers then */
    uint64_t file_bytes, scan_bytes; /* on disk; read by an exact search (the 8-bit copy with its scales) */
} df_matrix_info;

/* `pipeline` says what made the vectors; a file of another pipeline or other dims is DF_E_STORE. A writer makes an absent file, finds
 * an unfinished append undone, and is DF_E_STORE while another one has the file; for a reader an absent file is DF_E_IO. */
df_status df__matrix_open(const char *path, uint32_t dims, const char *pipeline, bool writer, df_matrix **out, df_error *err);
void      df__matrix_free(df_matrix *m); /* NULL is fine */

df_matrix_info df__matrix_info(df_matrix *m);
uint64_t       df__matrix_stamp(df_matrix *m);
size_t         df__matrix_count(df_matrix *m); /* without removed ones */

/* Rows [n][dims] with their ids, which ascend and are greater than all before, so that a changed vector gets a new id. All or none are
 * seen by readers. On the disk when it returns. NaN and infinities are DF_E_ARGUMENT. n = 0 only moves the stamp. */
df_status df__matrix_append(df_matrix *m, const uint64_t *ids, const float *rows, size_t n, uint64_t stamp, df_error *err);
/* Ids in any order; those that are not there are passed over. */
df_status df__matrix_remove(df_matrix *m, const uint64_t *ids, size_t n, uint64_t stamp, df_error *err);
/* A reader sees what the writer has done since, compact included. Cheap when there is nothing; searches in other threads go on. */
df_status df__matrix_refresh(df_matrix *m, df_error *err);
/* Write the rows that are left to a new file and give it the name. Worth it from about a quarter removed. */
df_status df__matrix_compact(df_matrix *m, df_error *err);
/* Read all and compare with the checksums; the first damaged row is DF_E_STORE. For a check on demand: opening looks at heads and ends only. */
df_status df__matrix_check(df_matrix *m, df_error *err);

/* One vector by its id. *found is false when it is not there or removed. */
df_status df__matrix_get(df_matrix *m, uint64_t id, float *row, bool *found, df_error *err);

#endif
