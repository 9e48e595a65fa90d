/* ann_auto.c - which index is worth building for how many rows, where none has measured itself on the gallery yet. From which recall on a graph is slower than an
 * exact search depends on faces and machine (0.92 to 0.98 in docs/index.md), so the rule is generous: what was built is asked where its own measurement is better. */
#include <stdio.h>

#include "index/ann.h"

enum { FEW = 50000 /* rows: an exact search takes a fifth of a millisecond */, TOGETHER = 4 /* queries that an exact search answers for the price of one */ };
static const double GRAPH_RECALL = 0.975; /* of the exact ten; beyond it no graph was quicker than an exact search */

const char *df__ann_auto(size_t rows, uint32_t dims, double recall, size_t batch, char *why, size_t why_bytes)
{
    static const char graph[] = "hnsw:M=16,ef=100";
    df_error err;
    if (rows < FEW)
        snprintf(why, why_bytes, "flat: %zu rows of %u: an exact search takes under half a millisecond", rows, dims);
    else if (batch >= TOGETHER)
        snprintf(why, why_bytes, "flat: %zu queries at once: an exact search reads the %zu rows once for all of them, quicker than a graph", batch, rows);
    else if (recall > GRAPH_RECALL)
        snprintf(why, why_bytes, "flat: recall %.3f is asked for: beyond %.3f an exact search is quicker than a graph", recall, GRAPH_RECALL);
    else if (df__ann_can(graph, &err) != DF_OK)
        snprintf(why, why_bytes, "flat: a graph may be quicker for %zu rows, but %.200s", rows, err.message);
    else {
        snprintf(why, why_bytes, "hnsw: %zu rows, one query at a time, recall %.3f: a graph may be quicker than an exact search, which it measures when it is built", rows, recall);
        return graph;
    }
    return "flat";
}
