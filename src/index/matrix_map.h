/* matrix_map.h - an open matrix file: head, commits, mapped chunks. Opening and growing; what is written into rows is matrix.c's. */
#ifndef DF_INDEX_MATRIX_MAP_H
#define DF_INDEX_MATRIX_MAP_H

#include "index/matrix_file.h"

typedef struct df_commit { uint64_t sequence, rows, removed, stamp, last_id; } df_commit;

enum { DF_HEAD_BYTES = 65536, DF_AREAS_MOST = 64 };

typedef struct df_file {
    int        fd, refs;        /* refs: under the matrix's lock */
    bool       writer;
    char      *path;            /* for messages */
    uint64_t   device, inode;
    uint8_t   *head;            /* mapped */
    uint32_t   dims;
    uint64_t   generation;
    df_commit  seen;            /* under the matrix's lock */
    df_chunk **chunks;          /* [DF_CHUNKS_MOST]; those below n_chunks never change */
    size_t     n_chunks;        /* under the matrix's lock */
    atomic_size_t touched;      /* float rows read since their pages were dropped */
    atomic_size_t scans;        /* searches since the last copy into large pages */
    pthread_mutex_t warming;    /* what follows */
    uint8_t   *areas[DF_AREAS_MOST];
    size_t     n_areas, n_copied; /* chunks */
} df_file;



/* A file for `writer` is locked and, where it is empty, begun. Maps what is committed. */
df_status df__file_open(const char *path, uint32_t dims, const uint8_t pipeline[32], bool writer, df_file **out, df_error *err);
/* A file that is begun anew under `path`, emptied first, for compact; locked. */
df_status df__file_begin(const char *path, uint32_t dims, const uint8_t pipeline[32], df_file **out, df_error *err);
void      df__file_close(df_file *f);
/* The newest whole commit; false when there is none. */
bool      df__file_commit_read(const df_file *f, df_commit *out);
/* All that was written before is on the disk, then the commit counts. */
df_status df__file_commit(df_file *f, const df_commit *c, df_error *err);
/* Chunks for `rows` rows; new ones are made where the file is a writer's. On success chunks[] has them; *n_chunks is their number. */
df_status df__file_map(df_file *f, size_t rows, size_t *n_chunks, df_error *err);

/* ---- inside the matrix: matrix.c and matrix_compact.c ---- */

struct df_matrix {
    pthread_mutex_t lock;    /* `file`, its counts and references: held for moments */
    pthread_mutex_t writing; /* one append, remove, compact or refresh at a time */
    df_file *file;
    bool     writer;
    char    *path, *beside;
    uint8_t  pipeline[32];
    uint32_t dims;
};

void      df__view_of(df_file *f, df_view *out); /* without taking it */
/* Open what the path names now, its ids and end checked. */
df_status df__matrix_open_file(const df_matrix *m, df_file **out, df_error *err);
void      df__matrix_release(df_matrix *m, df_file *f); /* one reference less */
df_status df__matrix_may_write(const df_matrix *m, df_error *err);
/* Rows from `from` on fit their checksums. */
df_status df__matrix_check_rows(const df_view *v, size_t from, const char *path, df_error *err);
void      df__matrix_put_row(df_file *f, df_chunk *c, size_t at, uint64_t id, const uint8_t *codes, const df_quant *q);
void      df__chunk_codes(const df_chunk *c, size_t at, size_t padded, uint8_t *codes, float *scale);

#endif
