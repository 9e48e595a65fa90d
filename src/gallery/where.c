/* where.c - the parser of filters (where.h): recursive descent over bytes, SQL written on the way. */
#define _DEFAULT_SOURCE /* timegm */
#include "gallery/where.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const df_where_field fields[] = {
    {"id", DF_WHERE_NUMBER, "face.id", "of the face"},
    {"name", DF_WHERE_TEXT, "person.name", "of the person"},
    {"path", DF_WHERE_TEXT, "photo.path", "of the photo"},
    {"added", DF_WHERE_TIME, "face.added", "when it was registered"},
    {"age", DF_WHERE_NUMBER, "face.age", "in years"},
    {"gender", DF_WHERE_TEXT, "face.gender", "Woman, Man"},
    {"gender_confidence", DF_WHERE_NUMBER, "face.gender_confidence", "0..1"},
    {"emotion", DF_WHERE_TEXT, "face.emotion", "the strongest"},
    {"emotion_confidence", DF_WHERE_NUMBER, "face.emotion_confidence", "0..1"},
    {"race", DF_WHERE_TEXT, "face.race", "the likeliest"},
    {"race_confidence", DF_WHERE_NUMBER, "face.race_confidence", "0..1"},
    {"liveness", DF_WHERE_NUMBER, "face.liveness", "0 a picture of a picture .. 1 a person"},
    {"quality", DF_WHERE_NUMBER, "face.quality", "0..1"},
    {"score", DF_WHERE_NUMBER, "face.score", "of the detector, 0..1"},
    {"width", DF_WHERE_NUMBER, "face.w", "of the box in pixels"},
    {"height", DF_WHERE_NUMBER, "face.h", "of the box in pixels"},
};

enum { FIELDS = sizeof fields / sizeof *fields };

const df_where_field *df__where_field_at(size_t index) { return index < FIELDS ? &fields[index] : NULL; }

typedef enum token { T_END, T_WORD, T_NUMBER, T_TEXT, T_SIGN } token;

typedef struct parser {
    const char *text, *at, *token; /* all; after the token; where it begins */
    token       kind;
    size_t      len;               /* of the token */
    double      number;
    char       *string;            /* of T_TEXT, in the arena */
    df_arena   *arena;
    char       *sql;
    size_t      n, cap;
    df_value   *values;
    size_t      n_values;
    int         depth;
    df_status   st;
    df_error   *err;
} parser;

/* ---- saying what is wrong ---- */

static bool wrong(parser *p, const char *expected)
{
    if (p->st != DF_OK)
        return false;
    if (p->kind == T_END)
        p->st = df__fail(p->err, DF_E_ARGUMENT, "where: it ends after %zu bytes, %s is expected", strlen(p->text), expected);
    else
        p->st = df__fail(p->err, DF_E_ARGUMENT, "where: byte %zu: \"%.*s\", but %s is expected", (size_t)(p->token - p->text) + 1,
                         (int)(p->len < 40 ? p->len : 40), p->token, expected);
    return false;
}

static bool no_memory(parser *p)
{
    if (p->st == DF_OK)
        p->st = df__no_memory(p->err, "filter", p->cap);
    return false;
}

/* ---- tokens ---- */

static bool read_text(parser *p, char quote)
{
    char *to = p->string = df__arena_alloc(p->arena, strlen(p->at) + 1);
    if (!to)
        return no_memory(p);
    for (; *p->at; p->at++) {
        if (*p->at == quote && *++p->at != quote) { /* doubled: one of them */
            *to = '\0';
            p->len = (size_t)(p->at - p->token);
            return true;
        }
        *to++ = *p->at;
    }
    p->len = 1;
    return wrong(p, "a closing quote");
}

static bool word_byte(char c) { return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80; }

static bool next(parser *p)
{
    static const char *const signs[] = {"<=", ">=", "<>", "!=", "==", "=", "<", ">", "(", ")", ",", "."};
    if (p->st != DF_OK)
        return false;
    while (isspace((unsigned char)*p->at))
        p->at++;
    p->token = p->at;
    p->len = 0;
    if (!*p->at) {
        p->kind = T_END;
        return true;
    }
    if (*p->at == '\'' || *p->at == '"') {
        p->kind = T_TEXT;
        return read_text(p, *p->at++);
    }
    bool digit = isdigit((unsigned char)p->at[0]) || (strchr("+-.", p->at[0]) && isdigit((unsigned char)p->at[1]));
    if (digit || (strchr("+-", p->at[0]) && p->at[1] == '.' && isdigit((unsigned char)p->at[2]))) {
        size_t span = 1 + strspn(p->at + 1, "0123456789.eE");
        while (strchr("eE", p->at[span - 1]) && (p->at[span] == '-' || p->at[span] == '+'))
            span += 1 + strspn(p->at + span + 1, "0123456789.eE");
        char number[64], *end = number;
        p->kind = T_NUMBER, p->len = span;
        p->at += span;
        if (span < sizeof number) {
            memcpy(number, p->token, span);
            number[span] = '\0';
            p->number = strtod(number, &end);
        }
        if (end == number || *end || !isfinite(p->number) || word_byte(*p->at))
            return wrong(p, "a number");
        return true;
    }
    if (word_byte(*p->at)) {
        p->kind = T_WORD;
        while (word_byte(*p->at))
            p->at++;
        p->len = (size_t)(p->at - p->token);
        return true;
    }
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strncmp(p->at, signs[i], strlen(signs[i])) == 0) {
            p->kind = T_SIGN, p->len = strlen(signs[i]);
            p->at += p->len;
            return true;
        }
    p->kind = T_SIGN, p->len = 1;
    return wrong(p, "a field, a value or a sign");
}

static bool is_word(const parser *p, const char *word)
{
    return p->kind == T_WORD && p->len == strlen(word) && strncasecmp(p->token, word, p->len) == 0;
}
static bool is_sign(const parser *p, const char *sign) { return p->kind == T_SIGN && p->len == strlen(sign) && strncmp(p->token, sign, p->len) == 0; }
static bool pass_word(parser *p, const char *word) { return is_word(p, word) && next(p); }
static bool pass_sign(parser *p, const char *sign) { return is_sign(p, sign) && next(p); }

/* ---- SQL ---- */

static bool write_sql(parser *p, const char *text)
{
    size_t len = strlen(text);
    if (p->n + len + 1 > p->cap) {
        size_t cap = 2 * (p->cap + len + 256);
        char *more = df__arena_alloc(p->arena, cap);
        if (!more)
            return no_memory(p);
        if (p->n)
            memcpy(more, p->sql, p->n);
        p->sql = more, p->cap = cap;
    }
    memcpy(p->sql + p->n, text, len + 1);
    p->n += len;
    return true;
}

static bool bind(parser *p, df_value value)
{
    if (p->n_values == DF_WHERE_VALUES) {
        p->st = df__fail(p->err, DF_E_LIMIT, "where: more than %d values", DF_WHERE_VALUES);
        return false;
    }
    p->values[p->n_values++] = value;
    return write_sql(p, "?");
}

/* ---- fields and values ---- */

typedef struct field { df_where_kind kind; const char *sql; const char *key; } field; /* key: the path of a metadata field, else NULL */

static bool expected_field(parser *p)
{
    char list[512] = "a field (";
    for (size_t i = 0; i < FIELDS; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s, ", fields[i].name);
    snprintf(list + strlen(list), sizeof list - strlen(list), "meta.KEY)");
    return wrong(p, list);
}

/* meta.a.b becomes $."a"."b"; a key is a word or a text in quotes. */
static bool read_meta(parser *p, field *out)
{
    size_t size = 2 * strlen(p->at) + 16, n = 1;
    char *key = df__arena_alloc(p->arena, size);
    if (!key)
        return no_memory(p);
    key[0] = '$';
    if (!is_sign(p, "."))
        return wrong(p, "a dot and a key");
    while (pass_sign(p, ".")) {
        const char *part = p->kind == T_TEXT ? p->string : p->token;
        size_t len = p->kind == T_TEXT ? strlen(p->string) : p->len;
        if ((p->kind != T_WORD && p->kind != T_TEXT) || len == 0 || memchr(part, '"', len))
            return wrong(p, "a key of the metadata");
        n += (size_t)snprintf(key + n, size - n, ".\"%.*s\"", (int)len, part);
        if (!next(p))
            return false;
    }
    *out = (field){DF_WHERE_ANY, NULL, key};
    return p->st == DF_OK;
}

static bool read_field(parser *p, field *out)
{
    if (p->kind != T_WORD)
        return expected_field(p);
    if (is_word(p, "meta"))
        return next(p) && read_meta(p, out);
    for (size_t i = 0; i < FIELDS; i++)
        if (is_word(p, fields[i].name)) {
            *out = (field){fields[i].kind, fields[i].sql, NULL};
            return next(p);
        }
    return expected_field(p);
}

/* Of the photo, else of its person. */
static bool write_field(parser *p, const field *f)
{
    if (!f->key)
        return write_sql(p, f->sql);
    const df_value key = {.kind = DF_VALUE_TEXT, .text = f->key};
    return write_sql(p, "coalesce(json_extract(photo.meta, ") && bind(p, key) && write_sql(p, "), json_extract(person.meta, ") && bind(p, key) &&
           write_sql(p, "))");
}

/* 'YYYY-MM-DD', with ' HH:MM' or ' HH:MM:SS' (or T between, Z at the end) in UTC. */
static bool read_time(const char *text, double *out)
{
    int year, month, day, hour = 0, minute = 0, second = 0, n = 0, m = 0;
    if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &n) != 3 || n != 10)
        return false;
    if (text[n] == ' ' || text[n] == 'T') {
        if (sscanf(text + n + 1, "%2d:%2d%n", &hour, &minute, &m) != 2 || m != 5)
            return false;
        n += 1 + m;
        if (text[n] == ':' && (sscanf(text + n + 1, "%2d%n", &second, &m) != 1 || (n += 1 + m) < 0))
            return false;
    }
    n += text[n] == 'Z';
    if (text[n] || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return false;
    struct tm t = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute, .tm_sec = second};
    *out = (double)timegm(&t);
    return t.tm_mday == day; /* February 30 is March 2 */
}

static bool write_value(parser *p, const field *f, bool *text)
{
    df_value v = {.kind = DF_VALUE_NUMBER, .number = p->number};
    *text = false;
    if (is_word(p, "true") || is_word(p, "false")) {
        v.number = is_word(p, "true");
        if (f->kind != DF_WHERE_ANY && f->kind != DF_WHERE_NUMBER)
            return wrong(p, "a text");
    } else if (p->kind == T_TEXT && f->kind == DF_WHERE_TIME) {
        if (!read_time(p->string, &v.number))
            return wrong(p, "a time, 'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM:SS',");
    } else if (p->kind == T_TEXT && f->kind != DF_WHERE_NUMBER) {
        v = (df_value){.kind = DF_VALUE_TEXT, .text = p->string};
        *text = true;
    } else if (p->kind != T_NUMBER || f->kind == DF_WHERE_TEXT) {
        return wrong(p, f->kind == DF_WHERE_NUMBER ? "a number" : f->kind == DF_WHERE_TEXT ? "a text in quotes" : "a value (a number, a text in quotes)");
    }
    return bind(p, v) && next(p) && (!*text || write_sql(p, " COLLATE NOCASE"));
}

/* ---- tests ---- */

static bool read_in(parser *p, const field *f)
{
    bool text;
    if (!write_sql(p, " IN (") || !pass_sign(p, "("))
        return wrong(p, "( and a list of values");
    do {
        if (!write_value(p, f, &text))
            return false;
    } while (is_sign(p, ",") && write_sql(p, ", ") && next(p));
    return pass_sign(p, ")") ? write_sql(p, ")") : wrong(p, ", or )");
}

static bool read_test(parser *p)
{
    static const struct { const char *sign, *sql; } signs[] = {{"=", " = "}, {"==", " = "}, {"!=", " <> "}, {"<>", " <> "},
                                                               {"<", " < "}, {"<=", " <= "}, {">", " > "}, {">=", " >= "}};
    field f = {0};
    bool text;
    if (!read_field(p, &f) || !write_field(p, &f))
        return false;
    if (p->kind == T_SIGN)
        for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
            if (pass_sign(p, signs[i].sign))
                return write_sql(p, signs[i].sql) && write_value(p, &f, &text);
    if (p->st == DF_OK && pass_word(p, "is"))
        return write_sql(p, pass_word(p, "not") ? " IS NOT NULL" : " IS NULL") && (pass_word(p, "null") || wrong(p, "null"));
    bool not = pass_word(p, "not");
    const char *collate = f.kind == DF_WHERE_TEXT || f.kind == DF_WHERE_ANY ? " COLLATE NOCASE" : "";
    if (p->st == DF_OK && is_word(p, "between"))
        return write_sql(p, collate) && write_sql(p, not ? " NOT BETWEEN " : " BETWEEN ") && next(p) && write_value(p, &f, &text) && (pass_word(p, "and") || wrong(p, "and")) &&
               write_sql(p, " AND ") && write_value(p, &f, &text);
    if (p->st == DF_OK && is_word(p, "in"))
        return write_sql(p, collate) && (!not || write_sql(p, " NOT")) && next(p) && read_in(p, &f);
    if (p->st == DF_OK && is_word(p, "like") && f.kind != DF_WHERE_NUMBER && f.kind != DF_WHERE_TIME) {
        if (!write_sql(p, not ? " NOT LIKE " : " LIKE ") || !next(p))
            return false;
        return p->kind == T_TEXT ? bind(p, (df_value){.kind = DF_VALUE_TEXT, .text = p->string}) && next(p) : wrong(p, "a text in quotes");
    }
    return wrong(p, not ? "between, in or like" : "=, !=, <, <=, >, >=, between, in, like or is");
}

/* ---- conditions ---- */

static bool read_condition(parser *p);

static bool read_one(parser *p)
{
    if (++p->depth > DF_WHERE_DEPTH) {
        if (p->st == DF_OK)
            p->st = df__fail(p->err, DF_E_LIMIT, "where: byte %zu: nested more than %d deep", (size_t)(p->token - p->text) + 1, DF_WHERE_DEPTH);
        return false;
    }
    bool ok;
    if (is_word(p, "not"))
        ok = next(p) && write_sql(p, "NOT (") && read_one(p) && write_sql(p, ")");
    else if (is_sign(p, "("))
        ok = next(p) && write_sql(p, "(") && read_condition(p) && (pass_sign(p, ")") || wrong(p, "and, or or )")) && write_sql(p, ")");
    else
        ok = read_test(p);
    p->depth--;
    return ok && p->st == DF_OK;
}

static bool read_chain(parser *p, const char *word, const char *sql, bool (*part)(parser *p))
{
    if (!part(p))
        return false;
    while (is_word(p, word))
        if (!next(p) || !write_sql(p, sql) || !part(p))
            return false;
    return p->st == DF_OK;
}

static bool read_both(parser *p) { return read_chain(p, "and", " AND ", read_one); }
static bool read_condition(parser *p) { return read_chain(p, "or", " OR ", read_both); }

df_status df__where_parse(const char *text, df_where *out, df_error *err)
{
    *out = (df_where){0};
    if (!text)
        return DF_OK;
    if (strlen(text) > DF_WHERE_BYTES)
        return df__fail(err, DF_E_LIMIT, "where: %zu bytes, the limit is %d", strlen(text), DF_WHERE_BYTES);
    parser p = {.text = text, .at = text, .arena = &out->arena, .err = err};
    p.values = df__arena_alloc(p.arena, DF_WHERE_VALUES * sizeof *p.values);
    if (!p.values)
        no_memory(&p);
    else if (next(&p) && read_condition(&p) && p.kind != T_END)
        wrong(&p, "and, or or the end");
    if (p.st != DF_OK) {
        df__where_free(out);
        return p.st;
    }
    out->condition = (df_condition){.sql = p.sql, .values = p.values, .n = p.n_values};
    return DF_OK;
}

void df__where_free(df_where *w)
{
    df__arena_free(&w->arena);
    *w = (df_where){0};
}
