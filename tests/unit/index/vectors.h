/* vectors.h - made vectors for the tests of src/index, and the answer of brute force. */
#ifndef DF_TEST_VECTORS_H
#define DF_TEST_VECTORS_H

#include "index/flat.h"
#include "temp_dir.h"
#include "verify/verify.h"

static _Thread_local uint64_t vectors_state = 1;

static inline uint64_t random_bits(void) /* SplitMix64 */
{
    uint64_t z = (vectors_state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static inline size_t random_below(size_t n) { return (size_t)(random_bits() % n); }
static inline double random_unit(void) { return (double)(random_bits() >> 11) / 9007199254740992.0; }

/* About normal: a sum of uniform ones. */
static inline float random_normal(void)
{
    double sum = 0;
    for (int i = 0; i < 6; i++)
        sum += random_unit();
    return (float)((sum - 3) * 1.41421356);
}

static inline void random_rows(float *rows, size_t n, size_t dims)
{
    for (size_t i = 0; i < n * dims; i++)
        rows[i] = random_normal();
}

typedef struct brute { df_hit *hits; size_t n; } brute;

static inline int brute_order(const void *a, const void *b)
{
    const df_hit *p = a, *q = b;
    if (p->distance != q->distance)
        return p->distance < q->distance ? -1 : 1;
    return (p->id > q->id) - (p->id < q->id);
}

/* df_distance of the query and each row that may be answered; `keep` may be NULL. */
static inline brute brute_force(df_metric metric, const float *query, const float *rows, const uint64_t *ids, const bool *keep, size_t n, size_t dims)
{
    brute b = {malloc((n + 1) * sizeof *b.hits), 0};
    for (size_t i = 0; i < n; i++) {
        double d;
        if ((!keep || keep[i]) && df__distance(metric, query, rows + i * dims, dims, &d, NULL) == DF_OK)
            b.hits[b.n++] = (df_hit){ids[i], d};
    }
    qsort(b.hits, b.n, sizeof *b.hits, brute_order);
    return b;
}

#endif
