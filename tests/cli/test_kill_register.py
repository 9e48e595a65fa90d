"""kill -9 of `deepface register --with` at random moments. Whatever the moment: the gallery is whole, a face has all of the attributes that were asked
for or none of them, and the same command goes on to what an undisturbed one makes. DF_KILL_ROUNDS (6) says how often.

    test_kill_register.py DEEPFACE ROOT"""
import csv, json, os, random, shutil, signal, subprocess, sys, tempfile, time

deepface, root = sys.argv[1:3]
photos = os.environ.get("DF_TEST_PHOTOS") or os.path.join(root, "build/photos")
rounds = int(os.environ.get("DF_KILL_ROUNDS", "6"))
models = ["retinaface", "Dlib", "emotion"]
WITH = ["--with", "emotion,quality"]  # the quick ones: more goes to disk before the kill
PHOTOS = 80  # more than go to disk at once


def run(*args, code=0):
    r = subprocess.run([deepface, *args], capture_output=True, text=True)
    assert r.returncode == code, (args, r.returncode, r.stdout, r.stderr)
    return r.stdout


def export(db, tmp):
    """Rows of a gallery without what differs from one registering to another."""
    run("gallery", "export", os.path.join(tmp, "out.csv"), "--db", db, "-q")
    with open(os.path.join(tmp, "out.csv"), newline="") as f:
        rows = {r["path"]: {k: v for k, v in r.items() if k != "added"} for r in csv.DictReader(f)}
    assert len(rows) == json.loads(run("gallery", "stats", "--db", db, "--json"))["faces"]
    return rows


def near(a, b):
    try:
        return abs(float(a) - float(b)) < 0.05 * max(1, abs(float(b)))  # what a network says depends on what else was wanted in its last digits
    except ValueError:
        return a == b


def main():
    if not os.path.exists(os.path.join(photos, "obama.jpg")) or subprocess.run([deepface, "models", "check", *models, "-q"], stderr=subprocess.DEVNULL).returncode:
        print("no photos or no weights here: make weights-test")
        sys.exit(77)
    tmp = tempfile.mkdtemp()
    try:
        folder = os.path.join(tmp, "people")
        for i in range(PHOTOS):
            name = ["obama.jpg", "obama2.jpg", "biden.jpg"][i % 3]
            os.makedirs(os.path.join(folder, name[:-4]), exist_ok=True)
            with open(os.path.join(photos, name), "rb") as f, open(os.path.join(folder, name[:-4], f"{i}.jpg"), "wb") as out:
                out.write(f.read() + b"copy %d" % i)
        whole, db = os.path.join(tmp, "whole.db"), os.path.join(tmp, "g.db")
        began = time.time()
        run("register", folder, "--db", whole, *WITH, "-q")
        took = time.time() - began
        want = export(whole, tmp)
        assert len(want) == PHOTOS and all(r["emotion"] and r["quality"] for r in want.values())
        random.seed(1)
        whole_runs = part = 0
        for n in range(rounds):
            fresh = n % 3 == 0
            if fresh:
                for end in ("", "-wal", "-shm", "-vectors"):
                    if os.path.exists(db + end):
                        os.unlink(db + end)
                if n % 2:  # every other one is completed afterwards
                    run("register", folder, "--db", db, "-q")
            p = subprocess.Popen([deepface, "register", folder, "--db", db, "-q", *WITH])
            time.sleep(random.random() * took)
            p.send_signal(signal.SIGKILL)
            p.wait()
            if not os.path.exists(db) or os.path.getsize(db) == 0:
                continue
            assert json.loads(run("gallery", "check", "--db", db, "--json"))["faults"] == 0
            got = export(db, tmp)
            for path, r in got.items():
                known = [bool(r[k]) for k in ("emotion", "emotion_confidence", "quality")]
                assert all(known) or not any(known), (n, path, r)
            part += 0 < sum(bool(r["emotion"]) for r in got.values()) < PHOTOS
            whole_runs += len(got) == PHOTOS and all(r["emotion"] for r in got.values())
            if n % 50 == 49:
                print(f"{n + 1} kills", flush=True)
            if n % 3 == 2:
                run("register", folder, "--db", db, "-q", *WITH)
                got = export(db, tmp)
                assert set(got) == set(want)
                for path in want:
                    assert all(near(got[path][k], want[path][k]) for k in want[path]), (n, got[path], want[path])
        print(f"{rounds} kills; {part} left some of the photos told about, {whole_runs} came after all of them")
    finally:
        shutil.rmtree(tmp)


main()
