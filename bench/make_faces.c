/* make_faces.c - synthetic faces (faces.h) as .npy files, for rivals that are measured on the same numbers.
 *
 *     make_faces ROWS PHOTOS DIMS OUT.npy            rows of a gallery with PHOTOS of each person
 *     make_faces --queries N ROWS PHOTOS DIMS OUT.npy   N other photos of people of that gallery; query i shows person i * (people / N) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faces.h"

enum { HEADER = 128 };

static int write_header(FILE *f, size_t rows, size_t dims)
{
    char head[HEADER + 1];
    memset(head, ' ', HEADER);
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    int n = snprintf(head + 10, HEADER - 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, dims);
    head[10 + n] = ' ', head[HEADER - 1] = '\n';
    return fwrite(head, HEADER, 1, f) == 1 ? 0 : -1;
}

int main(int argc, char **argv)
{
    size_t queries = 0, at = 1;
    if (argc > 2 && strcmp(argv[1], "--queries") == 0)
        queries = strtoull(argv[2], NULL, 10), at = 3;
    if ((size_t)argc != at + 4)
        return fprintf(stderr, "usage: make_faces [--queries N] ROWS PHOTOS DIMS OUT.npy\n"), 2;
    size_t rows = strtoull(argv[at], NULL, 10), dims = strtoull(argv[at + 2], NULL, 10);
    unsigned photos = (unsigned)strtoul(argv[at + 1], NULL, 10);
    float row[4096];
    if (dims == 0 || dims > 4096 || photos == 0 || rows < photos)
        return fprintf(stderr, "make_faces: 1 to 4096 dimensions, at least a photo and a person\n"), 2;
    FILE *f = fopen(argv[at + 3], "wb");
    if (!f || write_header(f, queries ? queries : rows, dims) != 0)
        return perror(argv[at + 3]), 2;
    for (size_t i = 0; i < (queries ? queries : rows); i++) {
        if (queries)
            faces_row(faces_person(i, queries, rows, photos), 1000, dims, row);
        else
            faces_gallery_row(i, photos, dims, row);
        if (fwrite(row, dims * sizeof *row, 1, f) != 1)
            return perror(argv[at + 3]), 2;
    }
    return fclose(f) == 0 ? 0 : (perror(argv[at + 3]), 2);
}
