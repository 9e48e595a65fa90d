/* test_half.c - half floats; the patterns are those of IEEE 754 binary16 and of bfloat16 (the upper half of a float32). */
#include "nn/half.h"
#include "test.h"

TEST(known_float16_patterns)
{
    static const struct { uint16_t bits; float value; } known[] = {
        {0x3C00, 1}, {0xC000, -2}, {0x7BFF, 65504}, {0x0400, 0x1p-14f}, {0x0001, 0x1p-24f}, {0x03FF, 1023 * 0x1p-24f}, {0x3555, 0.333251953125f},
        {0, 0}, {0x7C00, INFINITY}, {0xFC00, -INFINITY}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        float v;
        uint16_t h;
        df__halves_to_f32(DF_F16, &known[i].bits, &v, 1);
        assert_true(v == known[i].value);
        df__f32_to_halves(DF_F16, &known[i].value, &h, 1);
        assert_int_equal(h, known[i].bits);
    }
}

TEST(all_float16_patterns_survive_the_way_there_and_back)
{
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint16_t h = (uint16_t)bits, back;
        float v;
        df__halves_to_f32(DF_F16, &h, &v, 1);
        df__f32_to_halves(DF_F16, &v, &back, 1);
        if (isnan(v))
            assert_true((back & 0x7FFF) > 0x7C00);
        else
            assert_int_equal(back, h);
    }
}

TEST(rounding_is_to_the_nearest_and_halves_go_to_even)
{
    static const struct { float value; uint16_t f16, bf16; } known[] = {
        {1 + 0x1p-11f, 0x3C00, 0x3F80},            /* half way: down to even */
        {1 + 3 * 0x1p-11f, 0x3C02, 0x3F80},        /* half way: up to even */
        {1 + 0x1p-8f, 0x3C04, 0x3F80}, {1 + 3 * 0x1p-8f, 0x3C0C, 0x3F82},
        {65519.99f, 0x7BFF, 0x4780}, {65520, 0x7C00, 0x4780}, {0x1p-25f, 0, 0x3300}, {0x1.8p-25f, 1, 0x3340}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint16_t h;
        df__f32_to_halves(DF_F16, &known[i].value, &h, 1);
        assert_int_equal(h, known[i].f16);
        df__f32_to_halves(DF_BF16, &known[i].value, &h, 1);
        assert_int_equal(h, known[i].bf16);
    }
    float nan = NAN;
    uint16_t h;
    df__f32_to_halves(DF_BF16, &nan, &h, 1);
    assert_true((h & 0x7FFF) > 0x7F80);
}
