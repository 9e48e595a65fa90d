#!/bin/sh
# What can happen to a gallery under the commands: full disk, read-only file, another writer, a damaged page, a matrix that is cut short. Each is told
# or repaired, and nothing that was there is lost.
. "$(dirname "$0")/lib.sh"
export DEEPFACE_CACHE=off # no trials of kernels: the same answers from command to command
needs_photos
g=$tmp/g.db
cp "$photos/obama.jpg" "$tmp/1.jpg"; cp "$photos/biden.jpg" "$tmp/2.jpg"; cp "$photos/obama3.jpg" "$tmp/3.jpg"
run register "$tmp/1.jpg" "$tmp/2.jpg" --db "$g"; expect 0

# enough faces that a matrix is built: the first one again and again, each a little turned
cat >"$tmp/many.py" <<'END'
import csv, struct, sys
csv_in, npy_in, csv_out, npy_out, n = sys.argv[1:5] + [int(sys.argv[5])]
with open(csv_in, newline="") as f:
    head, first = list(csv.reader(f))[:2]
with open(npy_in, "rb") as f:
    b = f.read()
start = 10 + struct.unpack("<H", b[8:10])[0]
row = struct.unpack("<128f", b[start:start + 512])
header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 128), }" % n
header += " " * (117 - len(header)) + "\n"
with open(csv_out, "w", newline="") as f, open(npy_out, "wb") as v:
    w = csv.writer(f)
    w.writerow(head)
    v.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
    for i in range(n):
        w.writerow(["/many/%d.jpg" % i, "Person %d" % i, "%064x" % (i + 1)] + first[3:])
        v.write(struct.pack("<128f", *(x + (0.3 * (i + 1) / n if k == i % 128 else 0) for k, x in enumerate(row))))
END
run gallery export "$tmp/a.csv" --db "$g"; expect 0
python3 "$tmp/many.py" "$tmp/a.csv" "$tmp/a.npy" "$tmp/many.csv" "$tmp/many.npy" 1500
run gallery import "$tmp/many.csv" --db "$g"; expect 0; says "$out" '1500 faces'
run search "$tmp/1.jpg" --db "$g" -k 5 --json; expect 0; json "$out" 'd["searched"] == 1502'
cp "$out" "$tmp/answer.json"
claim "a matrix is there" [ -s "$g-vectors" ]
same() { run search "$tmp/1.jpg" --db "$g" -k 5 --json; expect 0; silent "$err"; claim "$1: another answer" cmp -s "$out" "$tmp/answer.json"; }

# a matrix that is cut short, emptied, overwritten, foreign: built anew, by whatever command comes first
cp "$g-vectors" "$tmp/matrix"; size=$(wc -c <"$tmp/matrix")
for cut in 0 1 100 4096 $((size / 2)) $((size - 1)); do
  head -c "$cut" "$tmp/matrix" >"$g-vectors"; same "matrix of $cut bytes"
  head -c "$cut" "$tmp/matrix" >"$g-vectors"; run update "Person 7" --db "$g" --name "Person 7"; expect 0; silent "$err"
  head -c "$cut" "$tmp/matrix" >"$g-vectors"; run register "$tmp/1.jpg" --db "$g"; expect 0; silent "$err"; same "after register with a matrix of $cut bytes"
done
dd if=/dev/urandom of="$g-vectors" bs=4096 seek=2 count=40 conv=notrunc status=none; same "matrix with noise in it"
cp "$tmp/many.npy" "$g-vectors"; same "something else in the matrix's place"
run gallery check --db "$g"; expect 0; says "$out" '0 faults'

# full disk: what was there stays, and it goes on when there is room
full() { command="deepface $*, files of 33 KB at most"; status=0; (trap '' XFSZ; ulimit -f 66; exec "$deepface" "$@") >"$out" 2>"$err" </dev/null || status=$?; }
full gallery import "$tmp/many.csv" --db "$g"; expect 3; says "$err" 'disk'
full delete --where "id > 3" --db "$g"; expect 3; says "$err" 'disk'
run search "$tmp/1.jpg" --db "$g" -k 5 --json; expect 0; claim "a full disk loses nothing" cmp -s "$out" "$tmp/answer.json"
run gallery check --db "$g"; expect 0; says "$out" '0 faults'
run register "$tmp/3.jpg" --db "$g"; expect 0; says "$out" 'registered 1'
run delete --where "name is null and path like '%/3.jpg'" --db "$g"; expect 0

# another writer: waited for
cat >"$tmp/hold.py" <<'END'
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
open(sys.argv[2], "w").close()
time.sleep(float(sys.argv[3]))
db.execute("COMMIT")
END
python3 "$tmp/hold.py" "$g" "$tmp/held" 2 & holder=$!
while [ ! -e "$tmp/held" ]; do sleep 0.05; done
same "while another one writes"
run register "$tmp/3.jpg" --db "$g"; expect 0; says "$out" 'registered 1'
wait "$holder"
run delete --where "name is null and path like '%/3.jpg'" --db "$g"; expect 0; same "after both"

# read only: searched, not written
r=$tmp/readonly; mkdir "$r"; cp "$g" "$r/g.db"; chmod 444 "$r/g.db"; chmod 555 "$r"
if [ "$(id -u)" != 0 ]; then
  run search "$tmp/1.jpg" --db "$r/g.db" -k 5 --json; expect 3; says "$err" 'read only'
  run register "$tmp/3.jpg" --db "$r/g.db"; expect 3; says "$err" 'read only'
  run gallery stats --db "$r/g.db"; expect 0
fi
chmod 755 "$r"

# a damaged page: every command says so or does not touch it, none crashes, and check finds it
pages=$(($(wc -c <"$g") / 4096))
for page in 2 5 $((pages / 3)) $((pages / 2)) $((pages - 2)); do
  d=$tmp/damaged.db; rm -f "$d" "$d"-*
  cp "$g" "$d"; dd if=/dev/urandom of="$d" bs=4096 seek="$page" count=1 conv=notrunc status=none
  for act in "search $tmp/1.jpg" "register $tmp/3.jpg" "update Person\ 9 --name X" "gallery stats"; do
    eval "run $act --db '$d'"
    claim "$command with page $page damaged: exit code $status" expr "$status" : '[03]$' >/dev/null
    [ "$status" = 0 ] || says "$err" 'damaged'
  done
  run gallery check --db "$d"; expect 3; claim "check says what is wrong" [ -s "$err" ]
done
finish
