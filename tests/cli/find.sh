#!/bin/sh
# find: the answers of deepface for Python on the same folder (tests/golden/find.csv), and a folder's gallery that follows its photos.
. "$(dirname "$0")/lib.sh"
run find a.jpg; expect 2; one_error
run find a.jpg "$tmp/none"; expect 2; one_error
needs_photos
export DEEPFACE_CACHE=off
d=$tmp/people
mkdir "$d"
cp "$photos/obama.jpg" "$photos/obama2.jpg" "$photos/obama3.jpg" "$photos/biden.jpg" "$d"

# upstream's rows, in its order, with its columns
if "$deepface" models check dlib-hog -q 2>/dev/null; then
  cat >"$tmp/compare.py" <<'END'
import csv, json, os, subprocess, sys
deepface, folder, photos, golden = sys.argv[1:]
with open(golden) as f:
    lines = [l[2:] if l.startswith("# probe,") else l for l in f if not l.startswith("#") or l.startswith("# probe,")]
rows = list(csv.DictReader(lines))
compared = 0
for probe in sorted({r["probe"] for r in rows}):
    for metric in ("cosine", "euclidean", "euclidean_l2", "angular"):
        out = subprocess.run([deepface, "find", os.path.join(photos, probe), folder, "--json", "--detector", "dlib", "--align", "none", "--precision", "strict",
                              "--metric", metric], check=True, capture_output=True, text=True).stdout
        want = [r for r in rows if r["probe"] == probe and r["metric"] == metric]
        got = [m for face in json.loads(out) for m in face]
        assert list(got[0]) == ["identity", "hash"] + list(want[0])[4:], list(got[0])
        assert [m["identity"] for m in got] == [os.path.join(folder, w["identity"]) for w in want], (probe, metric, got, want)
        for m, w in zip(got, want):
            for key in list(w)[4:]:
                near = {"distance": 5e-4, "confidence": 0.3, "threshold": 1e-9}.get(key, 0)
                assert abs(m[key] - float(w[key])) <= near, (probe, metric, m, w)
            compared += 1
print(compared, "rows as upstream's")
assert compared == len(rows) >= 28
END
  command="find as upstream"; claim "find gives upstream's rows" python3 "$tmp/compare.py" "$deepface" "$d" "$photos" "$root/tests/golden/find.csv"
fi

# the gallery of the folder follows its photos
f=$tmp/follow
mkdir -p "$f/a" "$f/b"
cp "$photos/obama.jpg" "$f/a/1.jpg"; cp "$photos/biden.jpg" "$f/b/2.jpg"; printf 'no photo' >"$f/broken.jpg"; printf 'text' >"$f/readme.txt"
run find "$photos/obama2.jpg" "$f" --json -v; expect 0; says "$err" 'broken\.jpg: .*not a known image'
json "$out" '[m["identity"][-7:] for m in d[0]] == ["a/1.jpg"]'
run find "$photos/obama2.jpg" "$f" --json -v; expect 0; claim "what failed is not tried again" sh -c "! grep -q broken '$err'"
mv "$f/a/1.jpg" "$f/b/moved.jpg"; cp "$f/b/moved.jpg" "$f/b/copy.jpg"
run find "$photos/obama2.jpg" "$f/" --json -k 9; json "$out" "[m['identity'] for m in d[0]] == ['$f/b/copy.jpg', '$f/b/moved.jpg']"
# equally far: by path, whichever was read first
cp "$f/b/moved.jpg" "$f/b/again.jpg"
run find "$photos/obama2.jpg" "$f" --json -k 9; json "$out" "[m['identity'][-9:] for m in d[0]] == ['again.jpg', '/copy.jpg', 'moved.jpg']"
run find "$photos/obama2.jpg" "$f" --json -k 2; json "$out" "[m['identity'][-9:] for m in d[0]] == ['again.jpg', '/copy.jpg']"
run find "$photos/obama2.jpg" "$f" --json -k 1 --nearest; json "$out" "[m['identity'][-9:] for m in d[0]] == ['again.jpg']"
rm "$f/b/again.jpg"
rm "$f/b/copy.jpg"; cp "$photos/biden.jpg" "$f/b/moved.jpg"
run find "$photos/obama2.jpg" "$f" --json; json "$out" 'd == [[]]'
cp "$photos/obama3.jpg" "$f/new.jpg"; touch "$f/b/2.jpg"
run find "$photos/obama2.jpg" "$f"; expect 0; says "$out" 'new\.jpg'; says "$out" '1 of 3'; claim "no column of names that nobody has" sh -c "! grep -q name '$out'"
run find "$photos/obama2.jpg" "$f" --nearest --json; json "$out" 'len(d[0]) == 3 and d[0][0]["distance"] < d[0][0]["threshold"] < d[0][1]["distance"]'
# one gallery a pipeline
run find "$photos/obama2.jpg" "$f" --no-flip --json; expect 0; json "$out" 'len(d[0]) == 1'
claim "each pipeline has a gallery" [ "$(find "$f/.deepface" -name '*.db' | wc -l)" = 2 ]
# a gallery that is damaged is begun again
for db in "$f"/.deepface/*.db; do printf 'garbage in the head of the file, and more of it: %0200d' 1 | dd of="$db" conv=notrunc status=none; done
run find "$photos/obama2.jpg" "$f" --json; expect 0; json "$out" 'len(d[0]) == 1'
# wrong folders
mkdir "$tmp/empty"; run find "$photos/obama2.jpg" "$tmp/empty"; expect 2; one_error; says "$err" 'holds no photos'
run find "$f/broken.jpg" "$f"; expect 2; one_error
# a folder that cannot be written: its gallery lies in the cache folder
if [ "$(id -u)" != 0 ]; then
  mkdir "$tmp/locked"; cp "$photos/obama.jpg" "$tmp/locked"; chmod 555 "$tmp/locked"
  run find "$photos/obama2.jpg" "$tmp/locked"; expect 2; one_error; says "$err" 'no cache folder'
  DEEPFACE_CACHE=$tmp/cache; run find "$photos/obama2.jpg" "$tmp/locked" --json; expect 0; json "$out" 'len(d[0]) == 1'
  claim "the gallery lies in the cache folder" [ "$(find "$tmp/cache/galleries" -name '*.db' | wc -l)" = 1 ]
fi
finish
