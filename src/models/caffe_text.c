/* caffe_text.c - the parser of caffe_text.h: a token ahead, one function a rule of the grammar. */
#include "models/caffe_text.h"

#include <string.h>

typedef enum token { END, WORD, STRING, MARK, BROKEN } token;

typedef struct parser {
    const char *at, *end;
    int         line;
    token       token;
    char        mark;       /* MARK: { } < > [ ] : */
    const char *text;       /* WORD, STRING: NUL behind it */
    char       *pool;       /* texts of tokens; a token of n bytes takes n + 1, which twice the file's length always holds */
    const char *label;
    df_arena   *arena;
    df_error   *err;
} parser;

static df_status fail(const parser *p, const char *what)
{
    return df__fail(p->err, DF_E_BAD_MODEL, "%s: line %d: %s", p->label, p->line, what);
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '+' || c == '-';
}

static void skip_space(parser *p)
{
    for (bool comment = false; p->at < p->end; p->at++) {
        if (*p->at == '\n')
            p->line++, comment = false;
        else if (*p->at == '#')
            comment = true;
        else if (!comment && (*p->at == '\0' || !strchr(" \t\r\v\f,;", *p->at)))
            return;
    }
}

/* One character of a string behind a backslash. */
static char unescape(parser *p)
{
    char c = *p->at++;
    if (c >= '0' && c <= '7') {
        int v = c - '0';
        for (int i = 0; i < 2 && p->at < p->end && *p->at >= '0' && *p->at <= '7'; i++)
            v = 8 * v + (*p->at++ - '0');
        return (char)(v & 0xFF);
    }
    switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    default: return c; /* quotes and the backslash; the rest names no layer of any net */
    }
}

/* Adjacent strings are one. A NUL in it ends it for all who read it. */
static void read_string(parser *p)
{
    char *to = p->pool;
    p->text = to;
    p->token = STRING;
    while (p->at < p->end && (*p->at == '"' || *p->at == '\'')) {
        char quote = *p->at++;
        while (p->at < p->end && *p->at != quote && *p->at != '\n') {
            char c = *p->at++;
            if (c == '\\' && p->at < p->end)
                c = unescape(p);
            *to++ = c;
        }
        if (p->at == p->end || *p->at != quote) {
            p->token = BROKEN;
            break;
        }
        p->at++;
        skip_space(p);
    }
    *to++ = '\0';
    p->pool = to;
}

static void advance(parser *p)
{
    skip_space(p);
    if (p->at == p->end) {
        p->token = END;
    } else if (*p->at == '"' || *p->at == '\'') {
        read_string(p);
    } else if (is_word(*p->at)) {
        p->token = WORD;
        p->text = p->pool;
        while (p->at < p->end && is_word(*p->at))
            *p->pool++ = *p->at++;
        *p->pool++ = '\0';
    } else {
        p->token = *p->at && strchr("{}<>[]:", *p->at) ? MARK : BROKEN;
        p->mark = *p->at++;
    }
}

static bool at_mark(const parser *p, char mark) { return p->token == MARK && p->mark == mark; }

static df_status parse_message(parser *p, df_text *message, char close, int depth);

/* What stands behind a name: a message in braces, or one scalar. */
static df_status parse_value(parser *p, df_text *field, bool colon, int depth)
{
    if (at_mark(p, '{') || at_mark(p, '<')) {
        char close = p->mark == '{' ? '}' : '>';
        advance(p);
        return parse_message(p, field, close, depth + 1);
    }
    if (!colon || (p->token != WORD && p->token != STRING))
        return fail(p, "a value is due behind a name");
    field->value = p->text;
    advance(p);
    return DF_OK;
}

/* name: value, name { ... }, or name: [value, value]: a list is so many fields of one name. */
static df_status parse_field(parser *p, const df_text ***tail, int depth)
{
    df_status st = DF_OK;
    if (p->token != WORD)
        return fail(p, "a field's name is due");
    const char *name = p->text;
    advance(p);
    bool colon = at_mark(p, ':');
    if (colon)
        advance(p);
    bool list = at_mark(p, '[');
    if (list)
        advance(p);
    while (!list || !at_mark(p, ']')) {
        df_text *field = df__arena_calloc(p->arena, 1, sizeof *field);
        if (!field)
            DF_TRY(df__no_memory(p->err, p->label, sizeof *field));
        field->name = name;
        field->line = p->line;
        **tail = field;
        *tail = &field->next;
        DF_TRY(parse_value(p, field, colon, depth));
        if (!list)
            goto done;
    }
    advance(p);
done:
    return st;
}

static df_status parse_message(parser *p, df_text *message, char close, int depth)
{
    df_status st = DF_OK;
    const df_text **tail = &message->first;
    if (depth > DF_TEXT_MAX_DEPTH)
        return fail(p, "messages inside messages, deeper than 32");
    while (close ? !at_mark(p, close) : p->token != END) {
        if (p->token == END)
            return fail(p, "the file ends inside a message");
        DF_TRY(parse_field(p, &tail, depth));
    }
    if (close)
        advance(p);
done:
    return st;
}

df_status df__text_parse(const df_bytes *file, const char *label, df_arena *arena, const df_text **out, df_error *err)
{
    df_status st = DF_OK;
    *out = NULL;
    if (file->len > DF_TEXT_MAX_BYTES)
        return df__fail(err, DF_E_LIMIT, "%s: %zu bytes of text, the limit is %d", label, file->len, (int)DF_TEXT_MAX_BYTES);
    parser p = {.at = (const char *)file->data, .line = 1, .label = label, .arena = arena, .err = err};
    p.end = file->len ? p.at + file->len : p.at;
    df_text *root = df__arena_calloc(arena, 1, sizeof *root);
    p.pool = df__arena_alloc(arena, 2 * file->len + 1);
    if (!root || !p.pool)
        return df__no_memory(err, label, 2 * file->len + 1);
    root->name = "";
    advance(&p);
    DF_TRY(parse_message(&p, root, 0, 0));
    *out = root;
done:
    return st;
}

const df_text *df__text_field(const df_text *message, const char *name)
{
    for (const df_text *f = message ? message->first : NULL; f; f = f->next)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

const df_text *df__text_again(const df_text *field)
{
    const df_text *f = field->next;
    while (f && strcmp(f->name, field->name) != 0)
        f = f->next;
    return f;
}

const char *df__text_value(const df_text *message, const char *name, const char *otherwise)
{
    const df_text *f = df__text_field(message, name);
    return f && f->value ? f->value : otherwise;
}
