/* test_wire.c - protobuf's wire format. The bytes are those of the "Encoding" page of the Protocol Buffers documentation, or worked out by
 * hand from its rules. */
#include "core/wire.h"
#include "test.h"

TEST(the_examples_of_the_documentation)
{
    static const uint8_t number[] = {0x08, 0x96, 0x01}, string[] = {0x12, 0x07, 't', 'e', 's', 't', 'i', 'n', 'g'};
    df_arena arena = {0};
    df_field f;
    df_wire w = df__wire_of(number, sizeof number);
    assert_true(df__wire_next(&w, &f));
    assert_int_equal(f.number, 1);
    assert_int_equal(df__field_i64(&f), 150);
    assert_false(df__wire_next(&w, &f));
    assert_false(w.bad);
    w = df__wire_of(string, sizeof string);
    assert_true(df__wire_next(&w, &f));
    assert_int_equal(f.number, 2);
    assert_true(df__field_is(&f, "testing"));
    assert_false(df__field_is(&f, "test"));
    assert_string_equal(df__field_string(&f, &arena), "testing");
    df__arena_free(&arena);
}

TEST(fixed_numbers_and_negative_ones)
{
    static const uint8_t bytes[] = {0x0D, 0, 0, 0xC0, 0x3F,                                                /* 1: float 1.5 */
                                    0x11, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F,                                    /* 2: double 1.5 */
                                    0x18, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01};     /* 3: -2 */
    df_wire w = df__wire_of(bytes, sizeof bytes);
    df_field f;
    assert_true(df__wire_next(&w, &f));
    CHECK_NEAR(1.5, df__field_f32(&f), 0);
    assert_true(df__wire_next(&w, &f));
    CHECK_NEAR(1.5, df__field_f64(&f), 0);
    assert_true(df__wire_next(&w, &f));
    assert_int_equal(df__field_i64(&f), -2);
}

TEST(repeated_numbers_packed_and_single)
{
    static const uint8_t bytes[] = {0x22, 0x06, 0x03, 0x8E, 0x02, 0x9E, 0xA7, 0x05, /* 4: 3, 270, 86942 */
                                    0x2A, 0x08, 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40,    /* 5: 1.0, 2.0 */
                                    0x20, 0x07};                                    /* 4: 7 */
    df_wire w = df__wire_of(bytes, sizeof bytes);
    df_field f;
    int64_t n[3];
    float v[2];
    assert_true(df__wire_next(&w, &f));
    assert_int_equal(df__field_count(&f, DF_WIRE_VARINT), 3);
    df__field_i64s(&f, n);
    assert_int_equal(n[1], 270);
    assert_int_equal(n[2], 86942);
    assert_true(df__wire_next(&w, &f));
    assert_int_equal(df__field_count(&f, DF_WIRE_FIXED32), 2);
    df__field_f32s(&f, v);
    CHECK_NEAR(2, v[1], 0);
    assert_true(df__wire_next(&w, &f));
    assert_int_equal(df__field_count(&f, DF_WIRE_VARINT), 1);
    assert_int_equal(df__field_count(&f, DF_WIRE_FIXED32), 0);
    df__field_i64s(&f, n);
    assert_int_equal(n[0], 7);
}

static void refused(const uint8_t *bytes, size_t len)
{
    df_field f;
    df_wire w = df__wire_of(bytes, len);
    while (df__wire_next(&w, &f))
        ;
    assert_true(w.bad);
}

TEST(what_is_no_message_is_told_from_its_end)
{
    refused((const uint8_t[]){0x08}, 1);                    /* no number */
    refused((const uint8_t[]){0x08, 0x96}, 2);              /* half a number */
    refused((const uint8_t[]){0x0D, 0, 0}, 3);              /* half a float */
    refused((const uint8_t[]){0x11, 0, 0, 0, 0}, 5);        /* half a double */
    refused((const uint8_t[]){0x12, 0x07, 't'}, 3);         /* a string past the end */
    refused((const uint8_t[]){0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}, 11); /* 2^64 - 1 bytes */
    refused((const uint8_t[]){0x0B}, 1);                    /* a group */
    refused((const uint8_t[]){0x00, 0x01}, 2);              /* field 0 */
    refused((const uint8_t[]){0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}, 12); /* eleven groups */
    df_field f;
    df_wire w = df__wire_of(NULL, 0);
    assert_false(df__wire_next(&w, &f));
    assert_false(w.bad);
}

TEST(messages_inside_messages_meet_a_limit)
{
    uint8_t bytes[2 * 60]; /* each length fits one byte */
    for (size_t i = 0; i < 60; i++) {
        bytes[2 * i] = 0x0A;
        bytes[2 * i + 1] = (uint8_t)(2 * (59 - i));
    }
    df_wire w = df__wire_of(bytes, sizeof bytes), inner;
    df_field f;
    int depth = 0;
    while (df__wire_next(&w, &f) && df__wire_open(&w, &f, &inner)) {
        w = inner;
        depth++;
    }
    assert_true(w.bad);
    assert_int_equal(depth, DF_WIRE_MAX_DEPTH);
    static const uint8_t number[] = {0x08, 1};
    w = df__wire_of(number, sizeof number);
    assert_true(df__wire_next(&w, &f));
    assert_false(df__wire_open(&w, &f, &inner)); /* a number is no message */
    assert_true(w.bad);
}
