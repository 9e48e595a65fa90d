/* random_cascade.h - cascades of a few random features and pictures on which some of their windows pass. */
#ifndef DF_TEST_RANDOM_CASCADE_H
#define DF_TEST_RANDOM_CASCADE_H

#include "detect/haar.h"
#include "test.h"

enum { ROOM = 1 << 16, WIDTH = 7, HEIGHT = 6 };

static df_error err;
static uint32_t state;

static inline int random_below(int n)
{
    state = state * 1664525u + 1013904223u;
    return (int)((state >> 8) % (uint32_t)n);
}

typedef struct kind { bool trees, tilted; } kind;

static inline void put_feature(char *to, bool tilted)
{
    char *at = to + sprintf(to, "<_><rects>");
    for (int i = 0, n = 2 + random_below(2); i < n; i++) {
        int w = 1 + random_below(tilted ? 2 : WIDTH), h = 1 + random_below(tilted ? 2 : HEIGHT);
        int x = tilted ? h + random_below(WIDTH - w - h + 1) : random_below(WIDTH - w + 1);
        int y = random_below(HEIGHT - h - (tilted ? w : 0) + 1);
        at += sprintf(at, "<_>%d %d %d %d %d.</_>", x, y, w, h, i == 0 ? -1 : 1 + random_below(3));
    }
    sprintf(at, "</rects><tilted>%d</tilted></_>", tilted);
}

/* Three stages of a few trees over ten features, loose enough that some windows pass. */
static inline df_cascade *random_cascade(kind k)
{
    static char text[ROOM];
    char *at = text + sprintf(text, "<opencv_storage><c><stageType>BOOST</stageType><featureType>HAAR</featureType><height>%d</height>"
                                    "<width>%d</width><stages>", HEIGHT, WIDTH);
    for (int s = 0; s < 3; s++) {
        at += sprintf(at, "<_><stageThreshold>-1.5</stageThreshold><weakClassifiers>");
        for (int t = 0; t < 3 + s; t++) {
            bool tree = k.trees && random_below(2);
            double a = random_below(100) * 1e-3 - 0.05, b = random_below(100) * 1e-3 - 0.05;
            at += sprintf(at, "<_><internalNodes>%d %d %d %g", tree ? 1 : 0, tree ? 0 : -1, random_below(10), a);
            if (tree)
                at += sprintf(at, " -1 -2 %d %g", random_below(10), b);
            at += sprintf(at, "</internalNodes><leafValues>%g %g", random_below(21) * 0.1 - 1, random_below(21) * 0.1 - 1);
            at += sprintf(at, tree ? " 0.25</leafValues></_>" : "</leafValues></_>");
        }
        at += sprintf(at, "</weakClassifiers></_>");
    }
    at += sprintf(at, "</stages><features>");
    for (int i = 0; i < 10; i++) {
        put_feature(at, k.tilted && random_below(2));
        at += strlen(at);
    }
    at += sprintf(at, "</features></c></opencv_storage>");
    df_bytes file = {.data = (uint8_t *)text, .len = (size_t)(at - text)};
    df_cascade *c;
    CHECK_OK(df__cascade_parse(&file, "random", &c, &err));
    return c;
}

/* Noise over a slope, so that windows differ. */
static inline void random_picture(uint8_t *to, int width, int height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            to[y * width + x] = (uint8_t)((x * 2 + y * 3 + random_below(60) * (x / 8 % 2)) % 256);
}

#endif
