/* json.h - building JSON with Jansson: one place that turns any bytes into valid UTF-8 and any failure into a status. */
#ifndef DF_CORE_JSON_H
#define DF_CORE_JSON_H

#include <jansson.h>

#include "core/status.h"

/* A string; bytes that are not UTF-8 (paths may hold any) become U+FFFD. NULL when out of memory. */
json_t *df__json_text(const char *text);
/* A number; NaN and infinities, which JSON lacks, become null. */
json_t *df__json_number(double value);
/* Set a member and take the value over; false when `value` is NULL or memory is out (the value is then freed). */
bool df__json_set(json_t *object, const char *key, json_t *value);
/* Text of the value in one line, malloc; frees `value`. A NULL value is DF_E_NO_MEMORY. */
df_status df__json_print(json_t *value, char **out, df_error *err);

#endif
