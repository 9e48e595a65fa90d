/* test_pack.c - weights in blocks of channels, against the definition of the layout. */
#include "nn/pack.h"
#include "test.h"

/* [out, in, 3, 3] to [out / 16][3][3][in][16], with odd sizes, a source that lies askew and factors. */
TEST(blocks_hold_what_the_layout_says)
{
    enum { OUT = 21, IN = 19, TAPS = 9, BLOCKS = 2 };
    static unsigned char askew[OUT * IN * TAPS * 4 + 1];
    static float packed[BLOCKS * TAPS * IN * 16];
    float scale[OUT];
    for (int i = 0; i < OUT * IN * TAPS; i++)
        memcpy(askew + 1 + 4 * i, &(float){(float)i}, 4);
    for (int o = 0; o < OUT; o++)
        scale[o] = (float)(o + 1);
    df_pack p = {.rank = 4, .blocked = 0, .block = 16, .dims = {OUT, IN, 3, 3}, .from = {IN * TAPS, TAPS, 3, 1},
                 .to = {TAPS * IN * 16, 16, 3 * IN * 16, IN * 16}, .scale = scale};
    df__pack_blocks(&p, askew + 1, packed);
    for (int o = 0; o < BLOCKS * 16; o++)
        for (int i = 0; i < IN; i++)
            for (int t = 0; t < TAPS; t++) {
                float expected = o < OUT ? (float)((o * IN + i) * TAPS + t) * scale[o] : 0;
                assert_true(packed[((o / 16 * TAPS + t) * IN + i) * 16 + o % 16] == expected);
            }
}

/* [group, 1, 1, taps]: the groups themselves are cut into blocks. */
TEST(depthwise_weights_are_cut_along_the_groups)
{
    enum { GROUPS = 20, TAPS = 9 };
    float source[GROUPS * TAPS], packed[2 * TAPS * 16];
    for (int i = 0; i < GROUPS * TAPS; i++)
        source[i] = (float)i;
    df_pack p = {.rank = 5, .blocked = 0, .block = 16, .dims = {GROUPS, 1, 1, 3, 3}, .from = {TAPS, TAPS, TAPS, 3, 1},
                 .to = {TAPS * 16, 16, 16, 48, 16}};
    df__pack_blocks(&p, source, packed);
    for (int g = 0; g < 32; g++)
        for (int t = 0; t < TAPS; t++)
            assert_true(packed[(g / 16 * TAPS + t) * 16 + g % 16] == (g < GROUPS ? (float)(g * TAPS + t) : 0));
}

/* [group, out, in]: factors belong to the channels of all groups in turn. */
TEST(groups_have_their_own_factors)
{
    enum { GROUPS = 2, OUT = 16, IN = 3 };
    float source[GROUPS * OUT * IN], packed[GROUPS * IN * 16], scale[GROUPS * OUT];
    for (int i = 0; i < GROUPS * OUT * IN; i++)
        source[i] = (float)i;
    for (int i = 0; i < GROUPS * OUT; i++)
        scale[i] = (float)(100 + i);
    df_pack p = {.rank = 3, .blocked = 1, .block = 16, .dims = {GROUPS, OUT, IN}, .from = {OUT * IN, IN, 1}, .to = {IN * 16, IN * 16, 16},
                 .scale = scale};
    df__pack_blocks(&p, source, packed);
    for (int g = 0; g < GROUPS; g++)
        for (int o = 0; o < OUT; o++)
            for (int i = 0; i < IN; i++)
                assert_true(packed[(g * IN + i) * 16 + o] == (float)((g * OUT + o) * IN + i) * scale[g * OUT + o]);
}
