/* exif.c - the one EXIF tag that matters to pixels: orientation (EXIF 2.32, 4.6.5, tag 274, in the first directory). */
#include "image/decoders.h"

#include <string.h>

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY = 12 };

int df__exif_orientation(const uint8_t *exif, size_t len)
{
    if (len >= 6 && memcmp(exif, "Exif\0\0", 6) == 0)
        exif += 6, len -= 6;
    if (len < 8)
        return 1;
    bool little = memcmp(exif, "II*\0", 4) == 0;
    if (!little && memcmp(exif, "MM\0*", 4) != 0)
        return 1;
    size_t at = little ? df__le32(exif + 4) : df__be32(exif + 4);
    if (at > len - 2)
        return 1;
    size_t entries = little ? df__le16(exif + at) : df__be16(exif + at);
    at += 2;
    for (size_t i = 0; i < entries && len - at >= ENTRY; i++, at += ENTRY) {
        const uint8_t *p = exif + at;
        int tag = little ? df__le16(p) : df__be16(p), type = little ? df__le16(p + 2) : df__be16(p + 2);
        if (tag != TAG_ORIENTATION || type != TYPE_SHORT)
            continue;
        int value = little ? df__le16(p + 8) : df__be16(p + 8);
        return value >= 1 && value <= 8 ? value : 1;
    }
    return 1;
}
