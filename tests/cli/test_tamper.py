"""Every load path refuses a weight file that is not the right one: a flipped bit, a cut end, another file. On copies of the real weights.

    test_tamper.py DEEPFACE ROOT
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

DEEPFACE, ROOT = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
PHOTO = pathlib.Path(os.environ.get("DF_TEST_PHOTOS", ROOT / "build" / "photos")) / "obama.jpg"

# What reads a file, where it is not `detect --detector` of its own name.
READ_BY = {
    "ssd-prototxt": ["detect", "--detector", "ssd"],
    "opencv-eye": ["detect", "--detector", "opencv"],
    "dlib-hog": ["detect", "--detector", "dlib"],
    "dlib-mmod": ["detect", "--detector", "dlib-cnn"],
    "mtcnn-pnet": ["detect", "--detector", "mtcnn"],
    "mtcnn-rnet": ["detect", "--detector", "mtcnn"],
    "mtcnn-onet": ["detect", "--detector", "mtcnn"],
    "dlib-5-points": ["represent", "--detector", "ssd"],
    "dlib-68-points": ["detect", "--landmarks", "68"],
    "facemesh": ["detect", "--landmarks", "468"],
}


def models(env=None):
    run = subprocess.run([DEEPFACE, "models", "list", "--json"], env=env, capture_output=True, check=True)
    return json.loads(run.stdout)


class Tamper(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rows = [m for m in models() if m["state"] == "ready" and m["sha256"]]
        if not PHOTO.exists() or not {"retinaface", "Dlib", "dlib-5-points"} <= {m["name"] for m in cls.rows}:
            print("no photos or no weights here: make weights-test")
            sys.exit(77)

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="df-tamper-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.weights = self.dir / "weights"
        self.weights.mkdir()
        for row in self.rows:
            (self.weights / row["file"] if "file" in row else self.weights / pathlib.Path(row["path"]).name).symlink_to(row["path"])
        self.env = dict(os.environ, DEEPFACE_CACHE="off", LC_ALL="C.UTF-8")

    def deepface(self, *args):
        run = subprocess.run([DEEPFACE, *args, "--weights", str(self.weights), "-q"], env=self.env, capture_output=True, text=True)
        return run.returncode, run.stderr

    def reader(self, row):
        if row["task"] == "detector":
            return READ_BY.get(row["name"], ["detect", "--detector", row["name"]])
        if row["task"] == "recogniser":
            return ["represent", "--model", row["name"]]
        return READ_BY.get(row["name"])

    def refused(self, row, text):
        args = self.reader(row)
        for command in ([*args, str(PHOTO)] if args else None, ["models", "check", row["name"]]):
            if command is None:
                continue
            code, err = self.deepface(*command)
            self.assertEqual(code, 3, f"{row['name']}: {command}: {err}")
            self.assertIn(text, err, f"{row['name']}: {command}")
            self.assertIn(row["path"].rsplit("/", 1)[1], err)

    def put(self, row, data):
        place = self.weights / pathlib.Path(row["path"]).name
        place.unlink()
        place.write_bytes(data)
        return place

    def test_the_right_files_are_read(self):
        for row in self.rows:
            if self.reader(row):
                code, err = self.deepface(*self.reader(row), str(PHOTO))
                self.assertEqual(code, 0, f"{row['name']}: {err}")

    def test_every_reader_refuses_a_flipped_bit(self):
        for row in self.rows:
            data = bytearray(pathlib.Path(row["path"]).read_bytes())
            data[len(data) // 2] ^= 1
            place = self.put(row, data)
            self.refused(row, "has sha256")
            place.unlink()
            place.symlink_to(row["path"])

    def test_every_reader_refuses_a_cut_end(self):
        for row in self.rows:
            place = self.put(row, pathlib.Path(row["path"]).read_bytes()[:-1])
            self.refused(row, "cut off or another file")
            place.unlink()
            place.symlink_to(row["path"])

    def test_every_reader_refuses_an_empty_file_and_a_folder(self):
        for row in self.rows:
            place = self.put(row, b"")
            self.refused(row, "cut off or another file")
            place.unlink()
            place.mkdir()
            self.refused(row, "directory")
            place.rmdir()
            place.symlink_to(row["path"])

    def test_a_change_behind_a_remembered_hash(self):
        """In place, of the same length, its times set back."""
        row = next(r for r in self.rows if r["name"] == "Dlib")
        place = self.put(row, pathlib.Path(row["path"]).read_bytes())
        self.env["DEEPFACE_CACHE"] = str(self.dir / "cache")
        time.sleep(2.2)  # a younger file is hashed each time
        for _ in range(2):
            self.assertEqual(self.deepface("represent", str(PHOTO))[0], 0)
        stamps = [f.name for f in (self.dir / "cache").iterdir() if f.name.endswith(".sha256")]
        self.assertEqual(len(stamps), 1, stamps)
        before = place.stat()
        with open(place, "r+b") as f:
            f.seek(before.st_size // 2)
            byte = f.read(1)
            f.seek(before.st_size // 2)
            f.write(bytes([byte[0] ^ 1]))
        os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.refused(row, "has sha256")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
