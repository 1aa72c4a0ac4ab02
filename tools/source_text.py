"""What the lint tools share: the project's files, the self-test and the command line.

A tool is a function check(files) -> faults over {path: text}, so that its self-test can plant
faults without touching the disk. A fault is a line "path:line: message"; one that begins with
"warning: " is printed and forgiven.
"""
import argparse
import pathlib
import re
import subprocess
import sys

CPP = (".hpp", ".cpp", ".h", ".cc")
TESTS = re.compile(r"^tests/|_(test|bench|fuzz)\.cpp$")


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def repository_files(root):
    """Paths of tracked and new files; without git, of all files outside build folders."""
    command = ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = sorted(set(listed.stdout.splitlines()))
    else:
        skipped = re.compile(r"^(build|\.git|\.cache)/|(^|/)node_modules/")
        names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
        names = [name for name in names if not skipped.search(name)]
    return [name for name in names if (root / name).is_file()]


def read_files(root, wanted):
    files = {}
    for name in repository_files(root):
        if wanted(name):
            data = (root / name).read_bytes()
            if b"\0" not in data[:8192]:
                files[name] = data.decode("utf-8", errors="replace")
    return files


def self_test(check, plants):
    """Each plant is (files, expected): None for a clean tree, else a part of its one fault."""
    wrong = 0
    for number, (files, expected) in enumerate(plants, 1):
        faults = check(files)
        right = not faults if expected is None else len(faults) == 1 and expected in faults[0]
        if not right:
            wrong += 1
            print(f"plant {number}: expected {expected!r}, found {faults}\n{files}")
    print(f"{len(plants) - wrong} of {len(plants)} planted cases right")
    return 1 if wrong or not plants else 0


def main(check, wanted, plants):
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--self-test", action="store_true", help="prove that faults are found")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent)
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test(check, plants)
    files = read_files(arguments.root.resolve(), wanted)
    findings = check(files)
    faults = [finding for finding in findings if not finding.startswith("warning: ")]
    print("\n".join(findings + [f"{len(files)} files, {len(faults)} faults"]))
    return 1 if faults or not files else 0
