/* wire.h - protobuf's wire format, read in place: a cursor over bytes that stay where they are. Field numbers and meaning belong to the
 * readers (nn/onnx.c, models/caffe.c). Own code because protobuf-c copies every weight and follows nesting to any depth.
 * Source: "Encoding" in the Protocol Buffers documentation. Groups (wire types 3 and 4, long deprecated) are refused.
 *
 *     df_wire w = df__wire_of(file.data, file.len); df_field f;
 *     while (df__wire_next(&w, &f))
 *         switch (f.number) {
 *         case 1: version = df__field_i64(&f); break;
 *         case 7: ok = df__wire_open(&w, &f, &inner) && ...; break;   // a message inside
 *         }
 *     if (w.bad) ...                                                  // ended early: torn, or nested too deep
 */
#ifndef DF_CORE_WIRE_H
#define DF_CORE_WIRE_H

#include "core/arena.h"
#include "core/status.h"

enum { DF_WIRE_MAX_DEPTH = 32 }; /* messages inside messages; real models need fewer than ten */

typedef enum df_wire_kind { DF_WIRE_VARINT = 0, DF_WIRE_FIXED64 = 1, DF_WIRE_BYTES = 2, DF_WIRE_FIXED32 = 5 } df_wire_kind;

typedef struct df_wire {
    const uint8_t *at, *end;
    int            depth;
    bool           bad; /* what was read is not well-formed; nothing more comes */
} df_wire;

typedef struct df_field {
    uint32_t       number;
    df_wire_kind   kind;
    uint64_t       value; /* varint, or the bits of a fixed one */
    const uint8_t *data;  /* DF_WIRE_BYTES: string, message or packed list, inside the file; not aligned */
    size_t         len;
} df_field;

df_wire df__wire_of(const void *data, size_t len);
/* The next field; false at the end and where the bytes make no sense (then w->bad). */
bool df__wire_next(df_wire *w, df_field *field);
/* A cursor over the message in `field`; false, and w->bad, when it is no message or nested too deep. */
bool df__wire_open(df_wire *w, const df_field *field, df_wire *inner);

int64_t df__field_i64(const df_field *field);  /* 0 for a string */
float   df__field_f32(const df_field *field);  /* fixed32 or fixed64; 0 for others */
double  df__field_f64(const df_field *field);
bool    df__field_is(const df_field *field, const char *text); /* the same bytes */
/* The text with a NUL behind it, in the arena; NULL when out of memory. A NUL inside ends it early. */
char   *df__field_string(const df_field *field, df_arena *arena);

/* Repeated numbers, packed or single: how many are in this field (packed varints are counted, so a torn list ends before the tear), and
 * copying them. `to` has room for df__field_count of them. */
size_t df__field_count(const df_field *field, df_wire_kind of);
void   df__field_f32s(const df_field *field, float *to);
void   df__field_f64s(const df_field *field, double *to);
void   df__field_i64s(const df_field *field, int64_t *to);

#endif
