"""A server on 127.0.0.1 that plays the addresses of weights: by HTTP, and as a proxy by TLS under the names of the real hosts.

    with Server(tls=True) as s:
        s.on("https://github.com/a/b.onnx", Status(503), Good(data, etag='"1"'))     # one answer a request, the last again and again
        ... s.seen                                                                   # (address, headers) of each request
"""
import http.server
import os
import re
import socketserver
import ssl
import subprocess
import threading
import time


class Good:
    """The file; ranges as RFC 9110 has them, or, without `ranges`, always the whole."""

    def __init__(self, data, etag=None, modified=None, ranges=True, kind="application/octet-stream", length=True, cut=None, gate=None, rate=None, shift=0):
        self.data, self.etag, self.modified, self.ranges, self.kind = data, etag, modified, ranges, kind
        self.length, self.cut, self.gate, self.rate, self.shift = length, cut, gate, rate, shift

    def __call__(self, h):
        start, asked = 0, re.match(r"bytes=(\d+)-$", h.headers.get("Range", ""))
        condition = h.headers.get("If-Range")
        if asked and self.ranges and (condition is None or condition in (self.etag, self.modified)):
            start = int(asked[1])
            if start >= len(self.data):
                return Status(416)(h)
        start += self.shift if start else 0
        h.send_response(206 if start else 200)
        h.send_header("Content-Type", self.kind)
        if start:
            h.send_header("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}")
        for name, value in (("ETag", self.etag), ("Last-Modified", self.modified)):
            if value:
                h.send_header(name, value)
        if self.length is True:
            h.send_header("Content-Length", str(len(self.data) - start))
        elif self.length == "chunked":
            h.send_header("Transfer-Encoding", "chunked")
        h.end_headers()
        body = self.data[start:self.cut] if self.cut else self.data[start:]
        if self.length == "chunked":
            body = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in (body[i:i + 50000] for i in range(0, len(body), 50000))) + b"0\r\n\r\n"
        half = len(body) // 2
        if self.gate:  # half of it, then wait: for a second process, for a kill
            h.wfile.write(body[:half])
            h.wfile.flush()
            self.gate.wait(20)
            body = body[half:]
        if self.rate:
            for i in range(0, len(body), self.rate):
                h.wfile.write(body[i:i + self.rate])
                h.wfile.flush()
                time.sleep(0.25)
        else:
            h.wfile.write(body)
        if self.cut or self.length is False:
            h.close_connection = True


class Status:
    def __init__(self, code, body=b"", **headers):
        self.code, self.body, self.headers = code, body, headers

    def __call__(self, h):
        h.send_response(self.code)
        for name, value in self.headers.items():
            h.send_header(name.replace("_", "-"), value)
        h.send_header("Content-Length", str(len(self.body)))
        h.end_headers()
        h.wfile.write(self.body)


def redirect(to):
    return Status(302, Location=to)


class Silent:
    """The request is taken and never answered."""

    def __call__(self, h):
        h.server.stop.wait(20)
        h.close_connection = True


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    host = None

    def do_CONNECT(self):
        self.send_response(200)
        self.end_headers()
        self.host = self.path.split(":")[0]
        try:
            self.connection = self.request = self.server.tls.wrap_socket(self.connection, server_side=True)
        except (ssl.SSLError, OSError):
            self.close_connection = True
            return
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False
        while not self.close_connection:
            self.handle_one_request()
        self.connection.close()

    def do_GET(self):
        address = f"https://{self.host}{self.path}" if self.host else self.path
        with self.server.lock:
            self.server.seen.append((address, dict(self.headers)))
            answers = self.server.answers.get(address, [Status(404)])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        try:
            answer(self)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    def log_message(self, *args):
        pass


class Listener(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass


class Server:
    HOSTS = "github.com", "huggingface.co", "dlib.net", "drive.google.com"

    def __init__(self, certificate=None):
        self.http = Listener(("127.0.0.1", 0), Handler)
        self.http.seen, self.http.answers, self.http.lock, self.http.stop = [], {}, threading.Lock(), threading.Event()
        if certificate:
            self.http.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.http.tls.load_cert_chain(certificate)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def on(self, address, *answers):
        self.http.answers[address] = list(answers)
        return self.url + address

    @property
    def seen(self):
        return self.http.seen

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.stop.set()
        self.http.shutdown()
        self.http.server_close()


def make_certificate(folder):
    """Key and certificate of all the hosts in one file, which is its own authority."""
    path = os.path.join(folder, "hosts.pem")
    names = ",".join(["IP:127.0.0.1"] + [f"DNS:{h}" for h in Server.HOSTS])
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=weights of a test",
                    "-addext", f"subjectAltName={names}", "-keyout", path + ".key", "-out", path + ".crt"], check=True, capture_output=True)
    with open(path, "wb") as out:
        for part in (".key", ".crt"):
            with open(path + part, "rb") as f:
                out.write(f.read())
    return path
