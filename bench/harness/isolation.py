# SPDX-License-Identifier: Apache-2.0
"""The suite that puts drama and its peers through the scenarios of `drama demo`: client and
measurement are the same, only the server differs."""

import json
import tempfile
from pathlib import Path

import programs
from rows import ASYNC_PEERS, Row, Spec

DEMO_SECONDS = 3600


def demo(system, scenario, options):
    """The rows of one run, as the demonstration writes them."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "rows.json"
        command = [programs.BIN / "drama", "demo", "--json", found, "--only", scenario]
        if options.quick:
            command.append("--quick")
        if system != "drama":
            server = f"{programs.SERVER[system]} tenants --threads 2"
            command += ["--server-command", server, "--system", system]
        programs.run(command, DEMO_SECONDS)
        return [json.loads(line) for line in found.read_text(encoding="utf-8").splitlines()]


def scenarios():
    """The names that `drama demo --help` knows."""
    said = programs.run([programs.BIN / "drama", "demo", "--help"])
    names = said.split("one neighbour:", 1)[1].split("\n", 1)[0]
    return names.replace(",", " ").replace(" or ", " ").split()


def ratio_row(scenario, rows):
    """How many times its quiet p99 the victim's is next to the neighbour: drama's fair order
    beside the peers. None: the host took the CPU from all of drama's segments."""
    samples = {row["system"]: [row["p99_ratio"]] for row in reversed(rows)
               if (row["system"] != "drama" or row["policy"] == "fair")
               and row["p99_ratio"] is not None}
    if "drama" not in samples:
        return None
    return Row(Spec("isolation", scenario, "p99 together / alone"), samples)


def run_isolation(bench):
    systems = programs.built(("drama", *ASYNC_PEERS), programs.SERVER)
    for scenario in scenarios():
        if bench.is_wanted(scenario):
            found = [row for system in systems for row in demo(system, scenario, bench.options)]
            bench.demo_rows += found
            if row := ratio_row(scenario, found):
                bench.add(row)
            else:
                print(f"isolation {scenario}: not measured, the host was too busy", flush=True)
