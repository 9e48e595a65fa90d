"""Our engine beside ONNX Runtime and OpenVINO on the same .onnx files, as rows of CSV:
stage,tool,version,threads,batch,precision,model,median_ms,min_ms,load_ms,cosine,promised.

    python bench/peers/onnx_runtimes.py --cli build/release/cli/deepface GRAPHS [--models ArcFace,YuNet] [--threads 1,2] [--batch 1,16]

GRAPHS is a folder of .onnx files (docs/benchmarks.md says how to make them). Run it with a Python that has bench/peers/requirements.txt.

Model by model, and for each in rounds, every tool takes its turn on the same random numbers with the same number of runs: what else the machine does
hits all alike. Of the rounds the least median counts. Load is opening the file and what the first run takes beyond later ones; ours is from
its cache. The cosine is to ONNX Runtime's float32 answer, the least over outputs and photos; promised is what it has to be in our `fast`. A row that a tool cannot make is left out and named
on standard error.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime
import openvino
import openvino.properties as properties
import openvino.properties.hint as hints

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import pixel_ranges

OURS = ["strict", "fast", "int8"]
KINDS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8,
         "tensor(int8)": np.int8, "tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}
LEAST_RUNS, MOST_RUNS = 5, 300


def made_up(port, batch, size, pixels, rng):
    """Uniform numbers; the first free dim is the batch, further ones height and width. None when the file fixes another batch."""
    free = iter(size)
    shape = [d if isinstance(d, int) else batch if i == 0 else next(free) for i, d in enumerate(port.shape)]
    if shape and shape[0] != batch:
        return None
    low, high = (0, 255) if port.type == "tensor(uint8)" else pixels
    return (low + (high - low) * rng.random(shape)).astype(KINDS[port.type])


def cosine(expected, got):
    """The least over outputs and, where the first dim is the batch, photos."""
    least = 1.0
    for a, b in zip(expected, got, strict=True):
        if a.shape != b.shape:
            return 0.0
        rows = a.shape[0] if a.ndim > 1 else 1
        for p, q in zip(a.astype(np.float64).reshape(rows, -1), b.astype(np.float64).reshape(rows, -1)):
            top = np.linalg.norm(p) * np.linalg.norm(q)
            least = min(least, float(p @ q / top) if top else float(np.array_equal(p, q)))
    return least


def promised(answer):
    """docs/engine.md, Precision: the cosine of one vector a photo, of a few numbers, of maps."""
    if len(answer) > 1 or answer[0].ndim > 2:
        return 0.995
    return 0.9999 if answer[0][0].size >= 16 else 0.9995


def npy_name(folder, letter, i):
    return os.path.join(folder, f"{letter}-{i}.npy" if i else f"{letter}.npy")


class OnnxRuntime:
    tool, version, precision = "onnxruntime", onnxruntime.__version__, "f32"

    def __init__(self, path, threads, feed):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.feed = feed

    def run(self):
        return self.session.run(None, self.feed)


class OpenVino:
    tool, version = "openvino", openvino.__version__.split("-")[0]

    def __init__(self, path, threads, feed, precision):
        core = openvino.Core()
        model = core.read_model(path)
        model.reshape({name: list(x.shape) for name, x in feed.items()})
        kind = openvino.Type.bf16 if precision == "bf16" else openvino.Type.f32
        compiled = core.compile_model(model, "CPU", {properties.inference_num_threads: threads, hints.inference_precision: kind,
                                                     hints.performance_mode: hints.PerformanceMode.LATENCY})
        self.request, self.feed, self.precision = compiled.create_infer_request(), feed, precision
        self.ports = compiled.outputs

    def run(self):
        answer = self.request.infer(self.feed)
        return [answer[p] for p in self.ports]


class Peer:
    """A runtime in this process: opened once, timed in every round."""

    def __init__(self, make):
        begun = time.perf_counter()
        self.engine = make()
        opened = time.perf_counter()
        self.answer = [np.array(a) for a in self.engine.run()]
        first = time.perf_counter() - opened
        later = min(self.times(2))
        self.tool, self.version, self.precision = self.engine.tool, self.engine.version, self.engine.precision
        self.load_ms = 1e3 * (opened - begun + max(0.0, first - later))
        self.later_ms = 1e3 * later

    def times(self, runs, clock=time.perf_counter):
        seconds = []
        for _ in range(runs):
            begun = clock()
            self.engine.run()
            seconds.append(clock() - begun)
        return seconds

    def measure(self, runs, cpu):
        ms = 1e3 * np.array(self.times(runs, time.process_time if cpu else time.perf_counter))
        return float(np.median(ms)), float(ms.min()), self.load_ms, self.answer


class Ours:
    """`deepface bench model`, a process a round."""
    tool = "deepface-c"

    def __init__(self, cli, path, threads, folder, outputs, precision):
        self.version = subprocess.run([cli, "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
        self.outputs, self.folder, self.precision = outputs, folder, precision
        self.command = [cli, "bench", "model", path, "--json", "--threads", str(threads), "--precision", precision, "--input", npy_name(folder, "x", 0),
                        "--output", npy_name(folder, "y", 0)]

    def measure(self, runs, cpu):
        done = subprocess.run([*self.command, "--runs", str(runs)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip() or f"exit status {done.returncode}")
        facts = json.loads(done.stdout)
        return facts["cpu_ms" if cpu else "median_ms"], facts["min_ms"], facts["load_ms"], [np.load(npy_name(self.folder, "y", i)) for i in range(self.outputs)]


def attempt(what, call):
    try:
        return call()
    except Exception as e:  # a tool that cannot is a row less, not the end
        print(f"{what}: {str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__}", file=sys.stderr, flush=True)
        return None


def compare(args, path, threads, batch, folder):
    name = os.path.splitext(os.path.basename(path))[0]
    what = f"{name}, {threads} threads, batch {batch}"
    session = attempt(f"{what}, onnxruntime", lambda: onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]))
    if session is None:
        return
    rng = np.random.default_rng(1)
    pixels = pixel_ranges.of(name)
    feed = {p.name: made_up(p, batch, args.size, pixels, rng) for p in session.get_inputs()}
    if any(x is None for x in feed.values()):
        return
    outputs = len(session.get_outputs())
    del session
    for i, x in enumerate(feed.values()):
        np.save(npy_name(folder, "x", i), x)
    reference = attempt(f"{what}, onnxruntime", lambda: Peer(lambda: OnnxRuntime(path, threads, feed)))
    if reference is None:
        return
    tools = [reference]
    for precision in ("f32", "bf16"):
        tools.append(attempt(f"{what}, openvino {precision}", lambda p=precision: Peer(lambda: OpenVino(path, threads, feed, p))))
    tools += [Ours(args.cli, path, threads, folder, outputs, p) for p in OURS]
    runs = int(min(MOST_RUNS, max(LEAST_RUNS, 1e3 * args.seconds / max(1e-3, reference.later_ms))))
    found = {}
    for _ in range(args.rounds):
        for tool in filter(None, tools):
            if found.get(tool, ()) is not None:  # one that failed is not asked again
                measured = attempt(f"{what}, {tool.tool} {tool.precision}", lambda t=tool: t.measure(runs, args.cpu))
                found[tool] = measured and min(found.get(tool, measured), measured, key=lambda m: m[0])
    for tool, measured in found.items():
        if measured:
            median, least, load, answer = measured
            print(f"network,{tool.tool},{tool.version},{threads},{batch},{tool.precision},{name},{median:.4f},{least:.4f},{load:.2f},"
                  f"{cosine(reference.answer, answer):.7f},{promised(reference.answer)}", flush=True)


def numbers(text):
    return [int(v) for v in text.split(",")]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("graphs", help="folder of .onnx files")
    p.add_argument("--cli", required=True, help="the deepface to run")
    p.add_argument("--models", help="names without .onnx, apart by commas; else all")
    p.add_argument("--threads", type=numbers, default=[1, 2])
    p.add_argument("--batch", type=numbers, default=[1, 16])
    p.add_argument("--size", type=lambda s: [int(v) for v in s.split("x")][::-1], default=[640, 640], help="WxH of inputs that take any size")
    p.add_argument("--seconds", type=float, default=1, help="of runs, a tool a round, as ONNX Runtime needs them")
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--cpu", action="store_true", help="medians of the time that processors spent instead of the clock's: for one thread on a machine that does other work")
    args = p.parse_args()
    names = sorted(n for n in os.listdir(args.graphs) if n.endswith(".onnx"))
    if args.models:
        names = [f"{m}.onnx" for m in args.models.split(",")]
    print("stage,tool,version,threads,batch,precision,model,median_ms,min_ms,load_ms,cosine,promised", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            for threads in args.threads:
                for batch in args.batch:
                    compare(args, os.path.join(args.graphs, name), threads, batch, folder)


main()
