"""Faces and eyes that OpenCV's cascades find as upstream asks for them: tests/golden/opencv.csv."""
import os

import cv2

import golden


def eyes_of(cascade, face):
    """deepface 0.0.103 models/face_detection/OpenCv.py find_eyes: right eye, then left eye of the person; empty where there are not two."""
    found = sorted(cascade.detectMultiScale(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), 1.1, 10), key=lambda v: abs(v[2] * v[3]), reverse=True)
    if len(found) < 2:
        return [""] * 4
    a, b = found[:2]
    right, left = (a, b) if a[0] < b[0] else (b, a)
    return [int(right[0] + right[2] / 2), int(right[1] + right[3] / 2), int(left[0] + left[2] / 2), int(left[1] + left[3] / 2)]


def main():
    args = golden.arguments()
    used = golden.versions("opencv-python-headless", "numpy")
    cv2.setNumThreads(1)  # with more, eyes of one size come in any order
    face, eye = (cv2.CascadeClassifier(os.path.join(args.weights, f"haarcascade_{name}.xml")) for name in ("frontalface_default", "eye"))
    rows = []
    for name, path in golden.detector_photos(args, close=80, crowds=60):
        img = cv2.imread(path)
        boxes, _, weights = face.detectMultiScale3(img, 1.1, 10, outputRejectLevels=True)
        rows.append([name, img.shape[1], img.shape[0], len(boxes)])
        rows += [["", x, y, w, h, f"{weight:.6f}"] + eyes_of(eye, img[y:y + h, x:x + w]) for (x, y, w, h), weight in zip(boxes, weights)]
    golden.write("opencv.csv", [
        f"{used}; python tools/golden/opencv_faces.py on lfw_dev, widerface_dev and the demo photos",
        "As deepface 0.0.103 models/face_detection/OpenCv.py. A line for a photo: file, width, height, faces. Then a line for each face: empty,",
        "x, y, w, h, weight, then inside the box the right eye's x and y and the left eye's, empty where there are not two.",
        "Tolerance: none where the photo is decoded to the same pixels; other versions of libjpeg may move a pixel by one grey level.",
    ], rows)


main()
