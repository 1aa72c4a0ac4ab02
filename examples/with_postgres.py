# SPDX-License-Identifier: Apache-2.0
"""Runs `PROGRAM CONNINFO` with a PostgreSQL server of its own, which nobody else can reach.

The server lives in a temporary folder on a Unix socket and ends with the program. It refuses to be
root, so root gives it to an unprivileged user. Exit status: the program's; 77 without PostgreSQL.
"""
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SKIP = 77
SECONDS_TO_START = 60


def server_programs():
    """The folder of the newest server, or None."""
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    found = sorted(versions, key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    inpath = shutil.which("initdb")
    return Path(inpath).resolve().parent if inpath else None


def unprivileged():
    """What subprocess needs to be somebody else than root; nothing if this is not root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return None


def start(programs, folder, identity):
    """Makes a database and starts its server; yields the server when it answers."""
    log = open(Path(folder) / "log", "w+")
    common = {**identity, "cwd": folder, "stdout": log, "stderr": log}
    subprocess.run([programs / "initdb", "-D", f"{folder}/data", "-U", "drama", "-A", "trust", "-N",
                    "--locale=C"], check=True, **common)
    server = subprocess.Popen([programs / "postgres", "-D", f"{folder}/data", "-k", folder,
                               "-c", "listen_addresses=", "-c", "fsync=off"], **common)
    ready = [programs / "pg_isready", "-q", "-h", folder]
    until = time.monotonic() + SECONDS_TO_START
    while subprocess.run(ready).returncode != 0:
        if server.poll() is not None or time.monotonic() > until:
            stop(server)
            log.seek(0)
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read()}")
        time.sleep(0.05)
    return server


def stop(server):
    """Ends it with its children, connected clients or not."""
    if server.poll() is None:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)
            server.wait(20)


def main():
    programs, identity = server_programs(), unprivileged()
    if programs is None or identity is None:
        print("skipped: " + ("PostgreSQL's server is not installed" if programs is None else
                             "no unprivileged user to give the server to"))
        return SKIP
    with tempfile.TemporaryDirectory(prefix="drama-postgres-") as folder:
        if identity:
            os.chown(folder, identity["user"], identity["group"])
        server = start(programs, folder, identity)
        try:
            return subprocess.run([*sys.argv[1:], f"host={folder} user=drama dbname=postgres"],
                                  timeout=120).returncode
        finally:
            stop(server)


if __name__ == "__main__":
    sys.exit(main())
