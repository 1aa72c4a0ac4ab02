#!/usr/bin/env python3
"""Checks the await grammar: the coroutine shapes that GCC 12 compiles correctly, and no others.

co_await stands only as a whole statement, as the initialiser of a named local (also in an if
initialiser or a range-for), as the operand of co_return, or inside DRAMA_CO_TRY. The awaited
expression holds no braced temporary and no capturing lambda. A coroutine takes no reference
parameters and is no capturing lambda. In Markdown, fences marked exactly `cpp` are checked.
"""
import re
import sys

import source_text
from cpp_shape import CONTROL, LABEL, Shape
from cpp_text import spaces

DECLARATION = re.compile(
    r"(?:\[\[\w+\]\]\s*)?(?!co_|return\b|throw\b|delete\b)[A-Za-z_:][\w:<>,\s*&]*[\s*&>]\w+\s*=")
OPERATOR = re.compile(r"\?|&&|\|\||[=!<>]=|<<|\s(?:[-+*/%|^<>]|>>)\s")
CONTROL_PAREN = re.compile(r"\b(if|for|while|switch|catch)\s*(?:constexpr\s*)?$")
NESTED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|<[\w:<>,\s*&()]*?>(?=\s*[({:>,])")
FENCE = re.compile(r"^([ \t]*```)([^\n]*)\n(.*?)^[ \t]*```", re.S | re.M)


def code_of(path, text):
    """The C++ in a file: all of it, or the fenced blocks of a Markdown page."""
    if not path.endswith(".md"):
        return text
    code, end = "", 0
    for match in FENCE.finditer(text):
        if match[2].strip() == "cpp":
            code += spaces(text[end:match.start(3)]) + match[3]
            end = match.end(3)
    return code + spaces(text[end:])


def prefix_of(shape, start, offset):
    """What precedes co_await in its statement, without labels and brace-less control heads."""
    prefix, before = shape.text[start:offset].strip(), None
    while prefix != before:
        before = prefix
        prefix = LABEL.sub("", prefix, count=1) if LABEL.match(prefix) else prefix
        found = CONTROL.match(prefix)
        if found:
            head = re.match(r"(?:else\s+)?(?:if|for|while)\s*(?:constexpr\s*)?(?=\()", prefix)
            at = shape.text.find(prefix, start)
            if head:
                prefix = shape.text[shape.pairs[at + head.end()] + 1:offset].strip()
            elif found.group() == "else":
                prefix = prefix[4:].strip()
    return prefix


def judge_operand(shape, offset, bracket):
    """The fault of the awaited expression at `offset`, and what ends it."""
    flat, i = "", offset
    inner = {found.opening: found for found in shape.brackets if offset < found.opening}
    while i < bracket.closing and shape.text[i] != ";":
        found = inner.get(i)
        if found and found.kind == "lambda":
            i = found.closing
        elif found and shape.text[i] == "{":
            return "braced temporary in an awaited expression: name it first, then std::move it", ""
        flat += shape.text[i] if i < len(shape.text) else ""
        i += 1
    for found in inner.values():
        if found.kind == "lambda" and found.captures and found.opening < i:
            return "capturing lambda in an awaited expression: pass a function and arguments", ""
    while flat != (flat := NESTED.sub("", flat)):
        pass
    if OPERATOR.search(re.sub(r"\s+", " ", flat)):
        return "operator next to co_await: name its result first", ""
    return None, shape.text[i:i + 1]


def judge_await(shape, offset, bracket, start):
    fault, end = judge_operand(shape, offset, bracket)
    if fault:
        return fault
    prefix = prefix_of(shape, start, offset)
    declares = bool(DECLARATION.fullmatch(prefix))
    if bracket.kind == "init" or shape.text[bracket.opening] == "[" and bracket.opening >= 0:
        return "co_await in an initialiser list"
    if bracket.kind != "group":
        if prefix in ("", "co_return") or declares:
            return None
        return f"co_await after '{prefix[-30:]}': only a statement, a named local or co_return"
    before = shape.text[:bracket.opening].rstrip()[-30:]
    control = CONTROL_PAREN.search(before)
    first = start <= bracket.opening + 1
    if before.endswith("DRAMA_CO_TRY"):
        legal = prefix.endswith(",") and "co_await" not in prefix
    elif control and control[1] == "for":
        header = shape.text[bracket.opening:bracket.closing]
        initialiser = declares and first and header.count(";") == 1
        legal = initialiser or re.fullmatch(r"[^()?]*[^:]:", prefix, re.S)
    elif control:
        if control[1] != "if" or not (declares and first and end == ";"):
            return f"co_await in the condition of {control[1]}: name its result first"
        legal = True
    else:
        legal = False
    return None if legal else "co_await in an expression or argument: name its result first"


def judge_coroutine(shape, function):
    if function.kind == "lambda":
        if function.captures:
            return "coroutine is a capturing lambda: captures die with the lambda"
        if function.parameters < 0:
            return None
    opening = function.parameters if function.kind == "lambda" else -1
    for parameter in shape.parameters(function.start, function.opening, opening) or []:
        flat = parameter.split("=")[0]
        while flat != (flat := re.sub(r"<[^<>]*>|\([^()]*\)", "", flat)):
            pass
        if "&" in flat:
            return f"coroutine parameter '{' '.join(parameter.split())}' is a reference"
    return None


def check_text(path, text):
    shape, found, seen = Shape(code_of(path, text)), [], set()
    for word, offset, bracket, start in shape.awaits:
        if word == "co_await":
            found.append((offset, judge_await(shape, offset, bracket, start)))
        function = bracket
        while function.parent and function.kind not in ("function", "lambda"):
            function = function.parent
        if function.parent and function.opening not in seen:
            seen.add(function.opening)
            found.append((function.opening, judge_coroutine(shape, function)))
    return [f"{path}:{source_text.line_of(shape.text, at)}: {fault}"
            for at, fault in found if fault]


def check(files):
    return [fault for path, text in files.items() for fault in check_text(path, text)]


def wanted(path):
    if path.endswith(".md"):
        return path == "README.md" or path.startswith("docs/")
    return path.startswith(("drama/", "apps/", "examples/", "tests/", "bench/")) and \
        path.endswith(source_text.CPP)


if __name__ == "__main__":
    from plants_await import PLANTS
    sys.exit(source_text.main(check, wanted, PLANTS))
