/* lanes.h - one RGB pixel of a wider type as a vector of four lanes, of which the last carries what lies beside it. */
#ifndef DF_IMAGE_LANES_H
#define DF_IMAGE_LANES_H

#include <stdint.h>
#include <string.h>

typedef int32_t df_i32x4 __attribute__((vector_size(16)));
typedef float   df_f32x4 __attribute__((vector_size(16)));

/* All read or write four elements, at any alignment: there must be room for the fourth. */
static inline df_i32x4 df__load_i32(const int32_t *p)
{
    df_i32x4 v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline df_f32x4 df__load_f32(const float *p)
{
    df_f32x4 v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void df__store_i32(int32_t *p, df_i32x4 v) { memcpy(p, &v, sizeof v); }
static inline void df__store_f32(float *p, df_f32x4 v) { memcpy(p, &v, sizeof v); }

#endif
