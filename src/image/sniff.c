/* sniff.c - tell formats apart by their first bytes, never by a file's name. */
#include "image/decoders.h"

#include <string.h>

typedef struct mark {
    size_t      at, len;
    const char *bytes;
    const char *name;
} mark;

#define MARK(at, bytes, name) {at, sizeof(bytes) - 1, bytes, name}

static bool has(const uint8_t *data, size_t len, const mark *m)
{
    return len >= m->at + m->len && memcmp(data + m->at, m->bytes, m->len) == 0;
}

/* "BM" begins many texts: the size of the second header must be one of those that exist. */
static bool is_bmp(const uint8_t *data, size_t len)
{
    if (len < 18 || data[0] != 'B' || data[1] != 'M')
        return false;
    uint32_t header = df__le32(data + 14);
    return header == 12 || header == 16 || (header >= 40 && header <= 124);
}

df_format df__sniff(const uint8_t *data, size_t len)
{
    static const struct { mark m; df_format format; } known[] = {
        {MARK(0, "\xFF\xD8\xFF", ""), DF_FORMAT_JPEG},  {MARK(0, "\x89PNG\r\n\x1A\n", ""), DF_FORMAT_PNG},
        {MARK(0, "GIF87a", ""), DF_FORMAT_GIF},         {MARK(0, "GIF89a", ""), DF_FORMAT_GIF},
        {MARK(0, "II*\0", ""), DF_FORMAT_TIFF},         {MARK(0, "MM\0*", ""), DF_FORMAT_TIFF},
        {MARK(0, "II+\0", ""), DF_FORMAT_TIFF},         {MARK(0, "MM\0+", ""), DF_FORMAT_TIFF},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (has(data, len, &known[i].m))
            return known[i].format;
    if (len >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0)
        return DF_FORMAT_WEBP;
    return is_bmp(data, len) ? DF_FORMAT_BMP : DF_FORMAT_NONE;
}

/* The netpbm family: 'P', a digit, white space. */
static bool is_pnm(const uint8_t *data, size_t len)
{
    return len >= 3 && data[0] == 'P' && ((data[1] >= '1' && data[1] <= '7') || data[1] == 'F' || data[1] == 'f') &&
           memchr(" \t\r\n#", data[2], 5);
}

/* Old Targa files have no mark at the beginning: new ones have one at the end. */
static bool is_tga(const uint8_t *data, size_t len)
{
    static const char end[] = "TRUEVISION-XFILE.";
    return len >= 44 && memcmp(data + len - sizeof end, end, sizeof end) == 0;
}

const char *df__sniff_foreign(const uint8_t *data, size_t len)
{
    static const mark foreign[] = {
        MARK(4, "ftypheic", "HEIC"),           MARK(4, "ftypheix", "HEIC"),
        MARK(4, "ftyphevc", "HEIC"),           MARK(4, "ftypheim", "HEIC"),
        MARK(4, "ftypheis", "HEIC"),           MARK(4, "ftypmif1", "HEIC"),
        MARK(4, "ftypmsf1", "HEIC"),           MARK(4, "ftypavif", "AVIF"),
        MARK(4, "ftypavis", "AVIF"),           MARK(4, "ftypcrx ", "Canon raw (CR3)"),
        MARK(4, "ftyp", "MP4 or QuickTime video"), MARK(0, "8BPS", "Photoshop (PSD)"),
        MARK(0, "\0\0\1\0", "Windows icon (ICO)"), MARK(0, "\0\0\2\0", "Windows cursor (CUR)"),
        MARK(0, "\0\0\0\x0CjP  ", "JPEG 2000"), MARK(0, "\xFF\x4F\xFF\x51", "JPEG 2000"),
        MARK(0, "\xFF\x0A", "JPEG XL"),        MARK(0, "\0\0\0\x0CJXL ", "JPEG XL"),
        MARK(0, "II\xBC\x01", "JPEG XR"),      MARK(0, "qoif", "QOI"),
        MARK(0, "#?RADIANCE", "Radiance HDR"), MARK(0, "#?RGBE", "Radiance HDR"),
        MARK(0, "v/1\x01", "OpenEXR"),         MARK(0, "DDS ", "DirectDraw surface (DDS)"),
        MARK(0, "farbfeld", "farbfeld"),       MARK(0, "icns", "Apple icon (ICNS)"),
        MARK(0, "\x01\xDA", "SGI image"),      MARK(0, "gimp xcf", "GIMP (XCF)"),
        MARK(0, "SIMPLE  =", "FITS"),          MARK(0, "FUJIFILM", "Fujifilm raw (RAF)"),
        MARK(0, "%PDF", "PDF"),                MARK(0, "%!PS", "PostScript"),
        MARK(0, "<svg", "SVG"),                MARK(0, "<?xml", "XML"),
        MARK(0, "<!DOCTYPE", "HTML"),          MARK(0, "<html", "HTML"),
        MARK(0, "PK\3\4", "ZIP"),              MARK(0, "\x1F\x8B", "gzip"),
        MARK(8, "AVI ", "AVI video"),          MARK(0, "\x1A\x45\xDF\xA3", "Matroska or WebM video"),
    };
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (has(data, len, &foreign[i]))
            return foreign[i].name;
    if (is_pnm(data, len))
        return "PNM";
    return is_tga(data, len) ? "Targa (TGA)" : NULL;
}
