#!/usr/bin/env python3
"""Adds up what the suites of tests/run.sh reported.

count.py suite RESULTS NAME STATUS SECONDS   prints the line of one suite and keeps its numbers
count.py sum RESULTS STATUS                  prints "N passed, N failed" as the last line; exit 1 when something failed
"""

import json
import pathlib
import sys
import xml.etree.ElementTree as xml


def junit(path):
    passed = failed = 0
    for case in xml.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
            failed += 1
        elif case.find("skipped") is None and case.get("status") not in ("notrun", "disabled"):
            passed += 1
    return passed, failed


def tap(path):
    lines = path.read_text(errors="replace").splitlines()
    return sum(line.startswith("ok ") for line in lines), sum(line.startswith("not ok ") for line in lines)


def report(results, name):
    """What a suite's files say. Files of one suite are called NAME.* or NAME-part.*"""
    passed = failed = 0
    for path in sorted(results.iterdir()):
        if path.stem != name and not path.stem.startswith(name + "-"):
            continue
        if path.suffix in (".xml", ".tap"):
            good, bad = junit(path) if path.suffix == ".xml" else tap(path)
            passed, failed = passed + good, failed + bad
    return passed, failed


def suite(results, name, status, seconds):
    try:
        passed, failed = report(results, name)
    except (xml.ParseError, OSError) as error:
        print(f"the report of {name} can't be read: {error}")
        passed, failed = 0, 1
    if name == "prepare":
        passed, failed = 0, int(status != 0)
    elif status != 0 and failed == 0:
        print(f"{name} ended with status {status} and reported no failure: counted as one")
        failed = 1
    elif passed + failed == 0:
        print(f"{name} ran no test: counted as a failure")
        failed = 1
    (results / f"{name}.count").write_text(json.dumps([passed, failed]))
    print(f"--- {name}: {passed} ok, {failed} not ok, {seconds} s")


def total(results, status):
    counts = [json.loads(path.read_text()) for path in results.glob("*.count")]
    passed, failed = sum(c[0] for c in counts), sum(c[1] for c in counts)
    if passed + failed == 0 or (status != 0 and failed == 0):
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[2])
    if sys.argv[1] == "suite":
        suite(folder, sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    else:
        sys.exit(total(folder, int(sys.argv[3])))
