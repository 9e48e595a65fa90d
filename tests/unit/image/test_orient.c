#include "image/decoders.h"
#include "samples.h"

/* Stored rows "ab", "cd", "ef" and what each orientation shows (EXIF 2.32, 4.6.5). */
TEST(orientations_turn_as_the_standard_says)
{
    static const struct { int width, height; const char *seen; } want[] = {
        {2, 3, "abcdef"}, {2, 3, "badcfe"}, {2, 3, "fedcba"}, {2, 3, "efcdab"},
        {3, 2, "acebdf"}, {3, 2, "ecafdb"}, {3, 2, "fdbeca"}, {3, 2, "bdface"},
    };
    for (int o = 1; o <= 8; o++) {
        df_error err;
        df_pixels px;
        CHECK_OK(df__pixels_new(2, 3, &px, &err));
        for (int i = 0; i < 6; i++)
            memset(px.data + 3 * i, "abcdef"[i], 3);
        CHECK_OK(df__pixels_orient(&px, o, &err));
        CHECK(px.width == want[o - 1].width && px.height == want[o - 1].height);
        for (int i = 0; i < 6; i++)
            if (px.data[3 * i] != want[o - 1].seen[i])
                fail_msg("orientation %d: pixel %d is %c, expected %c", o, i, px.data[3 * i], want[o - 1].seen[i]);
        df__pixels_free(&px);
    }
}

TEST(large_pictures_turn_block_by_block)
{
    df_error err;
    df_pixels px = sample_smooth(101, 67), back = sample_smooth(101, 67);
    CHECK_OK(df__pixels_orient(&px, 6, &err));
    CHECK_OK(df__pixels_orient(&px, 8, &err));
    check_pixels("there and back", back, px, 0);
    CHECK_OK(df__pixels_orient(&px, 7, &err));
    CHECK_OK(df__pixels_orient(&px, 7, &err));
    check_pixels("twice mirrored", back, px, 0);
    df__pixels_free(&px), df__pixels_free(&back);
}

TEST(lack_of_memory_leaves_the_picture_as_it_was)
{
    df_error err;
    df_pixels px = sample_smooth(5, 4), same = sample_smooth(5, 4);
    test_alloc_fail_at(1);
    CHECK_STATUS(DF_E_NO_MEMORY, df__pixels_orient(&px, 5, &err));
    test_alloc_fail_at(0);
    check_pixels("untouched", same, px, 0);
    df__pixels_free(&px), df__pixels_free(&same);
}
