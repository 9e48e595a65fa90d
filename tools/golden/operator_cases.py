#!/usr/bin/env python3
"""Cases for operators that the ONNX standard's own ones test thinly: random inputs, every mode, and a small quantised network; the answers are
ONNX Runtime's (1.32, its graph optimisations off). Written in the layout of onnx/backend/test/data/node, for tests/ops/test_onnx_cases.c.

    tools/golden/operator_cases.py build/operator-cases     needs numpy, onnx 1.23, onnxruntime 1.32

ONNX Runtime's max mode of RoiAlign is the old one that the standard describes: the largest weighted corner."""
import os
import shutil
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto as T
from onnx import helper, numpy_helper

OUT = sys.argv[1] if len(sys.argv) > 1 else "build/operator-cases"
rng = np.random.default_rng(1)
I64, F32 = np.int64, np.float32


def f(*shape):
    return rng.standard_normal(shape).astype(F32)


def whole(dtype, *shape):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, endpoint=True).astype(dtype)


def weights(dtype, *shape):
    """Where a processor has no VNNI, ONNX Runtime adds products of uint8 and int8 in pairs of 16 bits: two of 255 x 64 fit, larger ones saturate."""
    return rng.integers(-64, 64, shape).astype(dtype) if dtype == np.int8 else whole(dtype, *shape)


def i64(*values):
    return np.array(values, I64)


def save(name, nodes, inputs, outputs, consts=None, opset=21):
    inputs = {k: np.asarray(v) for k, v in inputs.items()}
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for k, v in inputs.items()],
        [helper.make_tensor_value_info(o, t, None) for o, t in outputs], [numpy_helper.from_array(v, k) for k, v in (consts or {}).items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    answers = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, inputs)
    folder = os.path.join(OUT, "test_" + name, "test_data_set_0")
    os.makedirs(folder)
    onnx.save(model, os.path.join(OUT, "test_" + name, "model.onnx"))
    for kind, tensors in (("input", inputs.values()), ("output", answers)):
        for i, v in enumerate(tensors):
            with open(os.path.join(folder, f"{kind}_{i}.pb"), "wb") as file:
                file.write(numpy_helper.from_array(np.asarray(v)).SerializeToString())


def one(name, op, inputs, outputs=(("y", T.FLOAT),), opset=21, **attributes):
    save(name, [helper.make_node(op, list(inputs), [o for o, _ in outputs], **attributes)], inputs, outputs, opset=opset)


def y(kind):
    return (("y", kind),)


def einsum():
    equations = [
        ("bij,bjk->bik", [(3, 4, 5), (3, 5, 6)]), ("ij,jk->ik", [(4, 20), (20, 17)]), ("...ij,...jk->...ik", [(2, 1, 3, 4), (2, 5, 4, 9)]),
        ("bhqd,bhkd->bhqk", [(2, 3, 7, 8), (2, 3, 9, 8)]), ("ii->i", [(5, 5)]), ("ii", [(5, 5)]), ("ij->", [(5, 6)]), ("ij->ji", [(5, 6)]),
        ("i,j->ij", [(5,), (6,)]), ("bnkp,okp->bop", [(2, 3, 4, 10), (6, 4, 10)]), ("a,a,a->a", [(4,), (4,), (4,)]),
        ("ij,jk,kl->il", [(3, 40), (40, 5), (5, 11)]), ("b...,b...->...", [(3, 4, 5), (3, 4, 5)]), ("bpk,opk->bop", [(1, 49, 36), (32, 49, 36)]),
        ("...i->...", [(3, 4)]), ("ijk,ilm,njm,nlk,abc->", [(2, 3, 4), (2, 3, 3), (4, 3, 3), (4, 3, 4), (2, 2, 2)]),
        (" i j , j k -> k i ", [(3, 4), (4, 9)]), ("bnij,nij->bn", [(2, 3, 4, 5), (3, 4, 5)]), ("ij,ij->i", [(4, 33), (4, 33)]),
        ("bi,boi->bo", [(16, 40), (16, 12, 40)])]
    for i, (equation, shapes) in enumerate(equations):
        one(f"einsum_{i}", "Einsum", {f"x{k}": f(*s) for k, s in enumerate(shapes)}, equation=equation)
    one("einsum_f64", "Einsum", {"a": f(3, 4).astype(np.float64), "b": f(4, 12).astype(np.float64)}, y(T.DOUBLE), equation="ij,jk->ik")
    one("einsum_i32", "Einsum", {"a": rng.integers(-9, 9, (3, 4)).astype(np.int32), "b": rng.integers(-9, 9, (4, 12)).astype(np.int32)}, y(T.INT32),
        equation="ij,jk->ik")


def quantise():
    scales = np.abs(f(3)) + F32(.01)
    for dtype, kind, zero in ((np.uint8, T.UINT8, 120), (np.int8, T.INT8, -3), (np.uint16, T.UINT16, 30000), (np.int16, T.INT16, -5)):
        name, q, few = np.dtype(dtype).name, whole(dtype, 2, 3, 4, 5), np.array([1, 2, 3], dtype)
        one(f"quantize_{name}", "QuantizeLinear", {"x": f(2, 3, 4, 5) * 100, "s": F32(.37), "z": np.array(zero, dtype)}, y(kind))
        one(f"quantize_axis_{name}", "QuantizeLinear", {"x": f(2, 3, 4, 5) * 10, "s": scales, "z": few}, y(kind), axis=1)
        one(f"quantize_blocks_{name}", "QuantizeLinear",
            {"x": f(2, 6, 4) * 10, "s": np.abs(f(2, 3, 4)) + F32(.1), "z": rng.integers(0, 5, (2, 3, 4)).astype(dtype)}, y(kind), axis=1, block_size=2)
        one(f"dequantize_{name}", "DequantizeLinear", {"x": q, "s": F32(.37), "z": np.array(zero, dtype)})
        one(f"dequantize_axis_{name}", "DequantizeLinear", {"x": q, "s": scales, "z": few}, axis=-3)
        one(f"dequantize_blocks_{name}", "DequantizeLinear",
            {"x": q, "s": np.abs(f(2, 3, 2, 5)), "z": rng.integers(0, 5, (2, 3, 2, 5)).astype(dtype)}, axis=2, block_size=2)
    one("dequantize_int32", "DequantizeLinear", {"x": whole(np.int32, 2, 3, 4), "s": scales}, axis=1)
    one("quantize_float16", "QuantizeLinear", {"x": (f(2, 3, 4) * 10).astype(np.float16), "s": np.float16(.25), "z": np.uint8(7)}, y(T.UINT8))
    one("dynamic_quantize", "DynamicQuantizeLinear", {"x": f(4, 7) * 3}, (("y", T.UINT8), ("s", T.FLOAT), ("z", T.UINT8)))


def integers():
    for a in (np.uint8, np.int8):
        for b in (np.uint8, np.int8):
            if (a, b) == (np.int8, np.uint8):  # ONNX Runtime has no such kernels
                continue
            name, kind = f"{np.dtype(a).name}_{np.dtype(b).name}", T.UINT8 if a == np.uint8 else T.INT8
            one("matmul_integer_" + name, "MatMulInteger", {"a": whole(a, 2, 5, 7), "b": weights(b, 7, 9), "p": np.array(3, a), "q": whole(b, 9)}, y(T.INT32))
            if a == np.uint8:
                one("conv_integer_" + name, "ConvInteger", {"x": whole(a, 2, 4, 9, 8), "w": weights(b, 6, 2, 3, 3), "p": np.array(100, a), "q": np.array(5, b)},
                    y(T.INT32), group=2, pads=[1, 0, 1, 2], strides=[2, 1])
            one("qlinear_conv_" + name, "QLinearConv",
                {"x": whole(a, 2, 4, 9, 8), "xs": F32(.02), "xz": np.array(10, a), "w": weights(b, 6, 4, 3, 3), "ws": (np.abs(f(6)) + F32(.1)) * F32(.01),
                 "wz": np.zeros(6, b), "ys": F32(.1), "yz": np.array(12, a), "b": rng.integers(-3000, 3000, 6).astype(np.int32)}, y(kind),
                pads=[1, 1, 1, 1], dilations=[2, 1])
            one("qlinear_matmul_" + name, "QLinearMatMul",
                {"a": whole(a, 2, 5, 7), "as": F32(.02), "az": np.array(10, a), "b": weights(b, 2, 7, 9), "bs": F32(.01), "bz": np.array(4, b),
                 "ys": F32(.05), "yz": np.array(12, a)}, y(kind))


def indices():
    near = rng.integers(-3, 3, (2, 3, 4))
    one("gather_elements", "GatherElements", {"x": f(2, 3, 4), "i": near}, axis=1)
    one("gather_elements_long", "GatherElements", {"x": f(4, 3, 7), "i": rng.integers(-4, 4, (9, 2, 5))}, axis=0)
    one("gather_elements_int32", "GatherElements", {"x": f(2, 3, 4), "i": near.astype(np.int32)}, axis=-2)
    one("gather_nd_batch", "GatherND", {"x": f(2, 3, 4, 5), "i": rng.integers(-2, 2, (2, 6, 2))}, batch_dims=1)
    one("gather_nd_batches", "GatherND", {"x": f(2, 3, 4, 5), "i": rng.integers(-2, 2, (2, 3, 6, 1))}, batch_dims=2)
    one("gather_nd", "GatherND", {"x": f(3, 3, 4), "i": rng.integers(-3, 3, (7, 2))})
    apart = np.stack([rng.permutation(5)[:3] for _ in range(8)]).reshape(2, 4, 3).transpose(0, 2, 1).copy()
    for how in ("none", "add", "mul", "max", "min"):
        one("scatter_elements_" + how, "ScatterElements", {"x": f(2, 5, 4), "i": apart, "u": f(2, 3, 4)}, opset=18, axis=1, reduction=how)
        one("scatter_nd_" + how, "ScatterND", {"x": f(5, 3, 4), "i": rng.permutation(5)[:3].reshape(3, 1) - 5, "u": f(3, 3, 4)}, opset=18, reduction=how)
    one("scatter", "Scatter", {"x": f(2, 5, 4), "i": apart, "u": f(2, 3, 4)}, opset=9, axis=1)


def choose():
    ties, top = np.round(f(3, 20, 2), 1), (("y", T.FLOAT), ("i", T.INT64))
    for largest in (0, 1):
        one(f"top_k_{largest}", "TopK", {"x": ties, "k": i64(7)}, top, axis=1, largest=largest)
    one("top_k_int64", "TopK", {"x": rng.integers(-2**62, 2**62, (50,)), "k": i64(9)}, (("y", T.INT64), ("i", T.INT64)))
    one("top_k_of_opset_9", "TopK", {"x": ties}, top, opset=9, axis=1, k=4)
    one("nonzero", "NonZero", {"x": np.round(f(3, 4, 5))}, y(T.INT64))
    one("nonzero_bool", "NonZero", {"x": f(3, 4) > 0}, y(T.INT64))
    one("compress_axis", "Compress", {"x": f(3, 4, 5), "c": f(4) > 0}, axis=1)
    one("compress", "Compress", {"x": f(3, 4, 5), "c": f(40) > 0})
    unique = (("y", T.FLOAT), ("i", T.INT64), ("v", T.INT64), ("c", T.INT64))
    for in_order in (0, 1):
        one(f"unique_{in_order}", "Unique", {"x": np.round(f(4, 9))}, unique, sorted=in_order)
        one(f"unique_axis_{in_order}", "Unique", {"x": np.round(f(2, 30, 2) * F32(.6))}, unique, sorted=in_order, axis=1)
    boxes = np.abs(f(2, 60, 4))
    boxes[..., 2:] += boxes[..., :2]
    for centered in (0, 1):
        one(f"nms_{centered}", "NonMaxSuppression",
            {"b": boxes, "s": np.abs(f(2, 3, 60)), "m": i64(9), "i": np.array([.4], F32), "t": np.array([.3], F32)}, y(T.INT64), center_point_box=centered)
    one("nms_corners_swapped", "NonMaxSuppression", {"b": boxes[..., [2, 3, 0, 1]], "s": np.abs(f(2, 3, 60)), "m": i64(100), "i": np.array([.5], F32)}, y(T.INT64))


def make():
    one("eye", "EyeLike", {"x": f(4, 6)}, k=-2)
    one("eye_int64", "EyeLike", {"x": f(4, 6)}, y(T.INT64), k=3, dtype=T.INT64)
    one("one_hot", "OneHot", {"x": rng.integers(-6, 7, (3, 4)), "d": np.array(5), "v": np.array([.5, 2], F32)}, axis=1)
    for flag in (0, 1):
        one(f"trilu_{flag}", "Trilu", {"x": f(2, 4, 6), "k": np.array(-1)}, upper=flag)
        for reverse in (0, 1):
            one(f"cumsum_{flag}_{reverse}", "CumSum", {"x": f(3, 4, 5), "a": np.array(-2)}, exclusive=flag, reverse=reverse)
    one("det", "Det", {"x": f(3, 5, 5)})
    one("reverse_time", "ReverseSequence", {"x": f(5, 3, 4), "l": i64(2, 5, 1)})
    one("reverse_batch", "ReverseSequence", {"x": f(5, 3, 4), "l": i64(2, 3, 1, 0, 3)}, batch_axis=0, time_axis=1)


def sample():
    grid, space = rng.random((2, 5, 6, 2), F32) * 3 - F32(1.5), rng.random((2, 3, 3, 4, 3), F32) * 3 - F32(1.5)
    for corners in (0, 1):
        for padding in ("zeros", "border", "reflection"):
            modes = {"mode": "linear", "padding_mode": padding, "align_corners": corners}
            for mode in ("linear", "nearest", "cubic"):
                modes["mode"] = mode
                one(f"grid_{mode}_{padding}_{corners}", "GridSample", {"x": f(2, 3, 7, 8), "g": grid}, opset=20, **modes)
                if mode != "cubic":
                    one(f"grid_3d_{mode}_{padding}_{corners}", "GridSample", {"x": f(2, 3, 4, 5, 6), "g": space}, opset=20, **modes)
        one(f"affine_{corners}", "AffineGrid", {"t": f(2, 2, 3), "s": i64(2, 3, 5, 7)}, align_corners=corners)
        one(f"affine_3d_{corners}", "AffineGrid", {"t": f(2, 3, 4), "s": i64(2, 3, 5, 7, 4)}, align_corners=corners)
    boxes = np.array([[1, 2, 9, 8], [-1, 0, 20, 12], [3, 3, 4, 4.5], [2, 2, 2.2, 2.3]], F32)
    for offset in ("half_pixel", "output_half_pixel"):
        for ratio in (0, 2):
            for mode in ("avg", "max"):
                one(f"roi_{offset}_{ratio}_{mode}", "RoiAlign", {"x": f(2, 3, 12, 14), "r": boxes, "b": i64(0, 1, 1, 0)}, opset=16,
                    coordinate_transformation_mode=offset, sampling_ratio=ratio, mode=mode, output_height=3, output_width=4, spatial_scale=.7)
    one("roi_of_opset_10", "RoiAlign", {"x": f(2, 3, 12, 14), "r": boxes, "b": i64(0, 1, 1, 0)}, opset=10, output_height=3, output_width=4)


def place():
    one("center_axes", "CenterCropPad", {"x": f(3, 9, 6), "s": i64(4, 11)}, axes=[1, 2])
    one("center", "CenterCropPad", {"x": f(3, 8, 5), "s": i64(4, 3, 10)})
    one("col2im", "Col2Im", {"x": f(2, 18, 15), "i": i64(8, 9), "k": i64(2, 3)}, strides=[2, 2], pads=[1, 0, 1, 0], dilations=[1, 2])
    where = np.stack([rng.permutation(36)[:9].reshape(3, 3) + 36 * k for k in range(2)])[None]
    one("max_unpool", "MaxUnpool", {"x": f(1, 2, 3, 3), "i": where}, kernel_shape=[2, 2], strides=[2, 2])
    one("mvn", "MeanVarianceNormalization", {"x": f(2, 3, 4, 5)})
    one("mvn_axes", "MeanVarianceNormalization", {"x": f(2, 3, 4, 5)}, axes=[1, 2])
    one("global_lp", "GlobalLpPool", {"x": f(2, 3, 4, 5)}, p=3)
    one("shrink", "Shrink", {"x": f(50)}, lambd=.4, bias=.2)
    for groups in (1, 2):
        one(f"deform_{groups}", "DeformConv", {"x": f(2, 4, 7, 8), "w": f(6, 2, 3, 2), "o": f(2, groups * 12, 4, 8) * 2, "b": f(6), "m": f(2, groups * 6, 4, 8)},
            opset=19, group=2, offset_group=groups, pads=[1, 1, 1, 0], strides=[2, 1])


def quantised_network():
    """QuantizeLinear and DequantizeLinear around two convolutions, a sum, a pool and a product, as quantising tools write it."""
    nodes, consts = [], {}

    def pair(name, source, scale, zero, **axis):
        consts[name + "_s"], consts[name + "_z"] = np.asarray(scale, F32), zero
        if source:
            nodes.append(helper.make_node("QuantizeLinear", [source, name + "_s", name + "_z"], [name + "_q"], **axis))
        nodes.append(helper.make_node("DequantizeLinear", [name + "_q", name + "_s", name + "_z"], [name], **axis))

    def weights(name, *shape):
        consts[name + "_q"] = rng.integers(-127, 128, shape).astype(np.int8)
        pair(name, None, (np.abs(f(shape[0])) + F32(.2)) * F32(.01), np.zeros(shape[0], np.int8), axis=0)

    pair("x1", "x", .02, np.uint8(128))
    weights("w1", 8, 3, 3, 3)
    nodes.append(helper.make_node("Conv", ["x1", "w1"], ["c1"], pads=[1, 1, 1, 1]))
    nodes.append(helper.make_node("Relu", ["c1"], ["r1"]))
    pair("a1", "r1", .03, np.uint8(0))
    weights("w2", 8, 8, 3, 3)
    consts["b2_q"] = rng.integers(-500, 500, 8).astype(np.int32)
    pair("b2", None, np.full(8, .0003), np.zeros(8, np.int32), axis=0)
    nodes.append(helper.make_node("Conv", ["a1", "w2", "b2"], ["c2"], pads=[1, 1, 1, 1]))
    pair("a2", "c2", .05, np.int8(3))
    nodes.append(helper.make_node("Add", ["a1", "a2"], ["s"]))
    pair("a3", "s", .06, np.uint8(90))
    nodes.append(helper.make_node("GlobalAveragePool", ["a3"], ["p"]))
    nodes.append(helper.make_node("Flatten", ["p"], ["l"]))
    pair("a4", "l", .01, np.uint8(90))
    weights("w3", 10, 8)
    nodes.append(helper.make_node("Gemm", ["a4", "w3"], ["y"], transB=1))
    save("quantised_network", nodes, {"x": f(2, 3, 16, 16)}, [("y", T.FLOAT), ("a3", T.FLOAT)], consts, 13)


shutil.rmtree(OUT, ignore_errors=True)
for family in (einsum, quantise, integers, indices, choose, make, sample, place, quantised_network):
    family()
print(len(os.listdir(OUT)), "cases in", OUT)
