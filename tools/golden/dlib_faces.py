"""Faces that dlib's HOG detector finds as upstream asks for them, and dlib's five points of each: tests/golden/dlib_faces.csv."""
import os

import cv2
import dlib
import numpy as np

import golden


def main():
    args = golden.arguments()
    used = golden.versions("dlib-bin", "opencv-python-headless", "numpy")
    detector = dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(os.path.join(args.weights, "shape_predictor_5_face_landmarks.dat"))
    rows = []
    for name, path in golden.detector_photos(args, close=100, crowds=60):
        rgb = np.ascontiguousarray(cv2.imread(path)[:, :, ::-1])
        boxes, scores, filters = detector.run(rgb, 1, 0.0)
        rows.append([name, rgb.shape[1], rgb.shape[0], len(boxes)])
        for box, score, which in zip(boxes, scores, filters):
            points = [v for p in predictor(rgb, box).parts() for v in (p.x, p.y)]
            rows.append(["", f"{score:.6f}", which, box.left(), box.top(), box.right(), box.bottom()] + points)
    golden.write("dlib_faces.csv", [
        f"{used}; python tools/golden/dlib_faces.py on lfw_dev, widerface_dev and the demo photos",
        "get_frontal_face_detector().run(rgb, 1, 0), as deepface 0.0.103 models/face_detection/Dlib.py but for the order of the channels, which",
        "decides between gradients of one length. A line for a photo: file, width, height, faces. Then a line for each face, best first: empty,",
        "score, filter, left, top, right, bottom, then x and y of the five points of shape_predictor_5_face_landmarks.dat.",
        "Tolerance: score 1e-5 (sums of floats in another order), all else none, where the photo is decoded to the same pixels; other versions",
        "of libjpeg may move a pixel by one grey level.",
    ], rows)


main()
