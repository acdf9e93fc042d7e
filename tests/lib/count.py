#!/usr/bin/env python3
"""Adds up what the suites of tests/run.sh reported.

count.py suite RESULTS NAME STATUS SECONDS   prints the line of one suite and keeps its numbers
count.py sum RESULTS STATUS                  prints "N passed, N failed" as the last line; exit 1 when something failed
count.py failed REPORT MOST                  prints pytest's ids of what failed, nothing when that is more than MOST
count.py again REPORT SECOND                 what failed in REPORT and passed in SECOND counts as passed, and is named
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


def went_wrong(case):
    return case.find("failure") is not None or case.find("error") is not None


def pytest_id(case):
    return f"{case.get('classname').replace('.', '/')}.py::{case.get('name')}"


def failed(path, most):
    names = list(dict.fromkeys(pytest_id(case) for case in xml.parse(path).iter("testcase") if went_wrong(case)))
    if len(names) <= most:
        print("\n".join(names))


def again(path, second):
    """The second report is taken away: its tests are in the first one."""
    seen = [case for case in xml.parse(second).iter("testcase")]
    good = {pytest_id(case) for case in seen} - {pytest_id(case) for case in seen if went_wrong(case)}
    first = xml.parse(path)
    for case in first.iter("testcase"):
        if went_wrong(case) and pytest_id(case) in good:
            print(f"UNSTABLE: {pytest_id(case)} failed once and passed on the second try")
            for part in case.findall("failure") + case.findall("error"):
                case.remove(part)
    first.write(path)
    second.unlink()


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
    what, place = sys.argv[1], pathlib.Path(sys.argv[2])
    if what == "suite":
        suite(place, sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    elif what == "failed":
        failed(place, int(sys.argv[3]))
    elif what == "again":
        again(place, pathlib.Path(sys.argv[3]))
    else:
        sys.exit(total(place, int(sys.argv[3])))
