#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that what handles each kind of fault is needed: without it a scenario fails.

Usage: tests/faults/handling.py [--check] [--jobs N] [NAME...]

Each file handling/NAME.mutant removes what handles some kinds of fault, in drama or in the program
of a scenario: lines `file: PATH`, the lines to replace (-) and to put there (+). In the latter
stands WITHOUT, which is true in a run that is told to do without. For each kind a line
"# KIND: TARGET FILTER" names the tests that must fail then and pass otherwise.

The tree is copied to build/handling/tree with all the changes in it, and the targets are built
once; a run chooses its change by a number in DRAMA_WITHOUT. With --check nothing is built: each
change must fit the sources, and each kind must have one. The exit status is 0 if every test failed
as it should.
"""
import argparse
import importlib.machinery
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "tests" / "faults" / "handling"
WORK = ROOT / "build" / "handling"
TREE = WORK / "tree"
BUILT = WORK / "out"
RUN_SECONDS = 120

# Before every source of the copy. 0: nothing is removed.
CHOICE = """#pragma once
#ifdef __cplusplus
#include <cstdlib>
inline const int drama_without_number =
    std::getenv("DRAMA_WITHOUT") != nullptr ? std::atoi(std::getenv("DRAMA_WITHOUT")) : 0;
inline bool drama_is_without(int number) noexcept { return drama_without_number == number; }
#endif
"""


def load_mutants():
    """scripts/mutants knows how changes are written."""
    loader = importlib.machinery.SourceFileLoader("mutants", str(ROOT / "scripts" / "mutants"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutants", loader))
    loader.exec_module(module)
    return module


class Removal:
    """One file of the folder."""

    def __init__(self, tools, path):
        text = path.read_text(encoding="utf-8")
        self.name = path.stem
        # By name: one change more does not compile the others again.
        self.number = zlib.crc32(self.name.encode()) >> 1 | 1
        self.changes = tools.Mutant(path).changes
        self.scenarios = [Scenario(self, *words)
                          for words in re.findall(r"^# (\w+): (\S+) (\S+)$", text, re.M)]
        if not self.scenarios:
            raise RuntimeError(f"{path.name}: no kind")
        if not any("WITHOUT" in new for _, _, new in self.changes):
            raise RuntimeError(f"{path.name}: WITHOUT stands nowhere")

    def apply(self, texts):
        """`texts`: path in the tree to the text before any change and the text so far."""
        for file, old, new in self.changes:
            if file not in texts:
                texts[file] = ((ROOT / file).read_text(encoding="utf-8"),) * 2
            before, text = texts[file]
            if before.count(old) != 1 or text.count(old) != 1:
                raise RuntimeError(f"{self.name}: {file} has this {before.count(old)} times, or "
                                   f"another removal is in its way:\n{old}")
            new = new.replace("WITHOUT", f"drama_is_without({self.number})")
            texts[file] = before, text.replace(old, new)


class Scenario:
    """What must fail without the removed, while faults of one kind happen."""

    def __init__(self, removal, kind, target, tests):
        self.removal, self.kind, self.target, self.tests = removal, kind, target, tests

    def ends(self, number):
        """How its tests end without what `number` names; empty: they pass."""
        folder = WORK / "runs" / f"{self.kind}.{self.removal.name}.{'without' if number else 'with'}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with open(folder / "log", "wb") as log:
            try:
                done = subprocess.run(
                    [BUILT / "bin" / self.target, f"--gtest_filter={self.tests}"], stdout=log,
                    stderr=subprocess.STDOUT, timeout=RUN_SECONDS, check=False, cwd=folder,
                    env=dict(os.environ, DRAMA_WITHOUT=str(number)))
            except subprocess.TimeoutExpired:
                return "hangs"
        if b"[==========] Running 0 tests" in (folder / "log").read_bytes():
            raise RuntimeError(f"{self.tests} names no test of {self.target}")
        return {0: "", 1: "fails"}.get(done.returncode, f"signal {-done.returncode}")

    def judge(self):
        """True if the tests fail without the removed, and pass with it."""
        began = time.monotonic()
        ending = self.ends(self.removal.number)
        ends_badly = self.ends(0)
        verdict = f"UNCHANGED: {ends_badly}" if ends_badly else ending or "NOT NOTICED"
        print(f"{self.kind:24} {self.removal.name:32} {verdict:12} "
              f"{time.monotonic() - began:5.1f} s", flush=True)
        return bool(ending) and not ends_badly


def write_tree(tools, texts):
    """Files that are equal already keep their time stamp: only what changed is built again."""
    wanted = set(tools.files_under(ROOT))
    for name in wanted:
        after = texts.get(str(name))
        content = after[1].encode() if after else (ROOT / name).read_bytes()
        target = TREE / name
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for name in set(tools.files_under(TREE)) - wanted:
        (TREE / name).unlink()
    choice = WORK / "without.hpp"
    if not choice.is_file() or choice.read_text(encoding="utf-8") != CHOICE:
        choice.write_text(CHOICE, encoding="utf-8")


def build(tools, targets, jobs):
    # A removal may leave a parameter unused; that is no fault here.
    configure = ["cmake", "-S", TREE, "-B", BUILT, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=None",
                 f"-DCMAKE_CXX_COMPILER={os.environ.get('DRAMA_MUTANT_CXX', 'clang++-19')}",
                 f"-DCMAKE_CXX_FLAGS=-O1 -include {WORK / 'without.hpp'}"]
    if shutil.which("ccache"):
        configure.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    make = ["cmake", "--build", BUILT, "-j", jobs, "--target", *sorted(targets)]
    for command, log in ((configure, WORK / "configure.log"), (make, WORK / "build.log")):
        if tools.run(command, log) != 0:
            raise RuntimeError(f"it does not build: {log}")


def kinds():
    """From the page that a test compares with the enumeration."""
    page = (ROOT / "docs" / "guide-faults.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `(\w+)` \|", page.partition("## All kinds")[2], re.M)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    tools, texts = load_mutants(), {}
    removals = [Removal(tools, path) for path in sorted(FOLDER.glob("*.mutant"))]
    for each in removals:
        each.apply(texts)
    all_scenarios = [scenario for each in removals for scenario in each.scenarios]
    named = {each.kind for each in all_scenarios}
    if unknown := named - set(kinds()):
        raise RuntimeError(f"no such kinds: {', '.join(sorted(unknown))}")
    if options.check:
        missing = ", ".join(kind for kind in kinds() if kind not in named)
        print(f"{len(removals)} removals fit; kinds without one: {missing or 'none'}")
        return 1 if missing else 0
    WORK.mkdir(parents=True, exist_ok=True)
    write_tree(tools, texts)
    build(tools, {each.target for each in all_scenarios}, options.jobs)
    chosen = [each for each in all_scenarios
              if not options.names or {each.kind, each.removal.name} & set(options.names)]
    noticed = [each for each in chosen if each.judge()]
    print(f"{len(noticed)} of {len(chosen)} noticed; {len({each.kind for each in noticed})} of "
          f"{len(kinds())} kinds of fault")
    return 0 if chosen and len(noticed) == len(chosen) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception as wrong:
        print(f"handling: {wrong}", file=sys.stderr)
        sys.exit(2)
