#!/bin/sh
# Two photos of one person and one of another: verify the pairs, mark the faces. Fails when a verdict is not the known one.
#   tools/demo.sh [DEEPFACE]        the command line to show (default build/release/cli/deepface)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
deepface=${1:-$root/build/release/cli/deepface}
photos=$root/build/photos
out=$root/build/demo
mkdir -p "$out"
if [ -t 1 ] && [ -z "${LC_ALL:-}${LC_CTYPE:-}${LANG:-}" ]; then
  export LC_ALL=C.UTF-8 # a bare system names no locale; its terminal knows UTF-8 all the same
fi

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$(printf '\033[1m') plain=$(printf '\033[0m')
fi

cat >"$out/pairs.csv" <<END
img1,img2,same
obama.jpg,obama2.jpg,1
obama.jpg,biden.jpg,0
obama2.jpg,biden.jpg,0
END
printf '\n  %sWho is who?%s\n\n' "$bold" "$plain"
begun=$(date +%s%N)
"$deepface" verify --pairs "$out/pairs.csv" --root "$photos" --table --out "$out/verdicts.csv"
ms=$((($(date +%s%N) - begun) / 1000000))
printf '  All of it took %d ms, from a cold start.\n' "$ms"

for name in obama obama2 biden; do
  case $name in biden) who="Joe Biden" ;; *) who="Barack Obama" ;; esac
  "$deepface" draw "$photos/$name.jpg" --labels "$who" -o "$out/$name.png" -q
done
printf '  Faces, points and names are marked in %s/{obama,obama2,biden}.png\n' "${out#"$PWD"/}"
printf '  Your own: %s verify A.jpg B.jpg\n\n' "${deepface#"$PWD"/}"

wrong=$(awk -F, 'NR > 1 && $4 != $5' "$out/verdicts.csv" | wc -l)
rows=$(awk 'NR > 1' "$out/verdicts.csv" | wc -l)
if [ "$wrong" -gt 0 ] || [ "$rows" != 3 ]; then
  echo "demo: $wrong of $rows verdicts are not the known ones" >&2
  exit 1
fi
