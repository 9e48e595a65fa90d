#!/bin/sh
# Standard streams: a full disk is told, a reader that goes away is not, a closed stream does no harm.
. "$(dirname "$0")/lib.sh"

code() { status=0; "$@" || status=$?; }
command="help >/dev/full"
code "$deepface" help >/dev/full 2>"$err"; : >"$out"
expect 3; one_error; says "$err" 'cannot write to standard output: No space left on device'
command="models list --json >/dev/full"
code "$deepface" models list --json >/dev/full 2>"$err"
expect 3; says "$err" 'cannot write to standard output'
command="help >&-"
code "$deepface" help >&- 2>"$err"
expect 3; one_error; says "$err" 'cannot write to standard output'
command="verify 2>&-"
code "$deepface" verify 2>&- >"$out"
expect 2; silent "$out"
command="--version <&- 2>&-"
code "$deepface" --version <&- 2>&- >"$out"
expect 0; says "$out" '^deepface '

# a reader that is gone: killed by SIGPIPE, or where that is ignored a quiet 3
command="help | (gone)"
python3 - "$deepface" >"$out" 2>"$err" <<'END' || true
import os, signal, subprocess, sys
for ignored in (False, True):
    r, w = os.pipe()
    os.close(r)
    p = subprocess.run([sys.argv[1], "help", "--markdown"], stdout=w, stderr=subprocess.PIPE, restore_signals=not ignored)
    os.close(w)
    assert p.stderr == b"", p.stderr
    assert p.returncode == (3 if ignored else -signal.SIGPIPE), p.returncode
print("quiet")
END
says "$out" '^quiet$'; silent "$err"

# colour and box characters: not in files, not without UTF-8
run models list --weights "$tmp"
claim "no colour in a file" sh -c "! grep -q \"\$(printf '\033')\" '$out'"
says "$out" '┌'
export LC_ALL=C
run models list --weights "$tmp"; says "$out" '^  \+---'
claim "plain signs in the C locale" sh -c "! LC_ALL=C grep -q \"\$(printf '[\200-\377]')\" '$out'"
finish
