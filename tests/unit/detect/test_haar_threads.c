/* Strips of a picture on several threads. */
#include "random_cascade.h"

TEST(any_number_of_threads_finds_the_same_in_the_same_order)
{
    enum { W = 300, H = 700 };
    static uint8_t px[W * H];
    df_arena scratch = {0};
    df_haar_boxes one = {0}, many = {0};
    df_haar *h;
    state = 11;
    df_cascade *c = random_cascade((kind){false, true});
    random_picture(px, W, H);
    CHECK_OK(df__haar_new(c, &h, &err));
    CHECK_OK(df__haar_windows(h, (df_grey){W, H, W, px}, 1.2, 1, &scratch, &one, &err));
    CHECK(one.n > 100);
    for (int threads = 2; threads < 40; threads *= 3) {
        CHECK_OK(df__haar_windows(h, (df_grey){W, H, W, px}, 1.2, threads, &scratch, &many, &err));
        assert_int_equal(one.n, many.n);
        for (size_t i = 0; i < one.n; i++)
            CHECK(one.items[i].x == many.items[i].x && one.items[i].y == many.items[i].y && one.items[i].w == many.items[i].w &&
                  one.items[i].weight == many.items[i].weight);
        df__haar_boxes_free(&many);
    }
    df__haar_boxes_free(&one);
    df__haar_free(h);
    df__cascade_free(c);
    df__arena_free(&scratch);
}
