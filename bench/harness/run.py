# SPDX-License-Identifier: Apache-2.0
"""Runs drama and its peers alternately and prints how they compare. scripts/bench builds both."""

import argparse
import json
import sys

import isolation
import micro
import programs
import sched
from rows import json_lines, line, table

SUITES = {"micro": micro.run_micro, "http": micro.run_http, "isolation": isolation.run_isolation,
          "sched": sched.run_sched}


class Bench:
    """What was asked for, and the rows so far."""

    def __init__(self, options):
        self.options = options
        self.rounds = options.rounds or (3 if options.quick else 5)
        self.seconds = 2 if options.quick else 4
        self.rows = []
        self.demo_rows = []

    def is_wanted(self, name):
        return not self.options.only or any(name.startswith(each) for each in self.options.only)

    def add(self, row):
        self.rows.append(row)
        print(line(row), flush=True)


def parse():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--suite", default="all", choices=[*SUITES, "all"], help="one suite (all)")
    parser.add_argument("--only", action="append", metavar="NAME",
                        help="rows whose name begins so; may stand several times")
    parser.add_argument("--json", metavar="FILE", help="write one line of JSON for each row")
    parser.add_argument("--rounds", type=int, metavar="N", help="repetitions (5; quick: 3)")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, shorter ones")
    return parser.parse_args()


def main():
    bench = Bench(parse())
    print("\n".join(programs.versions()) + "\n", flush=True)
    for name, run in SUITES.items():
        if bench.options.suite in (name, "all"):
            run(bench)
    print("\n" + table(bench.rows), end="")
    if bench.options.json:
        with open(bench.options.json, "w", encoding="utf-8") as file:
            # A row of the isolation suite is written as the demonstration has it.
            file.write(json_lines(row for row in bench.rows if row.spec.suite != "isolation"))
            file.writelines(json.dumps(row) + "\n" for row in bench.demo_rows)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as error:
        sys.exit(f"bench: {error}")
