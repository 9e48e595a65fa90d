/* text.c - UTF-8, safe text, JSON strings, names that were nearly right. */
#define _XOPEN_SOURCE 700 /* wcwidth */
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

int32_t cli_utf8(const char *text, size_t *len)
{
    const unsigned char *s = (const unsigned char *)text;
    *len = 1;
    if (s[0] < 0x80)
        return s[0];
    int more = s[0] >= 0xF0 && s[0] <= 0xF4 ? 3 : s[0] >= 0xE0 && s[0] < 0xF0 ? 2 : s[0] >= 0xC2 && s[0] < 0xE0 ? 1 : 0;
    if (more == 0)
        return -1;
    int32_t point = s[0] & (0x3F >> more);
    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return -1;
        point = point << 6 | (s[i] & 0x3F);
    }
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (point < least[more] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
        return -1;
    *len = (size_t)more + 1;
    return point;
}

/* Characters that would move the cursor, turn the line around or hide. */
static bool unsafe(int32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF || c == 0x061C;
}

char *cli_safe(const char *text)
{
    char *out = malloc(strlen(text) * 6 + 1), *at = out; /* a byte becomes six at most: \u202e is of three */
    if (!out)
        return NULL;
    while (*text) {
        size_t len;
        int32_t c = cli_utf8(text, &len);
        if (c == '\n' || c == '\r' || c == '\t')
            at += sprintf(at, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (c < 0)
            at += sprintf(at, "\\x%02x", (unsigned)(unsigned char)*text);
        else if (unsafe(c))
            at += sprintf(at, c < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)c);
        else {
            memcpy(at, text, len);
            at += len;
        }
        text += len;
    }
    *at = '\0';
    return out;
}

size_t cli_width(const char *safe)
{
    size_t width = 0;
    while (*safe) {
        size_t len;
        int32_t c = cli_utf8(safe, &len);
        int columns = c < 0x80 ? 1 : wcwidth((wchar_t)c);
        width += columns < 0 ? 1 : (size_t)columns;
        safe += len;
    }
    return width;
}

void cli_json_text(FILE *to, const char *text)
{
    fputc('"', to);
    while (*text) {
        size_t len;
        int32_t c = cli_utf8(text, &len);
        if (c == '"' || c == '\\')
            fprintf(to, "\\%c", (char)c);
        else if (c < 0)
            fputs("\xEF\xBF\xBD", to);
        else if (c < 0x20 || c == 0x7F)
            fprintf(to, "\\u%04x", (unsigned)c);
        else
            fwrite(text, 1, len, to);
        text += len;
    }
    fputc('"', to);
}

const char *cli_file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

enum { LONGEST_NAME = 63 };

static int least(int a, int b) { return a < b ? a : b; }

/* Optimal string alignment distance: Damerau 1964, without edits inside a swap. */
int cli_edits(const char *a, const char *b)
{
    int d[3][LONGEST_NAME + 1];
    size_t n = strlen(a) < LONGEST_NAME ? strlen(a) : LONGEST_NAME, m = strlen(b) < LONGEST_NAME ? strlen(b) : LONGEST_NAME;
    for (size_t j = 0; j <= m; j++)
        d[0][j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int *row = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = least(least(up[j] + 1, row[j - 1] + 1), up[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], up2[j - 2] + 1);
        }
    }
    return d[n % 3][m];
}

bool cli_near(const char *typed, const char *name)
{
    size_t len = strlen(typed);
    return (len >= 2 && strncmp(name, typed, len) == 0) || cli_edits(typed, name) <= (len < 4 ? 1 : 2);
}
