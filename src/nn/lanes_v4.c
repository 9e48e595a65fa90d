/* lanes_v4.c - the loops of lanes.h in vectors of 16 floats, built for x86-64-v4 with bfloat16. */
#define LANES 16
#include "nn/lanes_vec.h"

#include "nn/lanes_numbers.h"
#include "nn/lanes_tiles.h"

const df_lanes df__lanes_v4 = {in_2, in_2_bf16, in_4, in_4_bf16, out_2, out_4, convert_bf16, range, to_s8, to_u8, dots, dots_bf16, dots_s8, scaled_tail};
