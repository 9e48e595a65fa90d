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
/* Names what was written into room(); when two threads made the same piece, both stay valid. False: no memory for the entry. */
bool        df__packer_keep(df_packer *packer, const df_pack_key *key, const void *data, size_t bytes);

/* Pieces outlive the process: worth a trial that takes a while. */
bool        df__packer_lasting(const df_packer *packer);

#endif
