/* matrix_map.c - see matrix_map.h. */
#if defined(__linux__) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* flock */
#endif
#include "index/matrix_map.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "index/bits.h"
#include "index/sum.h"

enum { FORMAT = 1, COMMITS = 1024, COMMIT_STEP = 128, WORDS = 8, TRIES = 10000, PAGE = 4096, LARGEST_PAGE = 65536 /* of any machine: chunks are mapped at multiples of it */, HEAD_WRITTEN = 4096 };
static const char     magic[8] = {'d', 'f', 'm', 'a', 't', 'r', 'i', 'x'}, chunk_magic[8] = {'d', 'f', 'c', 'h', 'u', 'n', 'k', '1'};
static const uint32_t byte_order = 0x01020304;

typedef struct head {
    char     magic[8];
    uint32_t byte_order, format, dims, chunk_first, doublings, unused;
    uint64_t generation;
    uint8_t  pipeline[32];
    uint64_t sum; /* of the bytes before it */
} head;

typedef struct chunk_head {
    char     magic[8];
    uint64_t index, rows, generation, sum;
    uint8_t  unused[24];
} chunk_head;
_Static_assert(sizeof(chunk_head) == 64 && sizeof(df_tile) == 32 && sizeof(head) <= COMMITS, "the layout of the file");

typedef struct slot { _Atomic uint64_t word[WORDS]; } slot; /* a df_commit and, last, its checksum */

static df_status io_failed(df_error *err, const char *act, const char *path, int code)
{
    return df__fail(err, DF_E_IO, "cannot %s %s: %s", act, path, strerror(code));
}

/* ---- where things lie ---- */

size_t df__chunk_rows(size_t index) { return (size_t)DF_CHUNK_FIRST << (index < DF_CHUNK_DOUBLINGS ? index : DF_CHUNK_DOUBLINGS); }

size_t df__chunk_first(size_t index)
{
    size_t doubling = index < DF_CHUNK_DOUBLINGS ? index : DF_CHUNK_DOUBLINGS;
    size_t before = (size_t)DF_CHUNK_FIRST * (((size_t)1 << doubling) - 1);
    return before + (index - doubling) * df__chunk_rows(DF_CHUNK_DOUBLINGS);
}

size_t df__chunk_of(size_t row)
{
    size_t index = 0, large = df__chunk_first(DF_CHUNK_DOUBLINGS);
    if (row >= large)
        return DF_CHUNK_DOUBLINGS + (row - large) / df__chunk_rows(DF_CHUNK_DOUBLINGS);
    while (row >= df__chunk_first(index + 1))
        index++;
    return index;
}

static size_t place(size_t *at, size_t bytes, size_t align)
{
    size_t here = (*at + align - 1) / align * align;
    *at = here + bytes;
    return here;
}

df_chunk_plan df__chunk_plan(size_t rows, uint32_t dims)
{
    df_chunk_plan p = {.rows = rows};
    size_t at = sizeof(chunk_head), padded = ((size_t)dims + 3) / 4 * 4;
    p.tiles = place(&at, rows / DF_TILE * sizeof(df_tile), 64);
    p.removed = place(&at, rows / 8, 64);
    p.ids = place(&at, rows * 8, 64);
    p.norms = place(&at, rows * 8, 64);
    p.residuals = place(&at, rows * 4, 64);
    p.residuals16 = place(&at, rows * 4, 64);
    p.sums = place(&at, rows * 4, 64);
    p.blocks = place(&at, rows * (4 + padded), PAGE);
    p.upper = place(&at, rows * dims * 2, PAGE);
    p.lower = place(&at, rows * dims * 2, PAGE);
    p.bytes = place(&at, 0, LARGEST_PAGE);
    return p;
}

static uint64_t chunk_offset(size_t index, uint32_t dims)
{
    uint64_t at = DF_HEAD_BYTES;
    size_t small = index < DF_CHUNK_DOUBLINGS ? index : DF_CHUNK_DOUBLINGS;
    for (size_t i = 0; i < small; i++)
        at += df__chunk_plan(df__chunk_rows(i), dims).bytes;
    return at + (index - small) * df__chunk_plan(df__chunk_rows(DF_CHUNK_DOUBLINGS), dims).bytes;
}

/* ---- commits ---- */

static slot *slot_at(const df_file *f, size_t i) { return (slot *)(void *)(f->head + COMMITS + i * COMMIT_STEP); }

static uint64_t commit_sum(const uint64_t word[WORDS], uint64_t generation) { return df__sum64(generation, word, (WORDS - 1) * sizeof *word); }

static bool read_slot(const df_file *f, size_t i, df_commit *out)
{
    uint64_t word[WORDS];
    for (size_t w = WORDS; w-- > 0;) /* the checksum first: it is written last */
        word[w] = atomic_load_explicit(&slot_at(f, i)->word[w], memory_order_acquire);
    *out = (df_commit){word[0], word[1], word[2], word[3], word[4]};
    return word[WORDS - 1] == commit_sum(word, f->generation) && out->removed <= out->rows;
}

bool df__file_commit_read(const df_file *f, df_commit *out)
{
    for (int i = 0; i < TRIES; i++) { /* the writer fills one while the other one stands; it would have to overtake us twice */
        df_commit a, b;
        bool has_a = read_slot(f, 0, &a), has_b = read_slot(f, 1, &b);
        if (has_a || has_b) {
            *out = !has_b || (has_a && a.sequence > b.sequence) ? a : b;
            return true;
        }
    }
    return false;
}

static void write_slot(df_file *f, const df_commit *c)
{
    uint64_t word[WORDS] = {c->sequence, c->rows, c->removed, c->stamp, c->last_id};
    slot *s = slot_at(f, c->sequence & 1);
    word[WORDS - 1] = commit_sum(word, f->generation);
    atomic_store_explicit(&s->word[WORDS - 1], ~word[WORDS - 1], memory_order_release); /* what is half written does not count */
    for (size_t w = 0; w < WORDS; w++)
        atomic_store_explicit(&s->word[w], word[w], memory_order_release);
}

df_status df__file_commit(df_file *f, const df_commit *c, df_error *err)
{
    if (fdatasync(f->fd) != 0)
        return io_failed(err, "write", f->path, errno);
    write_slot(f, c);
    return DF_OK;
}

/* ---- chunks ---- */

static uint64_t chunk_sum(const chunk_head *h) { return df__sum64(h->generation, h, offsetof(chunk_head, sum)); }

static void chunk_parts(df_chunk *c, const df_chunk_plan *p)
{
    uint8_t *b = c->base;
    c->tiles = (df_tile *)(void *)(b + p->tiles), c->removed = (_Atomic uint64_t *)(void *)(b + p->removed);
    c->ids = (uint64_t *)(void *)(b + p->ids), c->norms = (double *)(void *)(b + p->norms);
    c->residuals = (float *)(void *)(b + p->residuals), c->residuals16 = (float *)(void *)(b + p->residuals16);
    c->sums = (uint32_t *)(void *)(b + p->sums), c->blocks = b + p->blocks;
    c->upper = (uint16_t *)(void *)(b + p->upper), c->lower = (uint16_t *)(void *)(b + p->lower);
}

/* A chunk without a committed row: what a killed writer left in it does not count. */
static void begin_chunk(df_chunk *c, size_t index, const df_file *f)
{
    chunk_head h = {.index = index, .rows = c->rows, .generation = f->generation};
    memcpy(h.magic, chunk_magic, sizeof h.magic);
    h.sum = chunk_sum(&h);
    memcpy(c->base, &h, sizeof h);
    for (size_t i = 0; i < c->rows / 64; i++)
        atomic_store_explicit(&c->removed[i], 0, memory_order_relaxed);
    for (size_t i = 0; i < c->rows / DF_TILE; i++) {
        atomic_store_explicit(&c->tiles[i].residual, 0, memory_order_relaxed);
        atomic_store_explicit(&c->tiles[i].norm_min, df__double_bits(HUGE_VAL), memory_order_relaxed);
        atomic_store_explicit(&c->tiles[i].norm_max, 0, memory_order_relaxed);
    }
}

static df_status check_chunk(const df_chunk *c, size_t index, const df_file *f, df_error *err)
{
    chunk_head h;
    memcpy(&h, c->base, sizeof h);
    if (memcmp(h.magic, chunk_magic, sizeof h.magic) != 0 || h.index != index || h.rows != c->rows || h.generation != f->generation ||
        h.sum != chunk_sum(&h))
        return df__fail(err, DF_E_STORE, "%s: damaged: the head of chunk %zu is not right", f->path, index);
    return DF_OK;
}

static df_status map_chunk(df_file *f, size_t index, df_error *err)
{
    df_status st = DF_OK;
    df_chunk_plan plan = df__chunk_plan(df__chunk_rows(index), f->dims);
    uint64_t at = chunk_offset(index, f->dims);
    bool make = f->writer && df__chunk_first(index) >= f->seen.rows;
    struct stat info;
    df_chunk *c = calloc(1, sizeof *c);
    if (!c)
        return df__no_memory(err, f->path, sizeof *c);
    *c = (df_chunk){.base = MAP_FAILED, .rows = plan.rows, .first = df__chunk_first(index), .codes = plan.rows * (4 + ((size_t)f->dims + 3) / 4 * 4)};
    if (make) { /* the room is taken now: a full disk is an error here, not a signal later */
        int code = posix_fallocate(f->fd, (off_t)at, (off_t)plan.bytes);
        if (code != 0)
            DF_TRY(io_failed(err, "grow", f->path, code));
    }
    if (fstat(f->fd, &info) != 0)
        DF_TRY(io_failed(err, "read", f->path, errno));
    if ((uint64_t)info.st_size < at + plan.bytes)
        DF_TRY(df__fail(err, DF_E_STORE, "%s: truncated: %lld bytes, chunk %zu ends at %llu", f->path, (long long)info.st_size, index,
                        (unsigned long long)(at + plan.bytes)));
    c->base = mmap(NULL, plan.bytes, f->writer ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, f->fd, (off_t)at);
    if (c->base == MAP_FAILED)
        DF_TRY(io_failed(err, "map", f->path, errno));
    chunk_parts(c, &plan);
    if (make)
        begin_chunk(c, index, f);
    else
        DF_TRY(check_chunk(c, index, f, err));
    f->chunks[index] = c;
    return DF_OK;
done:
    if (c->base != MAP_FAILED)
        munmap(c->base, plan.bytes);
    free(c);
    return st;
}

df_status df__file_map(df_file *f, size_t rows, size_t *n_chunks, df_error *err)
{
    size_t need = rows ? df__chunk_of(rows - 1) + 1 : 0;
    if (need > DF_CHUNKS_MOST)
        return df__fail(err, DF_E_LIMIT, "%s: %zu rows, the limit is %zu", f->path, rows, df__chunk_first(DF_CHUNKS_MOST));
    for (size_t i = 0; i < need; i++) {
        df_status st = f->chunks[i] ? DF_OK : map_chunk(f, i, err);
        if (st != DF_OK)
            return st;
    }
    *n_chunks = need;
    return DF_OK;
}

/* ---- the file ---- */

static uint64_t new_generation(void)
{
    static _Atomic uint64_t count;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t word[4] = {(uint64_t)t.tv_sec, (uint64_t)t.tv_nsec, (uint64_t)getpid(), atomic_fetch_add(&count, 1)};
    return df__sum64(0, word, sizeof word);
}

static uint64_t head_sum(const head *h) { return df__sum64(0, h, offsetof(head, sum)); }

/* One write: a killed writer leaves an empty file or a whole head. */
static df_status write_head(df_file *f, const uint8_t pipeline[32], df_error *err)
{
    head h = {.byte_order = byte_order, .format = FORMAT, .dims = f->dims, .chunk_first = DF_CHUNK_FIRST, .doublings = DF_CHUNK_DOUBLINGS,
              .generation = new_generation()};
    _Alignas(64) uint8_t page[HEAD_WRITTEN] = {0};
    memcpy(h.magic, magic, sizeof magic);
    memcpy(h.pipeline, pipeline, sizeof h.pipeline);
    h.sum = head_sum(&h);
    memcpy(page, &h, sizeof h);
    f->generation = h.generation, f->head = page;
    write_slot(f, &(df_commit){.sequence = 2});
    f->head = NULL;
    ssize_t put = pwrite(f->fd, page, sizeof page, 0);
    if (put != (ssize_t)sizeof page)
        return io_failed(err, "write", f->path, put < 0 ? errno : ENOSPC);
    return DF_OK;
}

static df_status check_head(df_file *f, const uint8_t pipeline[32], df_error *err)
{
    head h;
    memcpy(&h, f->head, sizeof h);
    if (memcmp(h.magic, magic, sizeof magic) != 0)
        return df__fail(err, DF_E_STORE, "%s: not a matrix of vectors", f->path);
    if (h.byte_order != byte_order || h.format != FORMAT || h.chunk_first != DF_CHUNK_FIRST || h.doublings != DF_CHUNK_DOUBLINGS)
        return df__fail(err, DF_E_STORE, "%s: of another version or machine", f->path);
    if (h.sum != head_sum(&h))
        return df__fail(err, DF_E_STORE, "%s: damaged: its head's checksum is not right", f->path);
    if (h.dims != f->dims || memcmp(h.pipeline, pipeline, 32) != 0)
        return df__fail(err, DF_E_STORE, "%s: vectors of %u dimensions of another pipeline, not of this one (%u)", f->path, h.dims, f->dims);
    f->generation = h.generation;
    return DF_OK;
}

static df_status new_file(const char *path, int flags, uint32_t dims, df_file **out, df_error *err)
{
    df_file *f = calloc(1, sizeof *f);
    if (!f)
        return df__no_memory(err, path, sizeof *f);
    pthread_mutex_init(&f->warming, NULL);
    f->fd = -1, f->refs = 1, f->dims = dims, f->writer = (flags & O_ACCMODE) == O_RDWR;
    f->path = malloc(strlen(path) + 1);
    f->chunks = calloc(DF_CHUNKS_MOST, sizeof(df_chunk *));
    if (!f->path || !f->chunks) {
        df__file_close(f);
        return df__no_memory(err, path, DF_CHUNKS_MOST * sizeof(df_chunk *));
    }
    strcpy(f->path, path);
    f->fd = open(path, flags | O_CLOEXEC, 0666);
    if (f->fd < 0) {
        df_status st = io_failed(err, "open", path, errno);
        df__file_close(f);
        return st;
    }
    *out = f;
    return DF_OK;
}

static df_status lock(const df_file *f, df_error *err)
{
    if (flock(f->fd, LOCK_EX | LOCK_NB) == 0)
        return DF_OK;
    if (errno == EWOULDBLOCK)
        return df__fail(err, DF_E_STORE, "%s: another writer has it", f->path);
    return io_failed(err, "lock", f->path, errno);
}

/* Is it still what the path names? A compact may have put another one there. */
static bool is_current(df_file *f)
{
    struct stat mine, named;
    if (fstat(f->fd, &mine) != 0)
        return false;
    f->device = (uint64_t)mine.st_dev, f->inode = (uint64_t)mine.st_ino;
    return stat(f->path, &named) == 0 && named.st_dev == mine.st_dev && named.st_ino == mine.st_ino;
}

static df_status map_head(df_file *f, const uint8_t pipeline[32], df_error *err)
{
    df_status st = DF_OK;
    struct stat info;
    if (fstat(f->fd, &info) != 0)
        DF_TRY(io_failed(err, "read", f->path, errno));
    if (!S_ISREG(info.st_mode))
        DF_TRY(df__fail(err, DF_E_STORE, "%s: not a regular file", f->path));
    if (info.st_size == 0 && f->writer)
        DF_TRY(write_head(f, pipeline, err));
    else if (info.st_size < HEAD_WRITTEN)
        DF_TRY(df__fail(err, DF_E_STORE, "%s: truncated: %lld bytes", f->path, (long long)info.st_size));
    void *at = mmap(NULL, DF_HEAD_BYTES, f->writer ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, f->fd, 0);
    if (at == MAP_FAILED)
        DF_TRY(io_failed(err, "map", f->path, errno));
    f->head = at;
    DF_TRY(check_head(f, pipeline, err));
    if (!df__file_commit_read(f, &f->seen))
        DF_TRY(df__fail(err, DF_E_STORE, "%s: damaged: neither of its commits is whole", f->path));
    DF_TRY(df__file_map(f, f->seen.rows, &f->n_chunks, err));
done:
    return st;
}

df_status df__file_open(const char *path, uint32_t dims, const uint8_t pipeline[32], bool writer, df_file **out, df_error *err)
{
    df_status st = DF_OK;
    df_file *f = NULL;
    *out = NULL;
    for (int i = 0; i < TRIES; i++) {
        DF_TRY(new_file(path, writer ? O_RDWR | O_CREAT : O_RDONLY | O_NONBLOCK, dims, &f, err));
        if (writer)
            DF_TRY(lock(f, err));
        if (is_current(f))
            break;
        df__file_close(f), f = NULL;
    }
    if (!f)
        DF_TRY(df__fail(err, DF_E_IO, "%s: it is replaced again and again", path));
    DF_TRY(map_head(f, pipeline, err));
    *out = f, f = NULL;
done:
    df__file_close(f);
    return st;
}

df_status df__file_begin(const char *path, uint32_t dims, const uint8_t pipeline[32], df_file **out, df_error *err)
{
    df_status st = DF_OK;
    df_file *f = NULL;
    *out = NULL;
    DF_TRY(new_file(path, O_RDWR | O_CREAT | O_TRUNC, dims, &f, err));
    DF_TRY(lock(f, err));
    (void)is_current(f); /* notes the inode */
    DF_TRY(map_head(f, pipeline, err));
    *out = f, f = NULL;
done:
    df__file_close(f);
    return st;
}

void df__file_close(df_file *f)
{
    if (!f)
        return;
    for (size_t i = 0; f->chunks && i < DF_CHUNKS_MOST && f->chunks[i]; i++) {
        munmap(f->chunks[i]->base, df__chunk_plan(f->chunks[i]->rows, f->dims).bytes);
        free(f->chunks[i]);
    }
    for (size_t i = 0; i < f->n_areas; i++)
        free(f->areas[i]);
    pthread_mutex_destroy(&f->warming);
    if (f->head)
        munmap(f->head, DF_HEAD_BYTES);
    if (f->fd >= 0)
        close(f->fd);
    free(f->chunks);
    free(f->path);
    free(f);
}
