"""tools/weights/tfjs.py on small models made here, in the format of TensorFlow.js; what comes out is read field by field."""
import base64
import json
import pathlib
import struct
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "weights"))
import tfjs  # noqa: E402
from test_mtcnn import constants, fields, nodes  # noqa: E402


def quoted(text):
    return base64.b64encode(text.encode()).decode()


def ints(*values):
    return {"list": {"i": [str(v) for v in values]}}


def words(*values):
    return {"list": {"s": [quoted(v) for v in values]}}


class Model:
    def __init__(self, side=5, channels=2, batch=-1):
        shape = {"shape": {"dim": [{"size": str(n)} for n in (batch, side, side, channels)]}}
        self.nodes, self.weights, self.data, self.outputs = [], [], b"", {}
        self.node("Placeholder", "in", [], shape=shape)

    def node(self, op, name, inputs, **attributes):
        self.nodes.append({"name": name, "op": op, "input": inputs, "attr": attributes})
        return name

    def constant(self, name, shape, values, dtype="float32", code="f", quantization=None):
        self.node("Const", name, [])
        self.weights.append({"name": name, "shape": shape, "dtype": dtype, **({"quantization": quantization} if quantization else {})})
        self.data += struct.pack(f"<{len(values)}{code}", *values)
        return name

    def out(self, name, node):
        self.outputs[name + ":0"] = {"name": node + ":0"}

    def files(self):
        manifest = [{"paths": ["net.bin"], "weights": self.weights}]
        text = json.dumps({"format": "graph-model", "modelTopology": {"node": self.nodes}, "weightsManifest": manifest, "signature": {"outputs": self.outputs}})
        return {"a/net.json": text.encode(), "a/net.bin": self.data}

    def convert(self):
        return tfjs.network("a/net.json", self.files().__getitem__)


def convolution(model, kernel=3, stride=2, padding="SAME", op="_FusedConv2D", name="conv", fused=("BiasAdd", "Relu"), c=2, n=3):
    numbers = [i / 8 for i in range(kernel * kernel * c * n)]
    inputs = ["in", model.constant(name + "/w", [kernel, kernel, c, n], numbers)]
    if "BiasAdd" in fused:
        inputs.append(model.constant(name + "/b", [n], [0.5] * n))
    model.node(op, name, inputs, strides=ints(1, stride, stride, 1), padding={"s": quoted(padding)}, fused_ops=words(*fused))
    return numbers


def attributes(made, op):
    """name: whole numbers, of the first node of an operator."""
    graph = next(v for k, v in fields(made) if k == 7)
    for key, node in fields(graph):
        parts = fields(node) if key == 1 else []
        if (4, op.encode()) in parts:
            out = {}
            for k, v in parts:
                if k == 5:
                    found = fields(v)
                    out[next(x for i, x in found if i == 1).decode()] = [x for i, x in found if i in (3, 8)]
            return out
    return None


class Tfjs(unittest.TestCase):
    def test_same_padding_lays_the_odd_pixel_behind(self):
        self.assertEqual(tfjs.same_pads(5, 3, 2), (1, 1))
        self.assertEqual(tfjs.same_pads(128, 5, 2), (1, 2))  # 64 windows of 5, two apart: 131 pixels
        self.assertEqual(tfjs.same_pads(4, 2, 2), (0, 0))
        self.assertEqual(tfjs.same_pads(4, 1, 2), (0, 0))  # a window that leaves pixels out needs none
        self.assertEqual(tfjs.same_pads(6, 3, 1, 2), (2, 2))

    def test_a_convolution_is_turned_and_its_activation_stands_alone(self):
        model = Model(side=6)
        numbers = convolution(model)
        model.out("out", "conv")
        made = model.convert()
        self.assertEqual(nodes(made), ["Conv", "Relu", "Transpose", "Identity"])  # the answer is row, column, channel again
        self.assertEqual(attributes(made, "Conv")["pads"], [0, 0, 1, 1])
        shape, values = constants(made)["conv/w"]
        self.assertEqual(shape, [3, 2, 3, 3])
        for o, i, y, x in ((0, 0, 0, 1), (2, 1, 2, 0), (1, 0, 1, 2)):
            self.assertEqual(values[((o * 2 + i) * 3 + y) * 3 + x], numbers[((y * 3 + x) * 2 + i) * 3 + o])

    def test_a_depthwise_convolution_has_a_group_a_channel(self):
        model = Model()
        numbers = convolution(model, op="DepthwiseConv2dNative", fused=(), padding="VALID", stride=1)
        model.out("out", "conv")
        made = model.convert()
        self.assertEqual(attributes(made, "Conv")["group"], [2])
        shape, values = constants(made)["conv/w"]
        self.assertEqual(shape, [6, 1, 3, 3])
        self.assertEqual(values[(3 * 3 + 1) * 3 + 2], numbers[((1 * 3 + 2) * 2 + 1) * 3 + 0])  # second channel, its first filter

    def test_a_reshape_sees_row_column_channel_and_one_pixel_needs_no_turn(self):
        for side, want in ((5, ["Transpose", "Reshape"]), (1, ["Reshape"])):
            model = Model(side=side)
            model.node("Reshape", "flat", ["in", model.constant("to", [2], [-1, 2 * side * side], "int32", "i")])
            model.out("flat", "flat")
            with self.subTest(side=side):
                self.assertEqual(nodes(model.convert()), want)

    def test_a_constant_of_channels_is_laid_out_for_its_partner(self):
        model = Model()
        model.node("AddV2", "sum", ["in", model.constant("c", [2], [1, 2])])
        model.node("Prelu", "bent", ["sum", model.constant("slope", [1, 1, 2], [3, 4])])
        model.out("bent", "bent")
        found = constants(model.convert())
        self.assertEqual(found["c/3d"], ([2, 1, 1], (1, 2)))
        self.assertEqual(found["slope/3d"], ([2, 1, 1], (3, 4)))

    def test_pads_and_axes_follow_the_turn(self):
        model = Model()
        model.node("Pad", "wide", ["in", model.constant("p", [4, 2], [0, 0, 1, 2, 3, 4, 0, 5], "int32", "i")])
        model.node("Mean", "mean", ["wide", model.constant("axes", [2], [1, 2], "int32", "i")])
        model.out("mean", "mean")
        made = model.convert()
        graph = next(v for k, v in fields(made) if k == 7)
        pads = next(v for k, v in fields(graph) if k == 5 and (8, b"wide/pads") in fields(v))
        self.assertEqual(struct.unpack("<8q", next(v for k, v in fields(pads) if k == 9)), (0, 0, 1, 3, 0, 5, 2, 4))
        self.assertEqual(attributes(made, "ReduceMean")["axes"], [2, 3])
        self.assertEqual(nodes(made), ["Pad", "ReduceMean"])

    def test_weights_of_fewer_bits_become_float32(self):
        model = Model()
        model.node("AddV2", "a", ["in", model.constant("half", [2], [0.5, -2], code="e", quantization={"dtype": "float16"})])
        model.node("AddV2", "b", ["a", model.constant("byte", [2], [0, 255], code="B", quantization={"dtype": "uint8", "scale": 0.5, "min": -1})])
        model.out("b", "b")
        found = constants(model.convert())
        self.assertEqual(found["half/3d"][1], (0.5, -2))
        self.assertEqual(found["byte/3d"][1], (-1, 126.5))

    def test_what_is_not_known_is_told_with_its_name(self):
        model = Model()
        model.node("Cumsum", "odd", ["in"])
        model.out("odd", "odd")
        with self.assertRaisesRegex(ValueError, "odd: Cumsum is not known"):
            model.convert()
        model = Model()
        convolution(model, c=3)
        model.out("out", "conv")
        with self.assertRaisesRegex(ValueError, "conv: weights of"):
            model.convert()

    def test_a_file_cut_off_or_turned_into_a_circle_is_told(self):
        model = Model(side=6)
        convolution(model)
        model.out("out", "conv")
        files = model.files()
        for name in files:
            for length in range(0, len(files[name]), 97):
                cut = dict(files, **{name: files[name][:length]})
                with self.subTest(name=name, length=length), self.assertRaises(ValueError):
                    tfjs.network("a/net.json", cut.__getitem__)
        model = Model()
        model.node("Relu", "a", ["b"])
        model.node("Relu", "b", ["a"])
        model.out("out", "a")
        with self.assertRaisesRegex(ValueError, "a circle"):
            model.convert()

    def test_weights_elsewhere_are_not_read(self):
        model = Model()
        model.out("out", "in")
        text = model.files()["a/net.json"].replace(b"net.bin", b"../net.bin")
        with self.assertRaisesRegex(ValueError, "its weights lie in"):
            tfjs.network("a/net.json", {"a/net.json": text}.__getitem__)


if __name__ == "__main__":
    unittest.main()
