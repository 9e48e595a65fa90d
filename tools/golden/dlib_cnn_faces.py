"""Faces that dlib's max-margin network finds, and dlib's five points of each: tests/golden/dlib_cnn.csv."""
import os

import cv2
import dlib
import numpy as np

import golden


def main():
    args = golden.arguments()
    used = golden.versions("dlib-bin", "opencv-python-headless", "numpy")
    detector = dlib.cnn_face_detection_model_v1(os.path.join(args.weights, "mmod_human_face_detector.dat"))
    predictor = dlib.shape_predictor(os.path.join(args.weights, "shape_predictor_5_face_landmarks.dat"))
    rows = []
    for name, path in golden.detector_photos(args, close=100, crowds=60):
        rgb = np.ascontiguousarray(cv2.imread(path)[:, :, ::-1])
        found = sorted(detector(rgb, 0), key=lambda f: -f.confidence)
        rows.append([name, rgb.shape[1], rgb.shape[0], len(found)])
        for f in found:
            points = [v for p in predictor(rgb, f.rect).parts() for v in (p.x, p.y)]
            rows.append(["", f"{f.confidence:.5f}", f.rect.left(), f.rect.top(), f.rect.right(), f.rect.bottom()] + points)
    golden.write("dlib_cnn.csv", [
        f"{used}; python tools/golden/dlib_cnn_faces.py on lfw_dev, widerface_dev and the demo photos",
        "cnn_face_detection_model_v1(mmod_human_face_detector.dat)(rgb, 0). A line for a photo: file, width, height, faces. Then a line for each",
        "face, best first: empty, score, left, top, right, bottom, then x and y of the five points of shape_predictor_5_face_landmarks.dat.",
        "Tolerance: score 1e-3 (sums of floats in another order), sides 1 px, points 2 px; other versions of libjpeg may move a pixel of the",
        "photo by one grey level.",
    ], rows)


main()
