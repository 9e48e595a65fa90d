"""Writing ONNX files of nothing but the standard library: fields of onnx.proto by number. The same calls give the same bytes."""
import array
import struct
import sys


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def chunk(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def attribute(name, value):
    """A whole number, a float or a list of whole numbers."""
    if isinstance(value, int):
        return chunk(1, name) + number(3, value) + number(20, 2)
    if isinstance(value, float):
        return chunk(1, name) + varint(2 << 3 | 5) + struct.pack("<f", value) + number(20, 1)
    return chunk(1, name) + b"".join(number(8, v) for v in value) + number(20, 7)


def port(name, shape):
    """An input or output of float32; a word in `shape` names a dimension of any size."""
    dims = b"".join(chunk(1, chunk(2, d) if isinstance(d, str) else number(1, d)) for d in shape)
    return chunk(1, name) + chunk(2, chunk(1, number(1, 1) + chunk(2, dims)))


def tensor(name, shape, values, whole=False):
    """float32, or int64 where `whole`."""
    values = array.array("q" if whole else "f", values)
    if sys.byteorder == "big":
        values.byteswap()
    return b"".join(number(1, n) for n in shape) + number(2, 7 if whole else 1) + chunk(8, name) + chunk(9, values.tobytes())


def node(op, name, inputs, **attributes):
    body = b"".join(chunk(1, i) for i in inputs) + chunk(2, name) + chunk(3, name) + chunk(4, op)
    return body + b"".join(chunk(5, attribute(k, v)) for k, v in attributes.items())


def model(name, nodes, tensors, inputs, outputs):
    """The file: operators of the standard's version 13."""
    graph = b"".join(chunk(1, n) for n in nodes) + chunk(2, name) + b"".join(chunk(5, t) for t in tensors)
    graph += b"".join(chunk(11, i) for i in inputs) + b"".join(chunk(12, o) for o in outputs)
    return number(1, 8) + chunk(2, "deepface") + chunk(7, graph) + chunk(8, chunk(1, "") + number(2, 13))
