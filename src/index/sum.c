/* sum.c - four independent lanes of multiply and rotate, mixed at the end: the shape of XXH64, with its own finish. */
#include "index/sum.h"

#include <string.h>

static const uint64_t P1 = 0x9E3779B185EBCA87u, P2 = 0xC2B2AE3D27D4EB4Fu, P3 = 0x165667B19E3779F9u;

static uint64_t turn(uint64_t v, int by) { return v << by | v >> (64 - by); }

static uint64_t word(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t mix(uint64_t lane, uint64_t v) { return turn(lane + v * P2, 31) * P1; }

uint64_t df__sum64(uint64_t seed, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t lane[4] = {seed + P1 + P2, seed + P2, seed, seed - P1};
    size_t left = len;
    for (; left >= 32; left -= 32, p += 32)
        for (int i = 0; i < 4; i++)
            lane[i] = mix(lane[i], word(p + 8 * i));
    uint64_t h = len * P3;
    for (int i = 0; i < 4; i++)
        h = turn(h ^ mix(0, lane[i]), 27) * P1 + P2;
    for (; left >= 8; left -= 8, p += 8)
        h = turn(h ^ mix(0, word(p)), 27) * P1 + P2;
    if (left) { /* the rest, and how much it is */
        uint8_t rest[8] = {0};
        memcpy(rest, p, left);
        h = turn(h ^ mix(left, word(rest)), 27) * P1 + P2;
    }
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}
