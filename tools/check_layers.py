#!/usr/bin/env python3
"""Checks that includes follow the declared module graph, and the graph the ranks.

A module may include its own headers and those of modules of lower rank that its line
`drama_module(x DEPENDS a b)` names; never another module's internal/, never "../". Tests obey the
same rule and may include tests/support besides. Programs on top of the modules may include any
public header.
"""
import posixpath
import re
import sys

import source_text

RANKS = {"base": 0, "trace": 1, "check": 1, "coro": 1, "sched": 2, "io": 2, "tenant": 3,
         "runtime": 4, "sync": 4, "net": 5, "fs": 5, "observe": 5, "fault": 5, "sim": 6, "http": 6,
         "admin": 7}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)
MODULE = re.compile(r"^drama/(\w+)/")


def declared_edges(path, text):
    """{module: set of dependencies} of one CMakeLists.txt."""
    text = re.sub(r"#[^\n]*", "", text)
    edges = {}
    for arguments in re.findall(r"\bdrama_module\s*\(([^)]*)\)", text):
        words = arguments.split()
        found, listing = set(), False
        for word in words[1:]:
            if word in ("DEPENDS", "LINKS"):
                listing = word == "DEPENDS"
            elif listing:
                found.add(word)
        edges[words[0] if words else ""] = found
    folder = MODULE.match(path).group(1)
    return edges if set(edges) == {folder} else {folder: None}


def check_edges(path, module, dependencies):
    if dependencies is None:
        return [f"{path}:1: must hold one drama_module({module} ...)"]
    if module not in RANKS:
        return [f"{path}:1: module {module} has no rank in tools/check_layers.py"]
    faults = []
    for other in sorted(dependencies):
        if other not in RANKS:
            faults.append(f"{path}:1: {module} depends on unknown module {other}")
        elif RANKS[other] >= RANKS[module]:
            faults.append(f"{path}:1: {module} (rank {RANKS[module]}) may not depend on {other} "
                          f"(rank {RANKS[other]})")
    return faults


def judge(path, module, quote, target, edges):
    """The fault of one include, or None."""
    is_test = bool(source_text.TESTS.search(path))
    if ".." in target.split("/"):
        return f'"../" in include of {target}'
    if target == "liburing.h" and not path.startswith(("drama/io/uring/", "bench/")):
        return "only drama/io/uring/ and bench/ see <liburing.h>"
    if not target.startswith("drama/"):
        relative = quote == '"' and not (is_test and target.startswith("tests/support/"))
        if module and relative:
            return f'"{target}" is not a full path: "drama/{module}/..."'
        return None
    if quote == "<":
        return f'<{target}> must be quoted: "{target}"'
    found = MODULE.match(target)
    if not found:
        return f"{target} is for users, never included inside drama/" if module else None
    other = found.group(1)
    if other != module and "/internal/" in target:
        return f"{target} is internal to {other}"
    if module is None or other == module:
        return None
    if other not in RANKS or RANKS[other] >= RANKS.get(module, 0):
        return f"{module} may not include {target}: {other} is not of lower rank"
    if other not in (edges.get(module) or ()):
        return f"{target}: drama_module({module} DEPENDS ...) does not name {other}"
    return None


def check(files):
    faults, edges = [], {}
    for path, text in files.items():
        if path.endswith("CMakeLists.txt") and posixpath.dirname(path).count("/") == 1:
            for module, dependencies in declared_edges(path, text).items():
                edges[module] = dependencies
                faults += check_edges(path, module, dependencies)
    for path, text in files.items():
        if not path.endswith(source_text.CPP):
            continue
        found = MODULE.match(path)
        module = found.group(1) if found else None
        if module and module not in edges:
            edges[module] = None
            faults.append(f"{path}:1: drama/{module}/CMakeLists.txt is missing")
        for match in INCLUDE.finditer(text):
            fault = judge(path, module, match[1], match[2], edges)
            if fault:
                faults.append(f"{path}:{source_text.line_of(text, match.start(1))}: {fault}")
    return faults


def wanted(path):
    if MODULE.match(path) and path.endswith("CMakeLists.txt"):
        return True
    return path.startswith(("drama/", "apps/", "examples/", "tests/", "bench/")) and \
        path.endswith(source_text.CPP)


def tree(include, path="drama/sched/a.cpp", depends="DEPENDS base", **more):
    module = path.split("/")[1]
    files = {path: f"#include {include}\n"}
    if path.startswith("drama/"):
        files[f"drama/{module}/CMakeLists.txt"] = f"drama_module({module} {depends})\n"
    return files | more


PLANTS = [
    (tree('"drama/base/clock.hpp"'), None),
    (tree('"drama/sched/internal/heap.hpp"'), None),
    (tree("<vector>", depends="DEPENDS base\n  trace # not io\n  LINKS uring"), None),
    (tree('"tests/support/seed.hpp"', "drama/sched/a_test.cpp"), None),
    (tree('"drama/sched/internal/heap.hpp"', "apps/drama/main.cpp"), "internal to sched"),
    (tree('"drama/drama.hpp"', "examples/hello.cpp"), None),
    (tree('"drama/drama.hpp"'), "for users"),
    (tree('"tests/support/seed.hpp"'), "not a full path"),
    (tree('"drama/trace/ring.hpp"'), "does not name trace"),
    (tree('"drama/trace/ring.hpp"', "drama/sched/a_test.cpp"), "does not name trace"),
    (tree('"drama/io/operation.hpp"'), "not of lower rank"),
    (tree('"drama/runtime/runtime.hpp"', "drama/sync/mutex.cpp"), "not of lower rank"),
    (tree('"drama/runtime/runtime.hpp"', "drama/net/socket.cpp", "DEPENDS runtime"), None),
    (tree("<vector>", "drama/sync/mutex.cpp", "DEPENDS base runtime"), "may not depend on runtime"),
    (tree("<vector>", depends="DEPENDS bsae"), "unknown module bsae"),
    (tree("<vector>", "drama/stage/a.cpp"), "no rank"),
    (tree('"drama/base/internal/x.hpp"'), "internal to base"),
    (tree('"../base/clock.hpp"'), '"../" in include'),
    (tree('"clock.hpp"'), "not a full path"),
    (tree("<drama/base/clock.hpp>"), "must be quoted"),
    (tree("<liburing.h>"), "liburing"),
    (tree("<liburing.h>", "drama/io/uring/ring.cpp", "DEPENDS base"), None),
    ({"drama/io/CMakeLists.txt": "drama_module(oi)\n"}, "must hold one drama_module(io"),
    ({"drama/io/a.cpp": "#include <vector>\n"}, "CMakeLists.txt is missing"),
]

if __name__ == "__main__":
    sys.exit(source_text.main(check, wanted, PLANTS))
