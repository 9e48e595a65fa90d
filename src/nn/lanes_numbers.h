/* lanes_numbers.h - between float32 and what the fast products take. */

static void convert_bf16(const float *x, uint16_t *y, int64_t n)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store_bf16(y + i, load(x + i));
    float rest[LANES] = {0};
    uint16_t half[LANES];
    for (int64_t k = i; k < n; k++)
        rest[k - i] = x[k];
    store_bf16(half, load(rest));
    memcpy(y + i, half, (size_t)(n - i) * sizeof *y);
}

/* ---- 8 bits ---- */

static void range(const float *x, int64_t n, float *least, float *most)
{
    vec lo = {0}, hi = {0};
    float l = 0, h = 0, los[LANES], his[LANES];
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vec v = load(x + i);
        lo = choose(v < lo, v, lo);
        hi = choose(v > hi, v, hi);
    }
    store(los, lo);
    store(his, hi);
    for (; i < n; i++) {
        l = x[i] < l ? x[i] : l;
        h = x[i] > h ? x[i] : h;
    }
    for (int k = 0; k < LANES; k++) {
        l = los[k] < l ? los[k] : l;
        h = his[k] > h ? his[k] : h;
    }
    *least = l;
    *most = h;
}

/* Rounded half away from zero is as good as half to even here, and needs no rounding mode. */
static void to_s8(const float *x, int8_t *y, int64_t n, float factor)
{
    for (int64_t i = 0; i < n; i++) {
        float v = x[i] * factor;
        y[i] = (int8_t)(int32_t)(v + (v < 0 ? -0.5f : 0.5f));
    }
}

static void to_u8(const float *x, uint8_t *y, int64_t n, float factor)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (uint8_t)(int32_t)(x[i] * factor + 0.5f);
}

static void scaled_tail(float *y, int64_t pixels, int64_t channels, float scale, const df_tail *tail)
{
    for (int64_t p = 0; p < pixels; p++)
        for (int64_t k = 0; k < channels; k += LANES) {
            float *at = y + p * channels + k;
            store(at, finish(tail, load(at) * scale, k, p * channels));
        }
}
