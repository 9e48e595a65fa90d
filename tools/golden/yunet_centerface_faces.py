"""Faces that upstream finds with YuNet and CenterFace: tests/golden/yunet.csv and centerface.csv."""
import os

import cv2
from deepface.models.face_detection.CenterFace import CenterFace

import golden

LEAST = {"yunet": 0.88, "centerface": 0.33}  # a little below upstream's thresholds


def yunet(path):
    """As deepface 0.0.103 models/face_detection/YuNet.py, but for the cut to whole pixels at its end."""
    def faces(img):
        h, w = img.shape[:2]
        r = 1.0
        if max(h, w) > 640:
            r = 640.0 / max(h, w)
            img = cv2.resize(img, (int(w * r), int(h * r)))
        model = cv2.FaceDetectorYN_create(path, "", (img.shape[1], img.shape[0]), LEAST["yunet"])
        found = model.detect(img)[1]
        return [] if found is None else [[f[14], *(f[:14] / r)] for f in found]
    return faces


def centerface(path):
    """Upstream's own class, made anew for each photo as upstream does."""
    def faces(img):
        boxes, points = CenterFace(path).forward(img, img.shape[0], img.shape[1], threshold=LEAST["centerface"])
        return [[b[4], b[0], b[1], b[2] - b[0], b[3] - b[1], *p] for b, p in zip(boxes, points)]
    return faces


def main():
    args = golden.arguments()
    used = golden.versions("deepface", "opencv-contrib-python-headless", "numpy")
    for name, make, file in (("yunet", yunet, "face_detection_yunet_2023mar.onnx"), ("centerface", centerface, "centerface.onnx")):
        find, rows = make(os.path.join(args.weights, file)), []
        for photo, path in golden.detector_photos(args, crowds=60):
            img = cv2.imread(path)
            found = find(img)
            rows.append([photo, img.shape[1], img.shape[0], len(found)])
            rows += [["", f"{f[0]:.4f}"] + [f"{v:.2f}" for v in f[1:]] for f in found]
        golden.write(name + ".csv", [
            f"{used}; python tools/golden/yunet_centerface_faces.py on lfw_dev, widerface_dev and the demo photos",
            "Upstream's arithmetic before it cuts to whole pixels. A line for a photo: file, width, height, faces. Then a line for each face: empty,",
            "score, x, y, w, h, and x, y of the right eye, left eye, nose, right and left corner of the mouth, in pixels of the photo. Scores above",
            f"{LEAST[name]}.",
            "Tolerance: intersection over union >= 0.99, points 0.5 px of the network's input, for faces that score 0.02 above upstream's threshold",
            "(our resize may differ from cv2's by one grey level, our sums by their order).",
        ], rows)


main()
