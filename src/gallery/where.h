/* where.h - the language of filters: a condition over what is known of faces, read into SQL with a place for every value.
 *
 *     condition  = both {"or" both}          both = one {"and" one}          one = "not" one | "(" condition ")" | test
 *     test       = field ("=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=") value
 *                | field ["not"] "between" value "and" value | field ["not"] "in" "(" value {"," value} ")"
 *                | field ["not"] "like" 'text' | field "is" ["not"] "null"
 *     field      = age | gender | ... (df__where_field_at) | meta.KEY{.KEY}          value = number | 'text' | "text" | true | false
 *
 * Words are read in any case, texts are compared in any case of A to Z. Times are 'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM:SS' (UTC), or seconds since 1970.
 * Nothing of the text reaches SQL but the fields' own expressions: values and the keys of metadata are bound. */
#ifndef DF_GALLERY_WHERE_H
#define DF_GALLERY_WHERE_H

#include "core/arena.h"
#include "store/store.h"

enum { DF_WHERE_BYTES = 8192, DF_WHERE_DEPTH = 32, DF_WHERE_VALUES = 500 };

typedef struct df_where {
    df_condition condition; /* as long as the arena */
    df_arena     arena;
} df_where; /* {0} is empty: every face */

/* Read `text`, NULL allows all. Errors: DF_E_ARGUMENT with the place, counted in bytes from 1, and what was expected; DF_E_LIMIT. */
df_status df__where_parse(const char *text, df_where *out, df_error *err);
void      df__where_free(df_where *w);

typedef enum df_where_kind { DF_WHERE_NUMBER, DF_WHERE_TEXT, DF_WHERE_TIME, DF_WHERE_ANY } df_where_kind;
typedef struct df_where_field { const char *name; df_where_kind kind; const char *sql, *help; } df_where_field;
/* NULL past the last. */
const df_where_field *df__where_field_at(size_t index);

#endif
