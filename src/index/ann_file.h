/* ann_file.h - the head of an approximate index: what the library's file beside it is, and that it is whole. */
#ifndef DF_INDEX_ANN_FILE_H
#define DF_INDEX_ANN_FILE_H

#include "core/status.h"

enum { DF_ANN_WHAT = 160, DF_ANN_POINTS = 12, DF_ANN_NUMBER = 16 /* hexadecimal digits */ };

/* What an effort brings, measured on rows of the gallery when the index was built. */
typedef struct df_ann_point {
    double effort;
    double recall; /* of the ten nearest other rows, 0..1 */
    double share;  /* of the time that an exact search takes for one query, on one thread */
} df_ann_point;

typedef struct df_ann_head {
    char     magic[8];
    uint32_t byte_order, format;
    char     what[DF_ANN_WHAT]; /* "hnsw:M=16" */
    uint32_t metric, dims;
    uint64_t generation, rows;  /* of the matrix when it was built */
    uint64_t number;            /* names the library's file */
    uint64_t bytes, sum;        /* of that file */
    uint64_t n_points;
    df_ann_point points[DF_ANN_POINTS]; /* efforts ascend */
    uint64_t head_sum;          /* of all before */
} df_ann_head;

/* Where the library's file of a head lies; free() it, NULL when out of memory. */
char *df__ann_data_path(const char *path, uint64_t number);
/* Reads and checks the head alone. DF_E_IO where there is none, DF_E_STORE where it is none. */
df_status df__ann_head_read(const char *path, df_ann_head *out, df_error *err);
/* The library's file, `data`, is what the head says. */
df_status df__ann_data_check(const char *data, const df_ann_head *head, df_error *err);
/* Fills in bytes, sum and the rest for a library's file that is written, puts it on the disk, and gives the head its name. */
df_status df__ann_head_write(const char *path, const char *data, df_ann_head *head, df_error *err);

/* One process at a time builds or drops the index of `path`: *fd is for df__ann_unlock, -1 where another one is at it. What a killed one left
 * beside it is removed. */
df_status df__ann_lock(const char *path, int *fd, df_error *err);
void      df__ann_unlock(const char *path, int fd);
/* Remove the index of `path`, or what is left of one. DF_E_STORE: another process is building it. */
df_status df__ann_drop(const char *path, df_error *err);

#endif
