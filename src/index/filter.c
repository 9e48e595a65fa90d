/* filter.c - see filter.h. */
#include "index/filter.h"

size_t df__ids_from(const uint64_t *ids, size_t at, size_t n, uint64_t id)
{
    size_t step = 1, low = at;
    while (low + step < n && ids[low + step] < id)
        low += step, step *= 2;
    size_t high = low + step < n ? low + step + 1 : n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool df__filter_allows(const df_filter *f, uint64_t id)
{
    if (!f)
        return true;
    if (f->bits)
        return id >= f->first && id - f->first < f->n_bits && (f->bits[(id - f->first) / 64] >> (id - f->first) % 64 & 1);
    size_t at = df__ids_from(f->ids, 0, f->n, id);
    return at < f->n && f->ids[at] == id;
}

size_t df__filter_count(const df_filter *f)
{
    size_t n = 0;
    if (!f->bits)
        return f->n;
    for (size_t i = 0; i < f->n_bits / 64; i++)
        n += (size_t)__builtin_popcountll(f->bits[i]);
    if (f->n_bits % 64)
        n += (size_t)__builtin_popcountll(f->bits[f->n_bits / 64] & (((uint64_t)1 << f->n_bits % 64) - 1));
    return n;
}
