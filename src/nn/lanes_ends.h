/* lanes_ends.h - what follows the sums of a convolution while they are still in registers. */
#if defined(DF_SANITIZED)
#define EVERY /* checks of each load in loops that are written out take minutes to compile */
#elif defined(__clang__)
#define EVERY _Pragma("clang loop unroll(full)") /* before a loop over registers: none of its steps is left for the run */
#elif defined(__GNUC__)
#define EVERY _Pragma("GCC unroll 32")
#endif

/* How most sums end: a tensor that is added or none, then a bend. Found once for a row, not for each block of it. */
typedef enum bend_kind { STRAIGHT, SLOPES /* what numbers below 0 are multiplied by */, BOUNDS, SWISH, OTHER /* finish_sums() does it */ } bend_kind;
typedef struct ends {
    bend_kind     shape;
    const float  *bias, *slope; /* or NULL; slope: one for each channel, NULL: the same for all */
    const void   *add;          /* or NULL */
    bool          half;         /* it is of bfloat16 */
    float         same, least, most;
    df_tail       posts; /* all of them, and no bias */
} ends;

/* adds: a tensor that is added first may be part of it; else it is OTHER. */
static ends ends_of(const df_tail *tail, bool adds)
{
    int n = tail->fused ? tail->fused->n_post : 0, i = 0;
    const df_post *post = n > 0 ? tail->fused->post : NULL;
    ends e = {.bias = tail->bias, .posts = *tail, .least = -INFINITY, .most = INFINITY};
    e.posts.bias = NULL;
    if (adds && n > 0 && post->kind == DF_POST_ADD) {
        e.half = tail->half[0];
        e.add = tail->add[i++];
    }
    if (i == n)
        return e;
    post += i;
    if (i + 1 < n || (post->kind != DF_POST_RELU && post->kind != DF_POST_PRELU && post->kind != DF_POST_CLIP && post->kind != DF_POST_SWISH)) {
        e.shape = OTHER;
        e.add = NULL;
    } else if (post->kind == DF_POST_SWISH) {
        e.shape = SWISH;
    } else if (post->kind == DF_POST_CLIP || (post->kind == DF_POST_RELU && post->a == 0)) { /* two instructions that no product waits for */
        e.shape = BOUNDS;
        e.least = post->kind == DF_POST_CLIP ? post->a : 0;
        e.most = post->kind == DF_POST_CLIP ? post->b : INFINITY;
    } else {
        e.shape = SLOPES;
        e.slope = post->kind == DF_POST_PRELU && post->n_slope > 1 ? post->slope : NULL;
        e.same = post->kind == DF_POST_RELU ? post->a : post->slope[0];
    }
    return e;
}

INLINE vec bias_of(const ends *e, int64_t channel) { return e->bias ? load(e->bias + channel) : (vec){0}; }

/* v where it is above 0, v by the slope where it is below. */
INLINE vec sloped(vec v, vec slope) { return plus_product(no_less(v, (vec){0}), no_more(v, (vec){0}), slope); }

/* What the bend of one vector of channels needs: the slope, or the bounds. */
typedef struct bending { vec least, most, slope; } bending;
INLINE bending bending_of(const ends *e, int64_t channel)
{
    return (bending){.least = spread(e->least), .most = spread(e->most), .slope = e->slope ? load(e->slope + channel) : spread(e->same)};
}

/* near: what goes to bfloat16. */
INLINE vec bend_by(bend_kind shape, const bending *b, vec v, bool near)
{
    return shape == BOUNDS ? no_more(no_less(v, b->least), b->most) : shape == SLOPES ? sloped(v, b->slope) : shape == SWISH ? v * sigmoid_by(v, near) : v;
}

/* A sum of channels from `channel` on of the pixel that begins at element `at` goes there. */
INLINE void end_at(const ends *e, const bending *b, vec bias, vec v, int64_t channel, int64_t at, void *y, bool half)
{
    v += bias;
    if (e->shape == OTHER) {
        put(y, at + channel, half, finish(&e->posts, v, channel, at, half));
        return;
    }
    if (e->add)
        v += e->half ? get(e->add, at + channel, true) : get(e->add, at + channel, false);
    put(y, at + channel, half, bend_by(e->shape, b, v, half));
}

/* n sums of the same channels, the bias not among them, go to y[at] and what lies `apart` behind it; what is added is of the same kind as y. */
INLINE void end_line(bend_kind shape, const bending *b, vec bias, const void *add, const float *sums, int64_t step, int64_t n, int64_t at, int64_t apart, void *y, bool half)
{
    for (int64_t i = 0; i < n && add; i++)
        put(y, at + i * apart, half, bend_by(shape, b, load(sums + i * step) + bias + get(add, at + i * apart, half), half));
    for (int64_t i = 0; i < n && !add; i++)
        put(y, at + i * apart, half, bend_by(shape, b, load(sums + i * step) + bias, half));
}

enum { AT_ONCE = 24 /* sums */ };

/* n sums of the same channels, n a constant and the bias among them, go to y[at] and what lies `apart` behind it. All of float32. */
INLINE void end_sums(const ends *e, vec *v, int n, int64_t channel, int64_t at, int64_t apart, float *y)
{
    bending b = bending_of(e, channel);
    if (e->add && e->shape != SWISH)
        EVERY for (int i = 0; i < n; i++)
            v[i] += load((const float *)e->add + at + i * apart);
    if (e->shape == BOUNDS) {
        EVERY for (int i = 0; i < n; i++)
            v[i] = bend_by(BOUNDS, &b, v[i], false);
    } else if (e->shape == SLOPES) {
        EVERY for (int i = 0; i < n; i++)
            v[i] = bend_by(SLOPES, &b, v[i], false);
    } else if (e->shape == SWISH || e->shape == OTHER) { /* seldom, and long: all posts, what is added too */
        vec all[AT_ONCE];
        EVERY for (int i = 0; i < n; i++)
            all[i] = v[i];
        finish_sums(&e->posts, all, n, channel, at, apart);
        EVERY for (int i = 0; i < n; i++)
            v[i] = all[i];
    }
    EVERY for (int i = 0; i < n; i++)
        store(y + at + i * apart, v[i]);
}
