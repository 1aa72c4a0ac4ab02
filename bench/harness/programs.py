# SPDX-License-Identifier: Apache-2.0
"""The programs that scripts/bench measures: drama's own, and the peers' that are built."""

import contextlib
import json
import os
import re
import select
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / "build/release/bin"
PEERS = ROOT / "build/peers"
MICRO = {"tokio": PEERS / "tokio/release/micro", "go": PEERS / "go/micro",
         "asio": PEERS / "asio/micro", "tbb": PEERS / "tbb/micro"}
SERVER = {"tokio": PEERS / "tokio/release/server", "go": PEERS / "go/server",
          "asio": PEERS / "asio/server"}
READY_SECONDS = 10
RUN_SECONDS = 300


def built(names, paths):
    """Those of the programs that are there; drama always is."""
    return [each for each in names if each == "drama" or each in paths and paths[each].exists()]


def run(command, seconds=RUN_SECONDS):
    """What the command prints. Raises if it fails or takes too long."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=seconds, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit status {done.returncode}\n"
                           + done.stderr[-2000:])
    return done.stdout


def micro_figure(program, name, threads):
    """One repetition, in a process of its own."""
    if program == "drama":
        line = run([BIN / "micro_bench", "--only", name, "--threads", threads, "--runs", 1,
                    "--json"])
        return json.loads(line)["median"]
    return float(run([MICRO[program], name, threads]))


def pinned(command, cpus):
    """The command on these CPUs only; None: on all."""
    return command if cpus is None else ["taskset", "-c", cpus, *command]


def ready_line(process):
    """The server's first line. Raises if it does not come."""
    readable, _, _ = select.select([process.stdout], [], [], READY_SECONDS)
    line = process.stdout.readline() if readable else ""
    if not line:
        raise RuntimeError(f"{process.args[0]}: did not get ready")
    return line


@contextlib.contextmanager
def server(command, cpus=None):
    """Runs a server and yields its port."""
    words = [str(word) for word in pinned(command, cpus)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        line = ready_line(process)
        port = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if port is None:
            raise RuntimeError(f"{words[0]}: no port in: {line}")
        yield int(port.group(1))
    finally:
        process.terminate()
        try:
            process.wait(timeout=READY_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def echo_server(program, threads):
    if program == "drama":
        return [BIN / "echo_server", threads]
    return [SERVER[program], "echo", "--threads", threads]


def http_server(program, threads):
    if program == "drama":
        return [BIN / "drama", "serve", "--listen", "127.0.0.1:0", "--admin", "off", "--workers",
                threads]
    return [SERVER[program], "hello", "--threads", threads]


def cpus_of(threads):
    """(server's, client's): apart with one thread, free with more."""
    return ("0", "1") if threads == 1 and (os.cpu_count() or 1) > 1 else (None, None)


def echo_figure(program, threads, seconds):
    """Exchanges per second."""
    server_cpus, client_cpus = cpus_of(threads)
    with server(echo_server(program, threads), server_cpus) as port:
        return json.loads(run(pinned([BIN / "echo_client", port, seconds], client_cpus)))["per_s"]


def http_figure(program, threads, seconds):
    """Requests per second that wrk counts."""
    server_cpus, client_cpus = cpus_of(threads)
    with server(http_server(program, threads), server_cpus) as port:
        said = run(pinned(["wrk", "-t1", "-c64", f"-d{seconds}s",
                           f"http://127.0.0.1:{port}/echo?bytes=64"], client_cpus))
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"{program}: wrong answers: {said}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1))


def version_of(command):
    with contextlib.suppress(OSError, RuntimeError, subprocess.TimeoutExpired):
        return run(command).splitlines()[0].strip()
    return "not installed"


def versions():
    """One line for each peer and compiler."""
    packages = {"tokio": "librust-tokio-dev", "asio": "libasio-dev", "tbb": "libtbb-dev"}
    lines = [f"{peer}: {package} "
             + version_of(["dpkg-query", "-W", "-f=${Version}\n", package])
             for peer, package in packages.items()]
    lines.insert(1, "go: " + version_of(["go", "version"]))
    return lines + [version_of([tool, "--version"]) for tool in ("rustc", "g++", "clang++-19")]
