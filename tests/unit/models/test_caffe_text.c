#include "models/caffe_text.h"
#include "test.h"

static df_error err;
static df_arena arena;

static df_status parse(const char *text, const df_text **root)
{
    df_bytes file = {.data = (uint8_t *)(uintptr_t)text, .len = strlen(text)};
    df__arena_free(&arena);
    return df__text_parse(&file, "net.prototxt", &arena, root, &err);
}

TEST(fields_messages_and_lists_are_read)
{
    const df_text *root;
    CHECK_OK(parse("# a net\n"
                   "name: 'x' \"y\\n\\101\"  # adjacent strings are one\n"
                   "layer { kernel_size: 3; eps: 1e-5, bias: false }\n"
                   "layer: <\n  dim: [1, -2, 3]\n  inner { }\n>\n",
                   &root));
    assert_string_equal(df__text_value(root, "name", NULL), "xy\nA");
    const df_text *layer = df__text_field(root, "layer");
    assert_int_equal(layer->line, 3);
    assert_string_equal(df__text_value(layer, "kernel_size", NULL), "3");
    assert_string_equal(df__text_value(layer, "eps", NULL), "1e-5");
    assert_string_equal(df__text_value(layer, "bias", NULL), "false");
    CHECK(df__text_value(layer, "absent", NULL) == NULL);
    layer = df__text_again(layer);
    const df_text *dim = df__text_field(layer, "dim");
    assert_string_equal(dim->value, "1");
    dim = df__text_again(dim);
    assert_string_equal(dim->value, "-2");
    dim = df__text_again(dim);
    assert_string_equal(dim->value, "3");
    CHECK(df__text_again(dim) == NULL);
    CHECK(df__text_field(layer, "inner")->value == NULL);
    CHECK(df__text_again(layer) == NULL);
    df__arena_free(&arena);
}

TEST(an_empty_file_is_an_empty_message)
{
    const df_text *root;
    df_bytes nothing = {0};
    CHECK_OK(df__text_parse(&nothing, "net", &arena, &root, &err));
    CHECK(root->first == NULL);
    df__arena_free(&arena);
}

TEST(broken_text_is_refused_with_its_line)
{
    static const struct { const char *text, *why; } broken[] = {
        {"a: 1\nb {\n c: 2\n", "line 4: the file ends inside a message"},
        {"a:\n", "a value is due"},
        {"a 1", "a value is due"},
        {"a: 'x\n'", "line 1: a value is due"},
        {"a: }", "a value is due"},
        {"}", "a field's name is due"},
        {"a { b: 1 >", "a field's name is due"},
        {": 1", "a field's name is due"},
        {"a: [1, 2", "a value is due"},
        {"[ext]: 1", "a field's name is due"},
        {"a: \x01", "a value is due"},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        const df_text *root;
        CHECK_STATUS(DF_E_BAD_MODEL, parse(broken[i].text, &root));
        CHECK_HAS(err.message, broken[i].why);
        CHECK(root == NULL);
    }
    df__arena_free(&arena);
}

TEST(depth_and_length_have_limits)
{
    const df_text *root;
    char deep[200] = "";
    for (int i = 0; i < DF_TEXT_MAX_DEPTH; i++)
        strcat(deep, "a{");
    for (int i = 0; i < DF_TEXT_MAX_DEPTH; i++)
        strcat(deep, "}");
    CHECK_OK(parse(deep, &root));
    memset(deep, 0, sizeof deep);
    for (int i = 0; i <= DF_TEXT_MAX_DEPTH; i++)
        strcat(deep, "a{");
    CHECK_STATUS(DF_E_BAD_MODEL, parse(deep, &root));
    CHECK_HAS(err.message, "deeper than 32");
    df_bytes large = {.len = DF_TEXT_MAX_BYTES + 1};
    CHECK_STATUS(DF_E_LIMIT, df__text_parse(&large, "net", &arena, &root, &err));
    df__arena_free(&arena);
}

/* The densest text: every byte begins a token, so that the copies need most room. */
TEST(tokens_side_by_side_have_room)
{
    const df_text *root;
    CHECK_OK(parse("a:''b:''c{}d:[1,2]e:\"\"", &root));
    assert_string_equal(df__text_value(root, "b", NULL), "");
    assert_string_equal(df__text_again(df__text_field(root, "d"))->value, "2");
    df__arena_free(&arena);
}

TEST(every_allocation_may_fail)
{
    const df_text *root;
    char text[20000] = "";
    for (size_t i = 0; i + 8 < sizeof text; i += 8)
        memcpy(text + i, "a{b: 1}\n", 8);
    test_alloc_fail_at(0);
    CHECK_OK(parse(text, &root));
    size_t n = test_alloc_count();
    CHECK(n >= 2);
    for (size_t i = 1; i <= n; i++) {
        test_alloc_fail_at(i);
        df_status st = parse(text, &root);
        test_alloc_fail_at(0);
        CHECK_STATUS(DF_E_NO_MEMORY, st);
    }
    df__arena_free(&arena);
}
