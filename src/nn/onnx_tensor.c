/* onnx_tensor.c - TensorProto: numbers that are raw, typed, or in a file beside the model. */
#define _XOPEN_SOURCE 700 /* realpath */
#include <stdlib.h>
#include <string.h>

#include "nn/onnx_read.h"

static const size_t MAX_EXTERNAL = (size_t)1 << 40;

typedef struct raw_tensor { /* what a TensorProto says, before it is checked */
    const char *name;
    df_tensor   t;
    df_wire     all;   /* the message, to go through again for the data */
    df_field    raw;
    bool        has_raw, external_data;
    const char *location;
    int64_t     offset, length; /* -1: to the end */
} raw_tensor;

static df_status read_external(const df_onnx_reader *r, df_wire *w, const df_field *f, raw_tensor *out)
{
    df_wire entry;
    df_field e, key = {0}, value = {0};
    df_status st = DF_OK;
    if (!df__wire_open(w, f, &entry))
        return df__onnx_torn(r, "a tensor");
    while (df__wire_next(&entry, &e)) {
        if (e.number == 1)
            key = e;
        else if (e.number == 2)
            value = e;
    }
    const char *v = NULL;
    if (entry.bad)
        return df__onnx_torn(r, "a tensor");
    if (df__field_is(&key, "location"))
        return df__onnx_text(r, &value, &out->location);
    if (!df__field_is(&key, "offset") && !df__field_is(&key, "length"))
        return DF_OK;
    DF_TRY(df__onnx_text(r, &value, &v));
    char *end;
    long long number = strtoll(v, &end, 10);
    if (*v == '\0' || *end != '\0' || number < 0)
        DF_TRY(df__fail(r->err, DF_E_BAD_MODEL, "%s: external data of \"%s\" at \"%s\"", r->g->label, out->name, v));
    *(df__field_is(&key, "offset") ? &out->offset : &out->length) = number;
done:
    return st;
}

static df_status scan_tensor(const df_onnx_reader *r, df_wire w, raw_tensor *out)
{
    df_field f;
    df_status st = DF_OK;
    *out = (raw_tensor){.name = "", .all = w, .length = -1};
    while (df__wire_next(&w, &f)) {
        size_t n;
        switch (f.number) {
        case 1: /* dims */
            n = df__field_count(&f, DF_WIRE_VARINT);
            if (n > (size_t)(DF_MAX_RANK - out->t.rank))
                DF_TRY(df__fail(r->err, DF_E_LIMIT, "%s: tensor \"%s\" has more than %d dimensions", r->g->label, out->name, DF_MAX_RANK));
            df__field_i64s(&f, out->t.dims + out->t.rank);
            out->t.rank += (int)n;
            break;
        case 2: /* data_type */
            out->t.type = (df_dtype)(f.value <= DF_BF16 ? f.value : 0);
            break;
        case 8: /* name */
            DF_TRY(df__onnx_text(r, &f, &out->name));
            break;
        case 9: /* raw_data */
            out->raw = f;
            out->has_raw = f.kind == DF_WIRE_BYTES;
            break;
        case 13: /* external_data */
            DF_TRY(read_external(r, &w, &f, out));
            break;
        case 14: /* data_location: 1 is external */
            out->external_data = f.value == 1;
            break;
        default:
            break;
        }
    }
    if (w.bad)
        DF_TRY(df__onnx_torn(r, "a tensor"));
done:
    return st;
}

/* A relative path that stays inside the folder: no "..", no root, no empty name. */
static bool stays_inside(const char *path)
{
    if (path[0] == '\0' || path[0] == '/' || strchr(path, '\\'))
        return false;
    for (const char *p = path; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
            return false;
    return true;
}

/* The path with every link followed lies below the folder's own. */
static bool really_inside(const char *dir, const char *path)
{
    char *real_dir = realpath(dir, NULL), *real_path = realpath(path, NULL);
    size_t n = real_dir ? strlen(real_dir) : 0;
    bool inside = real_dir && real_path && strncmp(real_dir, real_path, n) == 0 && (real_path[n] == '/' || strcmp(real_dir, "/") == 0);
    free(real_dir);
    free(real_path);
    return inside;
}

static df_status open_external(const df_onnx_reader *r, const raw_tensor *raw, df_bytes *out)
{
    for (const df_graph_file *e = r->g->files; e; e = e->next)
        if (strcmp(e->name, raw->location) == 0) {
            *out = e->bytes;
            return DF_OK;
        }
    size_t n = strlen(r->dir) + strlen(raw->location) + 2;
    char *path = df__arena_alloc(&r->g->arena, n);
    df_graph_file *entry = df__arena_calloc(&r->g->arena, 1, sizeof *entry);
    if (!path || !entry)
        return df__onnx_no_memory(r, n);
    strcpy(path, r->dir);
    strcat(path, "/");
    strcat(path, raw->location);
    df_status st = df__map_file(path, MAX_EXTERNAL, &entry->bytes, r->err);
    if (st == DF_OK && !really_inside(r->dir, path)) {
        df__bytes_free(&entry->bytes);
        st = df__fail(r->err, DF_E_BAD_MODEL, "%s is a link that leaves %s", path, r->dir);
    }
    if (st != DF_OK) {
        df__prefix(r->err, "%s: tensor \"%s\"", r->g->label, raw->name);
        return st;
    }
    entry->name = raw->location;
    entry->next = r->g->files;
    r->g->files = entry;
    *out = entry->bytes;
    return DF_OK;
}

static df_status external_data(const df_onnx_reader *r, raw_tensor *raw, size_t bytes)
{
    df_bytes file = {0};
    if (!raw->location || !r->dir)
        return df__fail(r->err, DF_E_BAD_MODEL, "%s: tensor \"%s\" is in another file, %s", r->g->label, raw->name,
                        raw->location ? "which is not allowed here" : "which is not named");
    if (!stays_inside(raw->location))
        return df__fail(r->err, DF_E_BAD_MODEL, "%s: tensor \"%s\" is in \"%s\", outside the model's folder", r->g->label, raw->name, raw->location);
    df_status st = open_external(r, raw, &file);
    if (st != DF_OK)
        return st;
    uint64_t length = raw->length >= 0 ? (uint64_t)raw->length : bytes;
    if (length != bytes || (uint64_t)raw->offset > file.len || bytes > file.len - (uint64_t)raw->offset)
        return df__fail(r->err, DF_E_BAD_MODEL, "%s: tensor \"%s\" of %zu bytes at %lld of %s, which has %zu", r->g->label, raw->name, bytes,
                        (long long)raw->offset, raw->location, file.len);
    raw->t.data = file.data ? file.data + raw->offset : NULL;
    return DF_OK;
}

/* The field that holds numbers of a type when they are not raw, and how each is written. */
static uint32_t typed_field(df_dtype type, df_wire_kind *kind)
{
    *kind = DF_WIRE_VARINT;
    switch (type) {
    case DF_F32: *kind = DF_WIRE_FIXED32; return 4;
    case DF_F64: *kind = DF_WIRE_FIXED64; return 10;
    case DF_I64: return 7;
    case DF_U32:
    case DF_U64: return 11;
    default: return 5; /* int32_data: all small integers, bool, and the bits of half floats */
    }
}

static void store(df_dtype type, char *to, size_t size, const int64_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++, to += size) {
        uint64_t bits = (uint64_t)v[i];
        uint8_t  one = (uint8_t)bits;
        uint16_t two = (uint16_t)bits;
        uint32_t four = (uint32_t)bits;
        if (type == DF_BOOL)
            one = bits != 0;
        memcpy(to, size == 1 ? (void *)&one : size == 2 ? (void *)&two : size == 4 ? (void *)&four : (void *)&bits, size);
    }
}

static df_status typed_data(const df_onnx_reader *r, raw_tensor *raw, size_t count)
{
    df_wire_kind kind;
    uint32_t number = typed_field(raw->t.type, &kind);
    size_t size = df__dtype_size(raw->t.type), n = 0;
    df_wire w = raw->all;
    df_field f;
    while (df__wire_next(&w, &f))
        if (f.number == number)
            n += df__field_count(&f, kind);
    if (n != count)
        return df__fail(r->err, DF_E_BAD_MODEL, "%s: tensor \"%s\" has %zu of %zu values", r->g->label, raw->name, n, count);
    char *to = df__arena_alloc(&r->g->arena, count * size);
    int64_t *list = kind == DF_WIRE_VARINT ? malloc((count ? count : 1) * sizeof *list) : NULL;
    if (!to || (kind == DF_WIRE_VARINT && !list)) {
        free(list);
        return df__onnx_no_memory(r, count * size);
    }
    raw->t.data = to;
    w = raw->all;
    while (df__wire_next(&w, &f)) {
        if (f.number != number)
            continue;
        n = df__field_count(&f, kind);
        if (kind == DF_WIRE_FIXED32)
            df__field_f32s(&f, (float *)(void *)to);
        else if (kind == DF_WIRE_FIXED64)
            df__field_f64s(&f, (double *)(void *)to);
        else {
            df__field_i64s(&f, list);
            store(raw->t.type, to, size, list, n);
        }
        to += n * size;
    }
    free(list);
    return DF_OK;
}

df_status df__onnx_tensor(const df_onnx_reader *r, df_wire w, const char **name, df_tensor *out)
{
    raw_tensor raw;
    df_status st = DF_OK;
    DF_TRY(scan_tensor(r, w, &raw));
    size_t size = df__dtype_size(raw.t.type);
    int64_t n = df__tensor_count(&raw.t);
    if (size == 0)
        DF_TRY(df__fail(r->err, DF_E_UNSUPPORTED, "%s: tensor \"%s\" has a data type that is not supported", r->g->label, raw.name));
    if (n < 0 || (uint64_t)n > SIZE_MAX / 16)
        DF_TRY(df__fail(r->err, DF_E_BAD_MODEL, "%s: tensor \"%s\" has absurd dimensions", r->g->label, raw.name));
    if (raw.external_data)
        DF_TRY(external_data(r, &raw, (size_t)n * size));
    else if (!raw.has_raw)
        DF_TRY(typed_data(r, &raw, (size_t)n));
    else if (raw.raw.len != (size_t)n * size)
        DF_TRY(df__fail(r->err, DF_E_BAD_MODEL, "%s: tensor \"%s\" has %zu bytes, needs %zu", r->g->label, raw.name, raw.raw.len,
                        (size_t)n * size));
    else
        memcpy(&raw.t.data, &raw.raw.data, sizeof raw.t.data); /* only ever read */
    *name = raw.name;
    *out = raw.t;
done:
    return st;
}
