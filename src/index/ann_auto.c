/* ann_auto.c - which index for how many rows. */
#include <stdio.h>

#include "index/ann.h"

const char *df__ann_auto(size_t rows, uint32_t dims, double recall, size_t batch, char *why, size_t why_bytes)
{
    (void)dims, (void)recall, (void)batch;
    snprintf(why, why_bytes, "%zu rows: an exact search is quick enough", rows);
    return "flat";
}
