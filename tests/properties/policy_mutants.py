#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that each property of the policy can fail: a change of the policy breaks it.

Usage: tests/properties/policy_mutants.py --write FOLDER | --check | --run PROGRAM [NAME...]

Each file mutants/NAME.mutant changes the policy: lines `file: PATH`, the lines to replace (-) and
to put there (+). In the latter stands MUTANT, which is true in a run that is told to be so. Lines
"# P1: TEST" name the properties that must fail then.

--write puts drama/sched with all the changes in it under FOLDER, from which PROGRAM is built; a run
chooses its change by a number in DRAMA_MUTANT. --check asks that each change fits the sources.
--run is satisfied if each named test passes without the change and fails with it.
"""
import argparse
import importlib.machinery
import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "tests" / "properties" / "mutants"
POLICY = pathlib.Path("drama/sched")
RUN_SECONDS = 300

# Before every source of the copy. 0: nothing is changed.
CHOICE = """#pragma once
#include <cstdlib>
inline const int drama_mutant_number =
    std::getenv("DRAMA_MUTANT") != nullptr ? std::atoi(std::getenv("DRAMA_MUTANT")) : 0;
inline bool drama_is_mutant(int number) noexcept { return drama_mutant_number == number; }
"""


def load_mutants():
    """scripts/mutants knows how changes are written."""
    loader = importlib.machinery.SourceFileLoader("mutants", str(ROOT / "scripts" / "mutants"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutants", loader))
    loader.exec_module(module)
    return module


class Mutant:
    """One file of the folder; `number` chooses it."""

    def __init__(self, tools, path, number):
        text = path.read_text(encoding="utf-8")
        self.name, self.number = path.stem, number
        self.changes = tools.Mutant(path).changes
        self.tests = re.findall(r"^# (P\d+): (\S+)$", text, re.M)
        if not self.tests or not all("MUTANT" in new for _, _, new in self.changes):
            raise RuntimeError(f"{path.name}: no property, or a change without MUTANT")

    def apply(self, texts):
        """`texts`: path to the text before any change and the text so far."""
        for file, old, new in self.changes:
            if not pathlib.Path(file).is_relative_to(POLICY):
                raise RuntimeError(f"{self.name}: {file} is no part of the policy")
            before, text = texts.get(file) or ((ROOT / file).read_text(encoding="utf-8"),) * 2
            if before.count(old) != 1 or text.count(old) != 1:
                raise RuntimeError(f"{self.name}: {file} has this {before.count(old)} times, or "
                                   f"another change is in its way:\n{old}")
            new = new.replace("MUTANT", f"drama_is_mutant({self.number})")
            texts[file] = before, text.replace(old, new)


def write(texts, folder):
    """Files that are equal already keep their time stamp."""
    for path in [each for each in (ROOT / POLICY).rglob("*") if each.suffix in (".hpp", ".cpp")]:
        name = str(path.relative_to(ROOT))
        text = texts[name][1] if name in texts else path.read_text(encoding="utf-8")
        put(folder / name, text)
    put(folder / "choice.hpp", CHOICE)


def put(target, text):
    if not target.is_file() or target.read_text(encoding="utf-8") != text:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def ends(program, tests, number):
    """How `tests` end under the change of `number`; empty: they pass."""
    environment = {**os.environ, "DRAMA_MUTANT": str(number)}
    try:
        done = subprocess.run([program, f"--gtest_filter={tests}"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=RUN_SECONDS, check=False,
                              env=environment)
    except subprocess.TimeoutExpired:
        return "hangs"
    if b"[==========] Running 0 tests" in done.stdout:
        raise RuntimeError(f"{tests} names no test")
    return {0: "", 1: "fails"}.get(done.returncode, f"signal {-done.returncode}")


def run(mutants, program):
    """Exit status 0 if each property noticed each of its mutants."""
    named = ":".join(sorted({test for each in mutants for _, test in each.tests}))
    if wrong := ends(program, named, 0):
        print(f"without any change: {wrong}")
        return 1
    missed = 0
    for each in mutants:
        for which, test in each.tests:
            began = time.monotonic()
            ending = ends(program, test, each.number)
            missed += not ending
            print(f"{which:4} {each.name:28} {ending or 'NOT NOTICED':12} "
                  f"{time.monotonic() - began:5.1f} s", flush=True)
    print(f"{missed} of {sum(len(each.tests) for each in mutants)} not noticed")
    return 1 if missed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--write", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--run")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    tools, texts = load_mutants(), {}
    mutants = [Mutant(tools, path, number)
               for number, path in enumerate(sorted(FOLDER.glob("*.mutant")), start=1)]
    for each in mutants:
        each.apply(texts)
    if options.write:
        write(texts, options.write)
    elif options.run:
        return run([each for each in mutants
                    if not options.names or each.name in options.names], options.run)
    else:
        print(f"{len(mutants)} changes of the policy fit")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as wrong:
        print(f"policy_mutants: {wrong}", file=sys.stderr)
        sys.exit(2)
