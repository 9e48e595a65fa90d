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

size_t df__panels_bytes(const df_panels *p) { return numbers_bytes(p) + (size_t)(p->num == DF_NUM_S16 ? p->columns : 0) * sizeof(float); }

df_panel df__panel_at(const df_panels *p, const void *weights, int64_t column, const void **at)
{
    int64_t size = (int64_t)df__num_size(p->num), left = p->columns - column;
    const float *worth = (const float *)(const void *)((const char *)weights + numbers_bytes(p));
    *at = (const char *)weights + column * p->runs * p->run * size;
    return (df_panel){.steps = p->run * size / 4, .columns = left < DF_PANEL ? left : DF_PANEL, .runs = (int)p->runs, .column_worth = p->num == DF_NUM_S16 ? worth + column : NULL};
}

/* ---- weights ---- */

static int64_t channel_of(const df_panels *p, int64_t column) { return p->channels < DF_LANES_MOST ? column : df__channel_of(p->channels, column); }

/* Weight i of a row, run after run. */
static float weight_of(const df_panels *p, const float *plain, int64_t i, int64_t channel)
{
    int64_t seen = i % p->run;
    return seen < p->seen && channel < p->channels ? plain[(i / p->run * p->seen + seen) * p->channels + channel] : 0;
}

/* Of whole numbers: what a channel's weights are multiplied by. */
static float whole_factor(const df_panels *p, const float *plain, int64_t channel)
{
    int64_t piece = 2 * df__whole_steps(p->run / 2);
    float most = 0, sum = 0, largest_sum = 0;
    for (int64_t i = 0; i < p->runs * p->run; i++) {
        float size = fabsf(weight_of(p, plain, i, channel));
        sum = i % p->run % piece == 0 ? size : sum + size;
        most = fmaxf(most, size);
        largest_sum = fmaxf(largest_sum, sum);
    }
    return most > FLT_MIN * INT16_MAX ? fminf(INT16_MAX / most, (DF_WHOLE_SUM - (float)DF_WHOLE_STEPS - 2) / largest_sum) : 0; /* each is rounded by half of 1 at most */
}

/* To [panel][run][step][column], of the smaller numbers two of a row side by side. */
void df__panels_pack(const df_panels *p, const float *plain, void *out)
{
    float line[2 * DF_PANEL], factor[DF_PANEL], *worth = (float *)(void *)((char *)out + numbers_bytes(p));
    int64_t each = in_a_step(p->num);
    char *to = out;
    for (int64_t first = 0; first < p->columns; first += DF_PANEL) {
        int64_t columns = p->columns - first < DF_PANEL ? p->columns - first : DF_PANEL, n = columns * each;
        for (int64_t j = 0; j < columns; j++) {
            factor[j] = p->num == DF_NUM_S16 ? whole_factor(p, plain, channel_of(p, first + j)) : 1;
            if (p->num == DF_NUM_S16)
                worth[first + j] = factor[j] > 0 ? 1 / factor[j] : 0;
        }
        for (int64_t i = 0; i < p->runs * p->run; i += each) {
            for (int64_t j = 0; j < n; j++)
                line[j] = weight_of(p, plain, i + j % each, channel_of(p, first + j / each)) * factor[j / each];
            if (p->num == DF_NUM_BF16)
                df__lanes()->to_bf16(line, (uint16_t *)(void *)to, n);
            else if (p->num == DF_NUM_S16)
                df__lanes()->to_s16(line, (int16_t *)(void *)to, n, 1);
            else
                memcpy(to, line, (size_t)n * sizeof *line);
            to += (size_t)n * df__num_size(p->num);
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
