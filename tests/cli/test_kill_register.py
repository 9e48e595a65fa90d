"""kill -9 of `deepface register --with` at random moments. Whatever the moment: the gallery is whole, a face has all of the attributes that were asked
for or none of them, and the same command goes on to what an undisturbed one makes. DF_KILL_ROUNDS (6) says how often.

    test_kill_register.py DEEPFACE ROOT"""
import os, random, shutil, tempfile

from kill import check, export, killed, needs, photos, rounds, run, timed

WITH = ["--with", "emotion,quality"]  # the quick ones: more goes to disk before the kill
PHOTOS = 80  # more than go to disk at once


def near(a, b):
    try:
        return abs(float(a) - float(b)) < 0.05 * max(1, abs(float(b)))  # what a network says depends on what else was wanted in its last digits
    except ValueError:
        return a == b


def main():
    needs("retinaface", "Dlib", "emotion")
    tmp = tempfile.mkdtemp()
    try:
        folder = os.path.join(tmp, "people")
        for i in range(PHOTOS):
            name = ["obama.jpg", "obama2.jpg", "biden.jpg"][i % 3]
            os.makedirs(os.path.join(folder, name[:-4]), exist_ok=True)
            with open(os.path.join(photos, name), "rb") as f, open(os.path.join(folder, name[:-4], f"{i}.jpg"), "wb") as out:
                out.write(f.read() + b"copy %d" % i)
        whole, db = os.path.join(tmp, "whole.db"), os.path.join(tmp, "g.db")
        took = timed("register", folder, "--db", whole, *WITH, "-q")
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
            killed(took, "register", folder, "--db", db, *WITH)
            if not os.path.exists(db) or os.path.getsize(db) == 0:
                continue
            check(db)
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
