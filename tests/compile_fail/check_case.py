#!/usr/bin/env python3
"""check_case.py FILE COMPILER FLAGS...: FILE must fail to compile, with the messages of its
`// error: REGEX` lines, and must compile with -DDRAMA_FIX. `--self-test` in place of FILE proves
that the check itself can fail.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile


def compile_case(path, command):
    # LC_ALL=C: plain quotes in the messages of both compilers.
    run = subprocess.run(command + [str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, errors="replace", check=False, env=os.environ | {"LC_ALL": "C"})
    return run.returncode, run.stdout


def fault_of(path, command):
    """Why the case does not hold, or None."""
    text = path.read_text(encoding="utf-8")
    expected = re.findall(r"^\s*// error: (.+?)\s*$", text, re.M)
    for flags in re.findall(r"^\s*// flags: (.+)$", text, re.M):
        command = command + flags.split()
    if not expected:
        return "no '// error: REGEX' line"
    status, output = compile_case(path, command)
    if status == 0:
        return "compiles, and must not"
    # The compiler quotes source lines, the expected message among them: look at its errors alone.
    errors = "\n".join(re.findall(r"error: .*", output))
    for pattern in expected:
        if not re.search(pattern, errors):
            return f"fails for another reason than '{pattern}':\n{output}"
    status, output = compile_case(path, command + ["-DDRAMA_FIX"])
    return None if status == 0 else f"fails with -DDRAMA_FIX too:\n{output}"


CASES = [
    ("#ifndef DRAMA_FIX\nint x = nothing;  // error: nothing\n#endif\n", "no '// error"),
    ("// error: nothing\n#ifndef DRAMA_FIX\nint x = nothing;\n#endif\n", None),
    ("// error: nothing\n#ifndef DRAMA_FIX\nint nothing = 0;\n#endif\n", "compiles, and must not"),
    ("// error: nothing\n#ifndef DRAMA_FIX\nint x = other;\n#endif\n", "for another reason"),
    ("// error: other\n// error: nothing\n#ifndef DRAMA_FIX\nint x = other;\n#endif\n", "another"),
    ("// error: nothing\nint x = nothing;\n", "with -DDRAMA_FIX too"),
    ("// flags: -Werror=unused-variable\n// error: unused\n"
     "#ifndef DRAMA_FIX\nvoid f() { int x; }\n#endif\n", None),
]


def self_test(command):
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "case.cpp"
        for text, expected in CASES:
            path.write_text(text, encoding="utf-8")
            fault = fault_of(path, command)
            if (fault is None) != (expected is None) or (expected and expected not in fault):
                wrong += 1
                print(f"expected {expected!r}, found {fault!r} in\n{text}")
    print(f"{len(CASES) - wrong} of {len(CASES)} cases judged right")
    return 1 if wrong else 0


def main(arguments):
    if len(arguments) < 2:
        print(__doc__)
        return 2
    if arguments[0] == "--self-test":
        return self_test(arguments[1:])
    fault = fault_of(pathlib.Path(arguments[0]), arguments[1:])
    if fault:
        print(f"{arguments[0]}: {fault}")
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
