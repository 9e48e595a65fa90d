"""Recall against queries a second, from search.py's CSV, as SVG on standard output: search_plot.py ANN.csv... >docs/search.svg"""
import csv
import math
import sys

W, H, LEFT, BOTTOM, RIGHT, TOP = 760, 430, 70, 50, 210, 30
COLOURS = ("#0b6e4f", "#c1440e", "#1d4e89", "#8f2d56", "#6a994e", "#b08900", "#3c3c3c", "#7b5ea7", "#008891", "#555577")

rows = []
for name in sys.argv[1:]:
    with open(name) as f:
        rows += [r for r in csv.DictReader(f) if r.get("queries_s")]
if not rows:
    sys.exit(__doc__)
series = {}
for r in rows:
    series.setdefault(r["index"], []).append((float(r["recall_10"]), float(r["queries_s"])))
exact = sorted(float(r["exact_queries_s"]) for r in rows if r.get("exact_queries_s"))
if exact:  # at any recall
    rate = exact[len(exact) // 2]
    series["ours exact"] = [(min(r for s in series.values() for r, _ in s), rate), (1.0, rate)]
least = math.floor(math.log10(min(q for s in series.values() for _, q in s)))
most = math.ceil(math.log10(max(q for s in series.values() for _, q in s)))
low = max(0.0, math.floor(min(r for s in series.values() for r, _ in s) * 10) / 10)


def x(recall):
    return LEFT + (recall - low) / (1 - low) * (W - LEFT - RIGHT)


def y(rate):
    return H - BOTTOM - (math.log10(rate) - least) / (most - least) * (H - BOTTOM - TOP)


out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {H}" font-family="sans-serif" font-size="12">',
       f'<rect width="{W}" height="{H}" fill="white"/>']
for power in range(least, most + 1):
    out.append(f'<path d="M{LEFT} {y(10 ** power):.1f}H{W - RIGHT}" stroke="#ddd"/><text x="{LEFT - 8}" y="{y(10 ** power) + 4:.1f}" text-anchor="end">{10 ** power}</text>')
for tenth in range(round(low * 10), 11):
    out.append(f'<path d="M{x(tenth / 10):.1f} {TOP}V{H - BOTTOM}" stroke="#ddd"/><text x="{x(tenth / 10):.1f}" y="{H - BOTTOM + 18}" text-anchor="middle">{tenth / 10:.1f}</text>')
out.append(f'<text x="{(LEFT + W - RIGHT) / 2}" y="{H - 10}" text-anchor="middle">recall of the exact ten, {rows[0]["rows"]} faces of {rows[0]["dims"]}</text>')
out.append(f'<text x="16" y="{(H - BOTTOM + TOP) / 2}" text-anchor="middle" transform="rotate(-90 16 {(H - BOTTOM + TOP) / 2})">queries a second, one thread</text>')
kinds = []
for i, (name, points) in enumerate(series.items()):
    kind = name.removeprefix("ours ").removesuffix(" directly")
    kinds += [kind] if kind not in kinds else []
    colour, dash = COLOURS[kinds.index(kind) % len(COLOURS)], "" if name.startswith("ours") else ' stroke-dasharray="5 4"'
    path = "L".join(f"{x(r):.1f} {y(q):.1f}" for r, q in sorted(points))
    out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
    out += [f'<circle cx="{x(r):.1f}" cy="{y(q):.1f}" r="3" fill="{colour}"/>' for r, q in points]
    out.append(f'<path d="M{W - RIGHT + 12} {TOP + 10 + 18 * i}h24" stroke="{colour}" stroke-width="2"{dash}/><text x="{W - RIGHT + 42}" y="{TOP + 14 + 18 * i}">{name}</text>')
print("\n".join(out) + "\n</svg>")
