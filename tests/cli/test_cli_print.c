/* test_cli_print.c - bars and tables, as plain text in the C locale. */
#include <unistd.h>

#include "print.h"
#include "test.h"

TEST(bar_fills_up_to_twice_the_threshold)
{
    char bar[64];
    cli_distance_bar(0, 1, 8, bar, sizeof bar);
    assert_string_equal(bar, "----|---");
    cli_distance_bar(0.5, 1, 8, bar, sizeof bar);
    assert_string_equal(bar, "==--|---");
    cli_distance_bar(1.5, 1, 8, bar, sizeof bar);
    assert_string_equal(bar, "====|=--");
    cli_distance_bar(99, 1, 8, bar, sizeof bar);
    assert_string_equal(bar, "====|===");
    cli_distance_bar(1, 0, 8, bar, sizeof bar); /* a threshold of 0 has no scale */
    assert_string_equal(bar, "====|===");
    cli_distance_bar(0.5, 1, 8, bar, 4); /* what does not fit is left out */
    assert_string_equal(bar, "==-");
}

/* What cli_table_end prints. */
static char *printed(cli_table *t, char *text, size_t size)
{
    FILE *file = tmpfile();
    int saved = dup(STDOUT_FILENO);
    CHECK(file && saved >= 0);
    fflush(stdout);
    dup2(fileno(file), STDOUT_FILENO);
    bool ok = cli_table_end(t);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    CHECK(ok);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
    return text;
}

TEST(table_columns_are_as_wide_as_their_widest_cell)
{
    char text[1024];
    cli_table t;
    cli_table_start(&t, "lr");
    cli_table_add(&t, CLI_BOLD, "name");
    cli_table_add(&t, CLI_BOLD, "n");
    cli_table_add(&t, CLI_PLAIN, "a\nb");
    cli_table_add(&t, CLI_PLAIN, "%d", 1234);
    assert_string_equal(printed(&t, text, sizeof text), "  +------+------+\n"
                                                        "  | name |    n |\n"
                                                        "  +------+------+\n"
                                                        "  | a\\nb | 1234 |\n"
                                                        "  +------+------+\n");
}

TEST(long_cells_are_kept_whole)
{
    static char text[8192], cell[1001];
    cli_table t;
    memset(cell, 'x', sizeof cell - 1);
    cli_table_start(&t, "l");
    cli_table_add(&t, CLI_PLAIN, "head");
    cli_table_add(&t, CLI_PLAIN, "%s", cell);
    CHECK_HAS(printed(&t, text, sizeof text), cell);
}

TEST(an_empty_table_prints_nothing)
{
    char text[64];
    cli_table t;
    cli_table_start(&t, "ll");
    assert_string_equal(printed(&t, text, sizeof text), "");
}

/* Two columns of names and one that can be done without, in a terminal of so many columns. */
static const char *narrow(size_t most, char *text, size_t size)
{
    static const char *const cells[] = {"name", "file", "licence", "d\xC3\xB6ner-kebab", "a/file.onnx", "free for all who ask"};
    cli_table t;
    cli_table_start(&t, "lLl");
    t.most = most;
    for (size_t i = 0; i < 6; i++)
        cli_table_add(&t, CLI_PLAIN, "%s", cells[i]);
    return printed(&t, text, size);
}

TEST(a_table_that_is_too_wide_leaves_out_and_breaks)
{
    char text[1024];
    CHECK_HAS(narrow(54, text, sizeof text), "  | d\xC3\xB6ner-kebab | a/file.onnx | free for all who ask |\n");
    CHECK_HAS(narrow(53, text, sizeof text), "  | d\xC3\xB6ner-kebab | free for all who ask |\n");
    assert_string_equal(narrow(28, text, sizeof text), "  +------------+-----------+\n"
                                                       "  | name       | licence   |\n"
                                                       "  +------------+-----------+\n"
                                                       "  | d\xC3\xB6ner-     | free for  |\n"
                                                       "  | kebab      | all who   |\n"
                                                       "  |            | ask       |\n"
                                                       "  +------------+-----------+\n");
    CHECK_HAS(narrow(1, text, sizeof text), "  | d\xC3\xB6ner- | free    |\n"
                                            "  | kebab  | for all |\n"
                                            "  |        | who ask |\n"); /* no narrower than its words */
}
