"""The weights that dlib keeps as text inside a C++ header (image_processing/frontal_face_detector.h): base64 of a compressed stream.

The stream is dlib's compress_stream::kernel_1ea (dlib 19.24, documented in its *_kernel_abstract.h): prediction by partial matching of
order 4 (Moffat 1990, IEEE Trans. Comm. 38(11)) with escape method D and inherited counts (Shkarin 2002), arithmetic coding, a marker
every 20000 symbols and a CRC-32 at the end. Nothing of the header is run.
"""
import base64
import re
import zlib

ALPHABET, END, ORDER, NODES = 257, 256, 4, 200000
MARK_EVERY, MARK, MARKS = 20000, 1500, 8000
MASK = 0xFFFFFFFF
MOST = 1 << 20  # symbols; dlib's own detector has 155005
LARGEST_TOTAL, HIT, LARGEST_COUNT = 10000, 8, 50000


class Coder:
    """Arithmetic decoder: 32 bits, bytes leave at the top."""

    def __init__(self, data):
        self.data, self.at = data, 4
        self.low, self.high = 1, MASK
        self.window = int.from_bytes(data[:4], "big")

    def target(self, total):
        self.step = (self.high - self.low + 1) // total
        return min((self.window - self.low) // self.step, total - 1)

    def take(self, first, last):
        self.high = self.low + self.step * last - 1
        self.low += self.step * first
        while True:
            if (self.high ^ self.low) & 0xFF000000:
                gap = self.high - self.low
                if gap >= 0x10000:
                    return
                middle = (self.high >> 1) + (self.low >> 1)  # too near each other: force the top bytes to be equal
                spread = 0xFF if gap > 0x1000 else 0
                self.high, self.low = middle + spread, middle - spread
                continue
            byte = self.data[self.at] if self.at < len(self.data) else 0
            self.at += 1
            self.window = (self.window << 8 | byte) & MASK
            self.high = (self.high << 8 | 0xFF) & MASK
            self.low = (self.low << 8) & MASK or 1


class Context:
    """A node of the tree: a symbol seen after the symbols of the nodes above it. `then` holds what was seen after it, in search order."""

    __slots__ = ("symbol", "count", "total", "escapes", "then", "shorter")

    def __init__(self):
        self.symbol, self.count, self.total, self.escapes, self.then, self.shorter = 0, 0, 0, 0, [], None

    def halve(self):
        self.escapes = max(self.escapes >> 1, min(self.escapes, 1))
        for child in self.then:
            child.count = max(child.count >> 1, min(child.count, 1))
        self.total = self.escapes + sum(child.count for child in self.then)


class Model:
    def __init__(self, coder):
        self.coder = coder
        self.clear()

    def clear(self):
        self.root = self.current = Context()
        self.depth, self.nodes = 0, 1

    def symbol(self):
        """Decode one symbol and learn it."""
        node, depth = self.current, self.depth
        self.current, last, added, excluded = None, None, [], set()
        while True:
            if self.nodes >= NODES:
                self.clear()
                node, depth, self.current = self.current, self.depth, None
                last, added = None, []
            found = self.search(node, excluded) if node.total else None
            if found:
                if last:
                    last.shorter = found
                if self.current is None:
                    self.current, self.depth = (found, depth + 1) if depth < ORDER else (found.shorter, depth)
                symbol, seen, total = found.symbol, found.count, node.total
                break
            new = Context()
            self.nodes += 1
            node.then.append(new)
            if last:
                last.shorter = new
            last = new
            if self.current is None and depth < ORDER:
                self.current, self.depth = new, depth + 1
            added.append((new, node))
            if node is not self.root:
                node, depth = node.shorter, depth - 1
                continue
            symbol, seen, total = self.coder.target(ALPHABET), HIT, 2056  # order -1: every symbol alike
            self.coder.take(symbol, symbol + 1)
            new.shorter = self.root
            if self.current is None:
                self.current, self.depth = self.root, 0
            break
        for new, parent in reversed(added):
            self.inherit(new, parent, symbol, seen, total)
        return symbol

    def search(self, node, excluded):
        """The child that the coder points at, moved to the front; None after an escape."""
        if node.total > LARGEST_TOTAL:
            node.halve()
        whole = node.total
        if excluded:
            whole = node.escapes + sum(c.count for c in node.then if c.symbol not in excluded)
        target, upto = self.coder.target(whole), 0
        for i, child in enumerate(node.then):
            if child.symbol not in excluded:
                upto += child.count
                excluded.add(child.symbol)
            if upto > target:
                self.coder.take(upto - child.count, upto)
                child.count += HIT
                node.total += HIT
                node.then.insert(0, node.then.pop(i))
                return child
        self.coder.take(upto, whole)
        return None

    @staticmethod
    def inherit(new, parent, symbol, seen, total):
        """What a new node starts with follows from the shorter context in which its symbol was found."""
        new.symbol = symbol
        if parent.total:
            rest = total - seen + parent.total - 2 * parent.escapes
            new.count = min(parent.total * seen // (rest | 1) + 2, LARGEST_COUNT)
            parent.escapes += 4
            parent.total += new.count + 4
        else:
            new.count = 3 + 5 * seen // (total - seen)
            parent.escapes = 4
            parent.total = new.count + 4
        while parent.total > LARGEST_TOTAL:
            parent.halve()


def decompress(data):
    coder = Coder(data)
    model, out = Model(coder), bytearray()
    for n in range(MOST):
        if n and n % MARK_EVERY == 0:
            if coder.target(MARKS) != MARK:
                raise ValueError("the compressed stream lacks a marker")
            coder.take(MARK, MARK + 1)
        symbol = model.symbol()
        if symbol == END:
            if bytes(model.symbol() & 0xFF for _ in range(4)) != zlib.crc32(out).to_bytes(4, "big"):
                raise ValueError("the compressed stream has another checksum")
            return bytes(out)
        out.append(symbol)
    raise ValueError("the compressed stream has no end")


def weights(header):
    """The bytes that dlib's deserialize() reads, from the text of the header."""
    text = "".join(re.findall(r'^\s*sout << "([A-Za-z0-9+/=]*)";', header, re.M))
    if not text:
        raise ValueError("the header holds no text of weights")
    return decompress(base64.b64decode(text, validate=True))
