/* packer.c - see packer.h. */
#include "nn/packer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/sha256.h"
#include "nn/weight_cache.h"

enum { MAX_RESERVE = 64 << 20, SMALL = 4096, FILES = 2 /* large pieces, small ones */ };

typedef struct piece {
    struct piece *next;
    df_piece      is;
    bool          draft, taken, saved; /* taken: being written */
} piece;

struct df_packer {
    char           *path[FILES]; /* NULL: no cache */
    df_weight_cache cache[FILES];
    uint8_t         identity[32];
    pthread_mutex_t lock; /* of all below */
    piece          *list;
    size_t          unsaved[FILES];
    bool            saving, failed, drafting;
    df_arena        arena; /* the pieces, side by side */
};

static int file_of(size_t bytes) { return bytes < SMALL; }

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
    for (int i = 0; i < FILES; i++) {
        df__weight_cache_close(&packer->cache[i]);
        free(packer->path[i]);
    }
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

/* Called with the lock. */
static piece *listed(const df_packer *packer, const df_pack_key *key, size_t bytes)
{
    piece *p = packer->list;
    while (p && (p->is.bytes != bytes || memcmp(&p->is.key, key, sizeof *key) != 0))
        p = p->next;
    return p;
}

const void *df__packer_find(df_packer *packer, const df_pack_key *key, size_t bytes)
{
    const void *found = df__weight_cache_find(&packer->cache[file_of(bytes)], key, bytes);
    if (found)
        return found;
    pthread_mutex_lock(&packer->lock);
    piece *p = listed(packer, key, bytes);
    found = p ? p->is.data : NULL;
    if (p && p->draft && !packer->drafting) {
        p->draft = false;
        packer->unsaved[file_of(bytes)]++;
    }
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
    bool there = listed(packer, key, bytes) != NULL;
    piece *p = there ? NULL : df__arena_alloc(&packer->arena, sizeof *p);
    if (p) {
        *p = (piece){.next = packer->list, .is = {*key, data, bytes}, .draft = packer->drafting && bytes >= SMALL};
        packer->list = p;
        packer->unsaved[file_of(bytes)] += !p->draft;
    }
    pthread_mutex_unlock(&packer->lock);
    return there || p;
}

void df__packer_draft(df_packer *packer, bool on)
{
    pthread_mutex_lock(&packer->lock);
    packer->drafting = on;
    pthread_mutex_unlock(&packer->lock);
}

bool df__packer_lasting(const df_packer *packer) { return packer->path[0] != NULL; }

/* ---- the cache ---- */

static bool may_write_beside(const char *path)
{
    const char *end = strrchr(path, '/');
    char folder[4096];
    if (!df__folder_for(path) || (end && (size_t)(end - path) >= sizeof folder))
        return false;
    snprintf(folder, sizeof folder, "%.*s", end ? (int)(end - path + 1) : 1, end ? path : ".");
    return access(folder, W_OK | X_OK) == 0;
}

df_status df__packer_attach(df_packer *packer, const char *path, const uint8_t identity[32], df_error *err)
{
    static const char *const endings[FILES] = {"", ".small"};
    size_t size = strlen(path) + sizeof ".small";
    df_error ignored;
    memcpy(packer->identity, identity, sizeof packer->identity);
    df__weight_cache_open(path, identity, &packer->cache[0], &ignored);
    /* A file that can neither be read nor written is none: no time goes into trials. */
    if (packer->cache[0].n == 0 && !may_write_beside(path))
        return DF_OK;
    for (int i = 0; i < FILES; i++) {
        packer->path[i] = malloc(size);
        if (!packer->path[i])
            return df__no_memory(err, "the cache's path", size);
        snprintf(packer->path[i], size, "%s%s", path, endings[i]);
    }
    df__weight_cache_open(packer->path[1], identity, &packer->cache[1], &ignored);
    return DF_OK;
}

int df__packer_number(df_packer *packer, const df_pack_key *key)
{
    int32_t number = -1;
    const void *kept = df__packer_find(packer, key, sizeof number);
    if (kept)
        memcpy(&number, kept, sizeof number);
    return number >= 0 ? (int)number : -1;
}

void df__packer_keep_number(df_packer *packer, const df_pack_key *key, int number)
{
    int32_t kept = (int32_t)number;
    void *room = df__packer_room(packer, sizeof kept);
    if (!room)
        return;
    memcpy(room, &kept, sizeof kept);
    (void)df__packer_keep(packer, key, room, sizeof kept);
}

bool df__packer_filled(const df_packer *packer) { return df__weight_cache_count(&packer->cache[0]) > 0; }

size_t df__packer_unsaved(df_packer *packer, bool large)
{
    pthread_mutex_lock(&packer->lock);
    size_t n = packer->failed || !packer->path[1] ? 0 : packer->unsaved[0] + (large ? 0 : packer->unsaved[1]);
    pthread_mutex_unlock(&packer->lock);
    return n;
}

/* The pieces of one file: those in it now, those that it held when it was opened, ours. Other processes' come first: what they chose
 * stays. Of ours those that no file has are taken, `fresh` counts them. */
static df_status collect(df_packer *packer, int file, const df_weight_cache *now, df_piece **out, size_t *n, size_t *fresh, df_error *err)
{
    df_status st = DF_OK;
    pthread_mutex_lock(&packer->lock);
    const df_weight_cache *old = &packer->cache[file];
    size_t most = df__weight_cache_count(now) + df__weight_cache_count(old) + packer->unsaved[file];
    *n = *fresh = 0;
    *out = malloc((most + 1) * sizeof **out);
    if (!*out)
        DF_TRY(df__no_memory(err, packer->path[file], most * sizeof **out));
    for (size_t i = 0; i < df__weight_cache_count(now); i++)
        (*out)[(*n)++] = df__weight_cache_at(now, i);
    for (size_t i = 0; i < df__weight_cache_count(old); i++) {
        df_piece p = df__weight_cache_at(old, i);
        if (!df__weight_cache_find(now, &p.key, p.bytes))
            (*out)[(*n)++] = p;
    }
    for (piece *p = packer->list; p && *n < most; p = p->next) {
        p->taken = !p->draft && !p->saved && file_of(p->is.bytes) == file;
        if (p->taken && !df__weight_cache_find(now, &p->is.key, p->is.bytes)) {
            (*out)[(*n)++] = p->is;
            ++*fresh;
        }
    }
done:
    pthread_mutex_unlock(&packer->lock);
    return st;
}

static df_status save_file(df_packer *packer, int file, df_error *err)
{
    df_status st = DF_OK;
    df_weight_cache now = {0};
    df_piece *pieces = NULL;
    size_t n = 0, fresh = 0;
    df__weight_cache_open(packer->path[file], packer->identity, &now, err); /* none is fine */
    DF_TRY(collect(packer, file, &now, &pieces, &n, &fresh, err));
    if (fresh > 0 && n <= DF_CACHE_MOST) /* a full cache stays as it is */
        DF_TRY(df__weight_cache_write(packer->path[file], packer->identity, pieces, n, err));
    pthread_mutex_lock(&packer->lock);
    for (piece *p = packer->list; p; p = p->next)
        if (p->taken) {
            p->taken = false;
            p->saved = true;
            packer->unsaved[file]--;
        }
    pthread_mutex_unlock(&packer->lock);
done:
    free(pieces);
    df__weight_cache_close(&now);
    return st;
}

df_status df__packer_save(df_packer *packer, df_error *err)
{
    df_status st = DF_OK;
    pthread_mutex_lock(&packer->lock);
    bool mine = packer->path[1] && !packer->saving && !packer->failed;
    packer->saving = packer->saving || mine;
    pthread_mutex_unlock(&packer->lock);
    if (!mine)
        return DF_OK;
    for (int i = 0; i < FILES && st == DF_OK; i++)
        st = save_file(packer, i, err);
    pthread_mutex_lock(&packer->lock);
    packer->saving = false;
    packer->failed = st != DF_OK;
    pthread_mutex_unlock(&packer->lock);
    return st;
}
