/* packer.h - what a net works out once for all its plans: weights as the kernels want them, and small choices. Kept in memory, and, where
 * the net has a cache file, mapped from there and shared between processes (weight_cache.h). Any number of threads may use one packer. */
#ifndef DF_NN_PACKER_H
#define DF_NN_PACKER_H

#include "core/status.h"

typedef struct df_packer df_packer;

/* Names one piece. It holds the number of the weights in the network, their new layout, and whatever was multiplied into them. */
typedef struct df_pack_key { uint8_t bytes[16]; } df_pack_key;

/* Fills the key from pieces of memory, one after another; starts from df__pack_key_new(). */
df_pack_key df__pack_key_new(const char *kind);
void        df__pack_key_add(df_pack_key *key, const void *data, size_t bytes);

df_status df__packer_new(df_packer **out, df_error *err);
void      df__packer_free(df_packer *packer);
/* Room for weights of so many bytes at once: a hint that saves page faults. */
void      df__packer_reserve(df_packer *packer, size_t bytes);
/* The piece of that name and size, NULL when there is none; lives as long as the packer. Aligned to 64. */
const void *df__packer_find(df_packer *packer, const df_pack_key *key, size_t bytes);
/* Memory for a new piece, aligned to 64; NULL when there is none. Unused room stays until the packer is freed. */
void       *df__packer_room(df_packer *packer, size_t bytes);
/* Names what was written into room(); when two threads made the same piece, both stay valid and
 * find() gives the first. False: no memory for the entry. */
bool        df__packer_keep(df_packer *packer, const df_pack_key *key, const void *data, size_t bytes);

/* A number that was found out, kept as a piece: 0 or more; -1 when there is none. */
int         df__packer_number(df_packer *packer, const df_pack_key *key);
void        df__packer_keep_number(df_packer *packer, const df_pack_key *key, int number);

/* While choices are tried: large pieces kept meanwhile are drafts, which no file gets, until one is found when this is over. */
void        df__packer_draft(df_packer *packer, bool on);

/* Pieces outlive the process: worth a trial that takes a while. */
bool        df__packer_lasting(const df_packer *packer);

/* ---- the cache ---- */

/* From now on pieces are also found in `path` and in `path`.small, if they are of that identity, and save() writes there. Small pieces lie in
 * a file of their own, so that a choice for a new shape does not write all weights again. Call it before any other thread has the packer. */
df_status df__packer_attach(df_packer *packer, const char *path, const uint8_t identity[32], df_error *err);
/* The file has packed weights. */
bool      df__packer_filled(const df_packer *packer);
/* Pieces that were kept and are in no file yet; those of a page and more alone, or all. */
size_t    df__packer_unsaved(df_packer *packer, bool large);
/* Write what the files lack, and what other processes wrote meanwhile with it. One thread writes; another one that comes meanwhile does
 * nothing. Errors (no room, no right, ...) leave all as it was; they are told once, later calls do nothing. */
df_status df__packer_save(df_packer *packer, df_error *err);

#endif
