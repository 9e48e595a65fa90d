"""Faces that the package mtcnn finds with TensorFlow: tests/golden/mtcnn.csv."""
import cv2
from mtcnn import MTCNN

import golden


def main():
    args = golden.arguments()
    used = golden.versions("mtcnn", "tensorflow-cpu", "opencv-python-headless", "numpy")
    detector = MTCNN()
    rows = []
    for name, path in golden.detector_photos(args, close=100, crowds=60):
        rgb = cv2.imread(path)[:, :, ::-1]
        found = detector.detect_faces(rgb, output_type="numpy")
        found = sorted(found, key=lambda f: -f[5])
        rows.append([name, rgb.shape[1], rgb.shape[0], len(found)])
        for f in found:
            points = [v for i in range(5) for v in (f[6 + i], f[11 + i])]
            rows.append(["", f"{f[5]:.6f}"] + [f"{v:.2f}" for v in (*f[1:5], *points)])
    golden.write("mtcnn.csv", [
        f"{used}; python tools/golden/mtcnn_faces.py on lfw_dev, widerface_dev and the demo photos",
        "MTCNN().detect_faces() with its own settings, before it rounds to whole pixels; the package that deepface 0.0.103 calls. A line for a",
        "photo: file, width, height, faces. Then a line for each face, best first: empty, score, x, y, width, height, then x and y of the eye, at",
        "the left of the picture, the other eye, the nose, the left and the right corner of the mouth.",
    ], rows)


main()
