# SPDX-License-Identifier: Apache-2.0
"""Installs drama, moves the prefix, and uses it as somebody would who has nothing else of it.

`installed_test.py install|find_package|pkg_config|headers|program ...`: the first does the
installation, each of the others tries one thing with it.
"""
import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

SKIP = 77
SOURCE = Path(__file__).resolve().parents[2]
CONSUMER = Path(__file__).resolve().parent / "consumer"


def run(*command, **more):
    """The output of a command that must succeed."""
    done = subprocess.run([str(part) for part in command], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **more)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(str(part) for part in command)}\n{done.stdout}"
                 f"exit status {done.returncode}")
    return done.stdout


def install(given, root):
    """Under a prefix that nobody will find later, so that nothing can depend on it."""
    shutil.rmtree(root, ignore_errors=True)
    run(given.cmake, "--install", given.build, "--prefix", root / "elsewhere")
    (root / "elsewhere").rename(root / "prefix")
    check_package_files(given, root)


def check_package_files(given, root):
    paths = [given.build, str(SOURCE), "elsewhere"]
    files = [path for path in (root / "prefix").rglob("*") if path.suffix in (".cmake", ".pc")]
    names = {path.name for path in files}
    for wanted in ("drama-config.cmake", "drama-config-version.cmake", "drama.pc"):
        if wanted not in names:
            sys.exit(f"{wanted} was not installed")
    for path in files:
        text = path.read_text()
        for unwanted in [*paths, "-fsanitize", "-Wall", "-Werror"]:
            if unwanted in text:
                sys.exit(f"{path} has {unwanted!r} in it")


def find_package(given, root):
    build = root / "find_package"
    shutil.rmtree(build, ignore_errors=True)
    configure = [given.cmake, "-S", str(CONSUMER), "-B", str(build)]
    run(*configure, f"-DWANTED={given.version}", f"-DCMAKE_PREFIX_PATH={root / 'prefix'}",
        f"-DCMAKE_CXX_COMPILER={given.compiler}", "-DCMAKE_BUILD_TYPE=Debug")
    run(given.cmake, "--build", build)
    for name in ("consumer", "guarded"):
        print(run(build / name), end="")
    if subprocess.run([*configure, "-DWANTED=99"], capture_output=True).returncode == 0:
        sys.exit("version 99 was found")


def pkg_config(given, root):
    tool = shutil.which("pkg-config")
    if tool is None:
        print("skipped: pkg-config is not installed")
        sys.exit(SKIP)
    where = next((root / "prefix").rglob("drama.pc")).parent
    environment = {**os.environ, "PKG_CONFIG_PATH": str(where)}
    version = run(tool, "--modversion", "drama", env=environment).strip()
    if version != given.version:
        sys.exit(f"drama.pc is of version {version}, not {given.version}")
    flags = run(tool, "--cflags", "--libs", "drama", env=environment).split()
    others = {"g++"} - {Path(given.compiler).name}   # may use what another compiler made
    for compiler in (given.compiler, *filter(shutil.which, others)):
        program = root / "pkg_config"
        run(compiler, "-std=c++23", "-O1", CONSUMER / "main.cpp", *flags, "-o", program)
        print(compiler, run(program), end="")


def headers(given, root):
    """Nothing is missing, nor is there what nobody can use; the examples need nothing else."""
    include = root / "prefix/include"
    installed = {str(path.relative_to(include)) for path in include.rglob("*.hpp")}
    included = set()
    for name in installed:
        text = (include / name).read_text()
        included |= set(re.findall(r'^#include "(drama/[^"]+)"', text, re.M))
    if included - installed:
        sys.exit(f"not installed, but included: {sorted(included - installed)}")
    internal = {name for name in installed if "/internal/" in name} - included
    if internal:
        sys.exit(f"installed, though internal and not included: {sorted(internal)}")
    flags = ["-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I", include]
    everything = "".join(f'#include "{name}"\n' for name in sorted(installed))
    run(given.compiler, *flags, "-x", "c++", "-", input=everything)
    check_grammar_note(given, include)
    for example in sorted((SOURCE / "examples").glob("*.cpp")):
        if "libpq" not in example.read_text():
            run(given.compiler, *flags, example)
    print(f"{len(installed)} headers")


def check_grammar_note(given, include):
    """Users of a compiler that miscompiles some awaits are told so, and others are not."""
    macros = run(given.compiler, "-dM", "-E", "-x", "c++", "/dev/null")
    version = int(re.search(r"__GNUC__ (\d+)", macros).group(1))
    wanted = "__clang__" not in macros and version < 13
    command = [given.compiler, "-std=c++23", "-fsyntax-only", "-I", include, "-x", "c++", "-"]
    source = '#include "drama/coro/task.hpp"\n'
    for flags, noted in ([], wanted), (["-DDRAMA_AWAIT_GRAMMAR"], False):
        said = run(*command[:2], *flags, *command[2:], input=source)
        if ("miscompiles" in said) != noted:
            sys.exit(f"{given.compiler} {flags}: note wanted: {noted}, output: {said!r}")


def program(given, root):
    drama = root / "prefix/bin/drama"
    shown = run(drama, "--help", cwd="/")
    if "serve" not in shown:
        sys.exit(f"drama --help shows no serve:\n{shown}")
    example = next((root / "prefix/share/doc").rglob("drama.toml"))
    print(run(drama, "serve", "--check-config", example, cwd="/"), end="")
    for unit in ("drama.service", "drama.socket"):
        if not (root / "prefix/lib/systemd/system" / unit).is_file():
            sys.exit(f"{unit} was not installed")


def main():
    if os.environ.get("DRAMA_SANITIZED"):
        print("skipped: what is installed here is for sanitized programs alone")
        return SKIP
    parser = argparse.ArgumentParser()
    ways = (install, find_package, pkg_config, headers, program)
    parser.add_argument("way", choices=[way.__name__ for way in ways])
    for name in ("build", "cmake", "compiler", "version"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    {way.__name__: way for way in ways}[given.way](given, Path(given.build) / "installed_test")
    return 0


if __name__ == "__main__":
    sys.exit(main())
