"""Faces that facenet-pytorch's MTCNN finds: tests/golden/fastmtcnn.csv."""
import cv2
import numpy as np
from facenet_pytorch import MTCNN

import golden


def main():
    args = golden.arguments()
    used = golden.versions("facenet-pytorch", "torch", "opencv-python-headless", "numpy")
    detector = MTCNN(device="cpu")
    rows = []
    for name, path in golden.detector_photos(args, close=60, crowds=40):
        rgb = np.ascontiguousarray(cv2.imread(path)[:, :, ::-1])
        boxes, scores, points = detector.detect(rgb, landmarks=True)
        found = [] if boxes is None else sorted(zip(scores, boxes, points), key=lambda f: -f[0])
        rows.append([name, rgb.shape[1], rgb.shape[0], len(found)])
        for score, (left, top, right, bottom), five in found:
            rows.append(["", f"{score:.6f}"] + [f"{v:.2f}" for v in (left, top, right - left, bottom - top, *five.ravel())])
    golden.write("fastmtcnn.csv", [
        f"{used}; python tools/golden/fastmtcnn_faces.py on lfw_dev, widerface_dev and the demo photos",
        "MTCNN().detect() with its own settings; the package that deepface 0.0.103 calls for fastmtcnn. A line for a photo: file, width, height, faces.",
        "Then a line for each face, best first: empty, score, x, y, width, height, then x and y of the eye at the left of the picture, the other eye,",
        "the nose, the left and the right corner of the mouth.",
    ], rows)


main()
