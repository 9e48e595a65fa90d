/* lanes.c - the choice of the level. */
#include "nn/lanes.h"

#include <pthread.h>

#include "nn/onednn.h"

static pthread_once_t chosen_once = PTHREAD_ONCE_INIT;
static const df_lanes *chosen = &df__lanes_base;

static void choose(void)
{
#if defined(DF_LANES_LEVELS)
    if (df__dnn_has(DF_NUM_BF16) && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni"))
        chosen = &df__lanes_v4;
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        chosen = &df__lanes_v3;
#endif
}

const df_lanes *df__lanes(void)
{
    pthread_once(&chosen_once, choose);
    return chosen;
}

bool df__lanes_whole(void) { return df__dnn_has(DF_NUM_S16) && df__lanes()->to_s16; }

bool df__lanes_know(const df_fused *fused)
{
    bool known = true;
    for (int i = 0; fused && i < fused->n_post; i++) {
        df_post_kind kind = fused->post[i].kind;
        known = known && (kind == DF_POST_ADD || kind == DF_POST_RELU || kind == DF_POST_PRELU || kind == DF_POST_CLIP || kind == DF_POST_SIGMOID || kind == DF_POST_SWISH ||
                          kind == DF_POST_HARD_SWISH);
    }
    return known;
}
