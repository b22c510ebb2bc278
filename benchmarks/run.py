"""The benchmarks of `make bench`, one after the other; exit code 1 if any promise is broken.

Each runs in a process of its own, exactly as its own command would run it. With
`--passages 100000` only what depends on the size of the library is measured.
"""

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.report import options, say

ALL = ("ingestion", "overhead", "extractive", "provider_layer", "cached", "start")
BY_SIZE = ("overhead",)
DEFAULT_PASSAGES = 10_000


def main() -> int:
    """Run them all, also after one has failed."""
    given = options(__doc__ or "")
    names = ALL if given.passages == DEFAULT_PASSAGES else BY_SIZE
    codes: dict[str, int] = {}
    for name in names:
        say(f"\n== {name}")
        script = str(Path(__file__).with_name(f"{name}.py"))
        codes[name] = subprocess.run(
            [sys.executable, script, *sys.argv[1:]], check=False
        ).returncode
    print("\nPromises:")
    for path in sorted(given.results.glob("*.json")):
        result = json.loads(path.read_text())
        for floor in result.get("floors", ()):  # Trials have none; they say whether they hold.
            verdict = "holds" if floor["holds"] else "DOES NOT HOLD"
            print(
                f"  {result['name']}: {floor['what']} {floor['measured']:,.3f} {floor['unit']} "
                f"({floor['sense']} {floor['limit']:g}): {verdict}"
            )
    for name, code in codes.items():
        if code not in {0, 1}:
            print(f"  {name}: ended with exit code {code}, see above")
    return int(any(codes.values()))


if __name__ == "__main__":
    sys.exit(main())
