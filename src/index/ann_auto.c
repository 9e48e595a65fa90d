/* ann_auto.c - which index for how many rows. The figures are of docs/index.md: an exact search and a graph both take time in proportion to the rows, so that what
 * decides is the recall that is asked for and how many queries come at once. */
#include <stdio.h>

#include "index/ann.h"

enum { FEW = 50000 /* rows: an exact search takes a fifth of a millisecond */, TOGETHER = 4 /* queries that an exact search answers for the price of one */ };
static const double GRAPH_RECALL = 0.975; /* of the exact ten; up to it a graph is quicker than an exact search */

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
        snprintf(why, why_bytes, "flat: a graph would be quicker for %zu rows, but %.200s", rows, err.message);
    else {
        snprintf(why, why_bytes, "hnsw: %zu rows, one query at a time, recall %.3f: a graph is about twice as quick as an exact search", rows, recall);
        return graph;
    }
    return "flat";
}
