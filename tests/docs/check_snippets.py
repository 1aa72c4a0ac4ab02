# SPDX-License-Identifier: Apache-2.0
"""Compiles, and where it can runs, every C++ snippet of a Markdown page, so that pages stay true.

`check_snippets.py PAGE.md --work DIR --command "c++ ..." --libraries "-L... -ldrama"`

A fence marked `cpp` with a main() is a program: it is compiled, linked and run, and must end with
status 0. If the next fence is marked `output`, it must print that; `...` stands for any text. Every
other snippet says in a comment right before its fence what it is:

  <!-- snippet: build -->         a program that does not end by itself: compiled and linked
  <!-- snippet: compile -->       code that uses what is shown elsewhere: compiled
  <!-- snippet: file NAME -->     a header; later snippets of the page may include it
  <!-- snippet: inside
  code with a line that is only @@@
  -->                             a fragment: compiled in place of the @@@ (and run, with a main)

Further lines of the first three are put in front of the snippet: what the page does not repeat.
`--self-test` instead of a page tries all that with pages of its own.
"""
import argparse
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

FENCE = re.compile(r"(?:<!-- snippet: (?P<what>\w+)(?P<rest>(?:(?!-->).)*)-->\s*)?"
                   r"^```(?P<mark>[^\n]*)\n(?P<text>.*?)^```$", re.S | re.M)
MAIN = re.compile(r"^int main\(", re.M)
SECONDS_TO_RUN = 60


class Snippet:
    def __init__(self, page, found, printed):
        self.line = page.count("\n", 0, found.start("text")) + 1
        self.printed = printed
        rest = found["rest"] or ""
        self.name, _, hidden = rest.partition("\n")
        self.name, self.what = self.name.strip(), found["what"]
        self.text = found["text"]
        if self.what == "inside":
            before, marker, after = hidden.partition("@@@\n")
            self.what = None if marker else "inside without a line @@@"
            self.text = f"{before}{self.text}{after}"
        elif hidden:
            self.text = hidden + self.text
        if self.what is None:
            self.what = "run" if MAIN.search(self.text) else ("compile" if found["what"] else None)


def snippets_of(page):
    fences = list(FENCE.finditer(page))
    for found, after in zip(fences, fences[1:] + [None]):
        if found["mark"].strip() == "cpp":
            printed = after["text"] if after and after["mark"].strip() == "output" else None
            yield Snippet(page, found, printed)


def run(command, where, seconds=None, text=""):
    """None, or what went wrong; and what was printed."""
    try:
        done = subprocess.run(command, cwd=where, text=True, input=text, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=seconds)
    except subprocess.TimeoutExpired as late:
        return f"still ran after {seconds} s", str(late.stdout)
    return (f"exit status {done.returncode}" if done.returncode else None), done.stdout


def differs(printed, expected):
    pattern = ".*?".join(re.escape(part) for part in expected.strip().split("..."))
    return not re.fullmatch(pattern, printed.strip(), re.S)


def check(snippet, given, name):
    """None, or the fault in words."""
    if snippet.what not in ("run", "build", "compile", "file"):
        return f"say what this snippet is ({snippet.what})"
    source = given.work / (snippet.name if snippet.what == "file" else f"{name}.cpp")
    program = given.work / name
    # The same text keeps its time stamp, and compilers' caches their entries.
    if not source.exists() or source.read_text() != snippet.text:
        source.write_text(snippet.text)
    command = shlex.split(given.command)
    compile_it = [*shlex.split(given.launcher), *command, f"-I{given.work}"]
    if snippet.what in ("compile", "file"):
        compile_it += ["-fsyntax-only", "-Wno-unused", "-x", "c++", "-"]
        wrong, printed = run(compile_it, given.work, text=f'#include "{source}"\n')
        return wrong and f"{wrong}\n{printed}"
    steps = [[*compile_it, "-c", str(source), "-o", f"{program}.o"],
             [*command, f"{program}.o", "-o", str(program), *shlex.split(given.libraries)]]
    for step in steps:
        wrong, printed = run(step, given.work)
        if wrong:
            return f"{wrong}\n{printed}"
    if snippet.what == "run":
        wrong, printed = run([str(program)], given.work, SECONDS_TO_RUN)
        if wrong or (snippet.printed is not None and differs(printed, snippet.printed)):
            return f"{wrong or 'it printed something else'}\n{printed}"
    return None


def faults_of(page, given):
    """How many snippets there are, and [(line, fault)]."""
    snippets = list(snippets_of(page))
    faults = [(each.line, check(each, given, f"snippet_{number}"))
              for number, each in enumerate(snippets, 1)]
    return len(snippets), [fault for fault in faults if fault[1]]


PROGRAM = "```cpp\n#include <cstdio>\nint main() { std::puts(\"1 and 2\"); return %s; }\n```\n"
INSIDE = "<!-- snippet: inside\nint f(int x) {\n%sreturn x;\n}\n-->\n```cpp\n%s\n```\n"
PLANTS = [
    ("text\n" + PROGRAM % 0, None),
    (PROGRAM % 1, "exit status 1"),
    (PROGRAM % "x", "undeclared|not declared"),
    (PROGRAM % 0 + "\nprints\n\n```output\n1 ... 2\n```\n", None),
    (PROGRAM % 0 + "```output\n1 ... 3\n```\n", "printed something else"),
    ("```cpp\nint x;\n```\n", "say what"),
    ("<!-- snippet: compile -->\n\n```cpp\nint x;\n```\n", None),
    ("<!-- snippet: compile -->\n```cpp\nint x\n```\n", "expected"),
    ("<!-- snippet: build\nint f();\n-->\n```cpp\nint main() { return f(); }\n```\n", "undefined"),
    ("<!-- snippet: file a.hpp -->\n```cpp\n#pragma once\ninline int x = 0;\n```\n"
     '```cpp\n#include "a.hpp"\nint main() { return x; }\n```\n', None),
    (INSIDE % ("@@@\n", "x = 2;"), None),
    (INSIDE % ("@@@\n", "y = 2;"), "undeclared|not declared"),
    (INSIDE % ("", "x = 2;"), "without a line @@@"),
]


def self_test(given):
    for number, (page, expected) in enumerate(PLANTS, 1):
        faults = faults_of(page, given)[1]
        right = not faults if expected is None else (
            len(faults) == 1 and re.search(expected, faults[0][1]))
        if not right:
            sys.exit(f"page {number}: expected {expected}, found {faults}")
    print(f"{len(PLANTS)} pages")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("page", type=Path, nargs="?")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--command", required=True)
    parser.add_argument("--launcher", default="", help="runs the compiler, ccache for example")
    parser.add_argument("--libraries", default="")
    given = parser.parse_args()
    if given.self_test:
        with tempfile.TemporaryDirectory() as folder:
            given.work = Path(folder)
            return self_test(given)
    given.work.mkdir(parents=True, exist_ok=True)
    count, faults = faults_of(given.page.read_text(), given)
    for line, fault in faults:
        print(f"{given.page}:{line}: {fault}")
    print(f"{count} snippets, {len(faults)} faults")
    return 1 if faults or not count else 0


if __name__ == "__main__":
    sys.exit(main())
