/* faces.h - synthetic faces for the search benchmarks: people as directions at random, their photos around them, of length 1, seed fixed. The n-th row
 * is the same whatever is made beside it.
 *
 * A person's photos lie around the person's direction by noise of 0.3 to 0.8 of its length: cosines of 0.6 to 0.9 between photos of one person,
 * about 0 +- 1/sqrt(dims) between strangers, as recognisers with an angular margin give them. */
#ifndef DF_BENCH_FACES_H
#define DF_BENCH_FACES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

typedef struct faces_state { uint64_t at; } faces_state;

static inline uint64_t faces_bits(faces_state *s) /* SplitMix64 */
{
    uint64_t z = (s->at += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static inline double faces_unit(faces_state *s) { return ((double)(faces_bits(s) >> 11) + 0.5) / 9007199254740992.0; }

/* Normal numbers two at a time (Box and Muller). */
static inline void faces_normals(faces_state *s, float *out, size_t n)
{
    for (size_t i = 0; i < n; i += 2) {
        double r = sqrt(-2 * log(faces_unit(s))), a = 6.283185307179586 * faces_unit(s);
        out[i] = (float)(r * cos(a));
        if (i + 1 < n)
            out[i + 1] = (float)(r * sin(a));
    }
}

/* Photo `photo` of person `person`; photos of 1000 and more are those that are searched with. */
static inline void faces_row(uint64_t person, uint64_t photo, size_t dims, float *row)
{
    float noise[4096];
    double squares = 0;
    faces_state of_person = {person * 0xD1342543DE82EF95u + 1}, of_photo = {(person << 20 | photo) * 0xAF251AF3B0F025B5u + 2};
    float spread = (float)(0.3 + 0.5 * faces_unit(&of_person));
    faces_normals(&of_person, row, dims), faces_normals(&of_photo, noise, dims);
    for (size_t i = 0; i < dims; i++) {
        row[i] += spread * noise[i];
        squares += (double)row[i] * row[i];
    }
    float shorter = (float)(1 / sqrt(squares));
    for (size_t i = 0; i < dims; i++)
        row[i] *= shorter;
}

/* Row n of a gallery with `photos` of each person: 0, 1, 2, ... of the first person, then of the second. */
static inline void faces_gallery_row(uint64_t n, unsigned photos, size_t dims, float *row) { faces_row(n / photos, n % photos, dims, row); }

/* Whom query i of n shows. */
static inline uint64_t faces_person(size_t i, size_t n, size_t rows, unsigned photos) { return (uint64_t)i * (rows / photos) / n; }

#endif
