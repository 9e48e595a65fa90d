/* lanes_v4.c - the loops of lanes.h in vectors of 16 floats, built for x86-64-v4 with bfloat16. */
#define LANES 16
#include "nn/lanes_vec.h"
#include "nn/lanes_ends.h"

#include "nn/lanes_numbers.h"
#include "nn/lanes_products.h"
#include "nn/lanes_rows.h"
#include "nn/lanes_few.h"
#include "nn/lanes_stack.h"
#include "nn/lanes_table.h"
#include "nn/lanes_tiles.h"

const df_lanes df__lanes_v4 = DF_LANES_TABLE;
