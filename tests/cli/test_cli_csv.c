/* test_cli_csv.c - RFC 4180 and what is found in the wild. */
#include "csv.h"
#include "test.h"

/* Rows as "[a|b][c]", the error at the end. */
static void read_all(const char *text, size_t len, char *out, size_t size)
{
    cli_csv csv;
    char *fields[CLI_CSV_FIELDS], *copy = malloc(len + 1);
    int n = -1;
    CHECK(copy);
    memcpy(copy, text, len);
    copy[len] = '\0';
    size_t at = 0;
    out[0] = '\0';
    bool ok = cli_csv_take(&csv, copy, len);
    while (ok && (n = cli_csv_next(&csv, fields)) > 0)
        for (int i = 0; i < n; i++)
            at += (size_t)snprintf(out + at, size - at, "%s%s%s", i ? "|" : "[", fields[i], i + 1 == n ? "]" : "");
    if (n < 0)
        snprintf(out + at, size - at, "%s", csv.why);
    cli_csv_close(&csv);
}

static void check_rows(const char *text, const char *expected)
{
    char got[1024];
    read_all(text, strlen(text), got, sizeof got);
    assert_string_equal(got, expected);
}

TEST(rows_and_fields)
{
    check_rows("a,b\nc,d\n", "[a|b][c|d]");
    check_rows("a,b\r\nc,d", "[a|b][c|d]");
    check_rows("a,b\rc\n", "[a|b\rc]"); /* a lone return is no line end */
    check_rows("\xEF\xBB\xBF" "a\n", "[a]");
    check_rows("", "");
    check_rows("\n\r\n\n", "");
    check_rows("a\n\n\r\nb", "[a][b]");
    check_rows("a\r", "[a]");
}

TEST(empty_fields_count)
{
    check_rows(",\n", "[|]");
    check_rows("a,,c\n,\n", "[a||c][|]");
    check_rows("a,", "[a|]");
    check_rows("\"\",\"\"", "[|]");
}

TEST(quotes_hold_commas_quotes_and_lines)
{
    check_rows("\"a,b\",c\n", "[a,b|c]");
    check_rows("\"a\"\"b\",\"\"\"\"\n", "[a\"b|\"]");
    check_rows("\"a\r\nb\",c\r\nd,e\r\n", "[a\r\nb|c][d|e]");
    check_rows(" a , b \n", "[ a | b ]"); /* blanks belong to the field */
}

TEST(what_is_wrong_is_told_with_its_line)
{
    check_rows("a\n\"b", "[a]line 2: a quote is opened and not closed");
    check_rows("\"x\ny\"\n\"b\"c\n", "[x\ny]line 3: text after a closing quote");
    check_rows("a\"b\n", "line 1: a quote inside a field that does not begin with one");
    char many[200], got[512];
    memset(many, ',', sizeof many);
    read_all(many, 64, got, sizeof got); /* 65 fields */
    assert_string_equal(got, "line 1: more than 64 fields");
    read_all("a\0b", 3, got, sizeof got);
    assert_string_equal(got, "byte 1 is NUL: this is no CSV");
}

TEST(a_missing_file_is_told)
{
    cli_csv csv;
    CHECK(!cli_csv_open(&csv, "/nonexistent/pairs.csv"));
    CHECK_HAS(csv.why, "No such file");
    cli_csv_close(&csv);
    CHECK(!cli_csv_open(&csv, "/"));
    cli_csv_close(&csv);
}

/* Every short text over the letters that matter is read without an error in memory, and ends. */
TEST(all_short_texts)
{
    const char letters[] = {'a', ',', '"', '\r', '\n'};
    char text[8], got[256];
    for (size_t len = 0; len <= 6; len++) {
        size_t count = 1;
        for (size_t i = 0; i < len; i++)
            count *= sizeof letters;
        for (size_t k = 0; k < count; k++) {
            size_t rest = k;
            for (size_t i = 0; i < len; i++, rest /= sizeof letters)
                text[i] = letters[rest % sizeof letters];
            read_all(text, len, got, sizeof got);
        }
    }
}
