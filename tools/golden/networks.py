#!/usr/bin/env python3
"""Face networks as ONNX files, of the right architecture and with seeded random weights, for tests of the engine and for benchmarks.

    python tools/golden/networks.py OUT_DIR [NAME...]        needs torch and onnx; --list names them

Each architecture is that of its paper or of the project that publishes the weights, with its exporter's habits: old and new operator
sets, batch norms folded by the exporter or left in the graph, fixed and dynamic sizes. compare_networks.py runs them. The recognisers
that upstream publishes come from its own PyTorch classes instead (any exporter will do), tf2onnx's spelling from networks_keras.py.
"""
import argparse
import os
import pathlib
import sys
import warnings
import onnx
import onnx.version_converter
import torch
import networks_detect as detect
import networks_recognise as recognise
import networks_yolo as yolo
from networks_parts import settle

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import pixel_ranges

EXPORTER_KNOWS = 20  # the newest operator set that torch.onnx.export writes; later ones are converted to

# name: (builder, operator set, input shape, dynamic dims of the input, batch norms left in the graph)
NETWORKS = {
    "SFace": (recognise.sface, 11, (1, 3, 112, 112), {0: "n"}, True),
    "w600k_r50": (recognise.w600k_r50, 11, (1, 3, 112, 112), {0: "n"}, False),
    "w600k_r50_14": (recognise.w600k_r50, 14, (1, 3, 112, 112), {0: "n"}, True),
    "det_10g": (detect.Scrfd, 11, (1, 3, 320, 320), {0: "n", 2: "h", 3: "w"}, False),
    "scrfd_gn": (lambda: detect.Scrfd(True), 12, (1, 3, 320, 320), {0: "n", 2: "h", 3: "w"}, False),
    "RetinaFace_r50": (detect.Retina, 11, (1, 3, 320, 320), {0: "n", 2: "h", 3: "w"}, False),
    "YuNet": (detect.Yunet, 11, (1, 3, 320, 320), {0: "n"}, False),
    "CenterFace": (detect.Center, 9, (1, 3, 320, 320), {0: "n", 2: "h", 3: "w"}, True),
    "MTCNN_pnet": (lambda: detect.Mtcnn("p"), 10, (1, 3, 120, 90), {0: "n", 2: "h", 3: "w"}, False),
    "MTCNN_rnet": (lambda: detect.Mtcnn("r"), 8, (1, 3, 24, 24), {0: "n"}, False),
    "MTCNN_onet": (lambda: detect.Mtcnn("o"), 7, (1, 3, 48, 48), {0: "n"}, False),
    "YOLOv8n_face": (lambda: yolo.Yolo(8), 12, (1, 3, 320, 320), {0: "n"}, False),
    "YOLOv11n_face": (lambda: yolo.Yolo(11), 17, (1, 3, 320, 320), {0: "n"}, False),
    "YOLOv12n_face": (lambda: yolo.Yolo(12), 19, (1, 3, 320, 320), {0: "n", 2: "h", 3: "w"}, False),
    "MiniFASNetV2": (lambda: recognise.Fasnet(False), 11, (1, 3, 80, 80), {0: "n"}, False),
    "MiniFASNetV1SE": (lambda: recognise.Fasnet(True), 9, (1, 3, 80, 80), {0: "n"}, True),
    "VGG_age": (lambda: recognise.VggAge(101), 15, (1, 224, 224, 3), {0: "n"}, False),
    "mini_XCEPTION": (recognise.Xception, 16, (1, 1, 64, 64), {0: "n"}, True),
    "Emotion": (recognise.emotion, 21, (1, 1, 48, 48), {0: "n"}, False),
    "BlazeFace": (detect.Blaze, 13, (1, 3, 128, 128), {0: "n"}, False),
    "FaceMesh": (recognise.Mesh, 18, (1, 3, 192, 192), {0: "n"}, False),
    "FaceRes": (recognise.Faceres, 17, (1, 3, 224, 224), {0: "n"}, False),
    "gear": (recognise.gear, 20, (1, 3, 198, 198), {0: "n"}, True),
}

def make(name, folder):
    build, opset, shape, dynamic, keeps_norms = NETWORKS[name]
    torch.manual_seed(1)
    low, high = pixel_ranges.of(name)
    example = low + (high - low) * torch.rand(shape)
    model = settle(build(), example, 2)
    with torch.no_grad():
        answer = model(example)
    names = [f"out{i}" for i in range(len(answer) if isinstance(answer, tuple) else 1)]
    axes = {"input": dynamic, **{n: {0: "n"} for n in names}}
    keep = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False} if keeps_norms else {}
    path = os.path.join(folder, name + ".onnx")
    torch.onnx.export(model, example, path, input_names=["input"], output_names=names, dynamic_axes=axes, opset_version=min(opset, EXPORTER_KNOWS), dynamo=False, **keep)
    if opset > EXPORTER_KNOWS:
        onnx.save(onnx.version_converter.convert_version(onnx.load(path), opset), path)
    print(f"{name}: operator set {opset}, {os.path.getsize(path) / 1e6:.1f} MB", flush=True)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("folder", nargs="?")
    args.add_argument("names", nargs="*")
    args.add_argument("--list", action="store_true")
    args = args.parse_args()
    if args.list or not args.folder:
        print("\n".join(NETWORKS))
        return
    warnings.simplefilter("ignore")
    os.makedirs(args.folder, exist_ok=True)
    for name in args.names or NETWORKS:
        make(name, args.folder)


if __name__ == "__main__":
    main()
