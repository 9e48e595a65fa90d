/* arena.c - a list of chunks; the newest serves, the size of chunks grows. */
#include "core/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/pages.h"

enum { ALIGN = 64, FIRST_CHUNK = 64 * 1024 };

struct df_arena_chunk {
    df_arena_chunk *older;
    size_t          size; /* bytes behind the header */
};

static size_t round_up(size_t n) { return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1); }

static unsigned char *chunk_data(df_arena_chunk *chunk) { return (unsigned char *)chunk + round_up(sizeof *chunk); }

static bool add_chunk(df_arena *arena, size_t size)
{
    df_arena_chunk *chunk = df__pages_alloc(round_up(sizeof *chunk) + size);
    if (!chunk)
        return false;
    chunk->older = arena->chunks;
    chunk->size = size;
    arena->chunks = chunk;
    arena->used = 0;
    arena->total += size;
    return true;
}

void *df__arena_alloc(df_arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX / 4)
        return NULL;
    bytes = bytes ? round_up(bytes) : ALIGN;
    if (!arena->chunks || arena->chunks->size - arena->used < bytes) {
        size_t size = arena->total > FIRST_CHUNK ? round_up(arena->total / 2) : FIRST_CHUNK;
        if (!add_chunk(arena, size < bytes ? bytes : size))
            return NULL;
    }
    void *p = chunk_data(arena->chunks) + arena->used;
    arena->used += bytes;
    return p;
}

void *df__arena_calloc(df_arena *arena, size_t n, size_t size)
{
    if (size && n > SIZE_MAX / 4 / size)
        return NULL;
    void *p = df__arena_alloc(arena, n * size);
    if (p)
        memset(p, 0, n * size);
    return p;
}

df_arena_mark df__arena_mark(const df_arena *arena) { return (df_arena_mark){arena->chunks, arena->used}; }

static void drop_newest(df_arena *arena)
{
    df_arena_chunk *chunk = arena->chunks;
    arena->chunks = chunk->older;
    arena->total -= chunk->size;
    free(chunk);
}

void df__arena_release(df_arena *arena, df_arena_mark mark)
{
    while (arena->chunks != mark.chunk)
        drop_newest(arena);
    arena->used = mark.used;
}

void df__arena_reset(df_arena *arena)
{
    size_t total = arena->total;
    arena->used = 0;
    if (!arena->chunks || !arena->chunks->older)
        return;
    while (arena->chunks)
        drop_newest(arena);
    add_chunk(arena, total); /* where there is none, the next call begins anew */
}

void df__arena_free(df_arena *arena)
{
    while (arena->chunks)
        drop_newest(arena);
    *arena = (df_arena){0};
}
