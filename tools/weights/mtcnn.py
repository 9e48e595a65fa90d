"""The three networks of the package mtcnn (P-Net, R-Net, O-Net: Zhang et al. 2016) as ONNX files, of nothing but the standard library.

The package keeps each as an LZ4 frame (lz4 Frame Format 1.6.x) of what joblib wrote: a pickled list of arrays, in which the bytes of an
array stand behind the record that describes it. The pickle may make lists, numbers, words and such records, nothing else. Layers as in
mtcnn 1.0.0, network/pnet.py, rnet.py and onet.py. The same input gives the same bytes.
"""
import array
import io
import math
import pickle
import struct
import sys

import onnx_file

LARGEST = 16 << 20  # bytes of a network; O-Net has 1.6 million

# ---- LZ4 ----


def block(data, out):
    """Decode one block behind what `out` holds already; blocks of these files refer back to earlier ones."""
    at = 0
    while at < len(data):
        token, at = data[at], at + 1
        literals, match = token >> 4, token & 15
        if literals == 15:
            literals, at = longer(data, at, literals)
        if at + literals > len(data):
            raise ValueError("an LZ4 block ends in the middle")
        out += data[at:at + literals]
        at += literals
        if at == len(data):  # the last sequence has no match
            return
        back, at = struct.unpack_from("<H", data, at)[0], at + 2
        if match == 15:
            match, at = longer(data, at, match)
        match += 4
        if not 0 < back <= len(out) or len(out) + match > LARGEST:
            raise ValueError("an LZ4 block refers to what is not there")
        start = len(out) - back
        while match > 0:  # a match may run into what it writes
            part = out[start:start + match]
            out += part
            match -= len(part)


def longer(data, at, length):
    while True:
        byte, at = data[at], at + 1
        length += byte
        if byte != 255:
            return length, at


def frame(data):
    magic, flags = struct.unpack_from("<IB", data)
    if magic != 0x184D2204 or flags >> 6 != 1 or flags & 1:
        raise ValueError("not an LZ4 frame of version 1 without a dictionary")
    block_sum, size = flags & 16, flags & 8
    at, out = 4 + 2 + (8 if size else 0) + 1, bytearray()
    while True:
        length, at = struct.unpack_from("<I", data, at)[0], at + 4
        if length == 0:
            return bytes(out)
        plain, length = length >> 31, length & 0x7FFFFFFF
        if at + length > len(data) or len(out) > LARGEST:
            raise ValueError("an LZ4 frame ends in the middle or is too large")
        if plain:
            out += data[at:at + length]
        else:
            block(data[at:at + length], out)
        at += length + (4 if block_sum else 0)


# ---- joblib ----


class Array:
    """What stands for joblib's NumpyArrayWrapper: a shape, then float32 values."""

    def __setstate__(self, state):
        self.shape, self.order, self.kind = state["shape"], state["order"], state["dtype"]
        self.aligned = state.get("numpy_array_alignment_bytes")
        self.values = None


class Kind:
    """What stands for numpy.dtype."""

    def __init__(self, name, *_):
        self.name, self.end = name, "<"

    def __setstate__(self, state):
        self.end = state[1]


class Reader(pickle._Unpickler):  # the one written in Python: it can be stopped behind a record
    NAMES = {("joblib.numpy_pickle", "NumpyArrayWrapper"): Array, ("numpy", "dtype"): Kind, ("numpy", "ndarray"): Array}
    dispatch = dict(pickle._Unpickler.dispatch)

    def __init__(self, stream):
        super().__init__(stream)
        self.stream = stream

    def find_class(self, module, name):
        try:
            return self.NAMES[module, name]
        except KeyError:
            raise ValueError(f"the pickle asks for {module}.{name}") from None

    def build(self):
        self.load_build()
        made = self.stack[-1]
        if isinstance(made, Array):
            made.values = self.floats(made)

    dispatch[pickle.BUILD[0]] = build

    def floats(self, of):
        if of.order != "C" or of.kind.name != "f4" or of.kind.end != "<" or not all(isinstance(n, int) and n > 0 for n in of.shape):
            raise ValueError("an array is not of float32, row by row")
        if of.aligned:  # one byte: how many follow so that the values begin at a multiple
            self.stream.read(self.stream.read(1)[0])
        count = math.prod(of.shape)
        data = self.stream.read(4 * count) if count <= LARGEST // 4 else b""
        if len(data) != 4 * count:
            raise ValueError("an array ends in the middle")
        values = array.array("f", data)
        if sys.byteorder == "big":
            values.byteswap()
        return values


def arrays(data):
    found = Reader(io.BytesIO(frame(data))).load()
    if not isinstance(found, list) or not all(isinstance(a, Array) and a.values is not None for a in found):
        raise ValueError("not a list of arrays")
    return found


# ---- ONNX ----


class Graph:
    def __init__(self, name, side):
        self.name, self.nodes, self.outputs, self.constants = name, [], [], []
        self.input = onnx_file.port("input", ["n", 3, side or "height", side or "width"])
        self.now, self.side, self.channels = "input", side, 3

    def constant(self, name, shape, values):
        self.constants.append(onnx_file.tensor(name, shape, values))
        return name

    def node(self, op, name, inputs, **attributes):
        self.nodes.append(onnx_file.node(op, name, inputs, **attributes))
        return name

    def convolution(self, name, weights, bias):
        """From [row][column][in][out] to [out][in][row][column]."""
        h, w, c, n = weights.shape
        v = weights.values
        if c != self.channels or bias.shape != (n,):
            raise ValueError(f"{self.name}: {name} has another shape")
        order = [v[((y * w + x) * c + i) * n + o] for o in range(n) for i in range(c) for y in range(h) for x in range(w)]
        inputs = [self.now, self.constant(name + ".weight", (n, c, h, w), order), self.constant(name + ".bias", (n,), bias.values)]
        made = self.node("Conv", name, inputs, kernel_shape=[h, w])
        self.channels, self.side = n, self.side - h + 1
        return made

    def slopes(self, name, weights):
        n = weights.shape[-1]
        if math.prod(weights.shape) != n or n != self.channels:
            raise ValueError(f"{self.name}: {name} has another shape")
        shape = (n, 1, 1) if len(weights.shape) == 3 else (n,)
        self.now = self.node("PRelu", name, [self.now, self.constant(name + ".slope", shape, weights.values)])

    def pool(self, name, window, stride, same):
        """TensorFlow's "same" lays what is missing behind the last row and column, half of it rounded down before the first."""
        out = -(-self.side // stride) if same else (self.side - window) // stride + 1
        missing = max((out - 1) * stride + window - self.side, 0) if same else 0
        pads = [missing // 2] * 2 + [missing - missing // 2] * 2
        self.now = self.node("MaxPool", name, [self.now], kernel_shape=[window] * 2, strides=[stride] * 2, pads=pads)
        self.side = out

    def flatten(self):
        self.now = self.node("Flatten", "flatten", [self.now])

    def dense(self, name, weights, bias, picture=False):
        """`picture`: inputs come as [column][row][channel] in the package, as [channel][row][column] here."""
        rows, n = weights.shape
        v, side, c = weights.values, self.side, self.channels
        if rows != (side * side * c if picture else c) or bias.shape != (n,):
            raise ValueError(f"{self.name}: {name} has another shape")
        if picture:
            order = [(x * side + y) * c + i for i in range(c) for y in range(side) for x in range(side)]
            v = [v[row * n + o] for row in order for o in range(n)]
        inputs = [self.now, self.constant(name + ".weight", (rows, n), v), self.constant(name + ".bias", (n,), bias.values)]
        made = self.node("Gemm", name, inputs)
        if picture:
            self.channels = n
        return made

    def out(self, name, shape):
        self.outputs.append(onnx_file.port(name, shape))

    def model(self):
        return onnx_file.model(self.name, self.nodes, self.constants, [self.input], self.outputs)


def pnet(a):
    g = Graph("mtcnn_pnet", 0)
    for i in range(3):
        g.now = g.convolution(f"conv{i + 1}", a[3 * i], a[3 * i + 1])
        g.slopes(f"prelu{i + 1}", a[3 * i + 2])
        if i == 0:  # 2 x 2; where the side is odd the last window has one column or row alone
            g.now = g.node("MaxPool", "pool1", [g.now], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    boxes = g.convolution("boxes", a[9], a[10])
    g.channels = 32
    g.node("Softmax", "scores", [g.convolution("logits", a[11], a[12])], axis=1)
    g.out(boxes, ["n", 4, "rows", "columns"])
    g.out("scores", ["n", 2, "rows", "columns"])
    return g.model()


def refine(name, side, pools, heads, a):
    """R-Net and O-Net: convolutions, some with a pool (window, stride, "same") behind them, one dense layer, the heads."""
    g, a = Graph(name, side), iter(a)
    for i, pool in enumerate(pools):
        g.now = g.convolution(f"conv{i + 1}", next(a), next(a))
        g.slopes(f"prelu{i + 1}", next(a))
        if pool:
            g.pool(f"pool{i + 1}", *pool)
    g.flatten()
    g.now = g.dense("dense", next(a), next(a), picture=True)
    g.slopes("prelu_dense", next(a))
    for head, n in heads:
        made = g.dense(head, next(a), next(a))
        if head == "logits":
            made = g.node("Softmax", "scores", [made], axis=1)
        g.out(made, ["n", n])
    return g.model()


NETS = {
    "mtcnn-pnet": (13, pnet),
    "mtcnn-rnet": (16, lambda a: refine("mtcnn_rnet", 24, [(3, 2, True), (3, 2, False), None], [("boxes", 4), ("logits", 2)], a)),
    "mtcnn-onet": (21, lambda a: refine("mtcnn_onet", 48, [(3, 2, True), (3, 2, False), (2, 2, True), None],
                                        [("boxes", 4), ("points", 10), ("logits", 2)], a)),
}


def network(data, name):
    """The ONNX file of one of NETS, from the bytes of its file in the package."""
    count, make = NETS[name]
    try:
        found = arrays(data)
    except (IndexError, struct.error, pickle.UnpicklingError, EOFError, TypeError, AttributeError, KeyError) as why:
        raise ValueError(f"{name}: {why}") from None
    if len(found) != count:
        raise ValueError(f"{name}: {len(found)} arrays instead of {count}")
    return make(found)
