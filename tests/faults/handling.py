#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that what handles each kind of fault is needed: without it a scenario fails.

Usage: tests/faults/handling.py [--check] [--jobs N] [NAME...]

Each file handling/KIND.mutant removes what handles one kind: lines `file: PATH`, the lines to replace
(-) and to put there (+), and a line "# test: FILTER", or "# test: TARGET FILTER" for another target
than faults_test. The tree is copied to build/handling/tree; each change is applied in turn, the
target built, and the tests of the filter run, which must fail. With --check nothing is built: each
change must only fit the sources. The exit status is 0 if every test failed as it should.
"""
import argparse
import importlib.machinery
import importlib.util
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "tests" / "faults" / "handling"
RUN_SECONDS = 60


def load_mutants():
    """scripts/mutants knows how changes are written, and how a copy of the tree is made."""
    loader = importlib.machinery.SourceFileLoader("mutants", str(ROOT / "scripts" / "mutants"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutants", loader))
    loader.exec_module(module)
    module.WORK = ROOT / "build" / "handling"
    module.TREE = module.WORK / "tree"
    module.BUILT = module.WORK / "out"
    return module


def test_of(path):
    words = re.search(r"^# test: (.+)$", path.read_text(encoding="utf-8"), re.M)[1].split()
    return (words[0], words[1]) if len(words) == 2 else ("faults_test", words[0])


def build(tools, target, jobs, log):
    command = ["cmake", "--build", tools.BUILT, "-j", jobs, "--target", target]
    return tools.run(command, log) == 0


def how_it_ends(tools, target, chosen, log):
    """Empty: the tests pass."""
    command = [tools.BUILT / "bin" / target, f"--gtest_filter={chosen}"]
    try:
        status = tools.run(command, log, RUN_SECONDS)
    except subprocess.TimeoutExpired:
        return "hangs"
    if "[  PASSED  ] 0 tests" in log.read_text(encoding="utf-8", errors="replace") and status == 0:
        raise tools.Wrong(f"{chosen} names no test")
    return "" if status == 0 else "fails" if status > 0 else f"signal {-status}"


def judge(tools, path, jobs):
    target, chosen = test_of(path)
    mutant, log = tools.Mutant(path), tools.WORK / f"{path.stem}.log"
    before = mutant.apply()
    try:
        if not build(tools, target, jobs, log):
            return f"does not build: {log}", False
        ending = how_it_ends(tools, target, chosen, log)
        return ending or "NOT NOTICED", bool(ending)
    finally:
        for file, text in before.items():
            file.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--jobs", default="2")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    tools = load_mutants()
    paths = [path for path in sorted(FOLDER.glob("*.mutant"))
             if not options.names or path.stem in options.names]
    if options.check:
        for path in paths:
            tools.Mutant(path).changed(ROOT)
            test_of(path)
        print(f"{len(paths)} changes fit")
        return 0
    tools.copy_tree()
    tools.configure()
    targets = sorted({test_of(path) for path in paths})
    for target, chosen in targets:
        log = tools.WORK / "unchanged.log"
        if not build(tools, target, options.jobs, log) or how_it_ends(tools, target, chosen, log):
            raise tools.Wrong(f"{chosen} fails without any change: {log}")
    noticed = 0
    for path in paths:
        began = time.monotonic()
        ending, is_noticed = judge(tools, path, options.jobs)
        noticed += is_noticed
        print(f"{path.stem:24} {ending:12} {time.monotonic() - began:6.1f} s", flush=True)
    print(f"{noticed} of {len(paths)} noticed")
    return 0 if noticed == len(paths) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception as wrong:  # pylint: disable=broad-exception-caught
        print(f"handling: {wrong}", file=sys.stderr)
        sys.exit(2)
