/* weight_cache.h - a file of named pieces: packed weights and choices of kernels. It is mapped, shared between processes, and never changed:
 * a new one takes its place. Anything unexpected in it means that there is none.
 *
 *   header  128 bytes (weight_cache.c), with the identity of what the pieces are for
 *   index   an entry of 32 bytes for each piece: key, offset, bytes; sorted by key, then by bytes
 *   pieces  at multiples of 64, those of a page and more at multiples of 4096
 *
 * Numbers are the machine's own. A checksum covers header and index, and the pieces too where the file is small; not gigabytes of weights. */
#ifndef DF_NN_WEIGHT_CACHE_H
#define DF_NN_WEIGHT_CACHE_H

#include "core/bytes.h"
#include "nn/op.h"

enum { DF_CACHE_MOST = 65536 }; /* pieces of one file */

/* A piece, in memory or in a file. */
typedef struct df_piece { df_pack_key key; const void *data; size_t bytes; } df_piece;

typedef struct df_weight_cache { df_bytes file; const uint8_t *index; size_t n; } df_weight_cache; /* {0}: nothing in it */

/* What pieces of this model are good for: the model, the precision, this processor's features, oneDNN, and the code that packs. */
void df__cache_identity(const uint8_t model[32], df_precision precision, uint8_t out[32]);

/* The bytes of a file as a cache, or false: too short, damaged, of another identity. Takes over the bytes in either case. */
bool df__weight_cache_of(df_bytes *file, const uint8_t identity[32], df_weight_cache *out);
/* *out is {0} where there is no such file; `err` says why, which nobody needs to know. */
df_status df__weight_cache_open(const char *path, const uint8_t identity[32], df_weight_cache *out, df_error *err);
void      df__weight_cache_close(df_weight_cache *cache);
size_t    df__weight_cache_count(const df_weight_cache *cache);
df_piece  df__weight_cache_at(const df_weight_cache *cache, size_t i);
/* NULL when there is none of that name and size. Lives as long as the cache. */
const void *df__weight_cache_find(const df_weight_cache *cache, const df_pack_key *key, size_t bytes);

/* Write the pieces (put in order here; of several of one name and size one stays) to a new file and give it the name `path`. The folder is
 * made where its parent is there. */
df_status df__weight_cache_write(const char *path, const uint8_t identity[32], df_piece *pieces, size_t n, df_error *err);

#endif
