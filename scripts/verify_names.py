"""Compares the names that the on-call runbook relies on with what the manifests render to.

Usage: python -m scripts.verify_names [OVERLAY]

Reads the numbered rows of contract.md in ../shared; without it the rows of the contract cannot be
compared, which is said loudly, and only our own runbook is. Exit code 1 if a row does not hold.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.contract_rows import CHECKS
from scripts.manifests import ROOT, Rendered, render
from scripts.runbook_names import missing

OWN = ROOT / "runbooks" / "P0-INCIDENTS.md"
CONTRACT = ROOT.parent / "shared" / "contract.md"
ROWS = (1, *range(4, 7), *range(14, 21), 26, 40, 41, 45, 48, *range(63, 72))
"""The rows that manifests, images and commands have to meet."""

_TABLE = re.compile(r"^\| (\d+) \| \d* ?\|? ?(.*?) \|", re.MULTILINE)
_PROSE = re.compile(r"(?:\n|; )(\d{2}) (.+?)(?=; \d{2} |\n\n|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a row holds, and by what or why not."""

    number: int
    holds: bool
    words: str


def rows_of(contract: str) -> Mapping[int, str]:
    """Return the text of each numbered row."""
    found = {int(number): text for number, text in _PROSE.findall(contract)}
    return found | {int(number): text for number, text in _TABLE.findall(contract)}


def verdicts(found: Rendered, numbers: Sequence[int] = ROWS) -> Sequence[Verdict]:
    """Return the verdict on each row."""
    return [_verdict(number, CHECKS[number], found) for number in numbers]


def _verdict(number: int, check: Callable[[Rendered], str], found: Rendered) -> Verdict:
    try:
        return Verdict(number, holds=True, words=check(found))
    except (AssertionError, LookupError, KeyError, OSError) as error:
        return Verdict(number, holds=False, words=f"{type(error).__name__}: {error}")


def main(overlay: str = "production", contract: Path = CONTRACT) -> int:
    """Print the table; return the exit code."""
    texts: Mapping[int, str] = {}
    if contract.is_file():
        texts = rows_of(contract.read_text(encoding="utf-8"))
        unknown = [number for number in ROWS if number not in texts]
        if unknown:
            print(f"{contract} has no rows {unknown}; what they say is not known.", file=sys.stderr)
            return 1
    else:
        print(
            f"SKIPPED: {contract} is not there, so rows are known by their numbers alone.",
            file=sys.stderr,
        )
    judged = verdicts(render(overlay))
    for each in judged:
        said = " ".join(texts.get(each.number, "").split())[:60]
        print(f"{each.number:>3}  {'ok  ' if each.holds else 'FAIL'}  {said:<60}  {each.words}")
    compared, absent = missing(OWN, render(overlay))
    print(f"\nOf {compared} names in {OWN.name}, not there: {', '.join(absent) or 'none'}.")
    failed = [each.number for each in judged if not each.holds]
    print(f"{len(judged) - len(failed)} of {len(judged)} rows hold for overlays/{overlay}.")
    print(
        "Not proven: that a cluster runs these objects; what pods, volumes, DNS names and commands "
        "do there. `make verify-cluster` looks at yours."
    )
    return 1 if failed or absent else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "production"))
