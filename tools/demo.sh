#!/bin/sh
# Two photos of one person and one of another: verify both pairs, mark the faces. Fails when a verdict is not the known one.
#   tools/demo.sh [DEEPFACE]        the command line to show (default build/release/cli/deepface)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
deepface=${1:-$root/build/release/cli/deepface}
photos=$root/build/photos
out=$root/build/demo
mkdir -p "$out"
export LC_NUMERIC=C

bold='' green='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$(printf '\033[1m') green=$(printf '\033[32m') red=$(printf '\033[31m') plain=$(printf '\033[0m')
fi
line() { printf '  %-10s  %-10s  %8s  %9s  %s%-16s%s  %7s\n' "$1" "$2" "$3" "$4" "$7" "$5" "$plain" "$6"; }
value() { printf '%s' "$json" | sed -n "s/.*\"$1\": *\"\{0,1\}\([^,\"}]*\).*/\1/p"; }

wrong=0
pair() {  # pair A B STATUS: 0 is the same person, 1 is not
  begun=$(date +%s%N)
  status=0
  json=$("$deepface" verify "$photos/$1" "$photos/$2" --json) || status=$?
  ms=$((($(date +%s%N) - begun) / 1000000))
  if [ "$status" -gt 1 ]; then
    echo "demo: verify $1 $2 ended with $status" >&2
    exit 1
  fi
  verdict="same person" colour=$green
  [ "$status" = 0 ] || verdict="different people" colour=$red
  line "$1" "$2" "$(printf '%.4f' "$(value distance)")" "$(printf '%.4f' "$(value threshold)")" "$verdict" "$ms ms" "$colour"
  [ "$status" = "$3" ] || wrong=$((wrong + 1))
}

printf '\n  %sWho is who?%s\n\n' "$bold" "$plain"
line "photo A" "photo B" distance threshold verdict time "$bold"
line ---------- ---------- -------- --------- ---------------- ------- ''
pair obama.jpg obama2.jpg 0
pair obama.jpg biden.jpg 1
pair obama2.jpg biden.jpg 1
printf '\n  Model %s, detector %s, %s distance. The time is that of the whole command, from a cold start.\n' \
  "$(value model)" "$(value detector_backend)" "$(value similarity_metric)"

for name in obama obama2 biden; do
  "$deepface" draw "$photos/$name.jpg" -o "$out/$name.png" >/dev/null
done
printf '  Faces and points are marked in %s/{obama,obama2,biden}.png\n\n' "${out#"$PWD"/}"
if [ "$wrong" -gt 0 ]; then
  echo "demo: $wrong verdicts are not the known ones" >&2
  exit 1
fi
