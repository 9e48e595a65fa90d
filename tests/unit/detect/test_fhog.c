/* Feature maps against the definition, written out pixel by pixel and cell by cell in doubles. */
#include "detect/fhog.h"
#include "test.h"

enum { MOST_CELLS = 24, SIDE = 200 };

typedef struct map { int columns, rows; float *at; size_t stride; } map; /* plane k, row y, column x: at[(y * 31 + k) * stride + x] */

static df_packed packed(uint32_t *memory, int w, int h, uint32_t (*pixel)(int x, int y))
{
    df_packed p = df__packed_at(memory, w, h);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            p.data[(size_t)y * p.stride + (size_t)x] = pixel(x, y);
    return p;
}

static map features(const df_packed *px, int first)
{
    map m = {.columns = df__fhog_columns(px->width), .rows = df__fhog_rows(px->height)};
    m.stride = (size_t)m.columns;
    m.at = calloc((size_t)m.rows * DF_FHOG_PLANES * m.stride, sizeof *m.at);
    float *room = malloc(df__fhog_room(px->width) * sizeof *room);
    df_fhog walk;
    df__fhog_start(&walk, px, first, room);
    for (int y = first; y < m.rows; y++)
        df__fhog_next(&walk, m.at + (size_t)y * DF_FHOG_PLANES * m.stride, m.stride);
    free(room);
    return m;
}

static double value(const map *m, int plane, int y, int x)
{
    return (double)m->at[((size_t)y * DF_FHOG_PLANES + (size_t)plane) * m->stride + (size_t)x];
}

/* ---- the definition ---- */

static double hist[MOST_CELLS + 2][MOST_CELLS + 2][DF_FHOG_BINS], energy[MOST_CELLS + 2][MOST_CELLS + 2];

static int channel(const df_packed *p, int x, int y, int c) { return (int)(p->data[(size_t)y * p->stride + (size_t)x] >> 8 * c & 255); }

/* Of channels with gradients of one length the last counts; at the right edge, where fewer than eight pixels are left, the first. */
static void vote_of(const df_packed *p, int x, int y, bool last)
{
    static const double ux[9] = {1, 0.9397, 0.7660, 0.5, 0.1736, -0.1736, -0.5, -0.7660, -0.9397};
    static const double uy[9] = {0, 0.3420, 0.6428, 0.8660, 0.9848, 0.9848, 0.8660, 0.6428, 0.3420};
    int gx = 0, gy = 0, longest = -1;
    for (int c = 0; c < 3; c++) {
        int dx = channel(p, x + 1, y, c) - channel(p, x - 1, y, c), dy = channel(p, x, y + 1, c) - channel(p, x, y - 1, c);
        if (dx * dx + dy * dy + last > longest)
            gx = dx, gy = dy, longest = dx * dx + dy * dy;
    }
    double best = 0;
    int o = 0;
    for (int k = 0; k < 9; k++) {
        double dot = ux[k] * gx + uy[k] * gy;
        if (dot > best)
            best = dot, o = k;
        if (-dot > best)
            best = -dot, o = k + 9;
    }
    double xp = (x + 0.5) / 8 - 0.5, yp = (y + 0.5) / 8 - 0.5, length = sqrt(longest);
    int ix = (int)floor(xp), iy = (int)floor(yp);
    for (int b = 0; b < 2; b++)
        for (int a = 0; a < 2; a++)
            hist[iy + b + 1][ix + a + 1][o] += length * (a ? xp - ix : 1 - (xp - ix)) * (b ? yp - iy : 1 - (yp - iy));
}

static void count_votes(const df_packed *p, int cells_x, int cells_y)
{
    memset(hist, 0, sizeof hist);
    int wide = (cells_x * 8 < p->width ? cells_x * 8 : p->width) - 1, high = (cells_y * 8 < p->height ? cells_y * 8 : p->height) - 1;
    for (int y = 1; y < high; y++)
        for (int x = 1; x < wide; x++)
            vote_of(p, x, y, (x - 1) / 8 < (wide - 1) / 8);
    for (int y = 0; y < cells_y; y++)
        for (int x = 0; x < cells_x; x++) {
            energy[y][x] = 0;
            for (int o = 0; o < 9; o++)
                energy[y][x] += pow(hist[y + 1][x + 1][o] + hist[y + 1][x + 1][o + 9], 2);
        }
}

/* Feature `plane` of the cell (x, y), which has neighbours on all sides. */
static double feature(int plane, int y, int x)
{
    static const int down[4] = {0, -1, 0, -1}, right[4] = {0, 0, -1, -1};
    const double *h = hist[y + 1][x + 1];
    double sum = 0;
    for (int b = 0; b < 4; b++) {
        int top = y + down[b], left = x + right[b];
        double norm = sqrt(energy[top][left] + energy[top][left + 1] + energy[top + 1][left] + energy[top + 1][left + 1] + 0.0001);
        if (plane < 18)
            sum += fmin(h[plane], 0.2 * norm) * 0.5 / norm;
        else if (plane < 27)
            sum += fmin(h[plane - 18] + h[plane - 9], 0.2 * norm) * 0.5 / norm;
        for (int o = 0; plane == 27 + b && o < 18; o++)
            sum += 2 * 0.2357 * fmin(h[o], 0.2 * norm) * 0.5 / norm;
    }
    return sum;
}

static void check_map(const df_packed *px, const map *m, int first)
{
    int cells_x = m->columns + 2, cells_y = m->rows + 2;
    CHECK(cells_x <= MOST_CELLS && cells_y <= MOST_CELLS);
    count_votes(px, cells_x, cells_y);
    for (int y = first; y < m->rows; y++)
        for (int x = 0; x < m->columns; x++)
            for (int k = 0; k < DF_FHOG_PLANES; k++)
                if (!(fabs(feature(k, y + 1, x + 1) - value(m, k, y, x)) <= 2e-6)) /* floats near 1, some sixty sums */
                    fail_msg("%d x %d, plane %d at %d, %d: %.7f, not %.7f", px->width, px->height, k, x, y, value(m, k, y, x),
                             feature(k, y + 1, x + 1));
}

/* ---- pictures ---- */

static uint32_t grey(int v) { return (uint32_t)v * 0x010101u; }
static uint32_t flat(int x, int y) { return (void)x, (void)y, grey(90); }
static uint32_t edge(int x, int y) { return (void)y, grey(x < 20 ? 10 : 110); }
static uint32_t noise(int x, int y) { return (uint32_t)(x * 7919 + y * 104729 + x * y * 31) % 65521 * 2654435761u >> 3 & 0xffffff; }
static uint32_t waves(int x, int y) { return (uint32_t)(x * x / 9 % 256) | (uint32_t)(y * y / 7 % 256) << 8 | (uint32_t)((x + 3 * y) % 256) << 16; }

static uint32_t memory[SIDE * SIDE];

TEST(sizes_count_a_half_cell_and_leave_the_edge_out)
{
    CHECK(df__fhog_columns(80) == 8 && df__fhog_columns(83) == 8 && df__fhog_columns(84) == 9);
    CHECK(df__fhog_rows(24) == 1 && df__fhog_rows(20) == 1 && df__fhog_rows(19) == 0 && df__fhog_rows(1) == 0);
}

TEST(a_flat_picture_has_no_features)
{
    df_packed px = packed(memory, 64, 48, flat);
    map m = features(&px, 0);
    for (int i = 0; i < m.rows * DF_FHOG_PLANES * m.columns; i++)
        CHECK(m.at[i] == 0);
    free(m.at);
}

/* An upright edge: all votes have direction 0, so the cells at it have 0.2 (the cut) * 0.5 for each of four blocks in plane 0, the same in
 * plane 18, 2 * 0.2357 of one block's share in each texture plane, and nothing else. */
TEST(an_upright_edge_has_one_direction)
{
    df_packed px = packed(memory, 64, 64, edge);
    map m = features(&px, 0);
    int x = 1; /* the cell of the pixels 16..23, where the edge is */
    for (int k = 0; k < DF_FHOG_PLANES; k++)
        CHECK_NEAR(k == 0 || k == 18 ? 0.4 : k >= 27 ? 0.4714 * 0.1 : 0, value(&m, k, 2, x), 1e-6);
    for (int k = 0; k < DF_FHOG_PLANES; k++)
        CHECK_NEAR(0, value(&m, k, 2, 4), 0); /* three cells on */
    free(m.at);
}

TEST(maps_are_those_of_the_definition)
{
    static const int sizes[][2] = {{24, 24}, {20, 28}, {83, 41}, {84, 45}, {97, 60}, {190, 150}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int k = 0; k < 2; k++) {
            df_packed px = packed(memory, sizes[i][0], sizes[i][1], k ? waves : noise);
            map m = features(&px, 0);
            check_map(&px, &m, 0);
            free(m.at);
        }
}

TEST(a_walk_may_begin_at_any_row)
{
    df_packed px = packed(memory, 130, 120, noise);
    map whole = features(&px, 0);
    for (int first = 1; first < whole.rows; first += 3) {
        map part = features(&px, first);
        size_t skip = (size_t)first * DF_FHOG_PLANES * whole.stride, all = (size_t)whole.rows * DF_FHOG_PLANES * whole.stride;
        assert_memory_equal(whole.at + skip, part.at + skip, (all - skip) * sizeof(float));
        free(part.at);
    }
    free(whole.at);
}
