#!/bin/sh
# Every ```c block of the README and the docs that holds a function or an #include compiles; a block of statements compiles in a function.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
awk -v out="$tmp" '
  /^```c$/ { inside = 1; n++; file = sprintf("%s/%03d.c", out, n); from = FILENAME ":" FNR; print "/* " from " */" > file; next }
  /^```/ { inside = 0; next }
  inside { print > file }' "$1"/README.md "$1"/docs/*.md
bad=0
found=0
for file in "$tmp"/*.c; do
  [ -f "$file" ] || continue
  grep -q '\.\.\.' "$file" && continue # an excerpt, marked by its dots
  found=$((found + 1))
  if ! "$3" -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror -Wno-unused -fsyntax-only -I"$1/include" -I"$1/src" "$file" 2>"$tmp/err"; then
    head -1 "$file"
    cat "$tmp/err"
    bad=1
  fi
done
[ "$found" -gt 0 ] || { echo "no code was found in the docs"; exit 1; }
exit $bad
