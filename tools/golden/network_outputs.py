#!/usr/bin/env python3
"""What ONNX Runtime makes of RetinaFace's network for made-up pixels: tests/golden/network_outputs.csv.

    python tools/golden/network_outputs.py --weights ~/.deepface/weights
"""
import argparse
import os
import numpy as np
import onnxruntime

STEP = 29  # every 29th number of an output is kept


def pixels(n):
    """The generator of tests/ops/test_networks.c: 24 upper bits of a linear congruential sequence, to -110..145."""
    state, out = 1, np.empty(n, np.float32)
    for i in range(n):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out[i] = np.float32(state >> 8) / np.float32(16777216) * np.float32(255) - np.float32(110)
    return out


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--weights", required=True)
    args.add_argument("--data")
    path = os.path.join(args.parse_args().weights, "retinaface_mobilenet025.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    out = os.path.join(os.path.dirname(__file__), "..", "..", "tests", "golden", "network_outputs.csv")
    with open(out, "w") as f:
        f.write(f"# onnxruntime {onnxruntime.__version__}, numpy {np.__version__}; python tools/golden/network_outputs.py\n")
        f.write(f"# shape, output, every {STEP}th number from the first. Tolerance: 2e-4, or 1e-4 of the number where that is more: sums of\n"
                "# thousands of float32 products in another order.\n")
        for shape in (1, 3, 64, 96), (2, 3, 96, 64):
            answers = session.run(None, {"input": pixels(int(np.prod(shape))).reshape(shape)})
            for port, answer in zip(session.get_outputs(), answers):
                for at in range(0, answer.size, STEP):
                    f.write(f"{'x'.join(map(str, shape))},{port.name},{at},{answer.ravel()[at]:.7g}\n")


main()
