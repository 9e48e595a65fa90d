/* panel.c - see panel.h. */
#include "nn/panel.h"

#include <float.h>
#include <math.h>
#include <string.h>

static int64_t in_a_step(df_num num) { return 4 / (int64_t)df__num_size(num); }

df_panels df__panels_of(df_num num, int64_t runs, int64_t seen, int64_t channels)
{
    int64_t each = in_a_step(num);
    return (df_panels){num, channels, (channels + DF_LANES_MOST - 1) / DF_LANES_MOST * DF_LANES_MOST, runs, seen, (seen + each - 1) / each * each};
}

static size_t numbers_bytes(const df_panels *p) { return (size_t)(p->runs * p->run * p->columns) * df__num_size(p->num); }

int64_t df__panels_count(const df_panels *p) { return (p->columns + DF_PANEL - 1) / DF_PANEL; }

size_t df__panels_bytes(const df_panels *p) { return numbers_bytes(p) + (size_t)(p->num == DF_NUM_S16 ? p->runs * p->columns : 0) * sizeof(float); }

df_panel df__panel_at(const df_panels *p, const void *weights, int64_t column, const void **at)
{
    int64_t size = (int64_t)df__num_size(p->num), left = p->columns - column;
    const float *worth = (const float *)(const void *)((const char *)weights + numbers_bytes(p));
    *at = (const char *)weights + column * p->runs * p->run * size;
    int64_t steps = p->run * size / 4;
    return (df_panel){.steps = steps, .piece = df__whole_steps(steps), .columns = left < DF_PANEL ? left : DF_PANEL, .runs = (int)p->runs, .column_worth = p->num == DF_NUM_S16 ? worth + column * p->runs : NULL};
}

void df__panels_pixels(const df_panels *p, const void *weights, int64_t column, int64_t after, df_panel left, df_pixels of, const df_tail *tail, bool half_y, void *y, float *sums)
{
    for (; column < after; column += DF_PANEL) {
        const void *at;
        df_panel g = df__panel_at(p, weights, column, &at);
        g.rows = left.rows, g.step = left.step, g.x = left.x, g.run_worth = left.run_worth;
        of.pixels = g.rows, of.columns = g.columns, of.column = column;
        df__lanes()->pixels[df__lanes_num(p->num)](&g, at, &of, tail, half_y, y, sums);
    }
}

/* ---- weights ---- */

/* The channels of a panel's columns; -1: none. */
typedef struct columns { int64_t n, channel[DF_PANEL]; float factor[DF_PANEL]; } columns;

static columns columns_of(const df_panels *p, int64_t first)
{
    columns c = {.n = p->columns - first < DF_PANEL ? p->columns - first : DF_PANEL};
    for (int64_t j = 0; j < c.n; j++) {
        int64_t channel = p->channels < DF_LANES_MOST ? first + j : df__channel_of(p->channels, first + j);
        c.channel[j] = channel < p->channels ? channel : -1;
        c.factor[j] = 1;
    }
    return c;
}

/* Number i of a run: its weights by channel, or NULL, all 0. */
static const float *row_of(const df_panels *p, const float *plain, int64_t run, int64_t i) { return i < p->seen ? plain + (run * p->seen + i) * p->channels : NULL; }

static float weight_of(const float *row, const columns *c, int64_t j) { return row && c->channel[j] >= 0 ? row[c->channel[j]] : 0; }

/* Of whole numbers: what a column's weights of a run are multiplied by. Where one is not finite no product is a number, and the weights are 0. */
static void find_factors(const df_panels *p, const float *plain, int64_t run, columns *c, float *worth)
{
    int64_t piece = 2 * df__whole_steps(p->run / 2);
    float most[DF_PANEL] = {0}, sum[DF_PANEL] = {0}, largest_sum[DF_PANEL] = {0};
    bool odd[DF_PANEL] = {0};
    for (int64_t i = 0; i < p->run; i++) {
        const float *row = row_of(p, plain, run, i);
        for (int64_t j = 0; j < c->n; j++) {
            float size = fabsf(weight_of(row, c, j));
            sum[j] = i % piece == 0 ? size : sum[j] + size;
            odd[j] = odd[j] || !isfinite(sum[j]);
            most[j] = fmaxf(most[j], size);
            largest_sum[j] = fmaxf(largest_sum[j], sum[j]);
        }
    }
    for (int64_t j = 0; j < c->n; j++) {
        bool any = most[j] > FLT_MIN * INT16_MAX && !odd[j];
        c->factor[j] = any ? fminf(INT16_MAX / most[j], (DF_WHOLE_SUM - (float)DF_WHOLE_STEPS - 2) / largest_sum[j]) : 0; /* each is rounded by half of 1 at most */
        worth[j] = odd[j] ? NAN : any ? 1 / c->factor[j] : 0;
    }
}

static void put_line(df_num num, const float *line, int64_t n, void *to)
{
    if (num == DF_NUM_BF16)
        df__lanes()->to_bf16(line, to, n);
    else if (num == DF_NUM_S16)
        df__lanes()->to_s16(line, to, n, 1);
    else
        memcpy(to, line, (size_t)n * sizeof *line);
}

/* To [panel][run][step][column], of the smaller numbers two of a row side by side. */
void df__panels_pack(const df_panels *p, const float *plain, void *out)
{
    float line[2 * DF_PANEL], *worth = (float *)(void *)((char *)out + numbers_bytes(p));
    int64_t each = in_a_step(p->num);
    char *to = out;
    for (int64_t first = 0; first < p->columns; first += DF_PANEL) {
        columns c = columns_of(p, first);
        for (int64_t r = 0; r < p->runs; r++) {
            if (p->num == DF_NUM_S16)
                find_factors(p, plain, r, &c, worth + first * p->runs + r * c.n);
            for (int64_t i = 0; i < p->run; i += each, to += (size_t)(c.n * each) * df__num_size(p->num)) {
                for (int64_t b = 0; b < each; b++) {
                    const float *row = row_of(p, plain, r, i + b);
                    for (int64_t j = 0; j < c.n; j++)
                        line[j * each + b] = c.factor[j] != 0 ? weight_of(row, &c, j) * c.factor[j] : 0;
                }
                put_line(p->num, line, c.n * each, to);
            }
        }
    }
}

/* ---- rows ---- */

/* n numbers from number i on as float32; `room`: for those that are not. */
static const float *wide(const void *x, bool half, int64_t i, int64_t n, float *room)
{
    if (!half)
        return (const float *)x + i;
    df__lanes()->from_bf16((const uint16_t *)x + i, room, n);
    return room;
}

float df__whole_row(const void *x, bool half, int64_t n, int16_t *to)
{
    enum { PIECE = 2048 };
    const df_lanes *lanes = df__lanes();
    float room[PIECE], most = 0;
    int64_t piece = half ? PIECE : n;
    for (int64_t i = 0, left = n; i < n; i += piece, left -= piece) {
        int64_t some = left < piece ? left : piece;
        float largest = lanes->largest(wide(x, half, i, some, room), some);
        if (!isfinite(largest)) {
            memset(to, 0, (size_t)n * sizeof *to);
            return NAN;
        }
        most = fmaxf(most, largest);
    }
    bool any = most > FLT_MIN * DF_WHOLE_MOST; /* below, the inverse is infinite */
    for (int64_t i = 0, left = n; i < n; i += piece, left -= piece) {
        int64_t some = left < piece ? left : piece;
        lanes->to_s16(wide(x, half, i, some, room), to + i, some, any ? DF_WHOLE_MOST / most : 0);
    }
    return any ? most / DF_WHOLE_MOST : 0;
}
