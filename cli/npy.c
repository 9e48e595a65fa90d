/* npy.c - see npy.h. */
#include "npy.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC = 6, MOST_HEADER = 1 << 16 };
static const int64_t most_bytes = (int64_t)1 << 31;
static const uint8_t magic[MAGIC] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

typedef struct kind { df_dtype type; char code; size_t size; } kind;
static const kind kinds[] = {{DF_F32, 'f', 4}, {DF_F64, 'f', 8}, {DF_F16, 'f', 2}, {DF_U8, 'u', 1}, {DF_U16, 'u', 2}, {DF_U32, 'u', 4}, {DF_U64, 'u', 8},
                             {DF_I8, 'i', 1}, {DF_I16, 'i', 2}, {DF_I32, 'i', 4}, {DF_I64, 'i', 8}, {DF_BOOL, 'b', 1}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static df_status fail(df_error *err, df_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
static df_status fail(df_error *err, df_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return err->status = status;
}

bool cli_npy_name(const char *name, size_t i, char *out, size_t size)
{
    size_t n = strlen(name), stem = n >= 4 && strcmp(name + n - 4, ".npy") == 0 ? n - 4 : n;
    int at = i == 0 ? snprintf(out, size, "%s", name) : snprintf(out, size, "%.*s-%zu%s", (int)stem, name, i, name + stem);
    return at >= 0 && (size_t)at < size;
}

size_t cli_type_size(df_dtype type)
{
    for (int i = 0; i < KINDS; i++)
        if (kinds[i].type == type)
            return kinds[i].size;
    return type == DF_BF16 ? 2 : 0;
}

int64_t cli_tensor_count(const df_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++) {
        if (t->dims[i] < 0 || (t->dims[i] > 0 && n > INT64_MAX / t->dims[i]))
            return -1;
        n *= t->dims[i];
    }
    return n;
}

static char machine_order(void) { return *(const uint8_t *)&(const uint16_t){1} ? '<' : '>'; }

/* ---- reading ---- */

/* What follows 'KEY': in the header's dictionary. */
static const char *value_of(const char *header, const char *key)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s'", key);
    const char *at = strstr(header, quoted);
    if (!at)
        return NULL;
    at += strlen(quoted);
    at += strspn(at, " ");
    return *at == ':' ? at + 1 + strspn(at + 1, " ") : NULL;
}

static bool read_type(const char *at, df_tensor *out)
{
    if (!at || at[0] != '\'' || (at[1] != machine_order() && !(at[1] == '|' && at[2] && at[3] == '1')))
        return false;
    for (int i = 0; i < KINDS; i++)
        if (at[2] == kinds[i].code && at[3] == (char)('0' + (int)kinds[i].size) && at[4] == '\'') {
            out->type = kinds[i].type;
            return true;
        }
    return false;
}

static bool read_shape(const char *at, df_tensor *out)
{
    if (!at || *at++ != '(')
        return false;
    for (;;) {
        char *end;
        at += strspn(at, " ,");
        if (*at == ')')
            return true;
        if (!isdigit((unsigned char)*at) || out->rank == DF_MAX_RANK)
            return false;
        errno = 0;
        out->dims[out->rank++] = strtoll(at, &end, 10);
        if (errno)
            return false;
        at = end;
    }
}

static df_status read_header(FILE *f, const char *path, df_tensor *out, df_error *err)
{
    uint8_t head[MAGIC + 2], length[4] = {0};
    if (fread(head, 1, sizeof head, f) != sizeof head || memcmp(head, magic, MAGIC) != 0 || head[MAGIC] < 1 || head[MAGIC] > 3)
        return fail(err, DF_E_DECODE, "%s: no .npy file", path);
    size_t wide = head[MAGIC] == 1 ? 2 : 4;
    if (fread(length, 1, wide, f) != wide)
        return fail(err, DF_E_DECODE, "%s: cut off in its header", path);
    size_t n = length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 | (size_t)length[3] << 24;
    if (n > MOST_HEADER)
        return fail(err, DF_E_LIMIT, "%s: a header of %zu bytes", path, n);
    char *text = calloc(1, n + 1);
    if (!text)
        return fail(err, DF_E_NO_MEMORY, "%s: out of memory", path);
    df_status st = DF_OK;
    if (fread(text, 1, n, f) != n)
        st = fail(err, DF_E_DECODE, "%s: cut off in its header", path);
    const char *fortran = st == DF_OK ? value_of(text, "fortran_order") : NULL;
    if (st == DF_OK && !read_type(value_of(text, "descr"), out))
        st = fail(err, DF_E_DECODE, "%s: numbers of a type that is not read here", path);
    else if (st == DF_OK && !read_shape(value_of(text, "shape"), out))
        st = fail(err, DF_E_DECODE, "%s: a shape that is not read here", path);
    else if (st == DF_OK && (!fortran || strncmp(fortran, "False", 5) != 0))
        st = fail(err, DF_E_DECODE, "%s: not in C order", path);
    free(text);
    return st;
}

df_status cli_npy_read(const char *path, df_tensor *out, df_error *err)
{
    *out = (df_tensor){0};
    FILE *f = fopen(path, "rb");
    if (!f)
        return fail(err, DF_E_IO, "cannot read %s: %s", path, strerror(errno));
    df_status st = read_header(f, path, out, err);
    if (st == DF_OK) {
        int64_t n = cli_tensor_count(out), each = (int64_t)cli_type_size(out->type);
        if (n < 0 || n > most_bytes / each)
            st = fail(err, DF_E_LIMIT, "%s: more than 2 GiB", path);
        else if (!(out->data = malloc((size_t)(n * each) + 1)))
            st = fail(err, DF_E_NO_MEMORY, "%s: out of memory", path);
        else if (fread(out->data, 1, (size_t)(n * each) + 1, f) != (size_t)(n * each))
            st = fail(err, DF_E_DECODE, "%s: not %" PRId64 " bytes behind the header", path, n * each);
    }
    if (st != DF_OK) {
        free(out->data);
        *out = (df_tensor){0};
    }
    fclose(f);
    return st;
}

/* ---- writing ---- */

df_status cli_npy_write(const char *path, const df_tensor *t, df_error *err)
{
    char shape[256] = "", header[512];
    const kind *k = NULL;
    for (int i = 0; i < KINDS && !k; i++)
        k = kinds[i].type == t->type ? &kinds[i] : NULL;
    if (!k)
        return fail(err, DF_E_UNSUPPORTED, "%s: numpy has no numbers of that type", path);
    for (int i = 0; i < t->rank; i++) {
        size_t at = strlen(shape);
        snprintf(shape + at, sizeof shape - at, "%" PRId64 ",%s", t->dims[i], i + 1 < t->rank ? " " : "");
    }
    int n = snprintf(header, sizeof header, "{'descr': '%c%c%zu', 'fortran_order': False, 'shape': (%s), }", k->size == 1 ? '|' : machine_order(), k->code,
                     k->size, shape);
    /* Spaces and a newline bring the numbers to a multiple of 64 bytes. */
    int whole = (MAGIC + 4 + n + 1 + 63) / 64 * 64 - MAGIC - 4;
    size_t bytes = (size_t)cli_tensor_count(t) * k->size;
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(magic, 1, MAGIC, f) == MAGIC && fwrite((const uint8_t[]){1, 0, (uint8_t)(whole & 255), (uint8_t)(whole >> 8)}, 1, 4, f) == 4 &&
              fprintf(f, "%-*s\n", whole - 1, header) == whole && (bytes == 0 || fwrite(t->data, 1, bytes, f) == bytes);
    int why = errno;
    if (f && fclose(f) != 0) {
        ok = false;
        why = errno;
    }
    return ok ? DF_OK : fail(err, DF_E_IO, "cannot write %s: %s", path, strerror(why));
}
