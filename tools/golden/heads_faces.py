"""Faces that the original post-processing makes of small networks with known answers: tests/golden/heads.csv.

The networks are those of tests/golden/tiny_heads.h, the pictures those of tests/golden/synthetic.h. RetinaFace goes through the package
retina-face itself; SCRFD and YOLO through the arithmetic of insightface 0.7.3 model_zoo/scrfd.py and of ultralytics 8.3.203
(data/augment.py LetterBox, utils/nms.py, utils/ops.py scale_boxes and scale_coords), in numpy.
"""
import os

os.environ["DEEPFACE_BACKEND_ENGINE"] = "onnx"  # asked by retina-face at import
import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import golden
from synthetic import picture, vector

STRIDES = (8, 16, 32)
# kind: numbers a place, amplitude, base, through a sigmoid; the columns of its rows
SCRFD = [(2, 9, -4, True, 1), (8, 1, 3, False, 4), (20, 2, 0, False, 10)]
RETINA = [(4, 0.06, -13, True, 4), (8, 0.002, 0, False, 8), (20, 0.002, 0, False, 20)]
BOX, SCORE = (4, 90, 130, False, 0), (1, 9, -6, True, 0)
YOLO = {"yolov8n": [BOX, SCORE, (15, 150, 200, False, 0)], "yolov8m": [BOX, SCORE, (10, 150, 200, False, 0)], "yolov11n": [BOX, SCORE]}
CASES = {"scrfd": [(640, 640), (320, 240), (1000, 700), (417, 640)], "retinaface-resnet50": [(1024, 1024), (640, 480), (1500, 500)],
         "yolov8n": [(640, 480), (333, 517), (900, 700)], "yolov8m": [(640, 640), (640, 480), (1201, 641)], "yolov11n": [(640, 480), (250, 250)]}


class Graph:
    def __init__(self):
        self.nodes, self.constants, self.outputs = [], [], []

    def node(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def constant(self, name, value):
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def branch(self, x, level, stride, kind, spec):
        channels, amp, base, score, _ = spec
        tag = f"{level}{kind}"
        w = vector(3 * channels, level * 3 + kind + 1) * np.float32(amp)
        pool = self.node("AveragePool", [x], "pool" + tag, kernel_shape=[stride] * 2, strides=[stride] * 2, ceil_mode=1)
        y = self.node("Conv", [pool, self.constant("w" + tag, w.reshape(channels, 3, 1, 1)),
                               self.constant("b" + tag, np.full(channels, base, np.float32))], "conv" + tag)
        return self.node("Sigmoid", [y], "score" + tag) if score else y

    def session(self, shape, rank):
        ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None] * rank) for n in self.outputs]
        graph = helper.make_graph(self.nodes, "tiny", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)], ports, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8)
        onnx.checker.check_model(model)
        session = onnxruntime.InferenceSession(model.SerializeToString())
        return lambda x: session.run(self.outputs, {"x": np.ascontiguousarray(x, np.float32)})


def rows_network(specs, strides, by_kind, last):
    g = Graph()
    x = g.node("Transpose", ["x"], "planes", perm=[0, 3, 1, 2]) if last else "x"
    order = [(l, k) for k in range(3) for l in range(3)] if by_kind else [(l, k) for l in range(3) for k in range(3)]
    for i, (level, kind) in enumerate(order):
        y = g.branch(x, level, strides[level], kind, specs[kind])
        y = g.node("Transpose", [y], f"out{i}" if last else f"turned{i}", perm=[0, 2, 3, 1])
        if not last:
            g.node("Reshape", [y, g.constant(f"shape{i}", np.array([-1, specs[kind][4]]))], f"out{i}")
        g.outputs.append(f"out{i}")
    return g.session([None, None, None, 3], 4) if last else g.session([None, 3, None, None], 2)


def yolo_network(specs):
    g, flat = Graph(), []
    shape = g.constant("shape", np.array([1, sum(s[0] for s in specs), -1]))
    for level, stride in enumerate(STRIDES):
        y = g.node("Concat", [g.branch("x", level, stride, k, s) for k, s in enumerate(specs)], f"level{level}", axis=1)
        flat.append(g.node("Reshape", [y, shape], f"flat{level}"))
    g.node("Concat", flat, "output0", axis=2)
    g.outputs.append("output0")
    return g.session([None, 3, None, None], 3)


def keep(boxes, scores, limit, closed):
    """Greedy, best first; boxes as corners."""
    x1, y1, x2, y2 = boxes.T
    areas, order, kept = (x2 - x1 + closed) * (y2 - y1 + closed), (-scores).argsort(kind="stable"), []
    while order.size:
        i, rest = order[0], order[1:]
        kept.append(i)
        w = np.maximum(0, np.minimum(x2[i], x2[rest]) - np.maximum(x1[i], x1[rest]) + closed)
        h = np.maximum(0, np.minimum(y2[i], y2[rest]) - np.maximum(y1[i], y1[rest]) + closed)
        order = rest[w * h / (areas[i] + areas[rest] - w * h) <= limit]
    return kept


def scrfd(network, bgr):
    side = 640
    ratio = bgr.shape[0] / bgr.shape[1]
    w, h = (int(side / ratio), side) if ratio > 1 else (side, int(side * ratio))
    scale = h / bgr.shape[0]
    canvas = np.zeros((side, side, 3), np.uint8)
    canvas[:h, :w] = cv2.resize(bgr, (w, h))
    out = network(cv2.dnn.blobFromImage(canvas, 1 / 128, (side, side), (127.5,) * 3, swapRB=True))
    faces = []
    for level, stride in enumerate(STRIDES):
        score, to, kps = out[level][:, 0], out[level + 3] * stride, out[level + 6] * stride
        cell = np.stack(np.mgrid[:side // stride, :side // stride][::-1], -1).reshape(-1, 2) * stride
        at = np.repeat(cell, 2, 0).astype(np.float32)
        faces.append(np.hstack([score[:, None], at - to[:, :2], at + to[:, 2:], kps + np.tile(at, 5)])[score >= 0.5])
    faces = np.vstack(faces)
    faces[:, 1:] /= scale
    return faces[keep(faces[:, 1:5], faces[:, 0], 0.4, 1)]


def yolo(network, bgr, fixed):
    h0, w0 = bgr.shape[:2]
    r = min(640 / h0, 640 / w0)
    w, h = round(w0 * r), round(h0 * r)
    dw, dh = 640 - w, 640 - h
    if not fixed:
        dw, dh = dw % 32, dh % 32
    img = cv2.resize(bgr, (w, h), interpolation=cv2.INTER_LINEAR) if (w, h) != (w0, h0) else bgr
    grey = [round(v + s) for v in (dh / 2, dw / 2) for s in (-0.1, 0.1)]
    img = cv2.copyMakeBorder(img, *grey, cv2.BORDER_CONSTANT, value=(114,) * 3)
    out = network(img[None, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255)[0][0].T
    out = out[out[:, 4] > 0.25]
    boxes = np.hstack([out[:, :2] - out[:, 2:4] / 2, out[:, :2] + out[:, 2:4] / 2])
    kept = keep(boxes, out[:, 4], 0.7, 0)[:300]
    boxes, out = boxes[kept], out[kept]
    gain = min(img.shape[0] / h0, img.shape[1] / w0)
    grey_w, grey_h = (img.shape[1] - w0 * gain) / 2, (img.shape[0] - h0 * gain) / 2
    pad = np.array([round(grey_w - 0.1), round(grey_h - 0.1)])
    boxes = np.clip((boxes - np.tile(pad, 2)) / gain, 0, [w0, h0] * 2)
    faces = np.hstack([out[:, 4:5], boxes])
    if out.shape[1] == 5:
        return faces
    points = out[:, 5:].reshape(len(out), 5, -1)[:, :, :2]
    points = np.clip((points - [grey_w, grey_h]) / gain, 0, [w0, h0])
    return np.hstack([faces, points.reshape(len(out), -1)])


def retinaface(network, bgr):
    from retinaface import RetinaFace
    found = RetinaFace.detect_faces(bgr, threshold=0.9, model=network)
    names = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
    return [[f["score"], *f["facial_area"], *(v for n in names for v in f["landmarks"][n])] for f in found.values()]


def finder(name):
    if name == "scrfd":
        network = rows_network(SCRFD, STRIDES, True, False)
        return lambda img: scrfd(network, img)
    if name == "retinaface-resnet50":
        network = rows_network(RETINA, STRIDES[::-1], False, True)
        return lambda img: retinaface(network, img)
    network = yolo_network(YOLO[name])
    return lambda img: yolo(network, img, name == "yolov8m")


def main():
    golden.arguments()
    used = golden.versions("onnxruntime", "retina-face", "opencv-contrib-python-headless", "numpy")
    rows = []
    for name, sizes in CASES.items():
        find = finder(name)
        for seed, (w, h) in enumerate(sizes):
            found = find(np.ascontiguousarray(picture(w, h, seed)[:, :, ::-1]))
            print(name, w, h, len(found))
            rows.append([name, w, h, seed, len(found)])
            for f in found:
                f = [float(v) for v in f]
                rows.append(["", f"{f[0]:.5f}"] + [f"{v:.2f}" for v in (f[1], f[2], f[3] - f[1], f[4] - f[2], *f[5:])])
    golden.write("heads.csv", [
        f"{used}; python tools/golden/heads_faces.py",
        "A line for a picture: network of tiny_heads.h, width, height, seed of synthetic.h, faces. Then a line for each face, best first: empty,",
        "score, x, y, w, h, and x, y of the right eye, left eye, nose, right and left corner of the mouth where the network has points.",
        "Tolerance: score 0.01, box and points 1 px (retina-face cuts its boxes to whole pixels; our resize may differ from cv2's by one grey level).",
    ], rows)


if __name__ == "__main__":
    main()
