/* arena.h - scratch memory of one call: many allocations, one free. One thread at a time. */
#ifndef DF_CORE_ARENA_H
#define DF_CORE_ARENA_H

#include <stddef.h>

typedef struct df_arena_chunk df_arena_chunk;
typedef struct df_arena {
    df_arena_chunk *chunks; /* newest first */
    size_t          used;   /* bytes of the newest chunk */
    size_t          total;  /* bytes held in all chunks */
} df_arena;                 /* {0} is an empty arena */

/* Memory aligned to 64 bytes, not cleared; NULL when there is none. Size 0 gives a valid pointer. */
void *df__arena_alloc(df_arena *arena, size_t bytes);
/* n * size bytes, cleared; NULL also when the product overflows. */
void *df__arena_calloc(df_arena *arena, size_t n, size_t size);
/* A place to come back to: everything allocated after it is given back at once. */
typedef struct df_arena_mark { df_arena_chunk *chunk; size_t used; } df_arena_mark;
df_arena_mark df__arena_mark(const df_arena *arena);
void df__arena_release(df_arena *arena, df_arena_mark mark);
/* Forget all allocations but keep their memory, in one chunk, so that a next call of the same needs asks for none. */
void df__arena_reset(df_arena *arena);
void df__arena_free(df_arena *arena);

#endif
