/* fhog.c - gradients vote into the cells around them, cells are normalised by their neighbours.
 *
 * A pixel lies between the centres of four cells and votes into each by its distance. All 64 pixels between the same four centres are
 * taken together: their votes gather in [18 directions][4 cells], which stays in the first cache, and one vote is one addition of four
 * floats. Place (i, j) lies between the cells (i - 1, j - 1) and (i, j). */
#include "detect/fhog.h"

#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "image/lanes.h"

enum {
    CELL = DF_FHOG_CELL,
    BINS = DF_FHOG_BINS,
    HALF = BINS / 2,          /* directions without their sign */
    PLACE = BINS * 4,         /* floats of a place */
    TILE_PLACES = 32,
    TILE = TILE_PLACES * CELL, /* pixels of a row that are taken at once */
    STEP = 16,
    PARTS = 4
};

/* ---- sizes ---- */

/* Half a cell or more at the right and lower edge counts as one. */
static int cells_of(int pixels) { return (int)((float)pixels / CELL + 0.5f); }

static int features_of(int pixels)
{
    int cells = cells_of(pixels);
    return cells > 2 ? cells - 2 : 0;
}

int df__fhog_columns(int width) { return features_of(width); }
int df__fhog_rows(int height) { return features_of(height); }

static size_t row_room(int width) { return ((size_t)cells_of(width) + 16 + 15) & ~(size_t)15; }

size_t df__fhog_room(int width)
{
    size_t room = row_room(width);
    return 2 * room * PLACE + 3 * room * BINS + 3 * room + 12 * room + CELL * CELL * 4;
}

/* ---- gradients ---- */

/* Direction 0..17 (steps of 20 degrees; times 4, as an index of a place's votes) and length of the strongest of the three channels'
 * gradients, for n pixels, n a multiple of STEP (what is more is left out). The direction is the unit vector with the largest dot product.
 * dlib's vectors, rounded to four digits, have these borders in the first quarter turn: tan = 67/380 between 0 and 1, then 1737/3008,
 * 665/558 and 272/99. No gradient of whole numbers up to 255 lies nearer to one than 1e-6 of its length, so rounding does not matter. Of
 * channels with equal lengths dlib's vector code takes the last (`last` 1), its code for what is left at the right edge the first (`last`
 * 0). Signs are masks (0 or -1): compilers make better vector code of them than of conditions. */
DF_CLONES static void gradients(const uint32_t *at, size_t stride, size_t n, int last, int32_t *restrict bin, float *restrict length)
{
    const uint32_t *restrict before = at - 1, *restrict behind = at + 1, *restrict above = at - stride, *restrict below = at + stride;
    const float border[4] = {67 / 380.0f, 1737 / 3008.0f, 665 / 558.0f, 272 / 99.0f};
    for (size_t i = 0; i < n / STEP * STEP; i++) {
        int32_t l = (int32_t)before[i], r = (int32_t)behind[i], u = (int32_t)above[i], d = (int32_t)below[i];
        int32_t dx = (r & 255) - (l & 255), dy = (d & 255) - (u & 255), squared = dx * dx + dy * dy;
        int32_t gx = (r >> 8 & 255) - (l >> 8 & 255), gy = (d >> 8 & 255) - (u >> 8 & 255), gs = gx * gx + gy * gy;
        int32_t bx = (r >> 16) - (l >> 16), by = (d >> 16) - (u >> 16), bs = bx * bx + by * by;
        int32_t green = gs + last > squared;
        dx = green ? gx : dx, dy = green ? gy : dy, squared = green ? gs : squared;
        int32_t blue = bs + last > squared;
        dx = blue ? bx : dx, dy = blue ? by : dy, squared = blue ? bs : squared;
        int32_t up = dy >> 31, left = (dx * 512 + dy) >> 31; /* straight up counts as left: the first of two equal dot products */
        float ax = (float)((dx ^ (dx >> 31)) - (dx >> 31)), ay = (float)((dy ^ up) - up);
        int32_t turn = (ay > border[0] * ax) + (ay > border[1] * ax) + (ay > border[2] * ax) + (ay > border[3] * ax);
        int32_t back = left ^ up, o = (turn ^ back) - back + (HALF & left); /* from the first quarter to all four */
        bin[i] = 4 * (o + (BINS & o >> 31));
        length[i] = sqrtf((float)squared);
    }
}

typedef struct tile {
    float   length[CELL][TILE + STEP]; /* gradients() may go on behind the end by less than STEP */
    int32_t bin[CELL][TILE + STEP];
} tile;

static void clear(int32_t *bin, float *length, int from, int to)
{
    memset(bin + from, 0, (size_t)(to - from) * sizeof *bin);
    memset(length + from, 0, (size_t)(to - from) * sizeof *length);
}

/* Pixels [x0, x0 + TILE) of the row y; 0 where there is no gradient: outside the cells and at the picture's edge. */
static void fill_row(const df_fhog *f, int y, int x0, int32_t *bin, float *length)
{
    const df_packed *p = f->from;
    int wide = f->cells_x * CELL < p->width ? f->cells_x * CELL - 1 : p->width - 1;
    int high = f->cells_y * CELL < p->height ? f->cells_y * CELL - 1 : p->height - 1;
    int vectors = wide > 8 ? 1 + (wide - 1) / 8 * 8 : 1; /* where dlib's vector code ends */
    int from = x0 > 1 ? x0 : 1, to = x0 + TILE < wide ? x0 + TILE : wide;
    if (y < 1 || y >= high || from >= to) {
        clear(bin, length, 0, TILE);
        return;
    }
    for (int part = 0; part < 2; part++) {
        int a = part && from < vectors ? vectors : from, b = !part && to > vectors ? vectors : to;
        if (a < b)
            gradients(p->data + (size_t)y * p->stride + (size_t)a, p->stride, (size_t)(b - a + STEP - 1), !part, bin + (a - x0),
                      length + (a - x0));
    }
    clear(bin, length, 0, from - x0);
    clear(bin, length, to - x0, TILE);
}

/* ---- votes ---- */

/* The rows of a place are gathered in PARTS apart, so that neighbours of the same direction need not wait for each other's sum. */
DF_CLONES static void vote(const tile *t, size_t places, const float *weight, float *restrict votes)
{
    for (size_t j = 0; j < places; j++, votes += PLACE) {
        float part[PARTS][PLACE] = {{0}};
        for (size_t x = 0; x < CELL; x++)
            for (size_t y = 0; y < CELL; y++) {
                const size_t i = j * CELL + x;
                float *at = part[y % PARTS] + t->bin[y][i];
                df__store_f32(at, df__load_f32(at) + df__load_f32(weight + 4 * (y * CELL + x)) * t->length[y][i]);
            }
        for (size_t k = 0; k < PLACE; k++)
            votes[k] = (part[0][k] + part[1][k]) + (part[2][k] + part[3][k]);
    }
}

/* The votes of the places of row i, 0 .. cells_y. */
static void place_row(df_fhog *f, int i)
{
    tile t;
    for (int j = 0; j <= f->cells_x; j += TILE_PLACES) {
        int places = f->cells_x + 1 - j < TILE_PLACES ? f->cells_x + 1 - j : TILE_PLACES;
        for (int y = 0; y < CELL; y++)
            fill_row(f, i * CELL - CELL / 2 + y, j * CELL - CELL / 2, t.bin[y], t.length[y]);
        vote(&t, (size_t)places, f->weight, f->votes[i % 2] + (size_t)j * PLACE);
    }
}

/* ---- cells ---- */

/* The cell's votes lie at the four places around it; each place has them in another lane. */
DF_CLONES static void gather(const float *restrict above, const float *restrict below, size_t cells, size_t room, float *restrict bins)
{
    for (size_t c = 0; c < cells; c++)
        for (size_t o = 0; o < BINS; o++) {
            const float *a = above + c * PLACE + 4 * o, *b = below + c * PLACE + 4 * o;
            bins[o * room + c] = (a[3] + a[PLACE + 2]) + (b[1] + b[PLACE]);
        }
}

DF_CLONES static void energies(const float *restrict bins, size_t cells, size_t room, float *restrict energy)
{
    memset(energy, 0, cells * sizeof *energy);
    for (size_t o = 0; o < HALF; o++) {
        const float *restrict p = bins + o * room, *restrict q = bins + (o + HALF) * room;
        for (size_t c = 0; c < cells; c++)
            energy[c] += (p[c] + q[c]) * (p[c] + q[c]);
    }
}

/* Row r of the cells; its places of row r are there already. */
static void cell_row(df_fhog *f, int r)
{
    place_row(f, r + 1);
    gather(f->votes[r % 2], f->votes[(r + 1) % 2], (size_t)f->cells_x, f->room, f->bins[r % 3]);
    energies(f->bins[r % 3], (size_t)f->cells_x, f->room, f->energy[r % 3]);
}

/* ---- features ---- */

/* For each of the four blocks of 2 x 2 cells that a cell lies in: the largest value that counts, and the factor. `z` are rows of energies,
 * from the cell at the left of the first. Order of the blocks: lower right, upper right, lower left, upper left. */
DF_CLONES static void block_norms(const float *restrict z0, const float *restrict z1, const float *restrict z2, size_t n, size_t room,
                                  float *restrict most, float *restrict factor)
{
    for (size_t block = 0; block < 4; block++) {
        const float *restrict upper = (block & 1 ? z0 : z1) + (block < 2), *restrict lower = (block & 1 ? z1 : z2) + (block < 2);
        float *restrict m = most + block * room, *restrict k = factor + block * room;
        for (size_t c = 0; c < n; c++) {
            m[c] = 0.2f * sqrtf(upper[c] + upper[c + 1] + lower[c] + lower[c + 1] + 0.0001f);
            k[c] = 0.1f / m[c];
        }
    }
}

static inline float lesser(float a, float b) { return a < b ? a : b; }

/* One plane: values cut to each block's largest, scaled and summed. With q = NULL the sums of each block are added to `texture` as well. */
DF_CLONES static void plane_of(const float *restrict p, const float *restrict q, size_t n, size_t room, const float *restrict most,
                               const float *restrict factor, float *restrict texture, float *restrict to)
{
    const float *restrict m1 = most + room, *restrict m2 = most + 2 * room, *restrict m3 = most + 3 * room;
    const float *restrict k1 = factor + room, *restrict k2 = factor + 2 * room, *restrict k3 = factor + 3 * room;
    if (q) { /* both signs of a direction together */
        for (size_t c = 0; c < n; c++) {
            float v = p[c] + q[c];
            to[c] = lesser(v, most[c]) * factor[c] + lesser(v, m1[c]) * k1[c] + lesser(v, m2[c]) * k2[c] + lesser(v, m3[c]) * k3[c];
        }
        return;
    }
    float *restrict t1 = texture + room, *restrict t2 = texture + 2 * room, *restrict t3 = texture + 3 * room;
    for (size_t c = 0; c < n; c++) {
        float v0 = lesser(p[c], most[c]) * factor[c], v1 = lesser(p[c], m1[c]) * k1[c];
        float v2 = lesser(p[c], m2[c]) * k2[c], v3 = lesser(p[c], m3[c]) * k3[c];
        to[c] = v0 + v1 + v2 + v3;
        texture[c] += v0, t1[c] += v1, t2[c] += v2, t3[c] += v3;
    }
}

void df__fhog_next(df_fhog *f, float *to, size_t stride)
{
    int y = f->next++;
    size_t n = (size_t)f->cells_x - 2, room = f->room;
    float *most = f->edge, *factor = f->edge + 4 * room, *texture = f->edge + 8 * room;
    cell_row(f, y + 2);
    const float *bins = f->bins[(y + 1) % 3] + 1;
    block_norms(f->energy[y % 3], f->energy[(y + 1) % 3], f->energy[(y + 2) % 3], n, room, most, factor);
    memset(texture, 0, 4 * room * sizeof *texture);
    for (size_t o = 0; o < BINS; o++)
        plane_of(bins + o * room, NULL, n, room, most, factor, texture, to + o * stride);
    for (size_t o = 0; o < HALF; o++)
        plane_of(bins + o * room, bins + (o + HALF) * room, n, room, most, factor, texture, to + (BINS + o) * stride);
    for (size_t block = 0; block < 4; block++)
        for (size_t c = 0; c < n; c++)
            to[(BINS + HALF + block) * stride + c] = texture[block * room + c] * (2 * 0.2357f);
}

/* ---- start ---- */

static void set_weights(float *weight)
{
    for (int y = 0; y < CELL; y++)
        for (int x = 0; x < CELL; x++, weight += 4) {
            float down = ((float)y + 0.5f) / CELL, right = ((float)x + 0.5f) / CELL;
            weight[0] = (1 - down) * (1 - right);
            weight[1] = (1 - down) * right;
            weight[2] = down * (1 - right);
            weight[3] = down * right;
        }
}

void df__fhog_start(df_fhog *f, const df_packed *from, int first, float *memory)
{
    *f = (df_fhog){.from = from, .cells_x = cells_of(from->width), .cells_y = cells_of(from->height), .next = first};
    f->room = row_room(from->width);
    float *at = memory;
    for (int i = 0; i < 2; i++, at += f->room * PLACE)
        f->votes[i] = at;
    for (int i = 0; i < 3; i++, at += f->room * BINS)
        f->bins[i] = at;
    for (int i = 0; i < 3; i++, at += f->room)
        f->energy[i] = at;
    f->edge = at, at += 12 * f->room;
    f->weight = at;
    set_weights(f->weight);
    place_row(f, first);
    cell_row(f, first);
    cell_row(f, first + 1);
}
