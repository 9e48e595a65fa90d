"""TensorFlow.js graph models (model.json and the .bin files beside it) as ONNX files, of nothing but the standard library.

Pictures lie as row, column, channel in TensorFlow and as channel, row, column here: every value of rank 4 is turned, once, where it
is made. "SAME" padding becomes numbers, which it can because the side of the input is known. Weights that were stored as
float16, or as whole numbers with a scale, become float32. The same input gives the same bytes.
Format: tfjs-converter's graph_model, tfjs-core's io/types.ts (WeightsManifestEntry).
"""
import array
import base64
import json
import math
import posixpath
import struct

import onnx_file

LARGEST = 1 << 26  # numbers in the weights of a model


class Value:
    """shape: as in TensorFlow, None for a batch of any size. `data`: the numbers of a constant."""

    def __init__(self, name, shape, data=None):
        self.name, self.shape, self.data = name, tuple(shape), data


def unquoted(text):
    return base64.b64decode(text).decode()


def attribute(node, key, default=None):
    value = node.get("attr", {}).get(key)
    if value is None:
        return default
    if "list" in value:
        held = value["list"]
        return [int(v) for v in held["i"]] if "i" in held else [unquoted(v) for v in held.get("s", [])]
    if "s" in value:
        return unquoted(value["s"])
    if "shape" in value:
        return [int(d.get("size", -1)) for d in value["shape"].get("dim", [])]
    for kind, read in (("b", bool), ("f", float), ("i", int)):
        if kind in value:
            return read(value[kind])
    return default


def weights(manifest, read):
    """name: (shape, numbers) of every weight."""
    out = {}
    for group in manifest:
        data, at = b"".join(read(path) for path in group["paths"]), 0
        for w in group["weights"]:
            count, how = math.prod(w["shape"]), w.get("quantization", {})
            kind = how.get("dtype", w["dtype"])
            code, size = {"float32": ("f", 4), "float16": ("e", 2), "int32": ("i", 4), "uint8": ("B", 1), "uint16": ("H", 2)}[kind]
            if not 0 <= count <= LARGEST or at + count * size > len(data):
                raise ValueError(f"{w['name']}: the weights end in the middle")
            values = struct.unpack_from(f"<{count}{code}", data, at)
            at += count * size
            if "scale" in how:
                values = [v * how["scale"] + how["min"] for v in values]
            out[w["name"]] = (w["shape"], array.array("i" if w["dtype"] == "int32" else "f", values))
    return out


def turned(data, shape, order):
    """The numbers of an array with its axes in another order."""
    steps = [math.prod(shape[i + 1:]) for i in range(len(shape))]
    at = [0]
    for axis in order:
        at = [a + i * steps[axis] for a in at for i in range(shape[axis])]
    return [data[a] for a in at]


def same_pads(side, kernel, stride, dilation=1):
    """What TensorFlow's "SAME" lays before and behind: the odd pixel goes behind."""
    missing = max((-(-side // stride) - 1) * stride + (kernel - 1) * dilation + 1 - side, 0)
    return missing // 2, missing - missing // 2


class Converter:
    PLAIN = {"Relu": "Relu", "Abs": "Abs", "Sqrt": "Sqrt", "Tanh": "Tanh", "Sigmoid": "Sigmoid", "Elu": "Elu"}
    PAIRS = {"Add": "Add", "AddV2": "Add", "BiasAdd": "Add", "Sub": "Sub", "Mul": "Mul", "RealDiv": "Div", "Maximum": "Max", "Minimum": "Min"}
    REDUCE = {"Mean": "ReduceMean", "Max": "ReduceMax", "Sum": "ReduceSum"}

    def __init__(self, name, topology, constants):
        self.name, self.constants = name, constants
        self.by_name = {n["name"]: n for n in topology["node"]}
        self.values, self.nodes, self.tensors, self.inputs, self.made = {}, [], [], [], {}

    # ---- writing ----

    def emit(self, op, name, inputs, shape, **attributes):
        self.nodes.append(onnx_file.node(op, name, [i.name if isinstance(i, Value) else i for i in inputs], **attributes))
        return Value(name, shape)

    def tensor(self, name, shape, data, whole=False):
        if name not in self.made:
            self.tensors.append(onnx_file.tensor(name, shape, data, whole))
            self.made[name] = Value(name, shape)
        return self.made[name]

    def whole(self, name, data):
        return self.tensor(name, [len(data)], data, whole=True)

    def operand(self, v, rank):
        """A constant laid out for a partner of `rank`; anything else as it is."""
        if v.data is None:
            return v
        shape = list(v.shape)
        if rank == 4 and shape:
            shape = [1] * (3 - len(shape)) + shape
            order = (0, 3, 1, 2) if len(shape) == 4 else (2, 0, 1)
            return self.tensor(f"{v.name}/{len(shape)}d", [shape[i] for i in order], turned(v.data, shape, order))
        return self.tensor(v.name, shape, v.data)

    # ---- operators ----

    def activation(self, op, node, x, extra, name):
        if op in self.PLAIN:
            return self.emit(self.PLAIN[op], name, [x], x.shape)
        if op == "Relu6":
            bounds = [self.tensor("zero", [], [0.0]), self.tensor("six", [], [6.0])]
            return self.emit("Clip", name, [x, *bounds], x.shape)
        if op == "Prelu":
            return self.emit("PRelu", name, [x, self.operand(extra, len(x.shape))], x.shape)
        if op == "LeakyRelu":
            return self.emit("LeakyRelu", name, [x], x.shape, alpha=attribute(node, "leakyrelu_alpha", 0.2))
        raise ValueError(f"{name}: {op} is not known")

    def fused(self, node, x, name, extras, ops):
        for i, op in enumerate(ops):
            last = name if i + 1 == len(ops) else f"{name}/{op}"
            x = self.activation(op, node, x, extras[0] if extras else None, last)
        return x

    def window(self, node, name, x, kernel, strides, dilations=(1, 1)):
        """Pads as ONNX orders them, and the sides of the result."""
        how = attribute(node, "padding")
        if how not in ("SAME", "VALID") or attribute(node, "data_format", "NHWC") != "NHWC":
            raise ValueError(f"{name}: padding {how} or the layout is not known")
        pairs = [same_pads(x.shape[1 + i], kernel[i], strides[i], dilations[i]) if how == "SAME" else (0, 0) for i in (0, 1)]
        sides = [(x.shape[1 + i] + sum(pairs[i]) - (kernel[i] - 1) * dilations[i] - 1) // strides[i] + 1 for i in (0, 1)]
        return [p[0] for p in pairs] + [p[1] for p in pairs], sides

    def convolution(self, node, name, inputs):
        x, w, *extras = inputs
        ops = attribute(node, "fused_ops", [])
        depthwise = "Depthwise" in node["op"]
        if w.data is None or len(w.shape) != 4 or len(x.shape) != 4 or w.shape[2] != x.shape[3]:
            raise ValueError(f"{name}: weights of {w.shape} do not fit {x.shape}")
        high, wide, c, n = w.shape
        strides, dilations = attribute(node, "strides")[1:3], attribute(node, "dilations", [1, 1, 1, 1])[1:3]
        pads, sides = self.window(node, name, x, (high, wide), strides, dilations)
        shape, order = ((c * n, 1, high, wide), (2, 3, 0, 1)) if depthwise else ((n, c, high, wide), (3, 2, 0, 1))
        given = [x, self.tensor(w.name, shape, turned(w.data, w.shape, order))]
        if ops[:1] == ["BiasAdd"]:
            given.append(self.tensor(extras[0].name, extras[0].shape, extras[0].data))
            extras, ops = extras[1:], ops[1:]
        made = self.emit("Conv", f"{name}/conv" if ops else name, given, (x.shape[0], *sides, shape[0]), kernel_shape=[high, wide],
                         strides=strides, pads=pads, dilations=dilations, group=c if depthwise else 1)
        return self.fused(node, made, name, extras, ops)

    def pool(self, node, name, x):
        kernel, strides = attribute(node, "ksize")[1:3], attribute(node, "strides")[1:3]
        pads, sides = self.window(node, name, x, kernel, strides)
        shape = (x.shape[0], *sides, x.shape[3])
        op = "MaxPool" if node["op"] == "MaxPool" else "AveragePool"  # neither counts what is padded
        return self.emit(op, name, [x], shape, kernel_shape=kernel, strides=strides, pads=pads)

    def product(self, node, name, inputs):
        x, w, *extras = inputs
        if attribute(node, "transpose_a", False) or attribute(node, "transpose_b", False) or len(x.shape) != 2 or w.data is None:
            raise ValueError(f"{name}: a product of {x.shape} and {w.shape} is not known")
        ops = attribute(node, "fused_ops", [])
        given = [x, self.tensor(w.name, w.shape, w.data)]
        if ops[:1] == ["BiasAdd"]:
            given.append(self.tensor(extras[0].name, extras[0].shape, extras[0].data))
            extras, ops = extras[1:], ops[1:]
        made = self.emit("Gemm" if len(given) == 3 else "MatMul", f"{name}/product" if ops else name, given, (x.shape[0], w.shape[1]))
        return self.fused(node, made, name, extras, ops)

    def pair(self, op, name, inputs):
        a, b = inputs
        rank = max(len(a.shape), len(b.shape))
        shape = a.shape if b.data is not None or len(a.shape) == rank else b.shape
        return self.emit(op, name, [self.operand(a, rank), self.operand(b, rank)], shape)

    def reshape(self, name, x, to):
        """To the numbers `to` of TensorFlow's order; pictures are turned back to it first."""
        known = math.prod(n for n in x.shape if n is not None)
        given = math.prod(n for n in to if n > 0)
        shape = list(to)
        if -1 in to:
            batch = x.shape[0] is None and to.index(-1) == 0
            shape[to.index(-1)] = None if batch else known // given
        if len(to) == 4 or any(n == 0 for n in to):
            raise ValueError(f"{name}: from {x.shape} to {to} is not known")
        return self.emit("Reshape", name, [self.rows(x, name), self.whole(f"{name}/to", to)], shape)

    def rows(self, x, name):
        """A picture as row, column, channel; where it is one pixel, or has one channel, both orders are one."""
        if len(x.shape) != 4 or x.shape[1:3] == (1, 1) or x.shape[3] == 1:
            return x
        return self.emit("Transpose", f"{name}/rows", [x], x.shape, perm=[0, 2, 3, 1])

    def axes(self, name, x, axes):
        """Axes of TensorFlow as those of the value here. What stays must stay in its order."""
        axes = sorted(a % len(x.shape) for a in axes)
        if len(x.shape) == 4 and axes not in ([1, 2], [1, 2, 3], [3]):
            raise ValueError(f"{name}: axes {axes} of a picture are not known")
        return axes, [(0, 2, 3, 1)[a] for a in axes] if len(x.shape) == 4 else axes

    def reduce(self, node, name, x, axes):
        tf, here = self.axes(name, x, axes)
        keep = attribute(node, "keep_dims", False)
        shape = [1 if i in tf else n for i, n in enumerate(x.shape) if keep or i not in tf]
        if node["op"] == "Sum":  # its axes became an input before those of the others
            return self.emit("ReduceSum", name, [x, self.whole(f"{name}/axes", sorted(here))], shape, keepdims=int(keep))
        return self.emit(self.REDUCE[node["op"]], name, [x], shape, axes=sorted(here), keepdims=int(keep))

    def pad(self, name, x, pads):
        order = (0, 3, 1, 2) if len(x.shape) == 4 else range(len(x.shape))
        numbers = [pads[2 * i] for i in order] + [pads[2 * i + 1] for i in order]
        shape = [n if n is None else n + pads[2 * i] + pads[2 * i + 1] for i, n in enumerate(x.shape)]
        return self.emit("Pad", name, [x, self.whole(f"{name}/pads", numbers)], shape)

    def placeholder(self, node, name):
        shape = attribute(node, "shape")
        if len(shape) != 4 or min(shape[1:]) < 1:
            raise ValueError(f"{name}: an input of {shape} is not known")
        batch = None if shape[0] < 0 else shape[0]
        self.inputs.append(onnx_file.port(name, [batch or "n", shape[3], shape[1], shape[2]]))
        return Value(name, [batch, *shape[1:]])

    def convert(self, node):
        op, name = node["op"], node["name"]
        if op == "Const":
            return Value(name, *self.constants[name])
        if op == "Placeholder":
            return self.placeholder(node, name)
        inputs = [self.value(i) for i in node.get("input", []) if not i.startswith("^")]
        x = inputs[0]
        if op == "Identity":
            return x
        if op in ("Conv2D", "_FusedConv2D", "DepthwiseConv2dNative", "FusedDepthwiseConv2dNative"):
            return self.convolution(node, name, inputs)
        if op in ("MatMul", "_FusedMatMul"):
            return self.product(node, name, inputs)
        if op in ("MaxPool", "AvgPool"):
            return self.pool(node, name, x)
        if op in self.PAIRS:
            return self.pair(self.PAIRS[op], name, inputs)
        if op in ("Relu6", "Prelu", "LeakyRelu") or op in self.PLAIN:
            return self.activation(op, node, x, inputs[-1], name)
        if op == "Square":
            return self.emit("Mul", name, [x, x], x.shape)
        if op == "Rsqrt":
            return self.emit("Reciprocal", name, [self.emit("Sqrt", f"{name}/root", [x], x.shape)], x.shape)
        if op == "Softmax":
            return self.emit("Softmax", name, [x], x.shape, axis=1 if len(x.shape) == 4 else len(x.shape) - 1)
        if op in self.REDUCE:
            return self.reduce(node, name, x, list(inputs[1].data))
        if op == "Squeeze":
            tf, here = self.axes(name, x, attribute(node, "squeeze_dims") or [i for i, n in enumerate(x.shape) if n == 1])
            shape = [n for i, n in enumerate(x.shape) if i not in tf]
            return self.emit("Squeeze", name, [x, self.whole(f"{name}/axes", sorted(here))], shape)
        if op == "Reshape":
            return self.reshape(name, x, list(inputs[1].data))
        if op == "Pad":
            return self.pad(name, x, list(inputs[1].data))
        raise ValueError(f"{name}: {op} is not known")

    def value(self, name):
        """Of a node, made when it is first asked for; without recursion, since chains are long."""
        name = name.split(":")[0]
        todo = [name]
        while todo:
            at = todo[-1]
            needs = [i.split(":")[0] for i in self.by_name[at].get("input", []) if not i.startswith("^")]
            missing = [i for i in needs if i not in self.values]
            if at in self.values or not missing:
                todo.pop()
                if at not in self.values:
                    self.values[at] = self.convert(self.by_name[at])
            elif len(todo) > len(self.by_name):
                raise ValueError(f"{at}: a circle")
            else:
                todo.extend(missing)
        return self.values[name]

    def model(self, outputs):
        """outputs: (name, node), sorted by name."""
        ports = []
        for name, node in outputs:
            x = self.rows(self.value(node), name)
            if x.name != name:
                self.emit("Identity", name, [x], x.shape)
            ports.append(onnx_file.port(name, [n or "n" for n in x.shape]))
        return onnx_file.model(self.name, self.nodes, self.tensors, self.inputs, ports)


def outputs_of(model):
    """The declared ones; names there end in ":0"."""
    signature = model.get("signature") or model.get("userDefinedMetadata", {}).get("signature") or {}
    declared = signature.get("outputs")
    if not declared:
        raise ValueError("the model declares no outputs")
    return sorted((key.split(":")[0].replace("/", "_"), port["name"].split(":")[0]) for key, port in declared.items())


def network(path, read):
    """The ONNX file of a model.json; `read` gives the bytes of a file by its name in the package."""
    folder, name = posixpath.dirname(path), posixpath.basename(path).rsplit(".", 1)[0]

    def beside(file):
        if "/" in file or file.startswith("."):
            raise ValueError(f"{name}: its weights lie in {file}")
        return read(posixpath.join(folder, file))
    try:
        model = json.loads(read(path))
        if model.get("format") != "graph-model":
            raise ValueError("not a graph model of TensorFlow.js")
        made = Converter(name, model["modelTopology"], weights(model["weightsManifest"], beside))
        return made.model(outputs_of(model))
    except (KeyError, TypeError, IndexError, AttributeError, struct.error, OverflowError, RecursionError) as why:
        raise ValueError(f"{name}: {type(why).__name__}: {why}") from None
