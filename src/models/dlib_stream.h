/* dlib_stream.h - reading what dlib's serialize() wrote: numbers, lists, matrices and tensors from bytes that stay where they are.
 * Source of the format: dlib 19.24 and 20.0, serialize.h (head comment), float_details.h, matrix/matrix.h, cuda/tensor.h.
 *
 * A stream remembers its first failure: after it every call gives 0 and nothing moves. A reader may thus take a whole record and ask
 * once, with df__dlib_check; what it sizes memory by it asks before. */
#ifndef DF_MODELS_DLIB_STREAM_H
#define DF_MODELS_DLIB_STREAM_H

#include "core/bytes.h"

typedef struct df_dlib_stream {
    const uint8_t *begin, *at, *end;
    const char    *bad; /* what does not fit at `at`; NULL: nothing yet */
} df_dlib_stream;

enum { DF_DLIB_INT_BYTES = 2, DF_DLIB_FLOAT_BYTES = 4 }; /* the least that a number takes in the file */

typedef struct df_dlib_tensor {
    int64_t        dims[4]; /* samples, channels, rows, columns */
    size_t         count;   /* product of dims */
    const uint8_t *data;    /* count IEEE floats, low byte first, not aligned; df__dlib_tensor_copy reads them */
} df_dlib_tensor;

df_dlib_stream df__dlib_stream_of(const df_bytes *file);
/* DF_OK, or DF_E_BAD_MODEL with the label, the byte and what was wrong there. */
df_status df__dlib_check(const df_dlib_stream *s, const char *label, df_error *err);
/* Fail at the place last read. The first failure stays. */
void df__dlib_fail(df_dlib_stream *s, const char *what);

/* A whole number in [min, max]. Stored: control byte (sign, length), then the magnitude, low byte first. */
int64_t df__dlib_int(df_dlib_stream *s, int64_t min, int64_t max);
/* Length of a list whose entries take `least` bytes each at least; refused when the rest of the file cannot hold them. */
size_t df__dlib_count(df_dlib_stream *s, size_t least);
bool   df__dlib_bool(df_dlib_stream *s);
/* n floats, each stored as mantissa and exponent; infinities, NaN and what no float holds are refused. */
void  df__dlib_floats(df_dlib_stream *s, float *to, size_t n);
float df__dlib_float(df_dlib_stream *s);
/* The same for a double. Its magnitude is at most 1e30 here: no weight is near that, and it fits a float and its square a double. */
double df__dlib_double(df_dlib_stream *s);
/* A string, cut to size - 1 bytes, with a NUL behind it. */
void df__dlib_text(df_dlib_stream *s, char *to, size_t size);
/* Head of a matrix with one column: its rows; the floats follow. */
size_t df__dlib_column(df_dlib_stream *s);
/* A tensor with its data; an alias_tensor is the shape alone. */
df_dlib_tensor df__dlib_tensor(df_dlib_stream *s);
df_dlib_tensor df__dlib_alias(df_dlib_stream *s);
void df__dlib_tensor_copy(const df_dlib_tensor *t, size_t first, size_t n, float *to);

#endif
