/* cluster.h - faces into groups of one person each, without knowing how many there are. */
#ifndef DF_GALLERY_CLUSTER_H
#define DF_GALLERY_CLUSTER_H

#include "core/status.h"

typedef struct df_edge { uint32_t a, b; float weight; } df_edge; /* two faces that are near: 0 just so .. 1 the same */

/* Chinese whispers, C. Biemann 2006: each face begins alone; over and over, in an order that `seed` fixes, each takes the group that weighs most among
 * its neighbours, until none changes or `rounds` are over. groups[i]: 0 the largest group, 1 the next, ...; *n_groups of them.
 * The answer depends on edges and seed alone. DF_E_NO_MEMORY. */
df_status df__cluster(size_t n, const df_edge *edges, size_t n_edges, int rounds, uint32_t seed, uint32_t *groups, size_t *n_groups, df_error *err);

#endif
