#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that what handles each kind of fault is needed: without it a scenario fails.

Usage: tests/faults/handling.py [--check] [--build FOLDER] [NAME...]

Each file handling/KIND.mutant removes what handles one kind: lines `file: PATH`, the lines to replace
(-) and to put there (+), and a line "# test: FILTER", or "# test: TARGET FILTER" for another target
than faults_test. FOLDER (build/release) is a build of that target. Only the changed source (of a
header: the test, and what instantiates it) is compiled again and linked before the rest by FOLDER's
own commands; nothing in the tree or in FOLDER changes. The tests of the filter must fail then. With
--check each change must only fit the sources. The exit status is 0 if every test failed as it
should.
"""
import argparse
import importlib.machinery
import importlib.util
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "tests" / "faults" / "handling"
RUN_SECONDS = 60


def load_mutants():
    """scripts/mutants knows how changes are written."""
    loader = importlib.machinery.SourceFileLoader("mutants", str(ROOT / "scripts" / "mutants"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutants", loader))
    loader.exec_module(module)
    return module


def test_of(path):
    words = re.search(r"^# test: (.+)$", path.read_text(encoding="utf-8"), re.M)[1].split()
    return (words[0], words[1]) if len(words) == 2 else ("faults_test", words[0])


class Build:
    """How a build compiles and links one target."""

    def __init__(self, folder, target):
        self.folder = folder
        listing = subprocess.run(["ninja", "-C", folder, "-t", "commands", f"bin/{target}"],
                                 stdout=subprocess.PIPE, text=True, check=True).stdout
        lines = [line for line in listing.splitlines() if "clang++" in line or "g++" in line]
        self.link = [word for word in shlex.split(lines[-1].strip(": &")) if word != "&&"]
        self.compiles = {}
        for words in map(shlex.split, lines[:-1]):
            if "-c" in words:
                self.compiles[pathlib.Path(words[words.index("-c") + 1]).resolve()] = words
        self.tests = [source for source, words in self.compiles.items()
                      if words[words.index("-o") + 1] in self.link]

    def compile(self, source, original, overlay):
        """The object of `source`, compiled as `original`; what the overlay has goes first."""
        words = [word for word in self.compiles[original]
                 if not word.startswith("-flto") and word not in ("-ffat-lto-objects", "-g", "-MD")]
        for option in ("-MT", "-MF"):
            del words[words.index(option):words.index(option) + 2]
        made = overlay / (original.stem + ".o")
        words[words.index("-o") + 1] = str(made)
        words[words.index("-c") + 1] = str(source)
        first = next(i for i, word in enumerate(words) if word.startswith("-I"))
        subprocess.run(words[:first] + [f"-I{overlay}", "-Wno-error"] + words[first:], check=True,
                       cwd=self.folder, stderr=subprocess.DEVNULL)
        return made

    def link_with(self, objects, overlay):
        """`objects`: original source to changed object."""
        words = list(self.link)
        added = []
        for source, made in objects.items():
            of_source = self.compiles[source]
            before = of_source[of_source.index("-o") + 1]
            added.append(str(made))
            if before in words:
                words.remove(before)
        at = words.index("-o")
        words[at + 1] = str(overlay / "changed_test")
        subprocess.run(words[:at] + added + words[at:], check=True, cwd=self.folder)
        return overlay / "changed_test"


def how_it_ends(program, chosen):
    """Empty: the tests pass."""
    try:
        done = subprocess.run([program, f"--gtest_filter={chosen}"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=RUN_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "hangs"
    if b"[==========] Running 0 tests" in done.stdout:
        raise RuntimeError(f"{chosen} names no test")
    return {0: "", 1: "fails"}.get(done.returncode, f"signal {-done.returncode}")


def judge(tools, path, folder):
    target, chosen = test_of(path)
    build = Build(folder, target)
    if how_it_ends(folder / "bin" / target, chosen):
        raise RuntimeError(f"{chosen} fails without any change")
    with tempfile.TemporaryDirectory() as name:
        overlay, objects = pathlib.Path(name), {}
        texts = tools.Mutant(path).changed(ROOT)
        for file, (_, after) in texts.items():
            changed = overlay / file.relative_to(ROOT)
            changed.parent.mkdir(parents=True, exist_ok=True)
            changed.write_text(after, encoding="utf-8")
        for file in texts:
            if file.suffix == ".cpp":
                objects[file] = build.compile(overlay / file.relative_to(ROOT), file, overlay)
            else:
                suite = "TEST(" + chosen.partition(".")[0] + ","
                # The library's instances of a template are made where its body is included.
                body = f'#include "{file.relative_to(ROOT)}"'
                wanted = [each for each in build.tests if suite in each.read_text(encoding="utf-8")]
                if file.stem.endswith("_body"):
                    wanted += [each for each in build.compiles
                               if body in each.read_text(encoding="utf-8")]
                objects |= {each: build.compile(each, each, overlay) for each in wanted}
        return how_it_ends(build.link_with(objects, overlay), chosen)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    tools, noticed = load_mutants(), 0
    paths = [path for path in sorted(FOLDER.glob("*.mutant"))
             if path.stem in (options.names or [path.stem])]
    for path in paths:
        began = time.monotonic()
        if options.check:
            tools.Mutant(path).changed(ROOT)
            continue
        ending = judge(tools, path, options.build.resolve())
        noticed += bool(ending)
        took = time.monotonic() - began
        print(f"{path.stem:24} {ending or 'NOT NOTICED':12} {took:6.1f} s", flush=True)
    print(f"{len(paths)} changes fit" if options.check else f"{noticed} of {len(paths)} noticed")
    return 0 if options.check or noticed == len(paths) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception as wrong:
        print(f"handling: {wrong}", file=sys.stderr)
        sys.exit(2)
