/* onnx_writer.h - protobuf by hand, for small models made in a test. Field numbers: onnx.proto3. */
#ifndef DF_TEST_ONNX_WRITER_H
#define DF_TEST_ONNX_WRITER_H

#include "core/bytes.h"
#include "test.h"

typedef struct message { uint8_t data[16384]; size_t len; } message;

static inline void put_varint(message *m, uint64_t v)
{
    do
        m->data[m->len++] = (uint8_t)((v & 0x7F) | (v > 0x7F ? 0x80 : 0));
    while (v >>= 7);
}

static inline void put_int(message *m, unsigned field, uint64_t v)
{
    put_varint(m, field << 3);
    put_varint(m, v);
}

static inline void put_bytes(message *m, unsigned field, const void *data, size_t len)
{
    put_varint(m, field << 3 | 2);
    put_varint(m, len);
    memcpy(m->data + m->len, data, len);
    m->len += len;
}

static inline void put_text(message *m, unsigned field, const char *text) { put_bytes(m, field, text, strlen(text)); }
static inline void put_message(message *m, unsigned field, const message *inner) { put_bytes(m, field, inner->data, inner->len); }

/* TensorProto without its data. */
static inline message tensor_head(const char *name, int type, size_t rank, const int64_t *dims)
{
    message t = {.len = 0};
    for (size_t i = 0; i < rank; i++)
        put_int(&t, 1, (uint64_t)dims[i]);
    put_int(&t, 2, (uint64_t)type);
    put_text(&t, 8, name);
    return t;
}

/* ValueInfoProto of a float32 tensor; a dim of -1 is a name. */
static inline message port(const char *name, size_t rank, const int64_t *dims)
{
    message shape = {.len = 0}, tensor = {.len = 0}, type = {.len = 0}, value = {.len = 0};
    for (size_t i = 0; i < rank; i++) {
        message dim = {.len = 0};
        if (dims[i] < 0)
            put_text(&dim, 2, "any");
        else
            put_int(&dim, 1, (uint64_t)dims[i]);
        put_message(&shape, 1, &dim);
    }
    put_int(&tensor, 1, 1);
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_text(&value, 1, name);
    put_message(&value, 2, &type);
    return value;
}

/* NodeProto; inputs and outputs in one string each, apart by spaces. */
static inline message node(const char *op, const char *name, const char *in, const char *out)
{
    message n = {.len = 0};
    for (int side = 1; side <= 2; side++)
        for (const char *p = side == 1 ? in : out; *p;) {
            size_t len = strcspn(p, " ");
            put_bytes(&n, (unsigned)side, p, len);
            p += len + (p[len] == ' ');
        }
    put_text(&n, 3, name);
    put_text(&n, 4, op);
    return n;
}

/* ModelProto around a GraphProto; the bytes are malloc'ed, as df__onnx_parse takes them. */
static inline df_bytes model(const message *graph, int opset)
{
    message set = {.len = 0}, m = {.len = 0};
    put_int(&set, 2, (uint64_t)opset);
    put_int(&m, 1, 8);
    put_message(&m, 8, &set);
    put_message(&m, 7, graph);
    df_bytes bytes = {malloc(m.len), m.len, false};
    if (!bytes.data)
        abort();
    memcpy(bytes.data, m.data, m.len);
    return bytes;
}

/* y = Add(x, c) with x [1, 2] and the constant c as it is given. */
static inline message add_graph(const message *constant)
{
    message g = {.len = 0}, n = node("Add", "sum", "x c", "y"), x = port("x", 2, (int64_t[]){1, 2}), y = port("y", 2, (int64_t[]){1, 2});
    put_message(&g, 1, &n);
    if (constant)
        put_message(&g, 5, constant);
    put_message(&g, 11, &x);
    put_message(&g, 12, &y);
    return g;
}

#endif
