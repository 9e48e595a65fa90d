#include "image/font.h"
#include "test.h"

static size_t strokes_of(uint32_t code, df_stroke *out)
{
    double advance = 0;
    size_t n = df__font_strokes(code, out, &advance);
    CHECK(advance > 0 && n < DF_FONT_MOST_STROKES);
    return n;
}

TEST(every_printable_ascii_character_has_its_own_shape)
{
    static df_stroke shapes[128][DF_FONT_MOST_STROKES];
    size_t counts[128] = {0};
    for (uint32_t c = 33; c < 127; c++) {
        counts[c] = strokes_of(c, shapes[c]);
        CHECK(counts[c] > 0);
        for (uint32_t d = 33; d < c; d++)
            if (counts[c] == counts[d] && memcmp(shapes[c], shapes[d], counts[c] * sizeof **shapes) == 0)
                fail_msg("'%c' and '%c' look the same", (int)c, (int)d);
    }
}

TEST(strokes_stay_within_the_line)
{
    df_stroke s[DF_FONT_MOST_STROKES];
    for (uint32_t c = 32; c < 0x250; c++) {
        double advance;
        size_t n = df__font_strokes(c, s, &advance);
        for (size_t i = 0; i < n; i++)
            if (fminf(s[i].y0, s[i].y1) < -6 || fmaxf(s[i].y0, s[i].y1) > (float)DF_FONT_HEIGHT + 0.6f || fminf(s[i].x0, s[i].x1) < -3.5f ||
                fmaxf(s[i].x0, s[i].x1) > (float)advance + 1)
                fail_msg("U+%04X, stroke %zu leaves its place: (%g, %g) to (%g, %g)", c, i, (double)s[i].x0, (double)s[i].y0, (double)s[i].x1,
                         (double)s[i].y1);
    }
}

TEST(every_letter_of_latin_1_is_there)
{
    df_stroke s[DF_FONT_MOST_STROKES], mark[DF_FONT_MOST_STROKES];
    size_t n = strokes_of('?', mark);
    for (uint32_t c = 0xC0; c <= 0xFF; c++)
        CHECK(strokes_of(c, s) != n || memcmp(s, mark, n * sizeof *s) != 0);
}

TEST(an_accent_is_added_to_its_letter)
{
    df_stroke plain[DF_FONT_MOST_STROKES], accented[DF_FONT_MOST_STROKES];
    CHECK(strokes_of(0xC9, accented) == strokes_of('E', plain) + 1);
    CHECK(strokes_of(0xE4, accented) == strokes_of('a', plain) + 2);
    CHECK(strokes_of(0xED, accented) == strokes_of('i', plain)); /* the dot goes, the accent comes */
}
