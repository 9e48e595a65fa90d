#!/bin/sh
# Milliseconds of each stage, and of deepface for Python where it is installed; of each network, beside ONNX Runtime and OpenVINO. One run, one machine.
#   tools/bench.sh [BUILD [PHOTOS]]    DF_PEERS_PYTHON names a Python that has bench/peers/requirements.txt, DF_BENCH_GRAPHS a folder of
#                                      .onnx files (docs/benchmarks.md); DF_BENCH_ARGS further arguments of bench/peers/onnx_runtimes.py
# The rows stay as CSV in build/bench/stages.csv and build/bench/networks.csv.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$root/build/release}
photos=${2:-$root/build/photos}
out=$root/build/bench
csv=$out/stages.csv
mkdir -p "$out"
export LC_ALL=C

"$build/bench/bench_stages" "$photos" >"$csv.part"
peers=${DF_PEERS_PYTHON:-}
python=${peers%%:*}
python=${python:-$root/build/golden/upstream/bin/python}
if [ -x "$python" ] && "$python" -c 'import deepface' >/dev/null 2>&1; then
  "$python" "$root/bench/peers/upstream_verify.py" --photos "$photos" 2>"$out/peers.log" | sed 1d >"$out/peers.part" || {
    cat "$out/peers.log" >&2
    exit 1
  }
  [ -s "$out/peers.part" ] || { cat "$out/peers.log" >&2; exit 1; }
  cat "$out/peers.part" >>"$csv.part"
  rm -f "$out/peers.part"
else
  echo "bench: deepface for Python is not measured: set DF_PEERS_PYTHON to a Python with bench/peers/requirements.txt" >&2
fi
mv "$csv.part" "$csv"

model=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -1)
printf '\n  %s, %s cores\n\n' "${model:-$(uname -m)}" "$(nproc)"
awk -F, '
  NR == 1 { next }
  { tool = ($2 == "deepface-c") ? "ours" : "theirs"; version[tool] = $2 " " $3; median[tool, $1] = $5; least[tool, $1] = $6 }
  !($1 in seen) { order[++n] = $1; seen[$1] = 1 }
  END {
    peers = ("theirs" in version)
    row = "  %-36s %18s %10s"
    printf(row, "milliseconds", version["ours"], "least")
    printf(peers ? "  %18s %10s %8s\n" : "\n", version["theirs"], "least", "ratio")
    for (i = 1; i <= n; i++) {
      s = order[i]; a = median["ours", s] + 0; b = median["theirs", s] + 0
      printf(row, s, a ? sprintf("%.1f", a) : "", a ? sprintf("%.1f", least["ours", s]) : "")
      if (b) printf("  %18.1f %10.1f %8s", b, least["theirs", s], a ? sprintf("%.1f x", b / a) : "")
      printf("\n")
    }
    split("cold warm", kinds, " ")
    for (k = 1; k <= 2; k++) {
      a = median["ours", "verify " kinds[k] " retinaface+points+Dlib"] + 0
      for (i = split("opencv ssd", detectors, " "); i > 0; i--) {
        b = median["theirs", "verify " kinds[k] " " detectors[i] "+eyes+Dlib"] + 0
        if (a && b) printf("\n  %s: %s with %s takes %.1f times as long as our default (retinaface, points)", kinds[k], version["theirs"], detectors[i], b / a)
      }
    }
    if (peers) printf("\n")
  }' "$csv"
printf '\n  rows: %s\n' "$csv"

# ---- detectors ----

"$root/tools/bench_detectors.sh" "$build"

# ---- networks ----

rows=$out/networks.csv
graphs=${DF_BENCH_GRAPHS:-}
if [ -z "${DF_PEERS_PYTHON:-}" ] || [ -z "$graphs" ]; then
  echo "bench: networks are not measured: set DF_PEERS_PYTHON to a Python with bench/peers/requirements.txt and DF_BENCH_GRAPHS to a folder of .onnx files" >&2
  exit 0
fi
DEEPFACE_CACHE=$out/cache "$python" "$root/bench/peers/onnx_runtimes.py" "$graphs" --cli "$build/cli/deepface" ${DF_BENCH_ARGS:-} >"$rows.part"
mv "$rows.part" "$rows"
"$python" "$root/bench/peers/runtimes_table.py" "$rows"
printf '\n  rows: %s\n' "$rows"
