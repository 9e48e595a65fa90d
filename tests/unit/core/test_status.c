#include "core/status.h"
#include "test.h"

TEST(every_status_has_a_text_and_a_number_that_stays)
{
    assert_int_equal(DF_E_NO_FACE, 4);
    assert_int_equal(DF_E_INTERNAL, 11);
#define X(name, number, text) assert_string_equal(df_status_text(DF_##name), text);
    DF_STATUS_MAP(X)
#undef X
    assert_string_equal(df_status_text((df_status)99), "unknown status");
}

TEST(a_failure_carries_status_and_message)
{
    df_error err;
    assert_int_equal(df__fail(&err, DF_E_LIMIT, "%s: %d bytes", "a.jpg", 7), DF_E_LIMIT);
    assert_int_equal(err.status, DF_E_LIMIT);
    assert_string_equal(err.message, "a.jpg: 7 bytes");
    assert_int_equal(df__fail(NULL, DF_E_IO, "nobody listens"), DF_E_IO);
}

TEST(a_prefix_names_the_outer_thing)
{
    df_error err;
    df__fail(&err, DF_E_DECODE, "bad header");
    df__prefix(&err, "%s", "b.png");
    assert_string_equal(err.message, "b.png: bad header");
}

TEST(a_long_message_is_cut_between_characters)
{
    df_error err;
    char text[1024];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xE2\x82\xAC", 4); /* the euro sign */
        df__fail(&err, DF_E_IO, "%s", text);
        size_t len = strlen(err.message);
        assert_true(len < sizeof err.message && len > sizeof err.message - 4);
        assert_int_equal((len - shift) % 3, 0);
    }
}
