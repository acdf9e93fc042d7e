#!/usr/bin/env python3
"""Holds the rules of the architecture that a compiler does not check: who may include whom, and a few bans.

Needs nothing but Python. `--root` is the source tree; `--self-test` proves that each rule can fail.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

import ports_rules

# Each area and the areas whose headers it may include. The order is the architecture:
# base <- types, metrics <- storage, docker <- runtime <- reconcilers, and storage <- api/http <- api/actions.
ALLOWED = {
    "controller/base": set(),
    "api/types": {"controller/base"},
    "metrics": {"controller/base"},
    "storage": {"controller/base", "api/types", "metrics"},
    "docker": {"controller/base", "metrics"},
    "controller/runtime": {"controller/base", "api/types", "metrics", "storage", "docker"},
    "reconcilers": {"controller/base", "api/types", "metrics", "storage", "docker", "controller/runtime"},
    "api/http": {"controller/base", "api/types", "metrics", "storage"},
    "api/actions": {"controller/base", "api/types", "metrics", "storage", "api/http"},
    "node": {"controller/base", "api/types", "metrics", "docker"},
    "cli": {"controller/base", "api/types"},
}
# Only these see both sides; tests and benchmarks may include anything.
ASSEMBLY = "controller"
FREE = ("tests", "bench")
SOURCE_AREAS = (*ALLOWED, ASSEMBLY, *FREE)

MAX_LINES = 400
MAX_FUNCTION_LINES = 60  # the goal is 40; beyond this it is an error

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
LAMBDA = re.compile(r"\[([^\[\]\n;]*)\]\s*(?:\([^{};]*?\))?\s*(?:mutable\s*)?(?:->[^{};]+?)?\{")


def area_of(path):
    """The longest known folder that holds `path`, or None."""
    folders = [area for area in SOURCE_AREAS if path.startswith(area + "/")]
    return max(folders, key=len, default=None)


def without_comments(text):
    """Comments and string contents blanked out, line numbers kept."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
    return pattern.sub(lambda match: '""' + "\n" * match.group(0).count("\n"), text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def matching_brace(text, opening):
    depth = 0
    for position in range(opening, len(text)):
        if text[position] == "{":
            depth += 1
        elif text[position] == "}":
            depth -= 1
            if depth == 0:
                return position
    return len(text) - 1


def check_includes(path, text, problems):
    area = area_of(path)
    for match in INCLUDE.finditer(text):
        included = match.group(1)
        target = area_of(included)
        where = f"{path}:{line_of(text, match.start())}"
        if target is None:
            problems.append(f'{where}: "{included}" is not a path from the root of the tree')
        elif target in FREE and area not in FREE:
            problems.append(f"{where}: the product includes {included}")
        elif area in ALLOWED and target != area and target not in ALLOWED[area]:
            problems.append(f"{where}: {area} must not include {target} ({included})")
        elif area == "reconcilers" and target == "reconcilers" and not same_reconciler(path, included):
            problems.append(f"{where}: reconcilers do not include each other, they meet in objects ({included})")


def same_reconciler(path, included):
    """workspace.cpp may include workspace.hpp and workspace_plan.hpp; node.cpp may not. Settings are for everybody."""
    mine, theirs = Path(path).stem.split("_")[0], Path(included).stem.split("_")[0]
    return mine == theirs or theirs == "settings"


def check_bans(path, text, problems):
    code = without_comments(text)
    bans = [
        (r"\basio::detached\b", "asio::detached loses errors and outlives its owner: use a TaskGroup"),
        (r"\basync_simple|\busing namespace (?:std|boost)\s*;", "no using namespace of a whole library"),
    ]
    if not path.startswith(FREE):
        bans.append((r"(?<![\w.>])(?:std::)?system\s*\(", "no shell commands"))
    if path.startswith("tests/"):
        bans.append((r"\bsleep_for\b|\bsleep_until\s*\(\s*std::|(?<![\w.>])(?:u|nano)?sleep\s*\(\s*\d", "a test waits for a "
                     "condition with a deadline, it does not sleep"))
    for pattern, why in bans:
        for match in re.finditer(pattern, code):
            problems.append(f"{path}:{line_of(code, match.start())}: {why}")
    for match in LAMBDA.finditer(code):
        if not match.group(1).strip():
            continue
        body = code[match.end() - 1 : matching_brace(code, match.end() - 1)]
        if re.search(r"\bco_(?:await|return|yield)\b", without_lambdas(body[1:])):
            problems.append(f"{path}:{line_of(code, match.start())}: a coroutine must not be a capturing lambda: its "
                            "captures may be gone when it resumes")
    if path.endswith(".hpp") and "#pragma once" not in text:
        problems.append(f"{path}:1: a header starts with #pragma once")


def without_lambdas(body):
    """The body without the lambdas inside of it, which are judged by themselves."""
    match = LAMBDA.search(body)
    while match:
        end = matching_brace(body, match.end() - 1)
        body = body[: match.start()] + " " + body[end + 1 :]
        match = LAMBDA.search(body)
    return body


def check_sizes(path, text, problems, notes):
    lines = text.count("\n")
    if lines > MAX_LINES:
        problems.append(f"{path}:1: {lines} lines, the limit is {MAX_LINES}: split it")
    # A function, in our format: a line that starts in column 0 and ends with ')' (or const/noexcept), then '{'.
    for match in re.finditer(r"^\S[^\n]*\n(?:^[ \t][^\n]*\n)*?^\{\n", text, re.M):
        end = text.find("\n}\n", match.end())
        head = match.group(0)
        if "(" not in head or end < 0 or re.match(r"(?:template <.*>\s)?(?:namespace|class|struct|enum|concept|#|//)", head):
            continue
        length = text.count("\n", match.end(), end) + 1
        where = f"{path}:{line_of(text, match.start())}"
        if length > MAX_FUNCTION_LINES and not path.startswith(FREE):
            problems.append(f"{where}: a function of {length} lines, the limit is {MAX_FUNCTION_LINES}")
        elif length > 40:
            notes.append(f"{where}: a function of {length} lines, the goal is 40")


def check_tree(root):
    problems, notes, count = [], [], 0
    for folder in sorted({area.split("/")[0] for area in SOURCE_AREAS}):
        for file in sorted((root / folder).rglob("*")):
            path = file.relative_to(root).as_posix()
            if file.suffix not in (".hpp", ".cpp") or "node_modules" in path or area_of(path) is None:
                continue
            count += 1
            text = file.read_text(encoding="utf-8")
            check_includes(path, text, problems)
            check_bans(path, text, problems)
            ports_rules.check_ports(path, without_comments(text), problems)
            check_sizes(path, text, problems, notes)
    return problems, notes, count


# Path, text, and a piece of the expected complaint (None: must pass).
SAMPLES = [
    ("docker/a.cpp", '#include "storage/store.hpp"\n', "docker must not include storage"),
    ("storage/a.cpp", '#include "docker/client.hpp"\n', "storage must not include docker"),
    ("api/http/a.cpp", '#include "reconcilers/workspace.hpp"\n', "must not include reconcilers"),
    ("api/actions/a.cpp", '#include "docker/client.hpp"\n', "must not include docker"),
    ("controller/base/a.cpp", '#include "api/types/meta.hpp"\n', "must not include api/types"),
    ("controller/runtime/a.cpp", '#include "docker/client.hpp"\n', None),
    ("controller/registry.cpp", '#include "docker/client.hpp"\n#include "api/http/server.hpp"\n', None),
    ("storage/a.cpp", '#include "store.hpp"\n', "not a path from the root"),
    ("node/a.cpp", '#include "tests/fakes/fake_clock.hpp"\n', "the product includes"),
    ("reconcilers/node.cpp", '#include "reconcilers/workspace.hpp"\n', "do not include each other"),
    ("reconcilers/workspace.cpp", '#include "reconcilers/workspace_plan.hpp"\n', None),
    ("node/a.cpp", "co_spawn(x, f(), asio::detached);\n", "asio::detached"),
    ("node/a.cpp", "// asio::detached is banned\nauto s = \"asio::detached\";\n", None),
    ("tests/unit/a.cpp", "std::this_thread::sleep_for(1s);\n", "does not sleep"),
    ("node/a.cpp", "auto f = [this](int a) -> awaitable<> { co_return; };\n", "capturing lambda"),
    ("node/a.cpp", "auto f = [&x] { co_await g(); };\n", "capturing lambda"),
    ("node/a.cpp", "auto f = [](int a) -> awaitable<> { co_return; };\n", None),
    ("node/a.cpp", "auto f = [this](Key key) { return handle(key); };\nco_await g();\n", None),
    ("node/a.hpp", "int a;\n", "#pragma once"),
    ("node/a.cpp", "\n" * 401, "split it"),
    ("node/a.cpp", "void f()\n{\n" + "    g();\n" * 61 + "}\n", "a function of 61 lines"),
    *ports_rules.SAMPLES,
]


def self_test():
    failed = 0
    for path, text, expected in SAMPLES:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / path
            file.parent.mkdir(parents=True)
            file.write_text(text, encoding="utf-8")
            problems, _, count = check_tree(Path(folder))
        found = "\n".join(problems)
        if count != 1 or (expected is None and problems) or (expected is not None and expected not in found):
            print(f"self-test: {path}: {text[:60]!r}: expected {expected!r}, got {found!r}")
            failed += 1
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        failed = self_test()
        print(f"self-test: {len(SAMPLES) - failed} of {len(SAMPLES)} samples judged right")
        return 1 if failed else 0
    problems, notes, count = check_tree(arguments.root)
    ports_rules.check_listed(arguments.root, problems)
    for note in notes:
        print("note: " + note)
    for problem in problems:
        print(problem)
    print(f"{count} files read, {len(problems)} problems, {len(notes)} notes")
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
