/* font.c - the letters. A path is M x y (lift, go), L x y (draw to), a or A cx cy rx ry from to (arc; `a` lifts, `A` draws on
 * from where the pen is; degrees clockwise from the right), D x y (dot). Accented letters are a letter and a path above or below
 * it. */
#include "image/font.h"

#include <math.h>
#include <stdbool.h>

static const double beside = 3.3; /* free grid units after a character */

typedef struct letter {
    float       width; /* of the ink */
    const char *path;
} letter;

static const letter ascii[] = {
    {3, ""},                                                                         /* space */
    {0.5f, "M0.2 0 L0.2 9.5 D0.2 13.5"},                                             /* ! */
    {3.5f, "M0 0 L0 4 M3.5 0 L3.5 4"},                                               /* " */
    {10, "M3.4 0.5 L1.6 13.5 M8.4 0.5 L6.6 13.5 M0.5 4.7 L10 4.7 M0 9.3 L9.5 9.3"},  /* # */
    {8.6f, "a4.3 3.6 3.9 3.6 330 90 A4.3 10.6 4.2 3.4 270 510 M4.3 -2 L4.3 16"},     /* $ */
    {12, "M10 0 L2 14 a2.5 3.2 2.5 3.2 0 360 a9.5 10.8 2.5 3.2 0 360"},              /* % */
    {10.4f, "M10.4 14 L2.2 4.6 A4.4 3 2.6 3 148 390 L2 7.7 A4.1 10.5 4.1 3.5 233 20 L9.8 7.6"}, /* & */
    {0, "M0 0 L0 4"},                                                                /* ' */
    {2.2f, "a5.2 7.8 5 11.5 230 130"},                                               /* ( */
    {2.2f, "a-3 7.8 5 11.5 310 410"},                                                /* ) */
    {6, "M3 0.5 L3 7.5 M0 2.2 L6 5.8 M6 2.2 L0 5.8"},                                /* * */
    {9, "M4.5 3.5 L4.5 12.5 M0 8 L9 8"},                                             /* + */
    {1, "M1 13 L0.2 16.6"},                                                          /* , */
    {5, "M0 8.7 L5 8.7"},                                                            /* - */
    {0.5f, "D0.2 13.5"},                                                             /* . */
    {6.4f, "M6.4 -0.8 L0 15.6"},                                                     /* / */
    {8.6f, "a4.3 7 4.3 7 0 360"},
    {5, "M0.8 2.9 L4.6 0 L4.6 14"},
    {8.4f, "a4.1 4 4 4 190 397 L0 14 L8.4 14"},
    {8.2f, "a4 3.6 3.6 3.6 200 450 A4 10.6 4.2 3.4 270 515"},
    {9, "M6.6 14 L6.6 0 L0 10.2 L9 10.2"},
    {8.4f, "M7.6 0 L1.4 0 L0.8 6.3 A4 9.5 4.3 4.5 222 508"},
    {8.5f, "a4.25 9.5 4.2 4.5 0 360 a8.4 9.5 8.35 9.5 180 262"},
    {8.4f, "M0 0 L8.4 0 L2.9 14"},
    {8.6f, "a4.3 3.5 3.6 3.5 0 360 a4.3 10.5 4.3 3.5 0 360"},
    {8.5f, "a4.25 4.5 4.2 4.5 0 360 a0.1 4.5 8.35 9.5 0 82"},
    {0.5f, "D0.2 5.6 D0.2 13.5"},                                                    /* : */
    {1, "D0.8 5.6 M1 13 L0.2 16.6"},                                                 /* ; */
    {8.4f, "M8.4 3.4 L0 8 L8.4 12.6"},                                               /* < */
    {9, "M0 5.9 L9 5.9 M0 10.1 L9 10.1"},                                            /* = */
    {8.4f, "M0 3.4 L8.4 8 L0 12.6"},                                                 /* > */
    {7.4f, "a3.7 3.7 3.6 3.7 195 405 L3.9 8.6 L3.9 10 D3.9 13.5"},                   /* ? */
    {13.6f, "a6.6 7.8 2.9 3.3 0 360 M9.5 4.5 L9.5 8.6 A11.5 8.6 2 2.6 180 20 L13.6 7.4 A6.8 7.4 6.8 7.4 0 -305"}, /* @ */
    {10.4f, "M0 14 L5.2 0 L10.4 14 M1.9 9.1 L8.5 9.1"},
    {8.8f, "M0 6.8 L5 6.8 A5 10.4 3.8 3.6 270 450 L0 14 L0 0 L4.6 0 A4.6 3.4 3.5 3.4 270 450"},
    {9.9f, "a5.7 7 5.7 7 314 46"},
    {9.6f, "M0 0 L0 14 L3.4 14 A3.4 7 6.2 7 90 -90 L0 0"},
    {8, "M8 0 L0 0 L0 14 L8 14 M0 6.8 L7 6.8"},
    {7.8f, "M7.8 0 L0 0 L0 14 M0 6.9 L6.8 6.9"},
    {11, "a5.6 7 5.6 7 314 18 L10.9 7.6 L6.4 7.6"},
    {9.5f, "M0 0 L0 14 M9.5 0 L9.5 14 M0 6.8 L9.5 6.8"},
    {0, "M0 0 L0 14"},
    {5.6f, "M5.6 0 L5.6 9.8 A2.8 9.8 2.8 4.2 0 165"},
    {9.3f, "M0 0 L0 14 M8.8 0 L0 9 M3.1 5.9 L9.3 14"},
    {7.6f, "M0 0 L0 14 L7.6 14"},
    {11.6f, "M0 14 L0 0 L5.8 9.8 L11.6 0 L11.6 14"},
    {9.6f, "M0 14 L0 0 L9.6 14 L9.6 0"},
    {11.6f, "a5.8 7 5.8 7 0 360"},
    {8.7f, "M0 14 L0 0 L4.8 0 A4.8 3.9 3.9 3.9 270 450 L0 7.8"},
    {11.6f, "a5.8 7 5.8 7 0 360 M7.4 10.4 L11.4 15.2"},
    {9.2f, "M0 14 L0 0 L4.8 0 A4.8 3.9 3.9 3.9 270 450 L0 7.8 M4.7 7.8 L9.2 14"},
    {8.6f, "a4.3 3.6 3.9 3.6 328 90 A4.3 10.6 4.2 3.4 270 512"},
    {10, "M0 0 L10 0 M5 0 L5 14"},
    {9.6f, "M0 0 L0 9.2 A4.8 9.2 4.8 4.8 180 0 L9.6 0"},
    {10.2f, "M0 0 L5.1 14 L10.2 0"},
    {14.4f, "M0 0 L3.6 14 L7.2 1.6 L10.8 14 L14.4 0"},
    {9.4f, "M0 0 L9.4 14 M9.4 0 L0 14"},
    {9.8f, "M0 0 L4.9 7.4 L9.8 0 M4.9 7.4 L4.9 14"},
    {9.2f, "M0.3 0 L9 0 L0 14 L9.2 14"},
    {3, "M3 -1 L0 -1 L0 16.5 L3 16.5"},                                              /* [ */
    {6.4f, "M0 -0.8 L6.4 15.6"},                                                     /* \ */
    {3, "M0 -1 L3 -1 L3 16.5 L0 16.5"},                                              /* ] */
    {7.6f, "M0 6 L3.8 0 L7.6 6"},                                                    /* ^ */
    {9, "M0 17 L9 17"},                                                              /* _ */
    {2.4f, "M0 0 L2.4 2.6"},                                                         /* ` */
    {8, "a4 9.2 4 4.8 0 360 M8 4.4 L8 14"},
    {8.2f, "M0 0 L0 14 a4.1 9.2 4.1 4.8 0 360"},
    {7.6f, "a4.5 9.2 4.5 4.8 312 48"},
    {8.2f, "M8.2 0 L8.2 14 a4.1 9.2 4.1 4.8 0 360"},
    {8.5f, "M0.2 8.9 L8.5 8.9 A4.3 9.2 4.2 4.8 -4 -320"},
    {5, "M1.8 14 L1.8 3 A4.8 3 3 3 180 278 M0 4.7 L4.8 4.7"},
    {8.2f, "a4.1 9.2 4.1 4.8 0 360 M8.2 4.4 L8.2 14.2 A4.2 14.2 4 4.3 0 155"},
    {7.8f, "M0 0 L0 14 M0 8.4 A3.9 8.4 3.9 4 180 360 L7.8 14"},
    {0, "M0 4.4 L0 14 D0 0.6"},
    {2.4f, "M2.4 4.4 L2.4 15.4 A0 15.4 2.4 3.1 0 95 D2.4 0.6"},
    {7.4f, "M0 0 L0 14 M6.9 4.5 L0 10.6 M2.7 8.3 L7.4 14"},
    {2, "M0 0 L0 12 A1.9 12 1.9 2 180 85"},
    {12.2f, "M0 4.4 L0 14 M0 7.8 A3.05 7.8 3.05 3.4 180 360 L6.1 14 M6.1 7.8 A9.15 7.8 3.05 3.4 180 360 L12.2 14"},
    {7.8f, "M0 4.4 L0 14 M0 8.4 A3.9 8.4 3.9 4 180 360 L7.8 14"},
    {8.8f, "a4.4 9.2 4.4 4.8 0 360"},
    {8.2f, "M0 4.4 L0 18.5 a4.1 9.2 4.1 4.8 0 360"},
    {8.2f, "M8.2 4.4 L8.2 18.5 a4.1 9.2 4.1 4.8 0 360"},
    {4.8f, "M0 4.4 L0 14 M0 8.6 A3.8 8.4 3.8 4 180 288"},
    {7, "a3.5 6.8 3.1 2.4 325 90 A3.5 11.6 3.5 2.4 270 508"},
    {5, "M2 1 L2 11.2 A4.6 11.2 2.6 2.8 180 82 M0 4.7 L5 4.7"},
    {7.8f, "M0 4.4 L0 10 A3.9 10 3.9 4 180 0 M7.8 4.4 L7.8 14"},
    {8.4f, "M0 4.4 L4.2 14 L8.4 4.4"},
    {11.8f, "M0 4.4 L2.95 14 L5.9 5.2 L8.85 14 L11.8 4.4"},
    {7.8f, "M0 4.4 L7.8 14 M7.8 4.4 L0 14"},
    {8.4f, "M0 4.4 L4.3 13.9 M8.4 4.4 L3.5 16.4 A1.5 15.6 2.2 2.9 20 100"},
    {7.6f, "M0.2 4.4 L7.4 4.4 L0 14 L7.6 14"},
    {4, "a4 2 2 3 270 180 L2 5.8 A0 5.8 2 2 0 90 A0 9.8 2 2 270 360 L2 13.5 A4 13.5 2 3 180 90"}, /* { */
    {0, "M0 -1 L0 17"},                                                              /* | */
    {4, "a0 2 2 3 270 360 L2 5.8 A4 5.8 2 2 180 90 A4 9.8 2 2 270 180 L2 13.5 A0 13.5 2 3 0 90"}, /* } */
    {9, "a2.25 8.6 2.25 1.8 180 360 A6.75 8.6 2.25 1.8 180 0"},                      /* ~ */
};

enum { PLAIN, GRAVE, ACUTE, CIRCUMFLEX, TILDE, DIAERESIS, RING, CARON, BREVE, MACRON, DOT, DOUBLE_ACUTE, CEDILLA, OGONEK, SLASH, BAR };

/* Around x = 0, for small letters; capitals have theirs 4.4 higher. The last four are not above the letter. */
static const char *const accents[] = {
    [PLAIN] = "", [GRAVE] = "M-2 -0.4 L0.6 2", [ACUTE] = "M2 -0.4 L-0.6 2", [CIRCUMFLEX] = "M-2.4 2 L0 -0.4 L2.4 2",
    [TILDE] = "a-1.3 1.2 1.3 1.2 180 360 A1.3 1.2 1.3 1.2 180 0", [DIAERESIS] = "D-2 0.9 D2 0.9", [RING] = "a0 0.6 1.7 1.7 0 360",
    [CARON] = "M-2.4 -0.4 L0 2 L2.4 -0.4", [BREVE] = "a0 -0.4 2.4 2.4 180 0", [MACRON] = "M-2.4 0.8 L2.4 0.8", [DOT] = "D0 0.7",
    [DOUBLE_ACUTE] = "M-0.2 -0.4 L-2 2 M2.9 -0.4 L1.1 2", [CEDILLA] = "M0 14 L0 15.4 A-0.2 16.7 1.6 1.5 -85 110",
    [OGONEK] = "M2.6 14 A3.4 16.2 1.7 1.9 220 60", [SLASH] = "M-4.6 13.6 L4.6 4.8", [BAR] = "M-2.4 8.6 L2.4 5.4",
};

/* Letters of Latin-1 and of the Latin alphabets of Europe that are another one with an accent, and signs
 * that look like another. */
static const struct accented {
    uint16_t code;
    char     base;
    uint8_t  accent;
} accented[] = {
    {0xA0, ' ', PLAIN}, {0xC0, 'A', GRAVE}, {0xC1, 'A', ACUTE}, {0xC2, 'A', CIRCUMFLEX}, {0xC3, 'A', TILDE},
    {0xC4, 'A', DIAERESIS}, {0xC5, 'A', RING}, {0xC7, 'C', CEDILLA}, {0xC8, 'E', GRAVE}, {0xC9, 'E', ACUTE},
    {0xCA, 'E', CIRCUMFLEX}, {0xCB, 'E', DIAERESIS}, {0xCC, 'I', GRAVE}, {0xCD, 'I', ACUTE}, {0xCE, 'I', CIRCUMFLEX},
    {0xCF, 'I', DIAERESIS}, {0xD1, 'N', TILDE}, {0xD2, 'O', GRAVE}, {0xD3, 'O', ACUTE}, {0xD4, 'O', CIRCUMFLEX},
    {0xD5, 'O', TILDE}, {0xD6, 'O', DIAERESIS}, {0xD9, 'U', GRAVE}, {0xDA, 'U', ACUTE}, {0xDB, 'U', CIRCUMFLEX},
    {0xDC, 'U', DIAERESIS}, {0xDD, 'Y', ACUTE}, {0xE0, 'a', GRAVE}, {0xE1, 'a', ACUTE}, {0xE2, 'a', CIRCUMFLEX},
    {0xE3, 'a', TILDE}, {0xE4, 'a', DIAERESIS}, {0xE5, 'a', RING}, {0xE7, 'c', CEDILLA}, {0xE8, 'e', GRAVE}, {0xE9, 'e', ACUTE},
    {0xEA, 'e', CIRCUMFLEX}, {0xEB, 'e', DIAERESIS}, {0xEC, 'i', GRAVE}, {0xED, 'i', ACUTE}, {0xEE, 'i', CIRCUMFLEX},
    {0xEF, 'i', DIAERESIS}, {0xF1, 'n', TILDE}, {0xF2, 'o', GRAVE}, {0xF3, 'o', ACUTE}, {0xF4, 'o', CIRCUMFLEX},
    {0xF5, 'o', TILDE}, {0xF6, 'o', DIAERESIS}, {0xF8, 'o', SLASH}, {0xF9, 'u', GRAVE}, {0xFA, 'u', ACUTE},
    {0xFB, 'u', CIRCUMFLEX}, {0xFC, 'u', DIAERESIS}, {0xFD, 'y', ACUTE}, {0xFF, 'y', DIAERESIS}, {0x100, 'A', MACRON},
    {0x101, 'a', MACRON}, {0x102, 'A', BREVE}, {0x103, 'a', BREVE}, {0x104, 'A', OGONEK}, {0x105, 'a', OGONEK},
    {0x106, 'C', ACUTE}, {0x107, 'c', ACUTE}, {0x10C, 'C', CARON}, {0x10D, 'c', CARON}, {0x10E, 'D', CARON},
    {0x112, 'E', MACRON}, {0x113, 'e', MACRON}, {0x116, 'E', DOT}, {0x117, 'e', DOT}, {0x118, 'E', OGONEK},
    {0x119, 'e', OGONEK}, {0x11A, 'E', CARON}, {0x11B, 'e', CARON}, {0x11E, 'G', BREVE}, {0x11F, 'g', BREVE},
    {0x12A, 'I', MACRON}, {0x12B, 'i', MACRON}, {0x130, 'I', DOT}, {0x131, 'i', PLAIN}, {0x141, 'L', BAR}, {0x142, 'l', BAR},
    {0x143, 'N', ACUTE}, {0x144, 'n', ACUTE}, {0x147, 'N', CARON}, {0x148, 'n', CARON}, {0x150, 'O', DOUBLE_ACUTE},
    {0x151, 'o', DOUBLE_ACUTE}, {0x158, 'R', CARON}, {0x159, 'r', CARON}, {0x15A, 'S', ACUTE}, {0x15B, 's', ACUTE},
    {0x15E, 'S', CEDILLA}, {0x15F, 's', CEDILLA}, {0x160, 'S', CARON}, {0x161, 's', CARON}, {0x162, 'T', CEDILLA},
    {0x163, 't', CEDILLA}, {0x164, 'T', CARON}, {0x16A, 'U', MACRON}, {0x16B, 'u', MACRON}, {0x16E, 'U', RING},
    {0x16F, 'u', RING}, {0x170, 'U', DOUBLE_ACUTE}, {0x171, 'u', DOUBLE_ACUTE}, {0x179, 'Z', ACUTE}, {0x17A, 'z', ACUTE},
    {0x17B, 'Z', DOT}, {0x17C, 'z', DOT}, {0x17D, 'Z', CARON}, {0x17E, 'z', CARON}, {0x218, 'S', CEDILLA},
    {0x219, 's', CEDILLA}, {0x21A, 'T', CEDILLA}, {0x21B, 't', CEDILLA}, {0x2013, '-', PLAIN}, {0x2018, '\'', PLAIN},
    {0x2019, '\'', PLAIN}, {0x201C, '"', PLAIN}, {0x201D, '"', PLAIN},
};

/* Those of Latin-1 that are not. */
static const struct alone {
    uint16_t code;
    letter   own;
} alone[] = {
    {0xA1, {0.5f, "D0.2 4.9 M0.2 9 L0.2 18.5"}},
    {0xAB, {8, "M3.6 5.5 L0 9.5 L3.6 13.5 M8 5.5 L4.4 9.5 L8 13.5"}},
    {0xB0, {4.4f, "a2.2 2.2 2.2 2.2 0 360"}},
    {0xB7, {0.5f, "D0.2 8.5"}},
    {0xBB, {8, "M0 5.5 L3.6 9.5 L0 13.5 M4.4 5.5 L8 9.5 L4.4 13.5"}},
    {0xBF, {7.4f, "D3.5 4.9 M3.5 8.4 L3.5 9.8 L1.1 12.1 A3.7 14.8 3.6 3.7 225 15"}},
    {0xC6, {13.6f, "M0 14 L6.2 0 L13.4 0 M6.9 0 L6.9 14 L13.6 14 M6.9 6.8 L12.4 6.8 M2.3 9.1 L6.9 9.1"}},
    {0xD0, {11.1f, "M1.5 0 L1.5 14 L4.9 14 A4.9 7 6.2 7 90 -90 L1.5 0 M0 6.8 L5.5 6.8"}},
    {0xD7, {7, "M0 4.5 L7 11.5 M7 4.5 L0 11.5"}},
    {0xD8, {11.6f, "a5.8 7 5.8 7 0 360 M1 13.6 L10.6 0.4"}},
    {0xDE, {8.5f, "M0 0 L0 14 M0 3 L4.6 3 A4.6 6.7 3.9 3.7 270 450 L0 10.4"}},
    {0xDF, {8, "M0 14 L0 3.8 A3.5 3.8 3.5 3.8 180 440 A3.8 10.6 4.2 3.4 270 470"}},
    {0xE6, {14.2f, "a3.7 9.2 3.7 4.8 0 360 M7.4 4.4 L7.4 14 M7.4 8.9 L14.2 8.9 A10.8 9.2 3.4 4.8 -4 -320"}},
    {0xF0, {8.5f, "a4.2 9.6 4.2 4.4 0 360 a-0.6 9.6 9 9.4 0 -64 M2.2 3.9 L7 1.2"}},
    {0xF7, {9, "M0 8 L9 8 D4.5 4.4 D4.5 11.6"}},
    {0xFE, {8.2f, "M0 0 L0 18.5 a4.1 9.2 4.1 4.8 0 360"}},
    {0x2014, {10, "M0 8.7 L10 8.7"}},
};

typedef struct pen {
    df_stroke *out;
    size_t     n;
    float      x, y;   /* where it is */
    float      dx, dy; /* added to every point */
} pen;

static void stroke_to(pen *p, float x, float y, float thick)
{
    if (p->n < DF_FONT_MOST_STROKES)
        p->out[p->n++] = (df_stroke){p->x + p->dx, p->y + p->dy, x + p->dx, y + p->dy, thick};
    p->x = x, p->y = y;
}

/* A number with at most two decimals, whatever the locale. */
static float number(const char **path)
{
    const char *s = *path;
    while (*s == ' ')
        s++;
    float sign = *s == '-' ? -1.0f : 1.0f, value = 0, unit = 1;
    s += *s == '-';
    for (; *s >= '0' && *s <= '9'; s++)
        value = value * 10 + (float)(*s - '0');
    if (*s == '.')
        for (s++; *s >= '0' && *s <= '9'; s++)
            value += (unit /= 10) * (float)(*s - '0');
    *path = s;
    return sign * value;
}

static void draw_arc(pen *p, const char **path, int lift)
{
    const float degree = 3.14159265f / 180, step = 15;
    float cx = number(path), cy = number(path), rx = number(path), ry = number(path), from = number(path), to = number(path);
    int   n = (int)ceilf(fabsf(to - from) / step);
    for (int i = 0; i <= n; i++) {
        float a = (from + (to - from) * (float)i / (float)n) * degree, x = cx + rx * cosf(a), y = cy + ry * sinf(a);
        if (i == 0 && lift)
            p->x = x, p->y = y;
        else
            stroke_to(p, x, y, 1);
    }
}

static void draw_path(pen *p, const char *path, float dx, float dy)
{
    const float dot = 1.25f;
    p->dx = dx, p->dy = dy;
    while (*path) {
        char act = *path++;
        if (act == 'a' || act == 'A') {
            draw_arc(p, &path, act == 'a');
        } else if (act != ' ') {
            float x = number(&path), y = number(&path);
            if (act == 'L') {
                stroke_to(p, x, y, 1);
            } else {
                p->x = x, p->y = y;
                if (act == 'D')
                    stroke_to(p, x, y, dot);
            }
        }
    }
}

static const letter *letter_of(char c)
{
    return &ascii[c >= ' ' && c <= '~' ? c - ' ' : '?' - ' '];
}

size_t df__font_strokes(uint32_t code, df_stroke out[DF_FONT_MOST_STROKES], double *advance)
{
    static const letter dotless_i = {0, "M0 4.4 L0 14"};
    const letter *base = letter_of(code < 127 ? (char)code : '?');
    pen p = {.out = out};
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        if (alone[i].code == code)
            base = &alone[i].own;
    for (size_t i = 0; i < sizeof accented / sizeof *accented; i++)
        if (accented[i].code == code) {
            char c = accented[i].base;
            bool raised = c >= 'A' && c <= 'Z' && accented[i].accent < CEDILLA;
            base = c == 'i' ? &dotless_i : letter_of(c);
            draw_path(&p, accents[accented[i].accent], c == 'L' || c == 'l' ? 0 : base->width / 2, raised ? -4.4f : 0);
        }
    draw_path(&p, base->path, 0, 0);
    *advance = base->width + beside;
    return p.n;
}
