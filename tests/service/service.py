# SPDX-License-Identifier: Apache-2.0
"""Starts `drama serve` and talks to it over plain sockets; what the service tests share."""
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import unittest

SKIP = 77
PROGRAM = sys.argv[1] if len(sys.argv) > 1 else "build/release/bin/drama"
SANITIZED = bool(os.environ.get("DRAMA_SANITIZED"))


class Server:
    """A server process on free ports; ends with the block, which fails if the server failed. Only
    a server that the block itself ended may end as it likes. `under`: a program that runs it;
    `more`: for subprocess.Popen."""

    def __init__(self, *flags, under=(), **more):
        command = [*under, PROGRAM, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, **more)
        self.log = ""
        self.ready = self.process.stdout.readline()
        ports = re.findall(r"http://127\.0\.0\.1:(\d+)", self.ready)
        if not ports:
            raise RuntimeError(f"no server: {self.ready!r} {self.process.communicate()[1]}")
        self.port = int(ports[0])
        self.admin_port = int(ports[1]) if len(ports) > 1 else None
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, error=None, *_):
        ended = self.process.returncode is not None
        status = self.process.returncode if ended else self.stop()
        if status != 0:
            print(self.process.stderr.read(), file=sys.stderr)
        self.process.stdout.close()
        self.process.stderr.close()
        # A second signal, to a server that drains already, ends it at once.
        if status not in (0, -signal.SIGTERM) and not ended and error is None:
            raise RuntimeError(f"the server ended with status {status}")

    def stop(self, how=signal.SIGTERM, timeout=20):
        """The exit status."""
        self.process.send_signal(how)
        return self.process.wait(timeout)

    def hear(self, text, timeout=20):
        """Waits until the log has `text`; the log up to the end of that line, which is forgotten."""
        end = time.monotonic() + timeout
        pipe = self.process.stderr.fileno()
        while text not in self.log or "\n" not in self.log[self.log.index(text):]:
            ready, _, _ = select.select([pipe], [], [], max(0, end - time.monotonic()))
            piece = os.read(pipe, 65536).decode() if ready else ""
            if not piece:
                raise TimeoutError(f"{text!r} is not in {self.log!r}")
            self.log += piece
        line_end = self.log.index("\n", self.log.index(text)) + 1
        heard, self.log = self.log[:line_end], self.log[line_end:]
        return heard

    def connect(self, port=None, timeout=20):
        return Connection(port or self.port, timeout)

    def get(self, target, port=None, **headers):
        with self.connect(port) as connection:
            return connection.ask(target, **headers)

    def threads(self, file):
        """The text of /proc/PID/task/*/file; threads may end meanwhile."""
        texts = []
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{thread}/{file}", encoding="ascii") as text:
                    texts.append(text.read())
            except (FileNotFoundError, ProcessLookupError):
                pass
        return texts


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.text = body.decode("utf-8", "replace")


class Connection:
    """A keep-alive connection. Reads exactly one response at a time."""

    def __init__(self, port, timeout=20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, target, method="GET", body=b"", **headers):
        self.send(request(target, method, body, **headers))
        return self.read(method == "HEAD")

    def more(self):
        piece = self.socket.recv(65536)
        self.rest += piece
        return bool(piece)

    def read(self, without_body=False):
        while b"\r\n\r\n" not in self.rest:
            if not self.more():
                raise EOFError("closed: " + repr(self.rest))
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
        size = 0 if without_body else int(headers.get("content-length", 0))
        while len(self.rest) < size:
            if not self.more():
                raise EOFError("closed inside a body")
        body, self.rest = self.rest[:size], self.rest[size:]
        return Response(int(lines[0].split()[1]), headers, body)

    def is_closed(self):
        """True once the peer has closed; waits for it."""
        try:
            return not self.rest and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def request(target, method="GET", body=b"", **headers):
    fields = {"Host": "localhost", **{k.replace("_", "-"): v for k, v in headers.items()}}
    if body:
        fields["Content-Length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body


def skip(why):
    print("skipped:", why)
    sys.exit(SKIP)


def main():
    unittest.main(argv=sys.argv[:1], verbosity=2)
