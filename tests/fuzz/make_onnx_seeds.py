#!/usr/bin/env python3
"""Writes the seeds of fuzz_onnx to tests/fuzz/corpus/onnx: tiny models, one for each family of operators. Needs the package `onnx`."""
import os
import numpy as np
from onnx import TensorProto, helper, numpy_helper

OUT = os.path.join(os.path.dirname(__file__), "corpus", "onnx")
rng = np.random.default_rng(0)


def const(name, *dims, dtype=np.float32):
    return numpy_helper.from_array(rng.standard_normal(dims).astype(dtype), name)


def ints(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def write(name, nodes, consts, shape=("n", 3, "h", "w"), outputs=("y",), opset=13):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs], consts)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    with open(os.path.join(OUT, name + ".onnx"), "wb") as f:
        f.write(model.SerializeToString())


def node(op, ins, outs="y", **attrs):
    return helper.make_node(op, ins.split(), outs.split(), **attrs)


os.makedirs(OUT, exist_ok=True)
write("conv", [node("Conv", "x w b", "a", pads=[1, 1, 1, 1], strides=[2, 2]), node("BatchNormalization", "a g b m v", "c"), node("Relu", "c")],
      [const("w", 4, 3, 3, 3), const("b", 4), const("g", 4), const("m", 4), const("v", 4)])
write("residual", [node("Pad", "x p", "q"), node("Conv", "q w", "a"), node("Add", "a x", "s"), node("LeakyRelu", "s")],
      [const("w", 3, 3, 3, 3), ints("p", 0, 0, 1, 1, 0, 0, 1, 1)])
write("shapes", [node("Shape", "x", "s"), node("Gather", "s i", "h"), node("Unsqueeze", "h z", "u"), node("Concat", "u m", "t", axis=0), node("Reshape", "x t")],
      [numpy_helper.from_array(np.array(2, np.int64), "i"), ints("z", 0), ints("m", -1)])
write("resize", [helper.make_node("Resize", ["x", "", "r"], ["a"], mode="linear"), node("Concat", "a a", "c", axis=1), node("Softmax", "c", axis=1)],
      [numpy_helper.from_array(np.array([1, 1, 2, 1.5], np.float32), "r")])
write("pools", [node("MaxPool", "x", "a", kernel_shape=[2, 2], ceil_mode=1), node("AveragePool", "a", "b", kernel_shape=[2, 2], pads=[1, 1, 1, 1]),
                node("GlobalAveragePool", "b", "c"), node("Flatten", "c", "d"), node("Gemm", "d w", "y", alpha=0.5)], [const("w", 3, 5)])
write("move", [node("Transpose", "x", "a", perm=[0, 2, 3, 1]), node("Slice", "a s e", "b"), node("Split", "b", "c d", axis=1), node("Tile", "c r"),
               node("DepthToSpace", "f", "z", blocksize=1), node("Transpose", "d", "f", perm=[0, 3, 1, 2])],
      [ints("s", 0, 1), ints("e", 9, -1), ints("r", 1, 2, 1, 1)], outputs=("y", "z"))
branch = [helper.make_graph([node(op, "x", "o")], op, [], [helper.make_tensor_value_info("o", TensorProto.FLOAT, None)]) for op in ("Neg", "Exp")]
write("branch", [node("ReduceSum", "x", "s", keepdims=0), node("Greater", "s k", "c"), node("If", "c", "y", then_branch=branch[0], else_branch=branch[1])],
      [numpy_helper.from_array(np.array(0, np.float32), "k")])
write("reduce", [node("ReduceL2", "x", "a", axes=[1]), node("Div", "x a", "b"), node("ReduceMean", "b", "c", axes=[2, 3], keepdims=0), node("ArgMax", "c", "d"),
                 node("Cast", "d", "y", to=1)], [])
write("matmul", [node("MatMul", "x w", "a"), node("Add", "a b", "c"), node("Gelu", "c", "d"), node("LayerNormalization", "d b", "y")],
      [const("w", 6, 4), const("b", 4)], shape=(2, 6), opset=20)
write("deconv", [node("ConvTranspose", "x w", "a", strides=[2, 2], output_padding=[1, 1]), node("InstanceNormalization", "a g g", "y")],
      [const("w", 3, 2, 3, 3), const("g", 2)])
write("norms", [node("LRN", "x", "a", size=3), node("LpNormalization", "a", "b", axis=1), node("Clip", "b lo hi", "c"), node("Where", "m c a", "y"),
                node("Less", "a b", "m")], [numpy_helper.from_array(np.array(v, np.float32), n) for n, v in (("lo", -1), ("hi", 1))])


def scalar(name, value, dtype):
    return numpy_helper.from_array(np.array(value, dtype), name)


write("einsum", [node("Einsum", "x w", "a", equation="nchw,cd->nhwd"), node("Einsum", "a", "b", equation="...d->d..."),
                 node("Einsum", "b b", "y", equation="dnhw,dnhw")], [const("w", 3, 4)])
write("quantised", [node("QuantizeLinear", "x s z", "a"), node("DequantizeLinear", "a s z", "b"), node("DequantizeLinear", "wq ws wz", "w", axis=0),
                    node("Conv", "b w", "c", pads=[1, 1, 1, 1]), node("QuantizeLinear", "c ws wz", "d", axis=1), node("DequantizeLinear", "d ws wz", "y", axis=1)],
      [scalar("s", 0.1, np.float32), scalar("z", 3, np.uint8), numpy_helper.from_array(rng.integers(-9, 9, (2, 3, 3, 3)).astype(np.int8), "wq"),
       numpy_helper.from_array(np.array([.1, .2], np.float32), "ws"), numpy_helper.from_array(np.zeros(2, np.int8), "wz")])
write("integers", [node("DynamicQuantizeLinear", "x", "q s z"), node("ConvInteger", "q w z", "a"), node("Cast", "a", "y", to=1),
                   node("QLinearConv", "q s z w s u s z", "b"), node("MatMulInteger", "b v z", "c"), node("Cast", "c", "o", to=1),
                   node("QLinearMatMul", "b s z v s t s z", "d"), node("DequantizeLinear", "d s z", "p")],
      [numpy_helper.from_array(rng.integers(0, 9, (2, 3, 2, 2)).astype(np.uint8), "w"), numpy_helper.from_array(rng.integers(-9, 9, (5, 4)).astype(np.int8), "v"),
       scalar("u", 1, np.uint8), scalar("t", 1, np.int8)], outputs=("y", "o", "p"))
write("indices", [node("GatherElements", "x i", "a", axis=1), node("ScatterElements", "a i a", "b", axis=1, reduction="add"), node("GatherND", "b j", "c"),
                  node("ScatterND", "b j c", "d", reduction="max"), node("CumSum", "d k", "y")],
      [numpy_helper.from_array(np.zeros((1, 2, 3, 1), np.int64), "i"), ints("k", 1), numpy_helper.from_array(np.zeros((2, 2), np.int64), "j")], opset=18)
write("select", [node("NonZero", "x", "a"), node("TopK", "x k", "b i"), node("Compress", "b m", "c", axis=2), node("Unique", "c", "d e f g"),
                 node("OneHot", "e t v", "h", axis=0), node("ReverseSequence", "x l", "y", batch_axis=0, time_axis=1)],
      [ints("k", 2), numpy_helper.from_array(np.array([True, False]), "m"), ints("t", 3), ints("v", 0, 1), ints("l", 2)], outputs=("y", "d", "h", "a"))
write("boxes", [node("Reshape", "x r", "b"), node("Reshape", "x q", "s"), node("NonMaxSuppression", "b s k t t", "y"), node("Squeeze", "b o", "c"),
                node("RoiAlign", "x c n", "z", output_height=2, output_width=2)],
      [ints("r", 1, 27, 4), ints("q", 1, 4, 27), ints("k", 3), numpy_helper.from_array(np.array([.5], np.float32), "t"), ints("o", 0), ints("n", *([0] * 27))],
      outputs=("y", "z"))
write("sample", [node("AffineGrid", "t s", "g"), node("GridSample", "x g", "a", mode="cubic", padding_mode="reflection"), node("Trilu", "a k", "b", upper=0),
                 node("CenterCropPad", "b p", "c", axes=[2, 3]), node("MeanVarianceNormalization", "c", "y")],
      [const("t", 1, 2, 3), ints("s", 1, 3, 4, 5), ints("k", -1), ints("p", 7, 2)], opset=20)
write("places", [node("MaxPool", "x", "a i", kernel_shape=[2, 2], strides=[2, 2]), node("MaxUnpool", "a i", "b", kernel_shape=[2, 2], strides=[2, 2]),
                 node("DeformConv", "b w o", "c"), node("Reshape", "c r", "d"), node("Col2Im", "d e f", "g"), node("GlobalLpPool", "g", "y")],
      [const("w", 2, 3, 2, 2), const("o", 1, 8, 5, 5), ints("r", 1, 2, 25), ints("e", 5, 5), ints("f", 1, 1)], opset=19)


def number(name, value):
    return numpy_helper.from_array(np.array(value, np.float32), name)


# What the passes look for: numbers and shapes that a mutation may bend.
write("spelled", [node("Conv", "x w", "a"), node("Add", "a three", "b"), node("Clip", "b zero six", "c"), node("Mul", "a c", "d"), node("Div", "d six", "e"),
                  node("Neg", "e", "f"), node("Relu", "f", "g"), node("Mul", "g s", "h"), node("Relu", "e", "i"), node("Add", "i h")],
      [const("w", 4, 3, 3, 3), const("s", 4, 1, 1), number("three", 3), number("zero", 0), number("six", 6)])
write("unit", [node("ReduceL2", "x", "l", axes=[1]), node("Clip", "l e", "c"), node("Shape", "x", "s"), node("Expand", "c s", "t"), node("Div", "x t")], [number("e", 0.1)])
write("turned", [node("Transpose", "x", "a", perm=[0, 2, 3, 1]), node("Mul", "a s", "b"), node("Pad", "b p", "c"), node("Concat", "c c", "d", axis=3),
                 node("ReduceMean", "d", "e", axes=[1, 2], keepdims=1), node("Transpose", "e", perm=[0, 3, 1, 2])], [const("s", 3), ints("p", 0, 1, 0, 0, 0, 0, 1, 0)])
write("response", [node("Mul", "x x", "q"), node("Unsqueeze", "q one", "u"), node("Pad", "u p", "v"), node("AveragePool", "v", "m", kernel_shape=[3, 1, 1]),
                   node("Squeeze", "m one", "s"), node("Add", "s k", "t"), node("Pow", "t b", "d"), node("Div", "x d")],
      [ints("one", 1), ints("p", 0, 0, 1, 0, 0, 0, 0, 1, 0, 0), number("k", 1), number("b", 0.75)])
write("local", [node("Gather", "x i", "a", axis=2), node("Gather", "a i", "b", axis=4), node("Transpose", "b", "c", perm=[0, 1, 2, 4, 3, 5]), node("Reshape", "c f", "d"),
                node("Einsum", "d w", "e", equation="npl,lfp->nfl"), node("Reshape", "e g", "h"), node("Add", "h s", "j"), node("Relu", "j")],
      [numpy_helper.from_array(np.array([[0, 2, 4], [1, 3, 5]], np.int64), "i"), ints("f", 1, 12, 9), ints("g", 1, 2, 3, 3), const("w", 9, 2, 12), const("s", 2, 3, 3)])
write("parts", [node("Split", "x", "a b c", axis=1), node("Exp", "a", "d"), node("Concat", "d b", "e", axis=1), node("Slice", "e s t o", "f"), node("Concat", "f c e", axis=1)],
      [ints("s", 1), ints("t", 2), ints("o", 1)])
write("attention", [node("Transpose", "x", "t", perm=[0, 1, 3, 2]), node("MatMul", "t x", "a"), node("Mul", "a f", "b"), node("Softmax", "b", "c"),
                    node("Transpose", "c", "d", perm=[0, 1, 3, 2]), node("MatMul", "x d")], [number("f", 0.25)])
write("before", [node("Sub", "x k", "a"), node("Mul", "a s", "b"), node("Conv", "b w", "c"), node("Pad", "c p", "d"), node("AveragePool", "d", kernel_shape=[2, 2])],
      [number("k", 0.5), const("s", 3, 1, 1), const("w", 4, 3, 3, 3), ints("p", 0, 0, 1, 0, 0, 0, 0, 1)])


def value(name, dtype, shape):
    return helper.make_tensor_value_info(name, dtype, shape)


body = helper.make_graph([node("Add", "v x", "n"), node("ReduceMax", "n", "t", keepdims=0), node("Less", "t k", "go"), node("Identity", "v", "was")], "body",
                         [value("i", TensorProto.INT64, []), value("c", TensorProto.BOOL, []), value("v", TensorProto.FLOAT, ["m"])],
                         [value("go", TensorProto.BOOL, []), value("n", TensorProto.FLOAT, ["m"]), value("was", TensorProto.FLOAT, ["m"])])
write("loop", [helper.make_node("Loop", ["M", "", "x"], ["y", "all"], body=body)], [scalar("M", 4, np.int64), scalar("k", 3, np.float32)], shape=(6,), outputs=("y", "all"))
body = helper.make_graph([node("Add", "s p", "t"), node("Neg", "t", "each")], "body", [value(n, TensorProto.FLOAT, [6]) for n in ("s", "p")],
                         [value(n, TensorProto.FLOAT, [6]) for n in ("t", "each")])
write("scan", [node("Scan", "z x", "y all", body=body, num_scan_inputs=1, scan_input_directions=[1])], [const("z", 6)], shape=(3, 6), outputs=("y", "all"))
