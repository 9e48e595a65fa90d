"""Write the seeds of fuzz_dlib_recogniser, fuzz_dlib_mmod, fuzz_dlib_shape, fuzz_dlib_hog and fuzz_caffe: tiny files in the formats of dlib and Caffe, made of nothing.

    python tools/golden/model_seeds.py tests/fuzz/corpus
"""
import math
import pathlib
import struct
import sys


# ---- dlib: serialize.h, float_details.h ----

def integer(v):
    body = abs(v).to_bytes(max(1, (abs(v).bit_length() + 7) // 8), "little")
    return bytes([len(body) | (0x80 if v < 0 else 0)]) + body


def real(v):
    mantissa, exponent = math.frexp(v)
    mantissa, exponent = int(mantissa * 2**24), exponent - 24
    while mantissa and mantissa % 256 == 0:
        mantissa, exponent = mantissa // 256, exponent + 8
    return integer(mantissa) + integer(exponent if mantissa else 0)


def text(s):
    return integer(len(s)) + s.encode()


def many(items):
    return integer(len(items)) + b"".join(items)


def column(values):
    return integer(-len(values)) + integer(-1) + b"".join(map(real, values))


def tensor(n):
    shape = (n, 1, 1, 1) if n else (0, 0, 0, 0)
    return b"".join(map(integer, (2, *shape))) + struct.pack("<f", 0.5) * n


def predictor(points, cascades, trees, depth, pixels):
    splits, floats = 2**depth - 1, 2 * points
    tree = many([integer(i % pixels) + integer((i + 1) % pixels) + real(i - 1.5) for i in range(splits)])
    tree += many([column([(i + k) / 64 - 0.1 for k in range(floats)]) for i in range(splits + 1)])
    forests = many([many([tree] * trees)] * cascades)
    anchors = many([many([integer(i % points) for i in range(pixels)])] * cascades)
    deltas = many([many([real(i / 32 - 0.1) + real(0.2) for i in range(pixels)])] * cascades)
    return integer(1) + column([i / floats for i in range(floats)]) + forests + anchors + deltas


def recogniser_head():
    out = integer(1) + text("loss_metric_2") + real(0.04) + real(0.6) + integer(2) * 2
    for down in (1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0):
        out += integer(2) * 2 + (integer(2) + integer(1) * 2) * down + integer(2) * 5 + integer(1)
    out += integer(2) * 3 + integer(3) + text("input_rgb_image_sized")
    return out + b"".join(map(real, (122.782, 117.001, 104.298))) + integer(150) * 2


def recogniser_start():
    state = b"110" + tensor(0) * 3
    shape = integer(1) + integer(32) + integer(3) + integer(7) * 2
    out = recogniser_head() + text("con_4") + tensor(32 * 3 * 49 + 32) + integer(32)
    out += b"".join(map(integer, (7, 7, 2, 2, 0, 0))) + shape * 2 + real(1) * 4 + state + integer(1)
    out += text("affine_") + tensor(64) + shape * 2 + integer(0) + state + text("relu_") + state
    return out + text("max_pool_2") + b"".join(map(integer, (3, 3, 2, 2, 0, 0))) + state


def mmod_start():
    """loss_mmod with its options, the input, and the first convolution with its batch norm."""
    state, shape = b"110" + tensor(0) * 3, b"".join(map(integer, (1, 16, 3, 5, 5)))
    out = integer(1) + text("loss_mmod_") + integer(1) + integer(80) * 2 + real(1) * 2 + b"".join(map(real, (0.5, 0.25, 0.75, 0.5, 1)))
    out += integer(2) * 18 + integer(3) + text("input_rgb_image_pyramid") + b"".join(map(real, (122.782, 117.001, 104.298)))
    out += text("con_4") + tensor(16 * 75 + 16) + b"".join(map(integer, (16, 5, 5, 2, 2, 0, 0))) + shape * 2 + real(1) * 4 + state + integer(1)
    out += text("bn_con2") + tensor(32) + shape * 2 + tensor(0) * 2 + tensor(16) * 2 + integer(1000) * 2 + real(1) * 4 + real(0.0001) + state
    return out + text("relu_") + state


# ---- Caffe: a prototxt with its length before it, then the caffemodel ----

def varint(v):
    out = bytearray()
    while v > 127:
        out.append(v & 127 | 128)
        v >>= 7
    return bytes(out) + bytes([v])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def stored(name, *blobs):
    layer = field(1, name.encode())
    for n in blobs:
        layer += field(7, field(5, struct.pack("<f", 0.5) * n) + field(7, field(1, varint(n))))
    return field(100, layer)


def layer(name, kind, bottoms, top, params=""):
    return f'layer {{ name: "{name}" type: "{kind}" {" ".join(f"bottom: {b!r}" for b in bottoms)} top: "{top}" {params} }}\n'


def caffe(prototxt, model):
    raw = prototxt.encode()
    return struct.pack("<H", len(raw)) + raw + model


def ssd():
    net = 'input: "data" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }\n'
    net += layer("c", "Convolution", ["data"], "c", "convolution_param { num_output: 4 pad: 1 kernel_size: 3 stride: 2 }")
    net += layer("bn", "BatchNorm", ["c"], "c") + layer("sc", "Scale", ["c"], "c", "scale_param { bias_term: true }")
    net += layer("r", "ReLU", ["c"], "c")
    net += layer("n", "Normalize", ["c"], "n", "norm_param { across_spatial: false channel_shared: false }")
    net += layer("p", "Permute", ["n"], "p", "permute_param { order: 0 order: 2 order: 3 order: 1 }")
    net += layer("f", "Flatten", ["p"], "f", "flatten_param { axis: 1 }")
    net += layer("b", "PriorBox", ["n", "data"], "b", "prior_box_param { min_size: 2 max_size: 4 aspect_ratio: 2 flip: true step: 2 }")
    net += layer("b2", "PriorBox", ["c", "data"], "b2", "prior_box_param { min_size: 4 variance: 0.1 clip: true }")
    net += layer("j", "Concat", ["b", "b2"], "j", "concat_param { axis: 2 }") + layer("d", "DetectionOutput", ["f", "j"], "d")
    return caffe(net, stored("c", 108, 4) + stored("bn", 4, 4, 1) + stored("sc", 4, 4) + stored("n", 4))


def classifier():
    net = layer("i", "Input", [], "x", "input_param { shape { dim: 1 dim: 2 dim: 5 dim: 5 } }")
    net += layer("s", "Split", ["x"], "a", 'top: "b"') + layer("e", "Eltwise", ["a", "b", "x"], "e", "eltwise_param { operation: MAX }")
    net += layer("p", "Pooling", ["e"], "p", "pooling_param { pool: MAX kernel_size: 2 stride: 2 }")
    net += layer("g", "Pooling", ["p"], "g", "pooling_param { pool: AVE global_pooling: true }")
    net += layer("ip", "InnerProduct", ["g"], "ip", "inner_product_param { num_output: 4 }")
    net += layer("rs", "Reshape", ["ip"], "rs", "reshape_param { shape { dim: 0 dim: -1 dim: 2 } }")
    net += layer("sm", "Softmax", ["rs"], "sm", "softmax_param { axis: 2 }")
    return caffe(net, stored("ip", 8, 4))


def detector():
    """scan_fhog_pyramid.h: a filter of one weight on each plane, and so low a threshold that windows answer."""
    head = b"".join(map(integer, (2, 1, 0, 0, 8, 0, 80, 80, 1000, 64, 64))) + real(9) + integer(3100) + real(0.25) + real(0.75)
    return head + integer(1) + column([float(k % 101 == 0) for k in range(3100)] + [-1.0])


def main(corpus):
    seeds = {
        "dlib_shape/two_points": predictor(2, 1, 2, 1, 2),
        "dlib_shape/five_points": predictor(5, 2, 2, 2, 3),
        "dlib_hog/one_filter": detector(),
        "dlib_recogniser/head": recogniser_head(),
        "dlib_recogniser/first_layers": recogniser_start(),
        "dlib_mmod/first_layers": mmod_start(),
        "caffe/ssd": ssd(),
        "caffe/classifier": classifier(),
    }
    for name, data in seeds.items():
        path = pathlib.Path(corpus) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main(*sys.argv[1:])
