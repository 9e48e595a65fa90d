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
