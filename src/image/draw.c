/* draw.c - shapes whose edges are soft: a pixel takes as much of the colour as the shape covers of it. Places are those of the
 * plane: pixel (0, 0) is the square from (0, 0) to (1, 1). */
#include "image/draw.h"

#include <math.h>

#include "image/font.h"

static void blend(df_pixels px, int x, int y, df_colour c, double part)
{
    if (part <= 0)
        return;
    part = part < 1 ? part : 1;
    uint8_t *p = px.data + (size_t)y * px.stride + 3 * (size_t)x;
    p[0] = (uint8_t)(p[0] + (c.r - p[0]) * part + 0.5);
    p[1] = (uint8_t)(p[1] + (c.g - p[1]) * part + 0.5);
    p[2] = (uint8_t)(p[2] + (c.b - p[2]) * part + 0.5);
}

/* The whole pixels of [low, high) inside 0 .. size; false where there are none, or a bound is not a number. */
static bool cut(double low, double high, int size, int *first, int *end)
{
    if (!(low < high) || !(low < size) || !(high > 0))
        return false;
    *first = low > 0 ? (int)floor(low) : 0;
    *end = high < size ? (int)ceil(high) : size;
    return *first < *end;
}

/* Length of [i, i + 1) inside [low, high). */
static double overlap(int i, double low, double high)
{
    return fmin(i + 1, high) - fmax(i, low);
}

static void fill(df_pixels px, double left, double top, double right, double bottom, df_colour c, double alpha)
{
    int x0, x1, y0, y1;
    if (!px.data || !cut(left, right, px.width, &x0, &x1) || !cut(top, bottom, px.height, &y0, &y1))
        return;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            blend(px, x, y, c, alpha * overlap(x, left, right) * overlap(y, top, bottom));
}

void df__draw_fill(df_pixels px, double x, double y, double w, double h, df_colour c, double alpha)
{
    fill(px, x, y, x + w, y + h, c, alpha);
}

void df__draw_box(df_pixels px, double x, double y, double w, double h, double thick, df_colour c)
{
    double half = thick / 2, left = x - half, top = y - half, right = x + w + half, bottom = y + h + half;
    if (thick * 2 >= fmin(right - left, bottom - top)) { /* no hole is left */
        fill(px, left, top, right, bottom, c, 1);
        return;
    }
    fill(px, left, top, right, top + thick, c, 1);
    fill(px, left, bottom - thick, right, bottom, c, 1);
    fill(px, left, top + thick, left + thick, bottom - thick, c, 1);
    fill(px, right - thick, top + thick, right, bottom - thick, c, 1);
}

static double distance_to(const df_stroke *s, double x, double y)
{
    double dx = s->x1 - s->x0, dy = s->y1 - s->y0, px = x - s->x0, py = y - s->y0;
    double length = dx * dx + dy * dy, at = length > 0 ? (px * dx + py * dy) / length : 0;
    at = at < 0 ? 0 : at > 1 ? 1 : at;
    return hypot(px - at * dx, py - at * dy);
}

/* Strokes with round ends, `thick` pixels wide times their own factor, all as one shape: where they cross nothing is painted
 * twice. */
static void draw_strokes(df_pixels px, const df_stroke *s, size_t n, double thick, df_colour c)
{
    double left = INFINITY, top = INFINITY, right = -INFINITY, bottom = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        double reach = thick * s[i].thick / 2 + 1;
        left = fmin(left, fmin(s[i].x0, s[i].x1) - reach), right = fmax(right, fmax(s[i].x0, s[i].x1) + reach);
        top = fmin(top, fmin(s[i].y0, s[i].y1) - reach), bottom = fmax(bottom, fmax(s[i].y0, s[i].y1) + reach);
    }
    int x0, x1, y0, y1;
    if (!px.data || !isfinite(right - left + bottom - top) || !cut(left, right, px.width, &x0, &x1) ||
        !cut(top, bottom, px.height, &y0, &y1))
        return;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            double inside = -INFINITY; /* pixels from the edge inwards */
            for (size_t i = 0; i < n; i++)
                inside = fmax(inside, thick * s[i].thick / 2 - distance_to(&s[i], x + 0.5, y + 0.5));
            blend(px, x, y, c, inside + 0.5);
        }
}

void df__draw_disc(df_pixels px, double x, double y, double radius, df_colour c)
{
    df__draw_line(px, x, y, x, y, 2 * radius, c);
}

void df__draw_line(df_pixels px, double x0, double y0, double x1, double y1, double thick, df_colour c)
{
    df_stroke s = {(float)x0, (float)y0, (float)x1, (float)y1, 1};
    draw_strokes(px, &s, 1, thick, c);
}

/* The next code point; what is not UTF-8 is a code point that no font has. */
static uint32_t next_code(const char **utf8)
{
    const unsigned char *s = (const unsigned char *)*utf8;
    uint32_t code = *s++;
    int more = code < 0x80 ? 0 : code >= 0xF0 && code < 0xF5 ? 3 : code >= 0xE0 ? 2 : code >= 0xC2 ? 1 : -1;
    if (code >= 0xF5)
        more = -1;
    if (more > 0)
        code &= 0x3Fu >> more;
    for (; more > 0 && (*s & 0xC0) == 0x80; more--)
        code = code << 6 | (*s++ & 0x3F);
    *utf8 = (const char *)s;
    return more == 0 ? code : 0xFFFD;
}

double df__draw_text(df_pixels px, double x, double y, double height, const char *utf8, df_colour c)
{
    const double least_thick = 1.15; /* pixels: thinner strokes turn grey */
    double scale = height / DF_FONT_HEIGHT, at = 0, end = 0;
    df_stroke strokes[DF_FONT_MOST_STROKES];
    while (*utf8) {
        double advance;
        size_t n = df__font_strokes(next_code(&utf8), strokes, &advance);
        double left = x + (at + DF_FONT_THICK / 2) * scale;
        for (size_t i = 0; i < n; i++) {
            df_stroke *s = &strokes[i];
            s->x0 = (float)(left + s->x0 * scale), s->x1 = (float)(left + s->x1 * scale);
            s->y0 = (float)(y + s->y0 * scale), s->y1 = (float)(y + s->y1 * scale);
        }
        if (px.data)
            draw_strokes(px, strokes, n, fmax(DF_FONT_THICK * scale, least_thick), c);
        at += advance;
        end = at;
    }
    return end * scale;
}
