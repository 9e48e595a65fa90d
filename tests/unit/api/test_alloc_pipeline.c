/* Each allocation of a whole verify fails in turn: an error comes back, nothing leaks (under the address sanitizer), and the engine
 * goes on working. */
#include "photos.h"

TEST(verify_survives_every_failed_allocation)
{
    df_error err;
    df_verify_result r;
    df_engine *df = engine_or_skip(1);
    CHECK_OK(df_verify(df, photo("obama.jpg"), photo("biden.jpg"), NULL, &r, &err));
    double expected = r.distance;
    test_alloc_fail_at(0);
    CHECK_OK(df_verify(df, photo("obama.jpg"), photo("biden.jpg"), NULL, &r, &err));
    size_t total = test_alloc_count();
    CHECK(total > 10);
    size_t step = total > 150 ? total / 150 : 1;
    for (size_t n = 1; n <= total; n += step) {
        test_alloc_fail_at(n);
        df_status st = df_verify(df, photo("obama.jpg"), photo("biden.jpg"), NULL, &r, &err);
        test_alloc_fail_at(0);
        if (st != DF_OK && st != DF_E_NO_MEMORY)
            fail_msg("allocation %zu of %zu: %s: %s", n, total, df_status_text(st), err.message);
    }
    CHECK_OK(df_verify(df, photo("obama.jpg"), photo("biden.jpg"), NULL, &r, &err));
    CHECK_NEAR(expected, r.distance, 0);
    df_engine_free(df);
}
