"""kill -9 of `deepface gallery index`, `delete` and `gallery vacuum` at random moments. Whatever the moment: the gallery is whole, a person is there with
all of his faces or gone, a search through the index answers or says why it is exact, and the next build succeeds in its usual time and leaves the gallery's
files, one index's two, and nothing else. DF_KILL_ROUNDS (6) says how often.

    test_kill_index.py DEEPFACE ROOT"""
import array, csv, json, os, random, re, shutil, struct, subprocess, tempfile, time

from kill import check, deepface, export, killed, needs, photos, rounds, run, timed

KINDS = ["hnsw:M=12,ef=60", "faiss:HNSW12", "faiss:IVF32,Flat", "annoy:trees=20", "nmslib:M=12,ef=60"]
PEOPLE, EACH, DIMS = 300, 20, 128
AT_MOST = 10  # times what a build takes undisturbed, and as many seconds on top: the machine may do other work


def make(tmp):
    """A gallery of three photos and of people who never were."""
    folder, some, many = os.path.join(tmp, "people"), os.path.join(tmp, "some.db"), os.path.join(tmp, "many.db")
    for name, who in (("obama", "Obama"), ("obama3", "Obama"), ("biden", "Biden")):
        os.makedirs(os.path.join(folder, who), exist_ok=True)
        shutil.copy(os.path.join(photos, name + ".jpg"), os.path.join(folder, who))
    run("register", folder, "--db", some, "-q")
    run("gallery", "export", os.path.join(tmp, "list.csv"), "--db", some, "-q")
    with open(os.path.join(tmp, "list.csv"), newline="") as f:
        rows = list(csv.DictReader(f))
    vectors = array.array("f")
    with open(os.path.join(tmp, "list.npy"), "rb") as f:
        f.seek(8)
        f.seek(10 + struct.unpack("<H", f.read(2))[0])
        vectors.frombytes(f.read())
    assert len(vectors) == len(rows) * DIMS
    for person in range(PEOPLE):
        centre = [random.gauss(0, 1) for _ in range(DIMS)]
        for i in range(EACH):
            number = person * EACH + i
            rows.append({**rows[0], "path": f"/{number}.jpg", "name": f"person {person}", "sha256": f"{number:064x}"})
            row = [c + random.gauss(0, 0.5) for c in centre]
            length = sum(v * v for v in row) ** 0.5
            vectors.extend(v / length for v in row)
    with open(os.path.join(tmp, "list.csv"), "w", newline="") as f:
        out = csv.DictWriter(f, rows[0].keys())
        out.writeheader()
        out.writerows(rows)
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(rows)}, {DIMS}), }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(os.path.join(tmp, "list.npy"), "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + vectors.tobytes())
    run("gallery", "import", os.path.join(tmp, "list.csv"), "--db", many, "-q")
    return many


def built_in(kind, db):
    r = subprocess.run([deepface, "gallery", "index", kind, "--db", db, "-q"], capture_output=True, text=True)
    assert r.returncode == 0 or "is not built in: it needs" in r.stderr, (kind, r.stderr)
    return r.returncode == 0


def search(db, kind):
    """Is it answered through the index?"""
    d = json.loads(run("search", os.path.join(photos, "obama2.jpg"), "--db", db, "--index", kind, "--json"))
    names, used = {m["name"] for m in d["probes"][0]["matches"]}, d["index"]
    if used["exact"]:
        assert names == {"Obama"} and re.search("no index|stale|built as", used["why"]), d
    else:
        assert used["name"] == kind and names <= {"Obama"}, d
    return not used["exact"]


def files(db):
    """What lies there beside the gallery; the number of a library's file as N."""
    folder, name = os.path.split(db)
    return sorted(re.sub(r"\.[0-9a-f]{16}$", ".N", f[len(name):]) for f in os.listdir(folder) if f.startswith(name) and f != name)


def begin(whole, db):
    for f in os.listdir(os.path.dirname(db)):
        if f.startswith(os.path.basename(db)):
            os.unlink(os.path.join(os.path.dirname(db), f))
    shutil.copy(whole, db)


def main():
    needs("retinaface", "Dlib")
    tmp = tempfile.mkdtemp()
    try:
        random.seed(int(os.environ.get("DF_KILL_SEED", "1")))
        whole, db = make(tmp), os.path.join(tmp, "g.db")
        begin(whole, db)
        kinds = [k for k in KINDS if built_in(k, db)]
        if not kinds:
            print("no library of indexes is built in here")
            return
        took = {k: timed("gallery", "index", k, "--db", db, "-q") for k in kinds}
        took["delete"] = timed("delete", "person 0", "--db", db)
        took["vacuum"] = timed("gallery", "vacuum", "--db", db)
        stopped, left, longest, people = {"index": 0, "delete": 0, "vacuum": 0}, 0, 0, []
        for n in range(rounds):
            if len(people) < PEOPLE // 3:
                begin(whole, db)
                people = list(range(PEOPLE))
                run("gallery", "index", kinds[0], "--db", db, "-q")
            kind, what, who = kinds[n // 4 % len(kinds)], ("index", "delete", "index", "vacuum")[n % 4], random.choice(people)
            if what == "vacuum":  # something to give back
                run("delete", f"person {who}", "--db", db)
                people.remove(who)
            before = files(db)
            ended = killed(took[kind] if what == "index" else took[what], *{"index": ["gallery", "index", kind], "delete": ["delete", f"person {who}"],
                                                                           "vacuum": ["gallery", "vacuum"]}[what], "--db", db)
            stopped[what] += not ended
            left += len(set(files(db)) - set(before)) > 0
            answered = search(db, kind)
            assert answered or what != "index" or not ended, (n, kind)
            check(db)
            rows = export(db, tmp)
            there = {name: sum(r["name"] == name for r in rows.values()) for name in {r["name"] for r in rows.values()}}
            if what == "delete" and f"person {who}" not in there:
                people.remove(who)
            else:
                assert what != "delete" or not ended, (n, who)
            assert there == {"Obama": 2, "Biden": 1, **{f"person {p}": EACH for p in people}}, (n, what, there)
            again = timed("gallery", "index", kind, "--db", db, "-q")
            longest = max(longest, again / took[kind])
            assert again < AT_MOST * took[kind] + AT_MOST, (n, kind, again, took[kind])
            assert search(db, kind), (n, kind)
            own = {f"-{k.split(':')[0]}" for k in kinds}
            beside = files(db)
            assert set(beside) <= {"-vectors"} | own | {o + ".N" for o in own} and len(set(beside)) == len(beside), (n, what, beside)
            if n % 50 == 49:
                print(f"{n + 1} kills", flush=True)
        print(f"{rounds} kills of {', '.join(kinds)}; before their end {stopped}; {left} left files that went with the next command; "
              f"no build after one took more than {longest:.1f} times the undisturbed one's time")
    finally:
        shutil.rmtree(tmp)


main()
