#!/usr/bin/env python3
"""clang-tidy over our own sources: tidy.py [--build DIR] [--jobs N] [FILE…]

Without files: what differs from the main branch's last commit, and what includes a changed header directly. `--all`: everything.
The build's commands are written for g++ with precompiled headers, which clang can't read: those flags are left out.
"""

import argparse
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# libstdc++ 12 asks for a macro that clang 14 defines only from 15 on, although it has the coroutines.
FOR_CLANG = ["-D__cpp_impl_coroutine=201902L", "-Wno-builtin-macro-redefined", "-Wno-unknown-warning-option"]
# clang 14 takes the suspension of a co_await for a loop, and so a moved argument for one that is used again.
KNOWN_WRONG = ("controller/base/async.hpp", "'where' used after it was moved")
LEFT_OUT = {"-fpch-preprocess", "-Winvalid-pch", "-Werror"}


def headers_of(precompiled):
    """What a precompiled header is made of."""
    text = pathlib.Path(precompiled).read_text() if pathlib.Path(precompiled).exists() else ""
    return re.findall(r'#include "([^"]+)"', text)


def for_clang(command):
    words, out = iter(shlex.split(command)), []
    for word in words:
        if word == "-include":
            out += [flag for header in headers_of(next(words)) for flag in ("-include", header)]
        elif word.endswith("ccache") or "=" in word and not word.startswith("-") or word in ("/usr/bin/cmake", "-E", "env"):
            continue
        elif word not in LEFT_OUT:
            out.append(word)
    return [out[0], *FOR_CLANG, *out[1:]]


def commands(build):
    entries = json.loads((build / "compile_commands.json").read_text())
    return {entry["file"]: {"directory": entry["directory"], "file": entry["file"],
                            "arguments": for_clang(entry["command"])} for entry in entries}


def changed(known):
    def git(*arguments):
        return subprocess.check_output(["git", "-C", str(ROOT), *arguments], text=True).split()
    paths = set(git("diff", "--name-only", "HEAD")) | set(git("diff", "--name-only", "HEAD~1", "HEAD"))
    headers = {path for path in paths if path.endswith(".hpp")}
    found = {file for file in known if str(pathlib.Path(file).relative_to(ROOT)) in paths}
    for file in known:
        included = set(re.findall(r'#include "([^"]+)"', pathlib.Path(file).read_text()))
        if included & headers and file[: -len(".cpp")] + ".hpp" in {str(ROOT / header) for header in headers}:
            found.add(file)
    return sorted(found)


def check(file, folder):
    done = subprocess.run(["clang-tidy", "-quiet", "-p", folder, file], capture_output=True, text=True, cwd=ROOT)
    lines = [line for line in done.stdout.splitlines() if not line.startswith("Use -header-filter")]
    if done.returncode != 0 and not lines:
        lines = done.stderr.splitlines()[-20:]
    return lines


def is_problem(line):
    return (" warning: " in line or " error: " in line) and not all(part in line for part in KNOWN_WRONG)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/dev")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    known = commands(arguments.build)
    files = [str(pathlib.Path(file).resolve()) for file in arguments.files] or (sorted(known) if arguments.all else changed(known))
    problems = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(arguments.jobs) as pool:
        (pathlib.Path(folder) / "compile_commands.json").write_text(json.dumps(list(known.values())))
        for file, lines in zip(files, pool.map(lambda file: check(file, folder), files)):
            problems += sum(is_problem(line) for line in lines)
            print("\n".join([f"== {pathlib.Path(file).relative_to(ROOT)}", *lines]), flush=True)
    print(f"{len(files)} files checked, {problems} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
