# lib.sh - read by the tests of the command line: . "$(dirname "$0")/lib.sh"
#   run ARGS...           runs deepface; afterwards $status, $out and $err (files)
#   expect N TEXT         the exit code
#   says FILE PATTERN     a line of the file matches (grep -E)
#   silent FILE           the file is empty
#   one_error             standard error is one line that begins with "deepface: "; standard output is empty
deepface=$1
root=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
out=$tmp/out err=$tmp/err
passed=0 failed=0
export LC_ALL=C.UTF-8
unset NO_COLOR
photos=${DF_TEST_PHOTOS:-$root/build/photos}

ok() { passed=$((passed + 1)); }
bad() {
  failed=$((failed + 1))
  echo "FAILED: $1"
  sed 's/^/    out: /' "$out" | head -5
  sed 's/^/    err: /' "$err" | head -5
}
claim() { what=$1; shift; if "$@"; then ok; else bad "$what"; fi; }

run() {
  command="deepface $*"
  status=0
  "$deepface" "$@" >"$out" 2>"$err" </dev/null || status=$?
}
expect() { claim "$command: exit code $status, not $1" [ "$status" = "$1" ]; }
says() { claim "$command: no line matches $2" grep -qE -e "$2" "$1"; }
silent() { claim "$command: ${1##*/} is not empty" [ ! -s "$1" ]; }
one_error() {
  silent "$out"
  claim "$command: not one line of error" [ "$(wc -l <"$err")" = 1 ]
  says "$err" '^deepface: '
}
json() { claim "$command: not JSON that holds: $2" python3 -c "import json, sys; d = [json.loads(l) for l in open(sys.argv[1])]; d = d if len(d) > 1 else d[0]; assert $2" "$1"; }
needs_photos() {
  if [ ! -f "$photos/obama.jpg" ] || ! "$deepface" models check retinaface Dlib dlib-5-points -q 2>/dev/null; then
    echo "no photos or no weights here: make weights-test"
    exit 77
  fi
}
finish() {
  echo "${0##*/}: $passed passed, $failed failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
