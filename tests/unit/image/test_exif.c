#include "image/decoders.h"
#include "test.h"

/* One entry of tag, type, count, value at offset 8; big ("MM") or little ("II") end first. */
static int orientation_of(bool big, int tag, int type, int value)
{
    uint8_t b[26] = {0};
    memcpy(b, big ? "MM\0*" : "II*\0", 4);
    b[big ? 7 : 4] = 8;
    b[big ? 9 : 8] = 1;
    b[big ? 10 : 11] = (uint8_t)(tag >> 8), b[big ? 11 : 10] = (uint8_t)tag;
    b[big ? 13 : 12] = (uint8_t)type;
    b[big ? 17 : 14] = 1;
    b[big ? 19 : 18] = (uint8_t)value;
    return df__exif_orientation(b, sizeof b);
}

TEST(orientations_1_to_8_in_both_byte_orders)
{
    for (int i = 1; i <= 8; i++) {
        CHECK(orientation_of(true, 0x112, 3, i) == i);
        CHECK(orientation_of(false, 0x112, 3, i) == i);
    }
}

TEST(other_values_tags_and_types_count_as_upright)
{
    CHECK(orientation_of(true, 0x112, 3, 0) == 1);
    CHECK(orientation_of(true, 0x112, 3, 9) == 1);
    CHECK(orientation_of(false, 0x113, 3, 6) == 1);
    CHECK(orientation_of(false, 0x112, 4, 6) == 1);
}

TEST(the_jpeg_prefix_is_skipped)
{
    static const uint8_t exif[] = "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0";
    CHECK(df__exif_orientation(exif, sizeof exif - 1) == 6);
    CHECK(df__exif_orientation(exif + 6, sizeof exif - 7) == 6);
}

TEST(cut_and_damaged_blocks_count_as_upright)
{
    static const uint8_t exif[] = "MM\0*\0\0\0\x08\0\x02\x01\x0F\0\x03\0\0\0\x01\0\x01\0\0\x01\x12\0\x03\0\0\0\x01\0\x06\0\0";
    for (size_t n = 0; n < sizeof exif; n++) {
        uint8_t *part = malloc(n ? n : 1);
        memcpy(part, exif, n);
        CHECK(df__exif_orientation(part, n) == (n >= 34 ? 6 : 1));
        free(part);
    }
    uint8_t far[] = "II*\0\xFF\xFF\xFF\xFF\0\0\0\0";
    CHECK(df__exif_orientation(far, sizeof far) == 1);
    uint8_t many[] = "II*\0\x08\0\0\0\xFF\xFF\0\0\0\0\0\0\0\0\0\0\0\0";
    CHECK(df__exif_orientation(many, sizeof many) == 1);
    CHECK(df__exif_orientation((const uint8_t *)"PK\3\4 and more", 13) == 1);
}
