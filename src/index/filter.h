/* filter.h - which ids a search may answer. */
#ifndef DF_INDEX_FILTER_H
#define DF_INDEX_FILTER_H

#include "core/status.h"

/* Ids in ascending order, or, where `bits` is given, bit i % 64 of bits[i / 64] for id first + i. A NULL filter allows all. */
typedef struct df_filter {
    const uint64_t *ids;
    size_t          n;
    const uint64_t *bits;
    uint64_t        first;
    size_t          n_bits;
} df_filter;

/* First place in [at, n) of ascending ids whose id is not below `id`; quick where it is near `at`. */
size_t df__ids_from(const uint64_t *ids, size_t at, size_t n, uint64_t id);
bool   df__filter_allows(const df_filter *f, uint64_t id);
size_t df__filter_count(const df_filter *f);

#endif
