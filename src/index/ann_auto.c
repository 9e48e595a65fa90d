/* ann_auto.c - which index is worth building for how many rows, where none has measured itself on the gallery yet. The figures are of docs/index.md: an exact
 * search takes time in proportion to the rows, a graph in proportion to what may not be missed, and hardly to the rows. */
#include <stdio.h>

#include "index/ann.h"

enum { TOGETHER = 4 /* queries that an exact search answers for the price of one */ };
/* Rows times the part of the ten nearest that may be missed, from which on a graph is quicker: 200,000 rows at a recall of 0.9, 430,000 at 0.95. */
static const double WORTH = 25000;

const char *df__ann_auto(size_t rows, uint32_t dims, double recall, size_t batch, char *why, size_t why_bytes)
{
    static const char graph[] = "hnsw:M=16,ef=100";
    df_error err;
    double least = WORTH / (1 - recall);
    if ((double)rows < least)
        snprintf(why, why_bytes, "flat: %zu rows of %u: at a recall of %.3f an exact search is quicker than a graph up to about %.0f", rows, dims, recall, least);
    else if (batch >= TOGETHER)
        snprintf(why, why_bytes, "flat: %zu queries at once: an exact search reads the %zu rows once for all of them, quicker than a graph", batch, rows);
    else if (df__ann_can(graph, &err) != DF_OK)
        snprintf(why, why_bytes, "flat: a graph would be quicker for %zu rows, but %.200s", rows, err.message);
    else {
        snprintf(why, why_bytes, "hnsw: %zu rows, one query at a time: at a recall of %.3f a graph is quicker than an exact search from about %.0f rows on", rows,
                 recall, least);
        return graph;
    }
    return "flat";
}
