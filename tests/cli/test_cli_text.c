/* test_cli_text.c - safe text, JSON strings, near names. */
#include <locale.h>

#include "test.h"
#include "text.h"

static void check_safe(const char *text, const char *expected)
{
    char *safe = cli_safe(text);
    CHECK(safe);
    assert_string_equal(safe, expected);
    free(safe);
}

TEST(safe_text_moves_no_cursor)
{
    check_safe("a b", "a b");
    check_safe("\303\226l.jpg", "\303\226l.jpg");
    check_safe("a\nb\rc\td", "a\\nb\\rc\\td");
    check_safe("\033[2J\177", "\\x1b[2J\\x7f");
    check_safe("\302\233", "\\x9b");               /* CSI as one character */
    check_safe("\342\200\256gpj", "\\u202egpj");   /* right-to-left override */
    check_safe("\344.jpg", "\\xe4.jpg");           /* Latin-1 */
    check_safe("\303", "\\xc3");                   /* cut off */
    check_safe("\300\257", "\\xc0\\xaf");          /* overlong '/' */
    check_safe("\355\240\200", "\\xed\\xa0\\x80"); /* a surrogate */
    check_safe("\360\237\230\200", "\360\237\230\200");
    check_safe("\364\220\200\200", "\\xf4\\x90\\x80\\x80"); /* past U+10FFFF */
}

TEST(width_counts_columns_not_bytes)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    CHECK(cli_width("abc") == 3);
    CHECK(cli_width("\303\244\303\266") == 2);
    CHECK(cli_width("\346\227\245\346\234\254") == 4); /* wide characters */
}

TEST(json_text_is_valid_for_any_bytes)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    CHECK(to);
    cli_json_text(to, "a\"b\\\n\001\177\303\244\344");
    fclose(to);
    assert_string_equal(text, "\"a\\\"b\\\\\\u000a\\u0001\\u007f\303\244\357\277\275\"");
    free(text);
}

TEST(edits_count_letters_and_swaps)
{
    assert_int_equal(cli_edits("", ""), 0);
    assert_int_equal(cli_edits("", "abc"), 3);
    assert_int_equal(cli_edits("verfy", "verify"), 1);
    assert_int_equal(cli_edits("vreify", "verify"), 1);
    assert_int_equal(cli_edits("kitten", "sitting"), 3);
    char longer[200];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(cli_edits(longer, ""), 63);
}

TEST(near_names)
{
    CHECK(cli_near("treshold", "threshold"));
    CHECK(cli_near("thr", "threshold")); /* a beginning */
    CHECK(!cli_near("t", "threshold"));
    CHECK(!cli_near("models", "metric"));
}

TEST(file_names)
{
    assert_string_equal(cli_file_name("a/b/c.jpg"), "c.jpg");
    assert_string_equal(cli_file_name("c.jpg"), "c.jpg");
    assert_string_equal(cli_file_name("a/"), "a/");
}
