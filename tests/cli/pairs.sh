#!/bin/sh
# verify --pairs: the CSV, each photo once, the summary, OUT.csv.
. "$(dirname "$0")/lib.sh"
p=$tmp/p.csv

# what is wrong with the CSV is told before any photo is read: no weights are needed
refused() { printf "$1" >"$p"; run verify --pairs "$p" --weights "$tmp/none"; expect 2; one_error; says "$err" "$2"; }
refused '' 'must name the columns img1 and img2'
refused 'a,b\nx,y\n' 'must name the columns'
refused 'img1,img2\n' 'holds no pairs'
refused 'img1,img2\nx\n' 'line 2 names no two photos'
refused 'img1,img2\n,y\n' 'line 2 names no two photos'
refused 'img1,img2,same\nx,y,1\nx,y,perhaps\n' 'line 3: same is "perhaps"'
refused 'img1,img2\nx,"y\n' 'line 2: a quote is opened and not closed'
refused 'img1,img2\nx,"y"z\n' 'line 2: text after a closing quote'
refused 'img1,img2\nx,y"z\n' 'line 2: a quote inside'
refused 'img1,img2\nx\000,y\n' 'NUL'
run verify --pairs "$tmp/nix.csv"; expect 2; one_error; says "$err" 'nix\.csv'
run verify --pairs "$tmp"; expect 2; one_error
run verify --pairs "$p" a b; expect 2; one_error; says "$err" 'no further photos'
run verify --pairs "$p" --out - --json; expect 2; one_error
printf 'img1,img2\nx,y\n' >"$p"
run verify --pairs "$p" --out "$tmp/no/such.csv"; expect 3; one_error; says "$err" 'cannot write .*no/such\.csv'
run verify --pairs "$p" --out "$tmp"; expect 3; one_error; says "$err" 'it is a folder'
run verify --pairs "$p" --weights "$tmp/none"; expect 3; one_error; says "$err" 'weights not found'

needs_photos
cp "$photos/obama.jpg" "$tmp/a, \"b\".jpg"
printf '\357\273\277img2,note,img1,same\r\nobama.jpg,"two\r\nlines",obama2.jpg,1\r\n\r\nobama.jpg,,biden.jpg,0\r\n"%s/a, ""b"".jpg",,biden.jpg,\r\nobama.jpg,,nix.jpg,1' "$tmp" >"$p"
run verify --pairs "$p" --root "$photos" --out "$tmp/o.csv"; expect 2; silent "$err"
says "$out" '4 pairs of 5 photos'; says "$out" '3 compared, 1 verified'; says "$out" '^    nix\.jpg'; says "$out" 'accuracy +100\.00 %'
claim "OUT.csv has a row a pair" [ "$(wc -l <"$tmp/o.csv")" = 5 ]
claim "OUT.csv is what a CSV reader expects" python3 - "$tmp/o.csv" <<'END'
import csv, sys
r = list(csv.DictReader(open(sys.argv[1], newline="")))
assert [(x["verified"], x["same"]) for x in r] == [("1", "1"), ("0", "0"), ("0", ""), ("", "1")], r
assert r[2]["img2"].endswith('a, "b".jpg') and r[1]["distance"] == r[2]["distance"]
assert "nix.jpg" in r[3]["error"] and not r[0]["error"]
END
run verify --pairs "$p" --root "$photos" --out "$tmp/o.csv" --precision strict # other kernels for more faces at once differ by what the precision allows
run verify "$photos/obama2.jpg" "$photos/obama.jpg" --json --precision strict
alone=$(sed -n 's/.*"distance": \([0-9.]*\).*/\1/p' "$out")
claim "a pair's distance is that of verify" python3 -c "import csv; d = float(next(csv.DictReader(open('$tmp/o.csv', newline='')))['distance']); assert abs(d - $alone) < 1e-5, d"
run verify --pairs "$p" --root "$photos" --json; expect 2; silent "$err"
json "$out" 'd["pairs"] == 4 and d["photos"] == 5 and d["compared"] == 3 and d["accuracy"] == 1 and d["best_accuracy"] == 1 and 0 < d["threshold"] < 1 and 0 < d["best_threshold"] < 1 and d["unreadable_photos"] == ["nix.jpg"] and d["no_face"] == 0 and d["photos_per_s"] > 0 and d["tar_at_far_1e-2"] is None and d["eer"] == 0'
run verify --pairs "$p" --root "$photos" --table; expect 2; says "$out" '│ obama2\.jpg +│ obama\.jpg +│ +0\.[0-9]{4} │.*same person'; says "$out" 'No such file'
run verify --pairs "$p" --root "$photos" -q; expect 2; silent "$out"; silent "$err"
printf 'img1,img2\nobama.jpg,obama2.jpg\n' >"$p"
run verify --pairs "$p" --root "$photos/" --out -; expect 0; says "$out" '^obama\.jpg,obama2\.jpg,0\.[0-9]+,1,,$'; says "$err" '1 pairs of 2 photos'
run verify --pairs "$p" --root "$photos" --out /dev/full; expect 3; says "$err" 'cannot write /dev/full: No space left'
claim "/dev/full is still a device" [ -c /dev/full ]
run verify --pairs "$p" --root "$photos" --out /dev/null -q; expect 0; claim "/dev/null is still a device" [ -c /dev/null ]
command="verify --pairs - <P"; status=0; "$deepface" verify --pairs - --root "$photos" -q <"$p" || status=$?; expect 0
finish
