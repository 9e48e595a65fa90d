"""What the head of race says of crops of the demo photos, tests/golden/race_head.csv: FaceRes's features of ONNX Runtime, and the head of
src/analyze/race_head.c in NumPy. The crops are those of tfjs_attributes.csv."""
import os
import re

import numpy as np
import onnxruntime
from PIL import Image

import golden


def head():
    with open(os.path.join(golden.ROOT, "src", "analyze", "race_head.c"), encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    step = float(re.search(r"df__race_step = (.*?);", text)[1])
    bias = np.array(re.search(r"df__race_biases\[.*?\] = \{(.*?)\}", text)[1].split(","), np.float64)
    weights = re.search(r"df__race_weights\[.*?\]\[.*?\] = \{(.*)\};", text, re.S)[1]
    return np.array(re.findall(r"-?\d+", weights), np.float64).reshape(len(bias), -1) * step, bias


def main():
    args = golden.arguments()
    session = onnxruntime.InferenceSession(os.path.join(args.weights, "faceres_age_gender.onnx"), providers=["CPUExecutionProvider"])
    weights, bias = head()
    rows = []
    with open(os.path.join(golden.OUT, "tfjs_attributes.csv"), encoding="utf-8") as f:
        crops = [line.split(",")[1:5] for line in f if line.startswith("faceres,")]
    for photo, left, top, side in crops:
        x, y, n = int(left), int(top), int(side)
        pixels = np.asarray(Image.open(os.path.join(args.photos, os.path.basename(photo))).convert("RGB"))[y:y + n, x:x + n, ::-1]
        fed = (pixels.astype(np.float32) - np.array([103.939, 116.779, 123.68], np.float32)).transpose(2, 0, 1)[None]
        features = session.run(["global_pooling_Mean"], {session.get_inputs()[0].name: fed})[0][0].astype(np.float64)
        t = weights @ features + bias
        p = np.exp(t - t.max())
        rows.append([photo, left, top, side, " ".join(f"{v:.5f}" for v in 100 * p / p.sum())])
    golden.write("race_head.csv", [
        f"{golden.versions('onnxruntime', 'numpy', 'pillow')}; python tools/golden/race_head.py",
        "The head of race on FaceRes's features of crops of the demo photos, one look each.",
        "photo, left, top, side, percent of white, black, asian, indian, other.",
    ], rows)


main()
