#!/bin/sh
# The shared library exports what deepface.h declares, all of it and nothing else.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tr '\n' ' ' <"$1/include/deepface.h" | grep -oE 'DF_API [^;]*;' | grep -oE 'df_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u >"$tmp/header"
nm -D --defined-only "$2" | awk '$2 ~ /[TDBR]/ { print $3 }' | grep -vE '^(_init|_fini|__asan|__tsan|__ubsan|__odr_asan)' | sort -u >"$tmp/library"
[ -s "$tmp/header" ]
diff "$tmp/header" "$tmp/library" || { echo "< declared in deepface.h only, > exported only"; exit 1; }
