"""Compares the tests that were skipped with the list of those that may be.

Usage: python -m scripts.compare_skips JUNIT_XML EXPECTED_LIST

A test that starts to be skipped is no longer a test; one that is no longer skipped needs to be
taken off the list, so that it cannot fall silent again. Lines that begin with `may:` are patterns
of tests for which a machine may lack a program that no package index has; those are named loudly.
"""

import sys
from fnmatch import fnmatchcase
from pathlib import Path
from xml.etree import ElementTree as ET

_MAY = "may:"


def skipped_in(report: Path) -> dict[str, str]:
    """Return the name of each skipped test with its reason."""
    root = ET.parse(report).getroot()  # noqa: S314  The same.
    found = {}
    for case in root.iter("testcase"):
        mark = case.find("skipped")
        if mark is not None:
            place = ".".join(filter(None, (case.get("classname"), case.get("name"))))
            found[place] = mark.get("message") or ""
    return found


def expected_in(listing: Path) -> tuple[set[str], set[str]]:
    """Return the names in the list and its patterns; a line that begins with # is a remark."""
    lines = (line.strip() for line in listing.read_text(encoding="utf-8").splitlines())
    told = {line for line in lines if line and not line.startswith("#")}
    may = {line for line in told if line.startswith(_MAY)}
    return told - may, {line.removeprefix(_MAY).strip() for line in may}


def main(report: str, listing: str) -> int:
    """Print both lists where they differ; return the exit code."""
    skipped = skipped_in(Path(report))
    expected, may = expected_in(Path(listing))
    lacking = {name for name in skipped if any(fnmatchcase(name, each) for each in may)}
    for name in sorted(lacking):
        print(f"NOT TRIED on this machine: {name}  ({skipped[name]})")
    if set(skipped) - lacking == expected:
        print(f"Skipped tests: {len(skipped)}, all of them expected.")
        return 0
    print("The skipped tests are not the expected ones.")
    print("Skipped:", *(f"  {name}  ({skipped[name]})" for name in sorted(skipped)), sep="\n")
    print(f"Expected ({listing}):", *(f"  {name}" for name in sorted(expected)), sep="\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
