/* csv.c - reading CSV, unquoted in place. */
#include "csv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t most_bytes = (size_t)256 << 20;

bool cli_csv_take(cli_csv *csv, char *text, size_t len)
{
    *csv = (cli_csv){.text = text, .len = len, .line = 1};
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        csv->at = 3;
    const char *nul = memchr(text, '\0', len);
    if (nul) {
        snprintf(csv->why, sizeof csv->why, "byte %zu is NUL: this is no CSV", (size_t)(nul - text));
        return false;
    }
    return true;
}

bool cli_csv_open(cli_csv *csv, const char *path)
{
    size_t cap = 65536, len = 0;
    *csv = (cli_csv){0};
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!file) {
        snprintf(csv->why, sizeof csv->why, "%s", strerror(errno));
        return false;
    }
    char *text = malloc(cap);
    while (text) {
        len += fread(text + len, 1, cap - 1 - len, file);
        if (len < cap - 1 || cap > most_bytes)
            break;
        char *more = realloc(text, cap *= 2);
        if (!more)
            free(text);
        text = more;
    }
    bool failed = ferror(file) != 0;
    int why = errno;
    if (file != stdin)
        fclose(file);
    if (!text || failed || len > most_bytes) {
        free(text);
        snprintf(csv->why, sizeof csv->why, "%s", !text ? "out of memory" : failed ? strerror(why) : "over 256 MiB");
        return false;
    }
    text[len] = '\0';
    return cli_csv_take(csv, text, len);
}

static int wrong(cli_csv *csv, const char *what)
{
    snprintf(csv->why, sizeof csv->why, "line %zu: %s", csv->row_line, what);
    return -1;
}

/* A field in quotes begins at csv->at, past the quote; afterwards csv->at is past the closing one. */
static bool read_quoted(cli_csv *csv)
{
    char *to = csv->text + csv->at;
    for (; csv->at < csv->len; csv->at++) {
        char c = csv->text[csv->at];
        if (c == '"') {
            if (csv->at + 1 >= csv->len || csv->text[csv->at + 1] != '"') {
                *to = '\0'; /* on the closing quote or before it */
                csv->at++;
                return true;
            }
            csv->at++;
        }
        csv->line += c == '\n';
        *to++ = c;
    }
    return false;
}

static bool at_line_end(const cli_csv *csv)
{
    const char *c = csv->text + csv->at;
    return csv->at >= csv->len || *c == '\n' || (*c == '\r' && (csv->at + 1 >= csv->len || c[1] == '\n'));
}

static void pass_line_end(cli_csv *csv)
{
    if (csv->at < csv->len && csv->text[csv->at] == '\r')
        csv->text[csv->at++] = '\0';
    if (csv->at < csv->len) {
        csv->text[csv->at++] = '\0';
        csv->line++;
    }
}

int cli_csv_next(cli_csv *csv, char *fields[CLI_CSV_FIELDS])
{
    int n = 0;
    while (csv->at < csv->len && at_line_end(csv))
        pass_line_end(csv);
    csv->row_line = csv->line;
    if (csv->at >= csv->len)
        return 0;
    for (;;) {
        if (n == CLI_CSV_FIELDS)
            return wrong(csv, "more than 64 fields");
        if (csv->text[csv->at] == '"') {
            fields[n++] = csv->text + ++csv->at;
            if (!read_quoted(csv))
                return wrong(csv, "a quote is opened and not closed");
            if (!at_line_end(csv) && csv->text[csv->at] != ',')
                return wrong(csv, "text after a closing quote");
        } else {
            fields[n++] = csv->text + csv->at;
            while (!at_line_end(csv) && csv->text[csv->at] != ',') {
                if (csv->text[csv->at] == '"')
                    return wrong(csv, "a quote inside a field that does not begin with one");
                csv->at++;
            }
        }
        if (at_line_end(csv))
            break;
        csv->text[csv->at++] = '\0'; /* the comma; at the file's end an empty last field follows */
    }
    pass_line_end(csv);
    return n;
}

void cli_csv_close(cli_csv *csv)
{
    free(csv->text);
    csv->text = NULL;
}
