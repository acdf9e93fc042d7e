#!/usr/bin/env python3
"""Every row of the requirements that is promised has a test that names it.

A test names its rows right in front of it (C++: a comment line before TEST; shell: before the check) or in its docstring
(Python: the test's, or the module's for all of its tests): "W26" or "W25, W28: …". Without arguments the tree is read;
`--list` shows where each row is named; `--self-test` proves that the check can fail.
"""

import argparse
import ast
import re
import sys
import tempfile
from pathlib import Path

NUMBERS = [*range(1, 11), *range(20, 37), 40, 41, 42, 44]
PROMISED = [f"W{number}" for number in NUMBERS]
ROW = re.compile(r"\bW\d{1,2}\b")
# The comment lines directly above a test, with nothing in between.
CPP = re.compile(r"((?:^[ \t]*//[^\n]*\n)+)TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.M)
SHELL = re.compile(r"((?:^[ \t]*#[^\n]*\n)+)[ \t]*check\s+(\S[^\n]*)", re.M)


def named_in_cpp(text):
    for match in CPP.finditer(text):
        for row in ROW.findall(match.group(1)):
            yield row, f"{match.group(2)}.{match.group(3)}"


def named_in_shell(text):
    for match in SHELL.finditer(text):
        for row in ROW.findall(match.group(1)):
            yield row, match.group(2)[:60]


def named_in_python(text, alone=False):
    module = ast.parse(text)
    tests = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    for row in ROW.findall(ast.get_docstring(module) or "") if tests or alone else []:
        yield row, "the file as a whole"
    for test in tests:
        for row in ROW.findall(ast.get_docstring(test) or ""):
            yield row, test.name


def named_in(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return named_in_python(text, alone=path.name.endswith("_test.py"))
    return {".cpp": named_in_cpp, ".sh": named_in_shell}[path.suffix](text)


def rows_of(root):
    """Row → the tests that name it."""
    found = {}
    for path in sorted((root / "tests").rglob("*")):
        name = path.name
        is_test = name.endswith(("_test.cpp", "_test.sh", "_test.py")) or (name.startswith("test_") and name.endswith(".py"))
        if not is_test or "node_modules" in path.parts or name == Path(__file__).name:
            continue
        for row, test in named_in(path):
            found.setdefault(row, []).append(f"{path.relative_to(root)}: {test}")
    return found


def problems_of(found):
    missing = [f"no test names {row}" for row in PROMISED if row not in found]
    known = {f"W{number}" for number in range(1, 68)}
    return missing + [f"{found[row][0]} names {row}, which is no row" for row in sorted(set(found) - known)]


SAMPLES = [
    ("tests/unit/a_test.cpp", "// W26: nothing is deleted\nTEST(A, B)\n{\n}\n", "W26"),
    ("tests/unit/a_test.cpp", "// W26\n\nTEST(A, B)\n{\n}\n", None),
    ("tests/unit/a_test.cpp", "// W26\nint helper();\nTEST(A, B)\n{\n}\n", None),
    ("tests/unit/a.cpp", "// W26\nTEST(A, B)\n{\n}\n", None),
    ("tests/e2e/test_a.py", 'def test_a():\n    """W26: kept."""\n', "W26"),
    ("tests/e2e/test_a.py", 'def helper():\n    """W26"""\n', None),
    ("tests/e2e/test_a.py", '"""W26."""\ndef test_a():\n    pass\n', "W26"),
    ("tests/api/a_test.py", '"""W26."""\nprint()\n', "W26"),
    ("tests/e2e/test_a.py", "# W26\ndef test_a():\n    pass\n", None),
    ("tests/images/a_test.sh", "# W26\ncheck \"it\" true\n", "W26"),
]


def self_test():
    failed = 0
    for path, text, expected in SAMPLES:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / path
            file.parent.mkdir(parents=True)
            file.write_text(text, encoding="utf-8")
            found = list(rows_of(Path(folder)))
        if found != ([expected] if expected else []):
            print(f"self-test: {path}: {text!r}: expected {expected}, found {found}")
            failed += 1
    complete = {row: ["x"] for row in PROMISED}
    failed += bool(problems_of(complete)) + (not problems_of({})) + (not problems_of(complete | {"W99": ["x"]}))
    print(f"self-test: {failed} wrong")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        return 1 if self_test() else 0
    found = rows_of(arguments.root)
    for row in PROMISED if arguments.list else []:
        print(row, *found.get(row, ["-"]), sep="\n    ")
    problems = problems_of(found)
    print(*problems, f"{len(PROMISED)} rows, {len(problems)} problems", sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
