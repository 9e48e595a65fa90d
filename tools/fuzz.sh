#!/bin/sh
# Run every fuzz target for SECONDS (default 60) on its corpus, JOBS at once; a finding is kept and fails the run.
#   tools/fuzz.sh BUILD_DIR [SECONDS [JOBS]]
set -eu
build=${1:?usage: tools/fuzz.sh BUILD_DIR [SECONDS [JOBS]]}
seconds=${2:-60}
jobs=${3:-$(nproc)}
root=$(cd "$(dirname "$0")/.." && pwd)
targets=$(find "$build/tests/fuzz" -type f -name 'fuzz_*' -perm -u+x | sort)
[ -n "$targets" ] || { echo "fuzz: no target in $build/tests/fuzz" >&2; exit 1; }

# A time-out is measured on the clock, so a machine that stalls looks like one: it is a finding when the same input is slow again.
one='
target=$1 seconds=$2 root=$3 out=$4
name=${target##*/fuzz_}
work=$out/$name
seeds=$root/tests/fuzz/corpus/$name
[ -d "$seeds" ] || seeds=
for try in 1 2 3; do
  rm -rf "$work" && mkdir -p "$work/corpus"
  if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -artifact_prefix="$work/" \
       "$work/corpus" $seeds >"$work/log" 2>&1; then
    printf "fuzz %-16s %s, no finding\n" "$name" "$(tail -n 1 "$work/log")"
    exit 0
  fi
  slow=$(find "$work" -maxdepth 1 -name "timeout-*")
  if [ -z "$slow" ] || ! "$target" -timeout=10 -rss_limit_mb=2048 $slow >>"$work/log" 2>&1; then
    break
  fi
  printf "fuzz %-16s an input that took over 10 s takes none when run again: the machine stalled; once more\n" "$name"
done
tail -n 40 "$work/log"
printf "fuzz %-16s FINDING, kept in %s\n" "$name" "$work"
exit 1'
echo "$targets" | xargs -P "$jobs" -I '{}' sh -c "$one" fuzz '{}' "$seconds" "$root" "$build/findings" ||
  { echo "fuzz: at least one target has a finding" >&2; exit 1; }
echo "fuzz: $(echo "$targets" | wc -l) targets, $seconds s each, no finding"
