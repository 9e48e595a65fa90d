/* weight_cache.c - see weight_cache.h. */
#include "nn/weight_cache.h"

#include <stdlib.h>
#include <string.h>

#include "core/sha256.h"
#include "nn/onednn.h"
#if defined(__linux__) && defined(__aarch64__)
#include <sys/auxv.h>
#endif
#include "nn_sources.h" /* DF_NN_SOURCES: hash of src/nn, made by CMake */

enum { FORMAT = 1, HEADER = 128, CHECKED = 96 /* bytes of the header before the checksum */, ENTRY = 32, LINE = 64, PAGE = 4096, WHOLE = 1 << 20 };
static const uint64_t MOST_BYTES = (uint64_t)1 << 36;
static const char     magic[8] = {'d', 'f', 'p', 'a', 'c', 'k', 'e', 'd'};
static const uint32_t byte_order = 0x01020304;

typedef struct header {
    char     magic[8];
    uint32_t byte_order, format;
    uint64_t pieces, bytes; /* of the index; of the file */
    char     library[16];   /* df_version(), for people */
    uint8_t  identity[32];
    uint8_t  unused[16];
    uint8_t  checksum[32];  /* of the bytes before it, then of those behind it */
} header;
_Static_assert(sizeof(header) == HEADER && offsetof(header, checksum) == CHECKED, "the layout of the file");

typedef struct entry {
    df_pack_key key;
    uint64_t    offset, bytes;
} entry;
_Static_assert(sizeof(entry) == ENTRY, "the layout of the file");

/* ---- identity ---- */

/* Features that decide which kernels there are, or which of them is the fastest. */
static void add_processor(uint8_t *hash)
{
#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
    const int has[] = {__builtin_cpu_supports("avx2"), __builtin_cpu_supports("fma"), __builtin_cpu_supports("avx512f"),
                       __builtin_cpu_supports("avx512bw"), __builtin_cpu_supports("avx512vl"), __builtin_cpu_supports("avx512vnni"),
                       __builtin_cpu_supports("avx512bf16")};
    uint8_t bits = 0;
    for (size_t i = 0; i < sizeof has / sizeof *has; i++)
        bits = (uint8_t)(bits | (has[i] != 0) << i);
    df__sha256_chain(hash, 32, &bits, sizeof bits);
#elif defined(__linux__) && defined(__aarch64__)
    df__sha256_chain(hash, 32, (uint64_t[]){getauxval(AT_HWCAP), getauxval(AT_HWCAP2)}, 2 * sizeof(uint64_t)); /* asimd, bf16, i8mm, sve */
#endif
#if defined(DF_SANITIZED) || !defined(__OPTIMIZE__)
    df__sha256_chain(hash, 32, "slow", 4); /* what is fastest in such a build says nothing about others */
#endif
}

void df__cache_identity(const uint8_t model[32], df_precision precision, uint8_t out[32])
{
    const char *parts[] = {DF_NN_SOURCES, df__dnn_identity(), df_version()};
    uint32_t number = (uint32_t)precision;
    memcpy(out, model, 32);
    df__sha256_chain(out, 32, &number, sizeof number);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        df__sha256_chain(out, 32, parts[i], strlen(parts[i]) + 1);
    add_processor(out);
}

/* ---- reading ---- */

static entry entry_at(const uint8_t *index, size_t i)
{
    entry e;
    memcpy(&e, index + i * ENTRY, sizeof e);
    return e;
}

static int compare(const df_pack_key *a, uint64_t a_bytes, const df_pack_key *b, uint64_t b_bytes)
{
    int order = memcmp(a, b, sizeof *a);
    return order ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

static bool index_is_right(const uint8_t *index, size_t n, uint64_t begin, uint64_t end)
{
    for (size_t i = 0; i < n; i++) {
        entry e = entry_at(index, i);
        if (e.offset < begin || e.offset > end || e.bytes > end - e.offset || e.bytes == 0 || e.offset % (e.bytes < PAGE ? LINE : PAGE))
            return false;
        if (i > 0) {
            entry before = entry_at(index, i - 1);
            if (compare(&before.key, before.bytes, &e.key, e.bytes) >= 0)
                return false;
        }
    }
    return true;
}

/* A small file is covered to its end: choices must not change by a flipped bit. */
static size_t covered(size_t n, uint64_t bytes) { return bytes <= WHOLE ? (size_t)bytes : HEADER + n * ENTRY; }

bool df__weight_cache_of(df_bytes *file, const uint8_t identity[32], df_weight_cache *out)
{
    header h;
    uint8_t sum[32] = {0};
    *out = (df_weight_cache){0};
    if (file->len < HEADER)
        goto bad;
    memcpy(&h, file->data, sizeof h);
    if (memcmp(h.magic, magic, sizeof magic) != 0 || h.byte_order != byte_order || h.format != FORMAT || memcmp(h.identity, identity, 32) != 0 ||
        h.bytes != file->len || h.pieces > DF_CACHE_MOST || h.pieces > (file->len - HEADER) / ENTRY)
        goto bad;
    size_t n = (size_t)h.pieces;
    df__sha256_chain(sum, sizeof sum, file->data, CHECKED);
    df__sha256_chain(sum, sizeof sum, file->data + HEADER, covered(n, h.bytes) - HEADER);
    if (memcmp(sum, h.checksum, sizeof sum) != 0 || !index_is_right(file->data + HEADER, n, HEADER + n * ENTRY, h.bytes))
        goto bad;
    *out = (df_weight_cache){.file = *file, .index = file->data + HEADER, .n = n};
    *file = (df_bytes){0};
    return true;
bad:
    df__bytes_free(file);
    return false;
}

df_status df__weight_cache_open(const char *path, const uint8_t identity[32], df_weight_cache *out, df_error *err)
{
    df_bytes file = {0};
    *out = (df_weight_cache){0};
    df_status st = df__map_own_file(path, (size_t)MOST_BYTES, &file, err);
    if (st == DF_OK && !df__weight_cache_of(&file, identity, out))
        st = df__fail(err, DF_E_BAD_MODEL, "%s: damaged, or made for another model, machine or version", path);
    return st;
}

void df__weight_cache_close(df_weight_cache *cache)
{
    df__bytes_free(&cache->file);
    *cache = (df_weight_cache){0};
}

size_t df__weight_cache_count(const df_weight_cache *cache) { return cache->n; }

df_piece df__weight_cache_at(const df_weight_cache *cache, size_t i)
{
    entry e = entry_at(cache->index, i);
    return (df_piece){e.key, cache->file.data + e.offset, (size_t)e.bytes};
}

const void *df__weight_cache_find(const df_weight_cache *cache, const df_pack_key *key, size_t bytes)
{
    size_t low = 0, high = cache->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        entry e = entry_at(cache->index, middle);
        int order = compare(&e.key, e.bytes, key, bytes);
        if (order == 0)
            return cache->file.data + e.offset;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- writing ---- */

static int by_name(const void *a, const void *b)
{
    const df_piece *p = a, *q = b;
    return compare(&p->key, p->bytes, &q->key, q->bytes);
}

/* Sorted, one of each name and size. */
static size_t arrange(df_piece *pieces, size_t n)
{
    size_t kept = 0;
    if (n > 1)
        qsort(pieces, n, sizeof *pieces, by_name);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || by_name(&pieces[kept - 1], &pieces[i]) != 0)
            pieces[kept++] = pieces[i];
    return kept;
}

static uint64_t place(uint64_t at, uint64_t bytes)
{
    uint64_t step = bytes < PAGE ? LINE : PAGE;
    return (at + step - 1) / step * step;
}

/* Zeros up to `to`, which is less than a page away. */
static df_status fill(df_new_file *f, uint64_t *at, uint64_t to, df_error *err)
{
    static const uint8_t zeros[PAGE];
    df_status st = df__new_file_write(f, zeros, (size_t)(to - *at), err);
    *at = to;
    return st;
}

/* The checksum of a small file needs its pieces as they will lie there. */
static bool sum_of(const header *h, const entry *index, const df_piece *pieces, size_t n, uint8_t sum[32])
{
    size_t bytes = covered(n, h->bytes);
    uint8_t *image = calloc(1, bytes);
    if (!image)
        return false;
    memcpy(image + HEADER, index, n * ENTRY);
    for (size_t i = 0; i < n && bytes == h->bytes; i++)
        memcpy(image + index[i].offset, pieces[i].data, pieces[i].bytes);
    memset(sum, 0, 32);
    df__sha256_chain(sum, 32, h, CHECKED);
    df__sha256_chain(sum, 32, image + HEADER, bytes - HEADER);
    free(image);
    return true;
}

df_status df__weight_cache_write(const char *path, const uint8_t identity[32], df_piece *pieces, size_t n, df_error *err)
{
    df_status st = DF_OK;
    df_new_file f = {0};
    entry *index = NULL;
    n = arrange(pieces, n);
    if (n > DF_CACHE_MOST)
        DF_TRY(df__fail(err, DF_E_LIMIT, "%s: %zu pieces, the limit is %d", path, n, DF_CACHE_MOST));
    index = calloc(n + 1, sizeof *index);
    if (!index)
        DF_TRY(df__no_memory(err, path, n * sizeof *index));
    uint64_t end = HEADER + n * ENTRY, at = HEADER + n * ENTRY;
    for (size_t i = 0; i < n; i++) {
        index[i] = (entry){.key = pieces[i].key, .offset = place(end, pieces[i].bytes), .bytes = pieces[i].bytes};
        if (pieces[i].bytes == 0 || pieces[i].bytes > MOST_BYTES - index[i].offset)
            DF_TRY(df__fail(err, DF_E_LIMIT, "%s: a piece of %zu bytes", path, pieces[i].bytes));
        end = index[i].offset + index[i].bytes;
    }
    header h = {.byte_order = byte_order, .format = FORMAT, .pieces = n, .bytes = end};
    memcpy(h.magic, magic, sizeof magic);
    memcpy(h.identity, identity, sizeof h.identity);
    strncpy(h.library, df_version(), sizeof h.library - 1);
    if (!sum_of(&h, index, pieces, n, h.checksum))
        DF_TRY(df__no_memory(err, path, WHOLE));
    (void)df__folder_for(path); /* the next call says why not */
    DF_TRY(df__new_file_open(path, &f, err));
    DF_TRY(df__new_file_write(&f, &h, sizeof h, err));
    DF_TRY(df__new_file_write(&f, index, n * sizeof *index, err));
    for (size_t i = 0; i < n; i++) {
        DF_TRY(fill(&f, &at, index[i].offset, err));
        DF_TRY(df__new_file_write(&f, pieces[i].data, pieces[i].bytes, err));
        at += pieces[i].bytes;
    }
    DF_TRY(df__new_file_keep(&f, true, err));
done:
    df__new_file_free(&f);
    free(index);
    return st;
}
