/* packer.c - see packer.h. */
#include "nn/packer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/sha256.h"

enum { MAX_RESERVE = 64 << 20 };

typedef struct piece {
    struct piece *next;
    df_pack_key   key;
    const void   *data;
    size_t        bytes;
} piece;

struct df_packer {
    pthread_mutex_t lock; /* of all below */
    piece          *list;
    df_arena        arena; /* the pieces, side by side */
};

df_pack_key df__pack_key_new(const char *kind)
{
    df_pack_key key = {{0}};
    df__pack_key_add(&key, kind, strlen(kind));
    return key;
}

void df__pack_key_add(df_pack_key *key, const void *data, size_t bytes)
{
    df__sha256_chain(key->bytes, sizeof key->bytes, data, bytes);
}

df_status df__packer_new(df_packer **out, df_error *err)
{
    df_packer *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p || pthread_mutex_init(&p->lock, NULL) != 0) {
        free(p);
        return df__no_memory(err, "packed weights", sizeof *p);
    }
    *out = p;
    return DF_OK;
}

void df__packer_free(df_packer *packer)
{
    if (!packer)
        return;
    df__arena_free(&packer->arena);
    pthread_mutex_destroy(&packer->lock);
    free(packer);
}

void df__packer_reserve(df_packer *packer, size_t bytes)
{
    if (bytes > MAX_RESERVE)
        bytes = MAX_RESERVE;
    if (bytes > 0 && df__arena_alloc(&packer->arena, bytes))
        df__arena_reset(&packer->arena); /* the chunk stays */
}

const void *df__packer_find(df_packer *packer, const df_pack_key *key, size_t bytes)
{
    const void *found = NULL;
    pthread_mutex_lock(&packer->lock);
    for (const piece *p = packer->list; p && !found; p = p->next)
        if (p->bytes == bytes && memcmp(&p->key, key, sizeof *key) == 0)
            found = p->data;
    pthread_mutex_unlock(&packer->lock);
    return found;
}

void *df__packer_room(df_packer *packer, size_t bytes)
{
    pthread_mutex_lock(&packer->lock);
    void *room = df__arena_alloc(&packer->arena, bytes);
    pthread_mutex_unlock(&packer->lock);
    return room;
}

bool df__packer_keep(df_packer *packer, const df_pack_key *key, const void *data, size_t bytes)
{
    pthread_mutex_lock(&packer->lock);
    piece *p = df__arena_alloc(&packer->arena, sizeof *p);
    if (p) {
        *p = (piece){packer->list, *key, data, bytes};
        packer->list = p;
    }
    pthread_mutex_unlock(&packer->lock);
    return p != NULL;
}

bool df__packer_lasting(const df_packer *packer)
{
    (void)packer;
    return false;
}
