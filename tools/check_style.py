#!/usr/bin/env python3
"""Checks the house style that a formatter cannot: openings, sizes, names, seams."""
import posixpath
import re
import sys

import source_text
from cpp_shape import Shape
from cpp_text import blank

CPP_FOLDERS = ("drama/", "apps/", "examples/", "tests/", "bench/")
WORD_FOLDERS = CPP_FOLDERS + ("tools/", "scripts/", "cmake/", "packaging/", "web/src/")
COLUMNS, FILE_LINES, TEST_LINES, SOFT_LINES, TOOL_LINES = 100, 600, 800, 400, 150
FUNCTION_LINES, PARAMETERS, UNITS = 60, 5, 12
UNIT_SUFFIX = re.compile(r"(?:_interleave)?(?:_test|_bench|_fuzz|_fwd)?\.(?:hpp|cpp|h|cc)$")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX)\b|(?i:\b(?:placeholder(?!\s*=)|stubs?)\b)")
SNAKE = re.compile(r"\.?[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*")
PLAIN_NAMES = ("CMakeLists.txt", "README.md", "Dockerfile")
PEERS = r"^bench/peers/"
GUARD = "drama/sim/interposed/"   # names what it stands in front of
NO_TEST = r"(?!.*_(?:test|bench|fuzz|harness)\.[ch]pp$)"
THREAD_SEAM = r"^drama/(?:runtime|sim)/(?:internal/|world/)?\w*thread\w*\.(?:hpp|cpp)$"

# (what, pattern, where it is banned, the seam files that may use it)
SEAMS = [
    ("a clock other than drama's",
     r"\b\w+_clock::now\b|\bgettimeofday\b|"
     r"\bclock_gettime\s*\(\s*CLOCK_(?:MONOTONIC|REALTIME|BOOTTIME)",
     r".", r"^drama/(?:base/clock|runtime/world/wall_time)\.cpp$|"
     r"^apps/drama/serve/life/supervisor\.cpp$|" + PEERS),
    ("unseeded randomness",
     r"\brandom_device\b|\b(?:std::|::)s?rand\s*\(|\bgetrandom\s*\(|\barc4random",
     r".", r"^drama/runtime/world/real_world\.cpp$|" + PEERS),
    ("a thread outside the thread starter",
     r"\bstd::j?thread\b(?!\s*::)|\bstd::async\b|\bpthread_create\b",
     r"^(?:drama|apps)/" + NO_TEST, THREAD_SEAM),
    ("the environment",
     r"\b(?:secure_)?getenv\b",
     r"^drama/" + NO_TEST, r"^drama/runtime/world/environment\.cpp$"),
    ("a sleep",
     r"\bthis_thread::sleep_(?:for|until)\b|\b(?:usleep|nanosleep)\s*\(|::sleep\s*\(",
     r"^drama/", THREAD_SEAM + r"|^drama/base/atomic\.cpp$"),
]


def check_opening(path, text, files):
    lines = text.split("\n")
    faults = []
    if lines[0] != "// SPDX-License-Identifier: Apache-2.0":
        faults.append(f"{path}:1: first line must be '// SPDX-License-Identifier: Apache-2.0'")
    header = re.sub(r"(?:_interleave)?(?:_test|_bench|_fuzz)?\.cpp$", ".hpp", path)
    speaks = header == path or header not in files   # a header speaks for the unit beside it
    if speaks and not re.match(r"// \S", (lines + [""])[1]):
        faults.append(f"{path}:2: say in 1-5 lines what the file is and the one idea of it")
    if path.endswith((".hpp", ".h")) and not re.search(r"^#pragma once$", text, re.M):
        faults.append(f"{path}:1: #pragma once is missing")
    return faults


def check_sizes(path, text):
    faults = []
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > COLUMNS:
            faults.append(f"{path}:{number}: {len(line)} columns, at most {COLUMNS}")
    lines, limit = text.count("\n"), TEST_LINES if source_text.TESTS.search(path) else FILE_LINES
    if path.endswith(".py"):
        limit = TOOL_LINES
    if lines > limit:
        faults.append(f"{path}:{limit}: {lines} lines, at most {limit}: split by idea")
    elif lines > SOFT_LINES and limit == FILE_LINES:
        faults.append(f"warning: {path}: {lines} lines, better below {SOFT_LINES}")
    return faults


def check_functions(path, text):
    shape, faults = Shape(text), []
    heads = list(shape.declarations)
    for brace in shape.brackets:
        if brace.kind == "function" or (brace.kind == "lambda" and brace.parent.kind == "scope"):
            head = shape.text[brace.start:brace.opening]
            first = brace.start + len(head) - len(head.lstrip())
            lines = shape.text.count("\n", first, brace.closing) + 1
            if lines > FUNCTION_LINES:
                line = source_text.line_of(text, first)
                faults.append(f"{path}:{line}: function of {lines} lines, at most {FUNCTION_LINES}")
            heads.append((brace.start, brace.opening))
    for start, end in heads:
        if re.match(r"\s*(?:static_assert|using|typedef|friend class)\b", shape.text[start:end]):
            continue
        if "DRAMA_INTERPOSED" in shape.text[start:end]:
            continue  # the C library's, whose parameters are given
        count = len(shape.parameters(start, end) or [])
        if count > PARAMETERS:
            line = source_text.line_of(text, end)
            faults.append(f"{path}:{line}: {count} parameters, at most {PARAMETERS}: "
                          "pass an options struct")
    return faults


def check_seams(path, text):
    if path.startswith(GUARD):
        return []
    code, faults = blank(text, directives=False), []
    for what, pattern, banned, allowed in SEAMS:
        if re.search(banned, path) and not re.search(allowed, path):
            for match in re.finditer(pattern, code):
                line = source_text.line_of(code, match.start())
                faults.append(f"{path}:{line}: {match.group().strip()}: {what}, outside its seam")
    for match in re.finditer(r"^[ \t]*#[ \t]*define[ \t]+(?!DRAMA_)(\w+)", code, re.M):
        line = source_text.line_of(code, match.start(1))
        faults.append(f"{path}:{line}: macro {match[1]} must begin with DRAMA_")
    return faults


def check_units(files):
    units = {}
    for path in files:
        if path.startswith(("drama/", "apps/", "bench/")) and path.endswith(source_text.CPP):
            folder, name = posixpath.split(path)
            units.setdefault(folder, set()).add(UNIT_SUFFIX.sub("", name))
    return [f"{folder}:1: {len(names)} units, at most {UNITS}: split the folder"
            for folder, names in units.items() if len(names) > UNITS]


def check(files):
    faults = check_units(files)
    for path, text in files.items():
        is_cpp = path.startswith(CPP_FOLDERS) and path.endswith(source_text.CPP)
        if is_cpp:
            faults += check_opening(path, text, files) + check_functions(path, text)
            faults += check_seams(path, text)
        if is_cpp or path.startswith("tools/"):
            faults += check_sizes(path, text)
        for match in UNFINISHED.finditer(text if path != "tools/check_style.py" else ""):
            line = source_text.line_of(text, match.start())
            faults.append(f"{path}:{line}: '{match.group()}': finish it or leave it out")
        named = is_cpp or path.endswith((".py", "CMakeLists.txt"))
        for part in path.split("/") if named else []:
            if not SNAKE.fullmatch(part) and part not in PLAIN_NAMES:
                faults.append(f"{path}:1: name '{part}' is not snake_case")
    return faults


def wanted(path):
    return path.startswith(WORD_FOLDERS) and not path.endswith((".json", ".lock", ".svg", ".sum"))


if __name__ == "__main__":
    from plants_style import PLANTS
    sys.exit(source_text.main(check, wanted, PLANTS))
