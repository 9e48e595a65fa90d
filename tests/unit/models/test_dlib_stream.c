#include <float.h>

#include "dlib_writer.h"
#include "models/dlib_stream.h"

static df_error err;

TEST(numbers_come_back)
{
    static const int64_t numbers[] = {0, 1, -1, 255, 256, -256, 65535, 1 << 24, -(1LL << 40), INT64_MAX, -INT64_MAX};
    writer w = {0};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        put_int(&w, numbers[i]);
    df_bytes file = written(&w);
    df_dlib_stream s = df__dlib_stream_of(&file);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_int_equal(df__dlib_int(&s, -INT64_MAX, INT64_MAX), numbers[i]);
    CHECK_OK(df__dlib_check(&s, "f", &err));
    CHECK(s.at == s.end);
    free(w.data);
}

TEST(floats_come_back_exactly)
{
    static const float floats[] = {0, 1, -1, 0.1f, -3.14159274f, 1e-30f, FLT_MAX, -FLT_MAX, FLT_MIN, 1.5e-42f, 65536, 1.0f / 3, 16777215};
    enum { N = sizeof floats / sizeof *floats };
    float back[N];
    writer w = {0};
    for (size_t i = 0; i < N; i++)
        put_float(&w, floats[i]);
    df_bytes file = written(&w);
    df_dlib_stream s = df__dlib_stream_of(&file);
    df__dlib_floats(&s, back, N);
    CHECK_OK(df__dlib_check(&s, "f", &err));
    CHECK(s.at == s.end);
    assert_memory_equal(back, floats, sizeof floats);
    free(w.data);
}

/* Written by dlib itself: 0.25 is 2^6 * 2^-8 after the zero bytes of its mantissa went; a double keeps 53 bits. */
TEST(a_double_reads_as_the_float_next_to_it)
{
    uint8_t third[] = {7, 0xA8, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0x0A, 0x81, 53, 0};
    third[1] = 0xAA; /* 0x0AAAAAAAAAAAAA * 2^-53 = 1/3 */
    df_bytes file = {.data = third, .len = sizeof third};
    df_dlib_stream s = df__dlib_stream_of(&file);
    float v = df__dlib_float(&s);
    CHECK_OK(df__dlib_check(&s, "f", &err));
    CHECK_NEAR(1.0 / 3, v, 2e-8);
}

TEST(what_is_not_finite_is_refused)
{
    static const int exponents[] = {32000, 32001, 32002, 200};
    for (size_t i = 0; i < 4; i++) {
        writer w = {0};
        put_int(&w, 0x7FFFFF), put_int(&w, exponents[i]);
        put_int(&w, 0), put_int(&w, 0);
        df_bytes file = written(&w);
        df_dlib_stream s = df__dlib_stream_of(&file);
        (void)df__dlib_float(&s);
        CHECK_STATUS(DF_E_BAD_MODEL, df__dlib_check(&s, "f", &err));
        CHECK_HAS(err.message, "not finite");
        free(w.data);
    }
}

TEST(a_number_out_of_range_names_its_byte)
{
    writer w = {0};
    put_int(&w, 5), put_int(&w, 300);
    df_bytes file = written(&w);
    df_dlib_stream s = df__dlib_stream_of(&file);
    assert_int_equal(df__dlib_int(&s, 0, 10), 5);
    assert_int_equal(df__dlib_int(&s, 0, 10), 0);
    CHECK_STATUS(DF_E_BAD_MODEL, df__dlib_check(&s, "f.dat", &err));
    CHECK_HAS(err.message, "f.dat: byte 2 of 5");
    free(w.data);
}

TEST(lengths_of_numbers_are_checked)
{
    static uint8_t control[] = {0x00, 0x09, 0x0F, 0x80};
    for (size_t i = 0; i < sizeof control; i++) {
        uint8_t bytes[16] = {control[i]};
        df_bytes file = {.data = bytes, .len = sizeof bytes};
        df_dlib_stream s = df__dlib_stream_of(&file);
        (void)df__dlib_int(&s, -INT64_MAX, INT64_MAX);
        CHECK_STATUS(DF_E_BAD_MODEL, df__dlib_check(&s, "f", &err));
    }
    uint8_t huge[] = {8, 0, 0, 0, 0, 0, 0, 0, 0x80}; /* 2^63 */
    df_bytes file = {.data = huge, .len = sizeof huge};
    df_dlib_stream s = df__dlib_stream_of(&file);
    (void)df__dlib_int(&s, -INT64_MAX, INT64_MAX);
    CHECK_STATUS(DF_E_BAD_MODEL, df__dlib_check(&s, "f", &err));
}

TEST(a_list_longer_than_the_file_is_refused)
{
    writer w = {0};
    put_int(&w, 1000000000000);
    for (int i = 0; i < 20; i++)
        put_int(&w, i);
    df_bytes file = written(&w);
    df_dlib_stream s = df__dlib_stream_of(&file);
    assert_int_equal(df__dlib_count(&s, 2), 0);
    CHECK_STATUS(DF_E_BAD_MODEL, df__dlib_check(&s, "f", &err));
    CHECK_HAS(err.message, "longer than the rest");
    /* 20 entries of 2 bytes do fit, of 3 do not. */
    w.len = 0;
    put_int(&w, 20);
    for (int i = 0; i < 20; i++)
        put_int(&w, i);
    file = written(&w);
    s = df__dlib_stream_of(&file);
    assert_int_equal(df__dlib_count(&s, 2), 20);
    s = df__dlib_stream_of(&file);
    assert_int_equal(df__dlib_count(&s, 3), 0);
    free(w.data);
}

TEST(a_tensor_larger_than_the_file_is_refused)
{
    writer w = {0};
    put_shape(&w, 2, INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX);
    df_bytes file = written(&w);
    df_dlib_stream s = df__dlib_stream_of(&file);
    df_dlib_tensor t = df__dlib_tensor(&s);
    assert_int_equal(t.count, 0);
    CHECK_STATUS(DF_E_BAD_MODEL, df__dlib_check(&s, "f", &err));
    free(w.data);
}

TEST(tensors_and_texts_come_back)
{
    const float v[] = {1.5f, -2, 3e-8f};
    float back[2];
    char text[5];
    writer w = {0};
    put_tensor(&w, 3, v);
    put_text(&w, "con_4");
    put_bool(&w, true), put_bool(&w, false);
    df_bytes file = written(&w);
    df_dlib_stream s = df__dlib_stream_of(&file);
    df_dlib_tensor t = df__dlib_tensor(&s);
    assert_int_equal(t.count, 3);
    df__dlib_tensor_copy(&t, 1, 2, back);
    assert_memory_equal(back, v + 1, sizeof back);
    df__dlib_text(&s, text, sizeof text);
    assert_string_equal(text, "con_"); /* cut */
    CHECK(df__dlib_bool(&s) && !df__dlib_bool(&s));
    CHECK_OK(df__dlib_check(&s, "f", &err));
    free(w.data);
}

TEST(the_first_failure_stays)
{
    df_bytes empty = {0};
    df_dlib_stream s = df__dlib_stream_of(&empty);
    float v[3] = {1, 1, 1};
    char text[4] = "x";
    df__dlib_floats(&s, v, 3);
    df__dlib_text(&s, text, sizeof text);
    (void)df__dlib_column(&s);
    (void)df__dlib_tensor(&s);
    (void)df__dlib_alias(&s);
    df__dlib_fail(&s, "later");
    CHECK(v[0] == 0 && v[2] == 0 && text[0] == '\0');
    CHECK_STATUS(DF_E_BAD_MODEL, df__dlib_check(&s, "f", &err));
    CHECK_HAS(err.message, "byte 0 of 0: the file ends");
}
