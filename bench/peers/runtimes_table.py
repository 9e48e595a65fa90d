"""The rows of onnx_runtimes.py as tables: a model a row, milliseconds and ratios as columns, geometric means at the bottom.

    python bench/peers/runtimes_table.py build/bench/networks.csv [--markdown]

A ratio tells how many times as long the other one takes: 2.0 is twice as fast as it. "OV best" is OpenVINO's faster precision; "OV as promised" the
faster one of those whose cosine to ONNX Runtime's answer is what `fast` promises for such outputs.
"""
import argparse
import csv
import math

PRECISIONS = ["strict", "fast", "int8"]
MS = [("onnxruntime", "f32", "ONNX Runtime"), ("openvino", "f32", "OpenVINO f32"), ("openvino", "bf16", "OpenVINO bf16"),
      *(("deepface-c", p, p) for p in PRECISIONS)]
RATIOS = [("strict / ORT", "strict", "ort"), ("fast / ORT", "fast", "ort"), ("int8 / ORT", "int8", "ort"), ("strict / OV f32", "strict", "f32"),
          ("fast / OV best", "fast", "best"), ("fast / OV as promised", "fast", "promised")]


def ratio(cell, precision, other):
    """None where one of the two has no time."""
    theirs = {"ort": [("onnxruntime", "f32")], "f32": [("openvino", "f32")], "best": [("openvino", "f32"), ("openvino", "bf16")],
              "promised": [("openvino", "f32"), ("openvino", "promised")]}[other]
    times = [cell[k] for k in theirs if k in cell]
    ours = cell.get(("deepface-c", precision))
    return min(times) / ours if times and ours else None


def mean(values):
    known = [v for v in values if v]
    return math.exp(sum(map(math.log, known)) / len(known)) if known else None


def text(value, digits):
    return "" if value is None else f"{value:.{digits}f}"


def table(rows, threads, batch):
    """Lines of cells, the head first, the means last."""
    cells, cosines, loads, promised = {}, {}, {}, {}
    for r in rows:
        if (r["threads"], r["batch"]) == (threads, batch):
            key = r["tool"], r["precision"]
            cells.setdefault(r["model"], {})[key] = float(r["median_ms"])
            cosines[r["model"], *key] = float(r["cosine"])
            loads[r["model"], *key] = float(r["load_ms"])
            promised[r["model"]] = float(r["promised"])
    lines = [["model", *(f"{name} ms" for _, _, name in MS), *(name for name, _, _ in RATIOS), *(f"cosine {p}" for p in PRECISIONS), "load fast ms"]]
    for model, cell in cells.items():
        bf16 = ("openvino", "bf16")
        if bf16 in cell and cosines[model, *bf16] >= promised[model]:
            cell["openvino", "promised"] = cell[bf16]
        lines.append([model, *(text(cell.get((tool, p)), 2) for tool, p, _ in MS), *(text(ratio(cell, p, o), 2) for _, p, o in RATIOS),
                      *(text(cosines.get((model, "deepface-c", p)), 6) for p in PRECISIONS), text(loads.get((model, "deepface-c", "fast")), 1)])
    means = [mean([ratio(c, p, o) for c in cells.values()]) for _, p, o in RATIOS]
    least = [min((r for c in cells.values() if (r := ratio(c, p, o))), default=None) for _, p, o in RATIOS]
    for name, values in (("geometric mean", means), ("least", least)):
        lines.append([name, *[""] * len(MS), *(text(v, 2) for v in values), *[""] * (len(PRECISIONS) + 1)])
    return lines


def show(lines, markdown):
    if markdown:
        lines = [lines[0], ["---"] + ["---:"] * (len(lines[0]) - 1), *lines[1:]]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  " + "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))) for line in lines)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("csv")
    p.add_argument("--markdown", action="store_true")
    args = p.parse_args()
    with open(args.csv, newline="") as f:
        rows = list(csv.DictReader(f))
    versions = ", ".join(dict.fromkeys(f"{r['tool']} {r['version']}" for r in rows))
    for threads, batch in dict.fromkeys((r["threads"], r["batch"]) for r in rows):
        title = f"{threads} thread{'' if threads == '1' else 's'}, batch {batch} ({versions})"
        print(f"\n**{title}**\n" if args.markdown else f"\n  {title}\n")
        print(show(table(rows, threads, batch), args.markdown))


main()
