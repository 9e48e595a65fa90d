/* vectors_write.h - what vectors.c and vectors_write.c share. */
#ifndef DF_GALLERY_VECTORS_WRITE_H
#define DF_GALLERY_VECTORS_WRITE_H

#include "gallery/vectors.h"

typedef struct df_removed { uint64_t number, face; } df_removed;

struct df_vectors {
    const df_store_ops *ops;
    void       *store;
    char       *path, *pipeline; /* of the matrix; what its vectors are, and of which database */
    bool        write, rebuild;  /* rebuild: what is there cannot be used */
    uint32_t    dims;
    df_matrix  *m;               /* NULL: none */
    uint64_t    stamp, change;   /* the tail holds changes after the one and up to the other */
    uint64_t   *ids;             /* of faces in the tail, ascending */
    float      *rows;            /* [n][dims] */
    size_t      n, cap;
    df_removed *removed;         /* faces of the matrix that were removed since, by number */
    size_t      n_removed, cap_removed;
    bool        out_of_memory;
    const df_ann *by;            /* asked in place of the matrix; NULL: none */
    double      effort;
    bool        inexact;         /* an answer since begin was the index's own */
};

#endif
