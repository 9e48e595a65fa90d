#!/bin/sh
# docs/cli.md holds the tables as the program makes them, and names every command.
. "$(dirname "$0")/lib.sh"
run help --markdown; expect 0; silent "$err"
awk '/^<!-- end of deepface help --markdown -->$/ { on = 0 } on { print } /^<!-- deepface help --markdown -->$/ { on = 1 }' "$root/docs/cli.md" >"$tmp/page"
if cmp -s "$out" "$tmp/page"; then ok; else bad "docs/cli.md is old: put the output of deepface help --markdown between its marks"; diff "$out" "$tmp/page" | head -20; fi
says "$tmp/page" '^\| `deepface verify '
says "$tmp/page" '^\| `--metric NAME` \| cosine, euclidean'
finish
