/* ann_module.h - what a module of modules/ gives: plain C, so that both sides may be built by different compilers. A function that fails writes why
 * into `message` and returns other than 0. Labels are row numbers of the matrix. */
#ifndef DF_INDEX_ANN_MODULE_H
#define DF_INDEX_ANN_MODULE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DF_ANN_MODULE_VERSION = 3, DF_ANN_MESSAGE = 256 };

typedef float (*df_ann_l2)(const float *a, const float *b, size_t dims); /* squared distance, the fastest of this processor */

typedef struct df_ann_module {
    int         version;
    const char *name;
    int         one_by_one; /* add() may be called by several threads at once, a row each; otherwise by one, and train() comes first */
    void *(*make)(uint32_t dims, size_t rows, const char *parameters, df_ann_l2 l2, char *message);
    int   (*train)(void *self, const float *rows, size_t n, char *message);  /* (optional) */
    int   (*add)(void *self, const float *rows, const uint64_t *labels, size_t n, char *message);
    int   (*finish)(void *self, int threads, char *message);                 /* (optional) */
    int   (*save)(void *self, const char *path, char *message);
    void *(*load)(const char *path, uint32_t dims, df_ann_l2 l2, char *message);
    int   (*exact)(void *self);                                              /* it ranks what it found by whole float32 vectors: asking for k is enough */
    double (*least)(void *self);                                             /* the least effort that makes sense; twice of it is twice the work */
    int   (*search)(void *self, const float *query, size_t k, double effort, uint64_t *labels, size_t *found, char *message);
    void  (*free)(void *self);
} df_ann_module;

/* The one symbol of a module. */
typedef const df_ann_module *(*df_ann_module_fn)(void);
#define DF_ANN_MODULE_SYMBOL "df_ann_module_of"

#ifdef __cplusplus
}
#endif

#endif
