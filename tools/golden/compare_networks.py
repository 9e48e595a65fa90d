#!/usr/bin/env python3
"""Our engine against ONNX Runtime on the same files and random inputs: cosine, largest difference and time of every output.

    python tools/golden/compare_networks.py --tool BUILD/tests/ops/run_network [--batch 1,3,16] [--threads 1,2] GRAPH.onnx...

Needs numpy, onnx and onnxruntime. Free dims of the input other than the first are taken from --size HxW. A graph passes where each output's cosine is
at least 0.99999. Times are the least of --runs; they mean something only on a quiet machine. Exit status 1 when a graph fails.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import numpy as np
import onnx
import onnxruntime

TYPES = {"tensor(float)": (1, np.float32), "tensor(uint8)": (2, np.uint8), "tensor(int8)": (3, np.int8), "tensor(int32)": (6, np.int32),
         "tensor(int64)": (7, np.int64), "tensor(bool)": (9, np.bool_), "tensor(float16)": (10, np.float16), "tensor(double)": (11, np.float64)}
BY_NUMBER = dict(TYPES.values())
LEAST = 0.99999


def made_up(port, batch, size, rng):
    free = iter(size)
    shape = [batch if i == 0 and not isinstance(d, int) else d if isinstance(d, int) else next(free) for i, d in enumerate(port.shape)]
    number, kind = TYPES[port.type]
    scale = 255 if kind == np.uint8 else 1
    return number, (rng.random(shape) * scale).astype(kind)


def cosine(a, b):
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    if not np.all(np.isfinite(a)) or not np.all(np.isfinite(b)):
        return 1.0 if np.array_equal(a, b, equal_nan=True) else 0.0
    top = np.linalg.norm(a) * np.linalg.norm(b)
    return 1.0 if top == 0 and np.array_equal(a, b) else float(a @ b / top) if top else 0.0


def ours(tool, path, inputs, threads, runs, folder):
    specs = []
    for i, (number, x) in enumerate(inputs):
        file = os.path.join(folder, f"in{i}")
        x.tofile(file)
        specs.append(f"{number}:{'x'.join(map(str, x.shape))}:{file}")
    done = subprocess.run([tool, path, str(threads), str(runs), os.path.join(folder, "out"), *specs], capture_output=True, text=True, check=False)
    if done.returncode:
        return None, None, (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
    facts, outputs = {}, []
    for line in done.stdout.splitlines():
        words = line.split()
        if words[0] == "output":
            dims = [] if words[4] == "scalar" else [int(d) for d in words[4].split("x")]
            outputs.append(np.fromfile(os.path.join(folder, f"out.{words[1]}"), BY_NUMBER[int(words[3])]).reshape(dims))
        else:
            facts[words[0]] = float(words[1])
    return outputs, facts, None


def compare(path, args, folder):
    name, worst = os.path.basename(path), 1.0
    opset = next(o.version for o in onnx.load(path, load_external_data=False).opset_import if o.domain in ("", "ai.onnx"))
    for batch in args.batch:
        for threads in args.threads:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            if batch > 1 and isinstance(session.get_inputs()[0].shape[0], int):
                continue
            rng = np.random.default_rng(batch)
            inputs = [made_up(p, batch, args.size, rng) for p in session.get_inputs()]
            feed = {p.name: x for p, (_, x) in zip(session.get_inputs(), inputs)}
            expected = session.run(None, feed)
            times = []
            for _ in range(args.runs):
                from time import perf_counter as now
                begin = now()
                session.run(None, feed)
                times.append((now() - begin) * 1e3)
            outputs, facts, problem = ours(args.tool, path, inputs, threads, args.runs, folder)
            head = f"{name:24} opset {opset:2} batch {batch:2} threads {threads}"
            if problem:
                print(f"{head}  {problem}", flush=True)
                return 0.0
            least, most = 1.0, 0.0
            for port, a, b in zip(session.get_outputs(), expected, outputs):
                c = cosine(a, b) if a.shape == b.shape else 0.0
                d = np.abs(a.astype(np.float64) - b).max() / max(1e-9, np.abs(a).max()) if a.shape == b.shape and a.size else 0.0
                least, most = min(least, c), max(most, d)
                if args.verbose or c < LEAST:
                    print(f"{head}  {port.name} {list(a.shape)} {list(b.shape)}: cosine {c:.8f}, difference {d:.1e} of the largest")
            print(f"{head}  nodes {facts['nodes']:5.0f} steps {facts['steps']:4.0f}  cosine {least:.7f} difference {most:.1e}  "
                  f"ms {facts['min_ms']:8.2f}, ONNX Runtime {min(times):8.2f}", flush=True)
            worst = min(worst, least)
    return worst


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--tool", required=True)
    args.add_argument("--batch", default="1,3,16", type=lambda s: [int(v) for v in s.split(",")])
    args.add_argument("--threads", default="1,2", type=lambda s: [int(v) for v in s.split(",")])
    args.add_argument("--size", default="320x320", type=lambda s: [int(v) for v in s.split("x")])
    args.add_argument("--runs", default=1, type=int)
    args.add_argument("--verbose", action="store_true")
    args.add_argument("graphs", nargs="+")
    args = args.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        failed = [os.path.basename(p) for p in args.graphs if compare(p, args, folder) < LEAST]
    print(f"{len(args.graphs) - len(failed)} of {len(args.graphs)} graphs equal" + (": not " + ", ".join(failed) if failed else ""))
    sys.exit(1 if failed else 0)


main()
