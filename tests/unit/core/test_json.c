#include "core/json.h"
#include "test.h"

static char *printed(json_t *v)
{
    df_error err;
    char *text = NULL;
    CHECK_OK(df__json_print(v, &text, &err));
    return text;
}

TEST(any_bytes_become_valid_text)
{
    struct { const char *in, *out; } cases[] = {
        {"caf\xC3\xA9", "\"caf\xC3\xA9\""},
        {"a\xFF" "b", "\"a\xEF\xBF\xBD" "b\""},
        {"\xE2\x82", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"quote\" \n", "\"quote\\\" \\n\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = printed(df__json_text(cases[i].in));
        assert_string_equal(text, cases[i].out);
        free(text);
    }
}

TEST(numbers_that_json_lacks_become_null)
{
    char *text = printed(df__json_number((double)NAN));
    assert_string_equal(text, "null");
    free(text);
    text = printed(df__json_number(0.25));
    assert_string_equal(text, "0.25");
    free(text);
}

TEST(a_missing_value_is_out_of_memory)
{
    df_error err;
    char *text;
    CHECK_STATUS(DF_E_NO_MEMORY, df__json_print(NULL, &text, &err));
    CHECK(text == NULL);
}
