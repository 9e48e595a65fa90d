/* wire.c - the cursor of wire.h. */
#include "core/wire.h"

#include <string.h>

df_wire df__wire_of(const void *data, size_t len)
{
    const uint8_t *at = data;
    return (df_wire){.at = at, .end = len ? at + len : at};
}

/* Base 128, low group first, ten bytes at most. */
static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        v |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *value = v;
            return true;
        }
    }
    return false;
}

static uint64_t little_endian(const uint8_t *p, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = bytes; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static bool torn(df_wire *w)
{
    w->bad = true;
    w->at = w->end;
    return false;
}

bool df__wire_next(df_wire *w, df_field *field)
{
    if (w->bad || w->at == w->end)
        return false;
    uint64_t key, len;
    *field = (df_field){0};
    if (!read_varint(&w->at, w->end, &key) || key >> 3 == 0 || key >> 3 > 0x1FFFFFFF)
        return torn(w);
    field->number = (uint32_t)(key >> 3);
    field->kind = (df_wire_kind)(key & 7);
    size_t left = (size_t)(w->end - w->at);
    switch (key & 7) {
    case DF_WIRE_VARINT:
        return read_varint(&w->at, w->end, &field->value) || torn(w);
    case DF_WIRE_FIXED64:
    case DF_WIRE_FIXED32:
        len = (key & 7) == DF_WIRE_FIXED64 ? 8 : 4;
        if (left < len)
            return torn(w);
        field->value = little_endian(w->at, (size_t)len);
        w->at += len;
        return true;
    case DF_WIRE_BYTES:
        if (!read_varint(&w->at, w->end, &len) || len > (uint64_t)(w->end - w->at))
            return torn(w);
        field->data = w->at;
        field->len = (size_t)len;
        w->at += len;
        return true;
    default:
        return torn(w);
    }
}

bool df__wire_open(df_wire *w, const df_field *field, df_wire *inner)
{
    *inner = df__wire_of(field->data, field->len);
    inner->depth = w->depth + 1;
    if (field->kind == DF_WIRE_BYTES && inner->depth <= DF_WIRE_MAX_DEPTH)
        return true;
    inner->bad = true;
    return torn(w);
}

static float f32_of(uint64_t bits)
{
    uint32_t b = (uint32_t)bits;
    float v;
    memcpy(&v, &b, sizeof v);
    return v;
}

static double f64_of(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

int64_t df__field_i64(const df_field *field) { return (int64_t)field->value; }

double df__field_f64(const df_field *field)
{
    return field->kind == DF_WIRE_FIXED32 ? (double)f32_of(field->value) : field->kind == DF_WIRE_FIXED64 ? f64_of(field->value) : 0.0;
}

float df__field_f32(const df_field *field) { return (float)df__field_f64(field); }

bool df__field_is(const df_field *field, const char *text)
{
    return field->kind == DF_WIRE_BYTES && strlen(text) == field->len && (!field->len || memcmp(field->data, text, field->len) == 0);
}

char *df__field_string(const df_field *field, df_arena *arena)
{
    char *to = df__arena_alloc(arena, field->len + 1);
    if (!to)
        return NULL;
    if (field->len)
        memcpy(to, field->data, field->len);
    to[field->len] = '\0';
    return to;
}

size_t df__field_count(const df_field *field, df_wire_kind of)
{
    if (field->kind != DF_WIRE_BYTES)
        return field->kind == of;
    if (of == DF_WIRE_FIXED32 || of == DF_WIRE_FIXED64)
        return field->len / (of == DF_WIRE_FIXED32 ? 4 : 8);
    size_t n = 0;
    uint64_t ignored;
    const uint8_t *at = field->data, *end = field->len ? at + field->len : at;
    while (at < end && read_varint(&at, end, &ignored))
        n++;
    return n;
}

void df__field_f32s(const df_field *field, float *to)
{
    if (field->kind == DF_WIRE_FIXED32) {
        *to = f32_of(field->value);
    } else if (field->kind == DF_WIRE_BYTES) {
        for (size_t i = 0; i < field->len / 4; i++)
            to[i] = f32_of(little_endian(field->data + 4 * i, 4));
    }
}

void df__field_f64s(const df_field *field, double *to)
{
    if (field->kind == DF_WIRE_FIXED64) {
        *to = f64_of(field->value);
    } else if (field->kind == DF_WIRE_BYTES) {
        for (size_t i = 0; i < field->len / 8; i++)
            to[i] = f64_of(little_endian(field->data + 8 * i, 8));
    }
}

void df__field_i64s(const df_field *field, int64_t *to)
{
    if (field->kind == DF_WIRE_VARINT) {
        *to = (int64_t)field->value;
    } else if (field->kind == DF_WIRE_BYTES) {
        uint64_t v;
        const uint8_t *at = field->data, *end = field->len ? at + field->len : at;
        while (at < end && read_varint(&at, end, &v))
            *to++ = (int64_t)v;
    }
}
