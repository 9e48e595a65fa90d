/* json.c - small helpers over Jansson. */
#include "core/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Length of the valid UTF-8 sequence at s, 0 when there is none. */
static size_t utf8_sequence(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xF0 && s[0] < 0xF5 ? 4 : s[0] >= 0xE0 && s[0] < 0xF0 ? 3 : s[0] >= 0xC2 && s[0] < 0xE0 ? 2 : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
        return 0; /* overlong, surrogate, past U+10FFFF */
    return n;
}

json_t *df__json_text(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    size_t len = strlen(text), n = 0;
    char *clean = malloc(3 * len + 1);
    if (!clean)
        return NULL;
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        size_t k = utf8_sequence(s);
        memcpy(clean + n, k ? (const char *)s : "\xEF\xBF\xBD", k ? k : 3);
        n += k ? k : 3;
        s += k ? k : 1;
    }
    value = json_stringn(clean, n);
    free(clean);
    return value;
}

json_t *df__json_number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

bool df__json_set(json_t *object, const char *key, json_t *value) { return value && json_object_set_new(object, key, value) == 0; }

df_status df__json_print(json_t *value, char **out, df_error *err)
{
    *out = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(value);
    return *out ? DF_OK : df__no_memory(err, "JSON text", 0);
}
