#!/bin/sh
# Install what tools/setup/debian.txt lists and this machine lacks; says nothing to the network when nothing is missing.
#   tools/setup/deps.sh [GROUP...]        groups: build (default), npm, ci
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- build

wanted= served=
for group in "$@"; do
  found=$(awk -v g="$group" '!/^#/ && $2 == g { print $1 }' "$here/debian.txt")
  served="$served $(awk -v g="$group" '!/^#/ && $2 == g && $3 { print $1 ":" $3 }' "$here/debian.txt")"
  [ -n "$found" ] || { echo "deps: no group \"$group\" in $here/debian.txt" >&2; exit 1; }
  wanted="$wanted $found"
done
count=$(echo $wanted | wc -w)

if ! command -v dpkg-query >/dev/null; then
  echo "deps: this is no Debian: install what these packages hold by your own system's means, CMake will name what is absent:"
  echo " $(echo $wanted)"
  exit 0
fi

missing=
for package in $wanted; do
  case " $served" in  # a command of its own does
    *" $package:"*) command=${served##* $package:}; command -v "${command%% *}" >/dev/null && continue ;;
  esac
  dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
if [ -z "$missing" ]; then
  echo "deps: all $count Debian packages are there"
  exit 0
fi

echo "deps: of $count Debian packages these are missing:$missing"
if [ "$(id -u)" = 0 ]; then
  as_root=
elif command -v sudo >/dev/null; then
  as_root=sudo
  echo "deps: installing them needs root, asking sudo"
else
  echo "deps: neither root nor sudo here. As root: apt-get update && apt-get install --no-install-recommends$missing" >&2
  exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed() {
  tail -n 15 "$log" >&2
  echo "deps: $1 failed. See that the network and /etc/apt are right, then run the same again, or as root:" >&2
  echo "  apt-get update && apt-get install --no-install-recommends$missing" >&2
  exit 1
}
# A list of packages that is there but old still serves; so a failed update alone stops nothing.
$as_root apt-get update >"$log" 2>&1 || tail -n 3 "$log" >&2
size=$($as_root apt-get install --no-install-recommends --assume-no $missing 2>/dev/null | grep -E '^(Need to get|After this)' || true)
[ -z "$size" ] || echo "$size" | sed 's/^/deps: /'
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >"$log" 2>&1 </dev/null || failed "apt-get install"
echo "deps: installed$missing"
