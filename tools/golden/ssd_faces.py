"""Faces that OpenCV's DNN module finds with upstream's SSD: tests/golden/ssd.csv."""
import os

import cv2

import golden

SIDE, LEAST = 300, 0.88


def main():
    args = golden.arguments()
    used = golden.versions("opencv-python-headless", "numpy")
    net = cv2.dnn.readNetFromCaffe(os.path.join(args.weights, "deploy.prototxt"),
                                   os.path.join(args.weights, "res10_300x300_ssd_iter_140000.caffemodel"))
    rows = []
    for name, path in golden.detector_photos(args):
        img = cv2.imread(path)
        # deepface 0.0.103 models/face_detection/Ssd.py: a plain resize, no mean subtracted
        net.setInput(cv2.dnn.blobFromImage(image=cv2.resize(img, (SIDE, SIDE))))
        found = [f for f in net.forward()[0][0] if f[1] == 1 and f[2] >= LEAST]
        rows.append([name, img.shape[1], img.shape[0], len(found)])
        rows += [["", f"{f[2]:.4f}"] + [f"{v * SIDE:.4f}" for v in f[3:7]] for f in found]
    golden.write("ssd.csv", [
        f"{used}; python tools/golden/ssd_faces.py on lfw_dev, widerface_dev and the demo photos",
        "Arithmetic of deepface 0.0.103 models/face_detection/Ssd.py before it rounds. A line for a photo: file, width, height, faces. Then a",
        f"line for each face: empty, score, left, top, right, bottom in pixels of the {SIDE} x {SIDE} input. Scores from {LEAST}.",
        "Tolerance: intersection over union >= 0.99 after upstream's two truncations to whole pixels, for faces that score 0.02 above the threshold",
        "of 0.9. An edge within 0.05 of a whole input pixel may fall on either side of it: our resize may differ from cv2's by one grey level.",
    ], rows)


main()
