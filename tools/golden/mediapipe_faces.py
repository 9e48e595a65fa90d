"""Faces that MediaPipe finds: tests/golden/mediapipe.csv."""
import cv2
import mediapipe
import numpy as np

import golden


def main():
    args = golden.arguments()
    used = golden.versions("mediapipe", "opencv-contrib-python", "numpy")
    detector = mediapipe.solutions.face_detection.FaceDetection(min_detection_confidence=0.5, model_selection=0)
    rows = []
    for name, path in golden.detector_photos(args, close=100, crowds=60):
        rgb = np.ascontiguousarray(cv2.imread(path)[:, :, ::-1])
        height, width = rgb.shape[:2]
        found = sorted(detector.process(rgb).detections or [], key=lambda d: -d.score[0])
        rows.append([name, width, height, len(found)])
        for d in found:
            box, points = d.location_data.relative_bounding_box, d.location_data.relative_keypoints
            numbers = [box.xmin * width, box.ymin * height, box.width * width, box.height * height]
            numbers += [v for p in points[:3] for v in (p.x * width, p.y * height)]
            rows.append(["", f"{d.score[0]:.6f}"] + [f"{v:.2f}" for v in numbers])
    golden.write("mediapipe.csv", [
        f"{used}; python tools/golden/mediapipe_faces.py on lfw_dev, widerface_dev and the demo photos",
        "solutions.face_detection.FaceDetection(min_detection_confidence=0.5, model_selection=0).process(), the network and the package that",
        "deepface 0.0.103 calls (there with 0.7). A line for a photo: file, width, height, faces. Then a line for each face, best first: empty,",
        "score, x, y, width, height, then x and y of the person's right eye, left eye, and the tip of the nose.",
    ], rows)


main()
