#!/bin/sh
# Milliseconds of each stage, and of deepface for Python where it is installed, in one run on one machine.
#   tools/bench.sh [BUILD [PHOTOS]]    DF_PEERS_PYTHON names a Python that has bench/peers/requirements.txt
# The rows stay as CSV in build/bench/stages.csv.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$root/build/release}
photos=${2:-$root/build/photos}
out=$root/build/bench
csv=$out/stages.csv
mkdir -p "$out"
export LC_ALL=C

"$build/bench/bench_stages" "$photos" >"$csv.part"
python=${DF_PEERS_PYTHON:-$root/build/golden/upstream/bin/python}
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
  { tool = $2 == "deepface-c" ? "ours" : "theirs"; if (!($1 in seen)) { order[++n] = $1; seen[$1] = 1 }
    median[tool, $1] = $5; least[tool, $1] = $6; version[tool] = $2 " " $3 }
  END {
    peers = "theirs" in version
    head = peers ? sprintf("  %12s %10s %8s", version["theirs"], "min", "ratio") : ""
    printf "  %-34s %16s %10s%s\n", "milliseconds, median", version["ours"], "min", head
    for (i = 1; i <= n; i++) {
      s = order[i]
      printf "  %-34s %16s %10s", s, median["ours", s], least["ours", s]
      if (peers) printf "  %*s %10s %8s", length(version["theirs"]) > 12 ? length(version["theirs"]) : 12, median["theirs", s], least["theirs", s], \
        median["ours", s] > 0 && median["theirs", s] > 0 ? sprintf("%.1f x", median["theirs", s] / median["ours", s]) : ""
      print ""
    }
    if (peers) {
      d = "verify %s ssd+eyes+Dlib"; o = "verify %s retinaface+points+Dlib"
      for (k = split("cold warm", kind, " "); k > 0; k--)
        if (median["theirs", sprintf(d, kind[k])] > 0)
          printf "\n  %s: deepface for Python with ssd over our default, retinaface+points: %.1f x", kind[k],
            median["theirs", sprintf(d, kind[k])] / median["ours", sprintf(o, kind[k])]
      print ""
    }
  }' "$csv"
printf '\n  rows: %s\n' "$csv"
