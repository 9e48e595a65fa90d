#include "image/decoders.h"
#include "test.h"

TEST(formats_are_told_by_their_first_bytes)
{
    static const struct { const char *bytes; size_t len; df_format format; } cases[] = {
        {"\xFF\xD8\xFF\xE0", 4, DF_FORMAT_JPEG}, {"\x89PNG\r\n\x1A\n", 8, DF_FORMAT_PNG}, {"RIFF\0\0\0\0WEBP", 12, DF_FORMAT_WEBP},
        {"GIF87a", 6, DF_FORMAT_GIF}, {"GIF89a", 6, DF_FORMAT_GIF}, {"BM____________\x28\0\0\0", 18, DF_FORMAT_BMP},
        {"II*\0", 4, DF_FORMAT_TIFF}, {"MM\0*", 4, DF_FORMAT_TIFF}, {"RIFF\0\0\0\0WAVE", 12, DF_FORMAT_NONE},
        {"BMW is a make of cars", 21, DF_FORMAT_NONE}, {"GIF88a", 6, DF_FORMAT_NONE}, {"", 0, DF_FORMAT_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (df__sniff((const uint8_t *)cases[i].bytes, cases[i].len) != cases[i].format)
            fail_msg("case %zu is not %s", i, df__format_name(cases[i].format));
}

TEST(every_format_has_a_name)
{
    CHECK(strcmp(df__format_name(DF_FORMAT_NONE), "unknown") == 0);
    CHECK(strcmp(df__format_name(DF_FORMAT_JPEG), "JPEG") == 0);
    CHECK(strcmp(df__format_name(DF_FORMAT_TIFF), "TIFF") == 0);
}

TEST(foreign_formats_are_named)
{
    static const struct { const char *bytes; size_t len; const char *name; } cases[] = {
        {"\0\0\0\x18" "ftypheic", 12, "HEIC"}, {"\0\0\0\x20" "ftypavif", 12, "AVIF"}, {"8BPS\0\1", 6, "Photoshop (PSD)"},
        {"\0\0\1\0\1\0", 6, "Windows icon (ICO)"}, {"P6\n2 2", 6, "PNM"}, {"%PDF-1.4", 8, "PDF"}, {"<!DOCTYPE html>", 15, "HTML"},
        {"\0\0\0\x0CjP  \r\n", 10, "JPEG 2000"}, {"\xFF\x0A\0\0", 4, "JPEG XL"},
        {"\0\0\0\x18" "ftypmp42", 12, "MP4 or QuickTime video"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = df__sniff_foreign((const uint8_t *)cases[i].bytes, cases[i].len);
        if (!name || strcmp(name, cases[i].name) != 0)
            fail_msg("case %zu: %s, expected %s", i, name ? name : "nothing", cases[i].name);
    }
    uint8_t tga[60] = {0};
    memcpy(tga + 60 - 18, "TRUEVISION-XFILE.", 18);
    CHECK(strcmp(df__sniff_foreign(tga, sizeof tga), "Targa (TGA)") == 0);
    CHECK(!df__sniff_foreign((const uint8_t *)"plain text", 10));
    CHECK(!df__sniff_foreign((const uint8_t *)"", 0));
}
