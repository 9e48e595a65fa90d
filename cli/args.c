/* args.c - reading the command line.
 *
 * --name value, --name=value, --no-name for a switch of the library's table; -o value, -ovalue, -qv; "--" ends the flags; "-" is
 * standard input. A flag has one name: there are no abbreviations, which a new flag could turn into another's. */
#include "args.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define AT(f) offsetof(cli_args, f)

const cli_flag cli_common_flags[] = {
    {"json", 0, CLI_SWITCH, NULL, AT(json), 0, 0, "print JSON with the keys of deepface for Python, and nothing else"},
    {"quiet", 'q', CLI_SWITCH, NULL, AT(quiet), 0, 0, "print errors alone; the exit code is the answer"},
    {"verbose", 'v', CLI_SWITCH, NULL, AT(verbose), 0, 0, "tell on standard error what the library does"},
    {"threads", 0, CLI_INT, "N", AT(engine.threads), 0, 1024, "threads to use, 0 is one a core"},
    {"precision", 0, CLI_TEXT, "NAME", AT(engine.precision), 0, 0, "how exact the networks are: fast (unless told), strict, int8"},
    {"weights", 0, CLI_TEXT, "DIR", AT(engine.weights_dir), 0, 0, "folder of the weights instead of ~/.deepface/weights"},
    {"max-pixels", 0, CLI_SIZE, "N", AT(engine.max_pixels), 1, 1e12, "refuse photos of more pixels; 100000000 unless told"},
    {"help", 'h', CLI_SWITCH, NULL, AT(help), 0, 0, "the flags of the command"},
    {0},
};

typedef struct reader {
    const cli_command *command;
    cli_args          *out;
    int                argc, at; /* argv[at] is looked at */
    char             **argv;
} reader;

void cli_option_flag(const df_option_info *info, char *out, size_t size)
{
    snprintf(out, size, "--%s", info->name);
    for (char *c = out; *c; c++)
        if (*c == '_')
            *c = '-';
}

/* ---- finding a flag ---- */

static const cli_flag *find_in(const cli_flag *flags, const char *name, size_t len, char letter)
{
    for (const cli_flag *f = flags; f && f->name; f++)
        if (name ? strlen(f->name) == len && strncmp(f->name, name, len) == 0 : f->letter == letter)
            return f;
    return NULL;
}

static const cli_flag *find(const cli_command *c, const char *name, size_t len, char letter)
{
    const cli_flag *own = find_in(c->flags, name, len, letter);
    return own ? own : find_in(cli_common_flags, name, len, letter);
}

/* The option of the library's table, `name` with '-' or '_' and without "--". */
static const df_option_info *find_option(const cli_command *c, const char *name, size_t len)
{
    const df_option_info *info;
    for (size_t i = 0; c->pipeline && (info = df_option_at(i)); i++) {
        size_t k = 0;
        while (k < len && info->name[k] && (info->name[k] == name[k] || (info->name[k] == '_' && name[k] == '-')))
            k++;
        if (k == len && !info->name[k])
            return info;
    }
    return NULL;
}

/* ---- telling what is wrong ---- */

static void add_near(char *list, size_t size, const char *typed, const char *name)
{
    size_t at = strlen(list);
    if (cli_near(typed, name) && at + strlen(name) + 8 < size)
        snprintf(list + at, size - at, "%s--%s", at ? " or " : "", name);
}

static bool unknown(const reader *r, const char *typed)
{
    char near[256] = "", flag[80];
    const df_option_info *info;
    const char *name = typed + strspn(typed, "-");
    const cli_flag *const tables[] = {r->command->flags, cli_common_flags};
    char *plain = strdup(name);
    if (!plain)
        return cli_fail(CLI_FAILED, "out of memory"), false;
    plain[strcspn(plain, "=")] = '\0';
    for (size_t t = 0; t < 2; t++)
        for (const cli_flag *f = tables[t]; f && f->name; f++)
            add_near(near, sizeof near, plain, f->name);
    for (size_t i = 0; r->command->pipeline && (info = df_option_at(i)); i++) {
        cli_option_flag(info, flag, sizeof flag);
        add_near(near, sizeof near, plain, flag + 2);
        if (info->type == DF_OPTION_SWITCH) {
            memcpy(flag, "no", 2);
            memmove(flag + 3, flag + 2, strlen(flag + 2) + 1);
            flag[2] = '-';
            add_near(near, sizeof near, plain, flag);
        }
    }
    free(plain);
    if (*near)
        cli_fail(CLI_BAD_INPUT, "%s has no flag %s; did you mean %s?", r->command->name, typed, near);
    else
        cli_fail(CLI_BAD_INPUT, "%s has no flag %s; see: deepface help %s (a file of that name goes after --)", r->command->name, typed,
                 r->command->name);
    return false;
}

/* ---- values ---- */

/* What follows '=', or the next argument; NULL and told when there is none. */
static const char *value_of(reader *r, const char *flag, int flag_len, const char *given)
{
    if (given)
        return given;
    const char *next = r->at + 1 < r->argc ? r->argv[r->at + 1] : NULL;
    if (!next || strncmp(next, "--", 2) == 0) {
        cli_fail(CLI_BAD_INPUT, "%.*s needs a value", flag_len, flag);
        return NULL;
    }
    r->at++;
    return next;
}

static bool read_number(const cli_flag *f, const char *text, double *out)
{
    char *end = NULL;
    errno = 0;
    *out = strtod(text, &end);
    if (end == text || *end || errno || isnan(*out) || *out != floor(*out))
        return cli_fail(CLI_BAD_INPUT, "--%s: \"%s\" is not a whole number", f->name, text), false;
    if (*out < f->min || *out > f->max)
        return cli_fail(CLI_BAD_INPUT, "--%s: %s is outside %.0f..%.0f", f->name, text, f->min, f->max), false;
    return true;
}

static bool set(reader *r, const cli_flag *f, const char *flag, int flag_len, const char *given)
{
    char *field = (char *)r->out + f->offset;
    double number;
    if (f->kind == CLI_SWITCH) {
        if (given)
            return cli_fail(CLI_BAD_INPUT, "--%s takes no value", f->name), false;
        memcpy(field, &(bool){true}, sizeof(bool));
        return true;
    }
    const char *value = value_of(r, flag, flag_len, given);
    if (!value)
        return false;
    if (f->kind == CLI_TEXT) {
        if (!*value)
            return cli_fail(CLI_BAD_INPUT, "--%s: the value is empty", f->name), false;
        memcpy(field, &value, sizeof value);
        return true;
    }
    if (f->kind == CLI_NUMBER) {
        char *end = NULL;
        number = strtod(value, &end);
        if (end == value || *end || isnan(number))
            return cli_fail(CLI_BAD_INPUT, "--%s: \"%s\" is not a number", f->name, value), false;
        if (number < f->min || number > f->max)
            return cli_fail(CLI_BAD_INPUT, "--%s: %s is outside %g..%g", f->name, value, f->min, f->max), false;
        memcpy(field, &number, sizeof number);
        return true;
    }
    if (!read_number(f, value, &number))
        return false;
    if (f->kind == CLI_INT)
        memcpy(field, &(int){(int)number}, sizeof(int));
    else
        memcpy(field, &(size_t){(size_t)number}, sizeof(size_t));
    return true;
}

static bool set_option(reader *r, const df_option_info *info, const char *flag, int flag_len, const char *given)
{
    df_error err;
    const char *value = given;
    if (info->type == DF_OPTION_SWITCH)
        value = given ? given : "on";
    else
        value = value_of(r, flag, flag_len, given);
    if (!value)
        return false;
    if (df_opts_set(&r->out->opts, info->name, value, &err) != DF_OK)
        return cli_fail(CLI_BAD_INPUT, "%s", err.message), false;
    return true;
}

/* ---- one argument ---- */

static bool read_long(reader *r, const char *arg)
{
    const char *name = arg + 2, *equals = strchr(name, '='), *given = equals ? equals + 1 : NULL;
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    int flag_len = (int)(len + 2);
    const cli_flag *f = find(r->command, name, len, 0);
    if (f)
        return set(r, f, arg, flag_len, given);
    const df_option_info *info = find_option(r->command, name, len);
    if (info)
        return set_option(r, info, arg, flag_len, given);
    info = len > 3 && strncmp(name, "no-", 3) == 0 ? find_option(r->command, name + 3, len - 3) : NULL;
    if (!info || info->type != DF_OPTION_SWITCH)
        return unknown(r, arg);
    if (given)
        return cli_fail(CLI_BAD_INPUT, "%.*s takes no value", flag_len, arg), false;
    return set_option(r, info, arg, flag_len, "off");
}

static bool read_letters(reader *r, const char *arg)
{
    for (const char *c = arg + 1; *c; c++) {
        const cli_flag *f = find(r->command, NULL, 0, *c);
        if (!f)
            return unknown(r, arg);
        char flag[] = {'-', *c, '\0'};
        if (!set(r, f, flag, 2, f->kind != CLI_SWITCH && c[1] ? c + 1 : NULL))
            return false;
        if (f->kind != CLI_SWITCH)
            break;
    }
    return true;
}

static bool right_number(const cli_command *c, const cli_args *a)
{
    if (a->n < c->least)
        return cli_fail(CLI_BAD_INPUT, "%s needs %s: deepface %s %s", c->name, c->what, c->name, c->usage), false;
    if (a->n > c->most)
        return cli_fail(CLI_BAD_INPUT, "%s: \"%s\" is one argument too many: deepface %s %s", c->name, a->paths[c->most], c->name,
                        c->usage),
               false;
    for (size_t i = 0; i < a->n; i++)
        if (!*a->paths[i])
            return cli_fail(CLI_BAD_INPUT, "%s: argument %zu is empty", c->name, i + 1), false;
    return true;
}

bool cli_args_read(const cli_command *command, int argc, char **argv, cli_args *out)
{
    reader r = {.command = command, .out = out, .argc = argc, .argv = argv};
    bool flags = true;
    *out = (cli_args){.opts = df_opts_default(), .engine = df_engine_opts_default(), .search = df_search_opts_default(), .retries = -1};
    out->paths = calloc((size_t)argc + 1, sizeof *out->paths);
    if (!out->paths)
        return cli_fail(CLI_FAILED, "out of memory"), false;
    for (; r.at < argc; r.at++) {
        const char *arg = argv[r.at];
        if (flags && strcmp(arg, "--") == 0)
            flags = false;
        else if (flags && strncmp(arg, "--", 2) == 0) {
            if (!read_long(&r, arg))
                return false;
        } else if (flags && arg[0] == '-' && arg[1]) {
            if (!read_letters(&r, arg))
                return false;
        } else
            out->paths[out->n++] = arg;
    }
    return out->help || right_number(command, out);
}

void cli_args_free(cli_args *args)
{
    free((void *)args->paths);
    *args = (cli_args){0};
}
