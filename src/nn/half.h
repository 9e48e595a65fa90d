/* half.h - float16 and bfloat16 to float32 and back. */
#ifndef DF_NN_HALF_H
#define DF_NN_HALF_H

#include "nn/graph.h"

/* `from` need not be aligned; type is DF_F16 or DF_BF16. Rounding is to the nearest, halves to even. */
void df__halves_to_f32(df_dtype type, const void *from, float *to, int64_t n);
void df__f32_to_halves(df_dtype type, const float *from, void *to, int64_t n);

#endif
