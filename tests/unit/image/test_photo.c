#define _DEFAULT_SOURCE /* strsep */
#include "decode_samples.h"

#include <sys/resource.h>

TEST(a_file_over_the_byte_limit_is_refused)
{
    df_error err;
    df_pixels px;
    df_bytes file = sample_file("jpeg-420.jpg");
    df_limits small = {100, 1000000};
    CHECK_STATUS(DF_E_LIMIT, df__photo_decode(file.data, file.len, &small, 0, &px, &err));
    CHECK_HAS(err.message, "the limit is 100");
    df__bytes_free(&file);
}

TEST(a_picture_over_the_pixel_limit_is_refused_in_every_format)
{
    static const char *const files[] = {"jpeg-420.jpg",  "png-c2-8.png", "webp-lossy.webp",
                                        "gif-plain.gif", "bmp-24.bmp",   "tiff-palette.tif"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        df_error err;
        df_pixels px;
        df_photo_info info;
        df_bytes file = sample_file(files[i]);
        df_limits one_less = {1 << 20, 0};
        if (df__photo_info(file.data, file.len, &sample_limits, &info, &err) != DF_E_UNSUPPORTED) {
            one_less.pixels = (size_t)info.width * (size_t)info.height - 1;
            CHECK_STATUS(DF_E_LIMIT, df__photo_decode(file.data, file.len, &one_less, 0, &px, &err));
            CHECK_HAS(err.message, df__format_name(info.format));
            one_less.pixels++;
            CHECK_OK(df__photo_decode(file.data, file.len, &one_less, 0, &px, &err));
            df__pixels_free(&px);
        }
        df__bytes_free(&file);
    }
}

TEST(what_is_no_image_is_named)
{
    df_error err;
    df_pixels px;
    CHECK_STATUS(DF_E_DECODE, decode_bytes("", 0, &px, &err));
    CHECK_HAS(err.message, "empty");
    CHECK_STATUS(DF_E_DECODE, decode_bytes("plain text", 10, &px, &err));
    CHECK_HAS(err.message, "10 bytes, not a known image format (begins with 70 6c 61 69)");
    CHECK_STATUS(DF_E_DECODE, decode_bytes("x", 1, &px, &err));
    CHECK_STATUS(DF_E_DECODE, decode_bytes("\0\0\0\x18" "ftypheic0000", 16, &px, &err));
    CHECK_HAS(err.message, "HEIC is not supported");
}

TEST(errors_may_go_nowhere)
{
    df_pixels px;
    df_photo_info info;
    CHECK(df__photo_decode((const uint8_t *)"\x89PNG\r\n\x1A\n", 8, &sample_limits, 0, &px, NULL) == DF_E_DECODE);
    CHECK(df__photo_info((const uint8_t *)"\xFF\xD8\xFF", 3, &sample_limits, &info, NULL) == DF_E_DECODE);
}

/* One line of hard_dev/manifest.csv: image, bytes, format, mode, width, height, ..., pillow's verdict. */
typedef struct known { char image[256], format[32]; int width, height, ok; } known;

static bool next_known(char **text, known *k)
{
    char *line = strsep(text, "\n"), *field[12] = {0};
    if (!line || !*line)
        return false;
    for (int i = 0; i < 12; i++)
        field[i] = i < 11 ? strsep(&line, ",") : line;
    snprintf(k->image, sizeof k->image, "%s", field[0]);
    snprintf(k->format, sizeof k->format, "%s", field[2] ? field[2] : "");
    k->width = atoi(field[4] ? field[4] : "0"), k->height = atoi(field[5] ? field[5] : "0");
    k->ok = field[11] && strncmp(field[11], "ok", 2) == 0;
    return true;
}

/* Pillow says how sides are stored, ours are upright: swapped ones are equal. */
static bool same_sides(const known *k, df_pixels px)
{
    return (k->width == px.width && k->height == px.height) || (k->width == px.height && k->height == px.width);
}

/* Read by Pillow in another way, each with its reason. */
static bool is_exception(const char *image)
{
    static const char *const images[] = {
        "image-rs/gif/simple/issue_1455_oversized.gif",              /* Pillow grows the canvas to the frame, we cut the frame */
        "pillow/issue_2811.gif",                                     /* giflib misses the end of its codes */
        "pillow/10ct_32bit_128.tiff",                                /* 32-bit floats */
        "pillow/crash-74d2a78403a5a59db1fb0a2b8735ac068a75f6e3.tif", /* damaged strips, Pillow shows what came */
    };
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        if (strcmp(images[i], image) == 0)
            return true;
    return false;
}

TEST(every_hard_file_gives_pixels_or_a_clear_error)
{
    static const df_limits usual = {256u << 20, 100000000};
    df_error err;
    df_bytes list;
    char path[1024], *data_dir = (char *)test_data_dir();
    if (data_dir)
        snprintf(path, sizeof path, "%s/hard_dev/manifest.csv", data_dir);
    if (!data_dir || df__read_file(path, 1 << 24, &list, &err) != DF_OK) {
        print_message("no hard_dev in DF_TEST_DATA: skipped\n");
        skip();
    }
    char *text = calloc(1, list.len + 1), *at = text;
    memcpy(text, list.data, list.len);
    known k;
    int seen = 0, pixels = 0, wrong = 0;
    strsep(&at, "\n");
    for (; next_known(&at, &k); seen++) {
        df_bytes file;
        df_pixels px;
        snprintf(path, sizeof path, "%s/hard_dev/%s", data_dir, k.image);
        CHECK_OK(df__read_file(path, 1 << 28, &file, &err));
        df_format format = df__sniff(file.data, file.len);
        memset(&err, 0, sizeof err);
        df_status st = df__photo_decode(file.data, file.len, &usual, 0, &px, &err);
        bool clear = st == DF_OK || ((st == DF_E_DECODE || st == DF_E_LIMIT || st == DF_E_UNSUPPORTED) && err.message[0]);
        bool expected = !k.ok || format == DF_FORMAT_NONE || is_exception(k.image) || st == DF_E_UNSUPPORTED ||
                        (st == DF_OK && same_sides(&k, px));
        if (!clear || !expected) {
            print_error("%s (%s %d x %d): %s: %s, %d x %d\n", k.image, k.format, k.width, k.height, df_status_text(st),
                        err.message, px.width, px.height);
            wrong++;
        }
        pixels += st == DF_OK;
        df__pixels_free(&px), df__bytes_free(&file);
    }
    free(text), df__bytes_free(&list);
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    print_message("%d files, %d pictures, %ld MB at most\n", seen, pixels, use.ru_maxrss / 1024);
    CHECK(seen > 400 && wrong == 0);
    CHECK(use.ru_maxrss / 1024 < 1200); /* the largest picture there has 20 million pixels; sanitizers keep what is freed */
}
