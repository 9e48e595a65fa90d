"""Upstream's recognisers with seeded random weights as ONNX files, under the names that upstream keeps its own by.

    python bench/peers/seeded_recognisers.py GRAPHS     (a Python with torch, onnx, deepface 0.0.103 and werkzeug)

Upstream's PyTorch classes, channels last at the door, as it exports them: random weights run through the same layers as the trained ones.
"""
import importlib
import os
import sys

os.environ["DEEPFACE_BACKEND_ENGINE"] = "pytorch"
import torch
from deepface.commons import weight_utils

MODELS = {"vgg_face_weights": ("VGGFace", "load_model", 224, 224), "facenet_weights": ("Facenet", "load_facenet128d_model", 160, 160),
          "facenet512_weights": ("Facenet", "load_facenet512d_model", 160, 160), "openface_weights": ("OpenFace", "load_model", 96, 96),
          "VGGFace2_DeepFace_weights_val-0.9034": ("FbDeepFace", "load_model", 152, 152), "deepid_weights": ("DeepID", "load_model", 47, 55),
          "arcface_weights": ("ArcFace", "load_model", 112, 112), "ghostfacenet_v1": ("GhostFaceNet", "load_model", 112, 112)}


class ChannelsLast(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x.permute(0, 3, 1, 2))


def main():
    weight_utils.download_weights_if_necessary = lambda *_, **__: "none"
    os.makedirs(sys.argv[1], exist_ok=True)
    for file, (module, load, width, height) in MODELS.items():
        if sys.argv[2:] and file not in sys.argv[2:]:
            continue
        torch.manual_seed(0)
        m = importlib.import_module("deepface.models.facial_recognition.pytorch." + module)
        m.load_model_weights = lambda model, *_, **__: model
        model = ChannelsLast(getattr(m, load)().eval())
        torch.onnx.export(model, torch.rand(1, height, width, 3), os.path.join(sys.argv[1], file + ".onnx"), input_names=["input"],
                          output_names=["embedding"], dynamic_axes={"input": {0: "n"}, "embedding": {0: "n"}}, dynamo=False, opset_version=17)
        print(file, flush=True)


main()
