"""Faces as upstream's represent() has them with align=True, its detector looking at the photo inside a black border: border_faces.csv."""
import os

from deepface import DeepFace

import golden


def main():
    args = golden.arguments()
    used = golden.versions("deepface", "opencv-contrib-python-headless")
    rows = []
    for photo in golden.DEMO:
        for face in DeepFace.extract_faces(os.path.join(args.photos, photo), detector_backend="opencv", align=True):
            a = face["facial_area"]
            rows.append([photo, a["x"], a["y"], a["w"], a["h"], *a["left_eye"], *a["right_eye"]])
    golden.write("border_faces.csv", [
        f"{used}; python tools/golden/border_faces.py",
        "DeepFace.extract_faces(photo, detector_backend=\"opencv\", align=True): facial_area. Tolerance: none.",
        "photo,x,y,w,h,left eye x,y,right eye x,y",
    ], rows)


main()
