/* caffe_text.h - protobuf's text format, as far as prototxt files use it: a tree of named fields. Knows no field names.
 * Source: "Text Format Language Specification" in the Protocol Buffers documentation. Not read: extension names and Any in brackets. */
#ifndef DF_MODELS_CAFFE_TEXT_H
#define DF_MODELS_CAFFE_TEXT_H

#include "core/arena.h"
#include "core/bytes.h"

enum {
    DF_TEXT_MAX_DEPTH = 32,      /* messages inside messages; Caffe's need five */
    DF_TEXT_MAX_BYTES = 1 << 20, /* of a file; the largest nets known have 0.3 MB */
};

typedef struct df_text {
    const char           *name;  /* "" for the file as a whole */
    const char           *value; /* a number, word or string as text; NULL: a message */
    const struct df_text *first; /* fields of a message, in the file's order */
    const struct df_text *next;  /* of the same message */
    int                   line;
} df_text;

/* The file as a message; everything lies in `arena`. DF_E_BAD_MODEL names label and line, DF_E_LIMIT. */
df_status df__text_parse(const df_bytes *file, const char *label, df_arena *arena, const df_text **out, df_error *err);

/* The first field of that name; NULL where there is none, or no message. */
const df_text *df__text_field(const df_text *message, const char *name);
/* The next field of the same name. */
const df_text *df__text_again(const df_text *field);
/* Text of a scalar, `otherwise` where it is left out or a message. */
const char *df__text_value(const df_text *message, const char *name, const char *otherwise);

#endif
