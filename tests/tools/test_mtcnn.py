"""tools/weights/mtcnn.py on files in the package's format, made here: an LZ4 frame of what joblib pickles."""
import pathlib
import pickle
import struct
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "weights"))
import mtcnn  # noqa: E402

SHAPES = {
    "mtcnn-pnet": [(3, 3, 3, 10), (10,), (1, 1, 10), (3, 3, 10, 16), (16,), (1, 1, 16), (3, 3, 16, 32), (32,), (1, 1, 32), (1, 1, 32, 4), (4,), (1, 1, 32, 2), (2,)],
    "mtcnn-rnet": [(3, 3, 3, 28), (28,), (1, 1, 28), (3, 3, 28, 48), (48,), (1, 1, 48), (2, 2, 48, 64), (64,), (1, 1, 64), (576, 128), (128,), (128,),
                   (128, 4), (4,), (128, 2), (2,)],
}


def numbers(shape):
    count = 1
    for n in shape:
        count *= n
    return [(i * 37 % 101 - 50) / 64 for i in range(count)]


def word(s):
    return b"\x8c" + bytes([len(s)]) + s.encode()


def name(module, what):
    return word(module) + word(what) + b"\x93"


def whole(n):
    return b"J" + struct.pack("<i", n)


def record(shape):
    """joblib's NumpyArrayWrapper and the float32 values behind it."""
    kind = name("numpy", "dtype") + word("f4") + b"\x89\x88\x87R(K\x03" + word("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    state = b"}(" + word("subclass") + name("numpy", "ndarray") + word("shape") + b"(" + b"".join(map(whole, shape)) + b"t"
    state += word("order") + word("C") + word("dtype") + kind + word("allow_mmap") + b"\x88" + word("numpy_array_alignment_bytes") + b"K\x10u"
    values = numbers(shape)
    return name("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81" + state + b"b" + b"\x03\xff\xff\xff" + struct.pack(f"<{len(values)}f", *values)


def pickled(shapes):
    return b"\x80\x04](" + b"".join(map(record, shapes)) + b"e."


def literals(data):
    """One LZ4 block of one sequence without a match."""
    if len(data) < 15:
        return bytes([len(data) << 4]) + data
    rest, out = len(data) - 15, b"\xf0"
    while rest >= 255:
        out, rest = out + b"\xff", rest - 255
    return out + bytes([rest]) + data


def frame(data, size=60000):
    out = b"\x04\x22\x4d\x18\x40\x40\x00"
    for i in range(0, len(data), size):
        block = literals(data[i:i + size])
        out += struct.pack("<I", len(block)) + block
    return out + struct.pack("<I", 0)


def fields(data):
    """(number, value) of every field of a protobuf message."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte, at = data[at], at + 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    found = []
    while at < len(data):
        key = varint()
        if key & 7 == 0:
            found.append((key >> 3, varint()))
        else:
            length = varint()
            found.append((key >> 3, data[at:at + length]))
            at += length
    return found


def constants(model):
    graph = next(v for k, v in fields(model) if k == 7)
    out = {}
    for key, tensor in fields(graph):
        if key == 5:
            parts = fields(tensor)
            raw = next(v for k, v in parts if k == 9)
            out[next(v for k, v in parts if k == 8).decode()] = ([v for k, v in parts if k == 1], struct.unpack(f"<{len(raw) // 4}f", raw))
    return out


def nodes(model):
    graph = next(v for k, v in fields(model) if k == 7)
    return [next(v for k, v in fields(node) if k == 4).decode() for key, node in fields(graph) if key == 1]


class Mtcnn(unittest.TestCase):
    def test_blocks_copy_what_was_before(self):
        out = bytearray()
        mtcnn.block(b"\x32abc\x03\x00" + b"\x10x", out)  # "abc", then 6 bytes from 3 back: into what it writes
        self.assertEqual(bytes(out), b"abcabcabcx")
        mtcnn.block(b"\x0f\x01\x00\x05\x10y", out)  # 15 + 5 + 4 times the last byte of the block before
        self.assertEqual(bytes(out), b"abcabcabcx" + b"x" * 24 + b"y")

    def test_weights_of_convolutions_are_turned_to_out_in_row_column(self):
        found = constants(mtcnn.network(frame(pickled(SHAPES["mtcnn-pnet"])), "mtcnn-pnet"))
        shape, values = found["conv2.weight"]
        self.assertEqual(shape, [16, 10, 3, 3])
        stored = numbers((3, 3, 10, 16))
        for o, i, y, x in ((0, 0, 0, 1), (5, 7, 2, 0), (15, 9, 2, 2)):
            self.assertEqual(values[((o * 10 + i) * 3 + y) * 3 + x], stored[((y * 3 + x) * 10 + i) * 16 + o])
        self.assertEqual(found["prelu1.slope"][0], [10, 1, 1])

    def test_the_dense_layer_takes_channel_row_column(self):
        model = mtcnn.network(frame(pickled(SHAPES["mtcnn-rnet"])), "mtcnn-rnet")
        shape, values = constants(model)["dense.weight"]
        self.assertEqual(shape, [576, 128])
        stored = numbers((576, 128))
        for c, y, x, o in ((0, 0, 1, 0), (63, 2, 0, 127), (9, 1, 2, 3)):  # the package flattens column, row, channel
            self.assertEqual(values[((c * 3 + y) * 3 + x) * 128 + o], stored[((x * 3 + y) * 64 + c) * 128 + o])
        self.assertEqual(nodes(model), ["Conv", "PRelu", "MaxPool", "Conv", "PRelu", "MaxPool", "Conv", "PRelu", "Flatten", "Gemm", "PRelu", "Gemm", "Gemm", "Softmax"])

    def test_nothing_but_arrays_is_made_of_a_pickle(self):
        for made in (pickle.dumps(print), pickle.dumps(pathlib.Path("x")), b"\x80\x04" + name("os", "system") + b"(" + word("true") + b"tR."):
            with self.subTest(made=made), self.assertRaisesRegex(ValueError, "asks for"):
                mtcnn.network(frame(made), "mtcnn-pnet")

    def test_another_network_is_told(self):
        with self.assertRaisesRegex(ValueError, "13 arrays instead of 16"):
            mtcnn.network(frame(pickled(SHAPES["mtcnn-pnet"])), "mtcnn-rnet")
        shapes = list(SHAPES["mtcnn-pnet"])
        shapes[3] = (3, 3, 9, 16)
        with self.assertRaisesRegex(ValueError, "conv2 has another shape"):
            mtcnn.network(frame(pickled(shapes)), "mtcnn-pnet")

    def test_a_file_cut_off_is_told(self):
        data = frame(pickled(SHAPES["mtcnn-pnet"]), 1000)
        for length in range(0, len(data) - 4, 499):
            with self.subTest(length=length), self.assertRaises(ValueError):
                mtcnn.network(data[:length], "mtcnn-pnet")

    def test_a_frame_that_grows_without_end_is_told(self):
        block = b"\x1fx\x01\x00" + b"\xff" * 200000 + b"\x00"  # one byte, 51 million times
        with self.assertRaises(ValueError):
            mtcnn.frame(b"\x04\x22\x4d\x18\x40\x40\x00" + struct.pack("<I", len(block)) + block)


if __name__ == "__main__":
    unittest.main()
