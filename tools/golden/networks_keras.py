#!/usr/bin/env python3
"""Networks as Keras and tf2onnx spell them: channels last, a Transpose on both sides of each convolution, PReLU as Relu, Neg, Mul, Add, batch
norms as Mul and Add, hard swish and l2_normalize operator by operator. Companions of networks.py.

    python tools/golden/networks_keras.py OUT_DIR        needs tensorflow, tf2onnx and onnx
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf
import tf2onnx
from tensorflow.keras import layers as L


def residual():
    """Pre-activated residual blocks with PReLU, as upstream's ArcFace in Keras."""
    x = start = L.Input((112, 112, 3))
    x = L.PReLU(shared_axes=[1, 2])(L.BatchNormalization()(L.Conv2D(32, 3, padding="same", use_bias=False)(x)))
    for filters, stride in (32, 2), (64, 2), (64, 1), (128, 2):
        skip = x if stride == 1 else L.BatchNormalization()(L.Conv2D(filters, 1, strides=stride, use_bias=False)(x))
        y = L.BatchNormalization()(x)
        y = L.PReLU(shared_axes=[1, 2])(L.BatchNormalization()(L.Conv2D(filters, 3, padding="same", use_bias=False)(y)))
        y = L.BatchNormalization()(L.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(y))
        x = L.Add()([skip, y])
    x = L.Dense(128)(L.Flatten()(L.BatchNormalization()(x)))
    return tf.keras.Model(start, L.Lambda(lambda v: tf.math.l2_normalize(v, axis=1))(x))


def separable():
    """Separable convolutions, squeeze and excite with hard sigmoid, hard swish, a local response, concatenated branches."""
    def hard_sigmoid(v): return tf.nn.relu6(v + 3.0) / 6.0
    def gelu(v): return 0.5 * v * (1.0 + tf.math.erf(v / 2.0**0.5))
    x = start = L.Input((64, 64, 3))
    x = L.MaxPooling2D(3, 2, padding="same")(L.Conv2D(24, 5, strides=2, padding="same", activation="relu")(x))
    x = L.Lambda(lambda v: tf.nn.local_response_normalization(v, depth_radius=2, bias=1.0, alpha=0.5, beta=0.75))(x)
    for filters, stride in (32, 1), (48, 2), (48, 1):
        y = L.BatchNormalization()(L.SeparableConv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x))
        y = L.Lambda(lambda v: v * hard_sigmoid(v))(y)
        gate = L.Conv2D(filters, 1)(L.Conv2D(8, 1, activation="relu")(L.GlobalAveragePooling2D(keepdims=True)(y)))
        y = L.Multiply()([y, L.Lambda(hard_sigmoid)(gate)])
        side = L.Conv2D(16, 1, activation="swish")(L.AveragePooling2D(3, stride, padding="same")(x))
        x = L.Concatenate()([y, side])
    x = L.GlobalAveragePooling2D()(x)
    return tf.keras.Model(start, [L.Dense(7, activation="softmax")(x), L.Lambda(gelu)(L.Dense(4)(x))])


def make(name, model, size, opset, folder):
    rng = np.random.default_rng(3)
    for layer in model.layers:
        weights = layer.get_weights()
        if isinstance(layer, L.BatchNormalization):
            near_one = (0, 3)
            layer.set_weights([(rng.uniform(0.7, 1.3, w.shape) if i in near_one else rng.normal(0, 0.2, w.shape)).astype("f") for i, w in enumerate(weights)])
        elif isinstance(layer, L.PReLU):
            layer.set_weights([rng.uniform(0.1, 0.4, w.shape).astype("f") for w in weights])
    spec = (tf.TensorSpec((None, size, size, 3), tf.float32, name="input"),)
    run = tf.function(lambda x: model(x, training=False), input_signature=spec)
    path = os.path.join(folder, name + ".onnx")
    graph, _ = tf2onnx.convert.from_function(run, spec, opset=opset, output_path=path)
    print(f"{name}: operator set {opset}, {len(graph.graph.node)} nodes")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    os.makedirs(sys.argv[1], exist_ok=True)
    tf.keras.utils.set_random_seed(0)
    for opset in 9, 12, 18:
        make(f"tf_residual_{opset}", residual(), 112, opset, sys.argv[1])
        make(f"tf_separable_{opset}", separable(), 64, opset, sys.argv[1])


main()
