#!/usr/bin/env python3
"""Checks that text files speak of drama alone: no machine paths, nothing about who wrote them."""
import re
import sys

import source_text

# Written in pieces, so that this file passes its own check.
PATHS = re.compile(r"(?<![\w.$}/-])(?:/wo" r"rk/|/ro" r"ot/|/ho" r"me/)")
AUTHORS = re.compile(
    r"\bsub" r"-?agents?\b|\bL" r"LMs?\b|\b(?:large )?language " r"models?\b|"
    r"\bA" r"I[- ](?:generated|assisted|written|assistant|agent)\b|\bas an A" r"I\b|"
    r"\bGenerated (?:with|by) A" r"I\b|\bChat" r"GPT\b|\bGPT" r"-\d|\bClau" r"de\b|"
    r"\bAnth" r"ropic\b|\bOpen" r"AI\b|\bco" r"pilot\b|\bCo-Autho" r"red-By\b|\bC" r"EO\b", re.I)
RULES = ((PATHS, "machine path"), (AUTHORS, "word about who wrote it"))


def check(files):
    faults = []
    for path, text in files.items():
        for pattern, what in RULES:
            for match in pattern.finditer(text):
                line = source_text.line_of(text, match.start())
                faults.append(f"{path}:{line}: {what}: '{match.group()}'")
    return faults


def wanted(path):
    return not path.endswith((".lock", ".map", "package-lock.json")) and "/dist/" not in path


def plant(text):
    return {"docs/a.md": text + "\n"}


PLANTS = [
    (plant("llvm-19, email, homework/x, ./root/x, $HOME/x, AIO, claudication"), None),
    (plant("first\nsee /wo" "rk/main/x"), "docs/a.md:2: machine path"),
    (plant("`/ro" "ot/x`"), "machine path"),
    (plant("(/ho" "me/me/x)"), "machine path"),
    (plant("a sub" "agent wrote"), "who wrote"),
    (plant("an L" "LM wrote"), "who wrote"),
    (plant("A" "I-generated"), "who wrote"),
    (plant("Co-Autho" "red-By: x"), "who wrote"),
]

if __name__ == "__main__":
    sys.exit(source_text.main(check, wanted, PLANTS))
