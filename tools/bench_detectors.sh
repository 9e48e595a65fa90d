#!/bin/sh
# Detectors beside their originals: average precision, recall, agreement, milliseconds at 1 megapixel. One run, one machine, one thread.
#   tools/bench_detectors.sh [BUILD [WIDER]]    WIDER holds photos and boxes.csv of WIDER FACE (docs/benchmarks.md). DF_PEERS_PYTHON names a
#                                               Python that has bench/peers/requirements-detectors.txt, or several with colons between: some
#                                               of the packages exclude each other, and each Python runs what it has.
# The rows stay as CSV in build/bench/detectors.csv and build/bench/detectors_peers.csv.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$root/build/release}
wider=${2:-${DF_TEST_DATA:-$root/../shared/data}/widerface_dev}
out=$root/build/bench
ours=$out/detectors.csv
theirs=$out/detectors_peers.csv
export LC_ALL=C
[ -f "$wider/boxes.csv" ] || { echo "bench: detectors are not measured: no $wider/boxes.csv (docs/benchmarks.md)" >&2; exit 0; }
mkdir -p "$out/megapixel"
photos=$(find "$wider" -name '*.jpg' | sort)
twelve=$(printf '%s\n' $photos | awk 'NR % 10 == 5')
bench=$build/bench/bench_detectors

"$bench" scale "$out/megapixel" $twelve
"$bench" faces all $photos >"$ours.part" 2>/dev/null
"$bench" times all "$out"/megapixel/*.png >>"$ours.part"
mv "$ours.part" "$ours"
: >"$theirs.part"
old=$IFS
IFS=:
set -- ${DF_PEERS_PYTHON:-}
IFS=$old
for python in "$@"; do
  done_already=$(sed -n 's/^tool,\([^,]*\),.*/\1/p' "$theirs.part" | sort -u | paste -sd, -)
  "$python" "$root/bench/peers/detectors.py" faces --skip "$done_already" $photos >"$out/peer.part" 2>"$out/peers.log" || { cat "$out/peers.log" >&2; exit 1; }
  # An original and ours in turns, so that what else the machine does hits both; of what is measured twice the least counts.
  for name in $(sed -n 's/^tool,\([^,]*\),.*/\1/p' "$out/peer.part"); do
    "$python" "$root/bench/peers/detectors.py" times --only "$name" "$out"/megapixel/*.png >>"$out/peer.part" 2>>"$out/peers.log"
    "$bench" times "${name%%:*}" "$out"/megapixel/*.png >>"$ours" 2>/dev/null
  done
  cat "$out/peer.part" >>"$theirs.part"
done
rm -f "$out/peer.part"
mv "$theirs.part" "$theirs"
printf '\n'
python3 "$root/bench/peers/detectors_table.py" "$wider" "$ours" "$theirs"
printf '\n  rows: %s %s\n' "$ours" "$theirs"
