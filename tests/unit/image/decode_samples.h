/* decode_samples.h - what every decoder must stand: its golden files, each cut at every length, each with every allocation
 * failing. */
#ifndef DF_TEST_DECODE_SAMPLES_H
#define DF_TEST_DECODE_SAMPLES_H

#include "image/decode.h"
#include "samples.h"

static const df_limits sample_limits = {1 << 20, 4000000};

static inline df_status decode_bytes(const void *data, size_t len, df_pixels *out, df_error *err)
{
    return df__photo_decode(data, len, &sample_limits, 0, out, err);
}

/* Equals OpenCV's reading, recorded beside the file. */
static inline void check_golden(const char *name, df_format format, int most)
{
    df_error err;
    df_pixels got, want = sample_ppm(name);
    df_photo_info info;
    df_bytes file = sample_file(name);
    CHECK_OK(df__photo_info(file.data, file.len, &sample_limits, &info, &err));
    CHECK(info.format == format && info.width == want.width && info.height == want.height);
    CHECK_OK(decode_bytes(file.data, file.len, &got, &err));
    check_pixels(name, want, got, most);
    df__pixels_free(&want), df__pixels_free(&got), df__bytes_free(&file);
}

/* Pixels or a clear error from every prefix, on memory of just that length so that a sanitizer sees a step past the end. */
static inline void check_prefixes(const char *name)
{
    df_bytes file = sample_file(name);
    for (size_t n = 0; n < file.len; n++) {
        df_error err = {0};
        df_pixels px;
        uint8_t *part = malloc(n ? n : 1);
        memcpy(part, file.data, n);
        df_status st = decode_bytes(part, n, &px, &err);
        if (st != DF_OK && (st != DF_E_DECODE || !err.message[0] || px.data))
            fail_msg("%s cut at %zu: %s: %s", name, n, df_status_text(st), err.message);
        df__pixels_free(&px);
        free(part);
    }
    df__bytes_free(&file);
}

/* Each byte in turn set to values that upset lengths, counts and signs. */
static inline void check_damage(const char *name)
{
    static const uint8_t values[] = {0, 1, 127, 128, 255};
    df_bytes file = sample_file(name);
    for (size_t at = 0; at < file.len && at < 800; at++)
        for (size_t k = 0; k < sizeof values; k++) {
            df_error err = {0};
            df_pixels px;
            uint8_t old = file.data[at];
            file.data[at] = values[k];
            df_status st = decode_bytes(file.data, file.len, &px, &err);
            if (st != DF_OK && (!err.message[0] || px.data))
                fail_msg("%s with %d at %zu: %s without a message", name, values[k], at, df_status_text(st));
            df__pixels_free(&px);
            file.data[at] = old;
        }
    df__bytes_free(&file);
}

/* Only for programs linked with ALLOC. Memory that a shared library asks for itself is not watched. */
static inline void check_allocations(const char *name)
{
    df_bytes file = sample_file(name);
    df_status st = DF_E_NO_MEMORY;
    for (size_t n = 1; st != DF_OK; n++) {
        df_error err = {0};
        df_pixels px;
        test_alloc_fail_at(n);
        st = decode_bytes(file.data, file.len, &px, &err);
        test_alloc_fail_at(0);
        if (st != DF_OK && (st != DF_E_NO_MEMORY || px.data))
            fail_msg("%s, allocation %zu: %s: %s", name, n, df_status_text(st), err.message);
        CHECK(n < 1000);
        df__pixels_free(&px);
    }
    df__bytes_free(&file);
}

#endif
