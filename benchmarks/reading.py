"""Reads large files and measures what that adds to our own memory: `python -m benchmarks.reading`.

A PDF of 300 pages, a text file of 200 MB (which is refused: more text than one document may hold),
one of as much text as a document may hold, and a PDF of 200 MB, each read from disk by a fresh
process, which stands for the backend.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fpdf import FPDF

from info_assistant.errors import Unreadable
from info_assistant.ingestion.read import SubprocessReader

_RESULTS = Path(__file__).parent / "results" / "reading.json"
_SENTENCE = "Employees may carry over 240 hours of annual leave, as rule {number} says. "
_MOST_MB = 150


def _files(folder: Path) -> list[Path]:
    """Write the files to read."""
    made = FPDF()
    made.set_font("helvetica", size=11)
    for number in range(300):
        made.add_page()
        made.multi_cell(0, 6, _SENTENCE.format(number=number) * 30)
    pdf = bytes(made.output())
    text = (_SENTENCE.format(number=7) * 20 + "\n\n").encode()
    (folder / "300-pages.pdf").write_bytes(pdf)
    (folder / "200-mb.txt").write_bytes(text * (200_000_000 // len(text)))
    (folder / "20-million-characters.txt").write_bytes(text * (19_900_000 // len(text)))
    # What an update of a PDF leaves unused counts in its size alone.
    (folder / "200-mb.pdf").write_bytes(b"%PDF-1.3\n%" + b"x" * 200_000_000 + b"\n")
    with (folder / "200-mb.pdf").open("ab") as file:
        file.write(pdf)
    return sorted(folder.iterdir())


def _most_memory_mb() -> float:
    """Return the most memory that this process held; rusage would count its parent's."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


async def _read(path: Path) -> dict[str, object]:
    async with SubprocessReader() as reader:
        await reader.read(b"First.", filename="a.txt", media_type="")
        before = _most_memory_mb()
        begun = time.monotonic()
        try:
            reading = await reader.read(path, filename=path.name, media_type="")
            end = f"read: {len(reading.text):,} characters on {reading.pages} pages"
        except Unreadable as error:
            end = f"refused: {error.message}"
        seconds = time.monotonic() - begun
        added = _most_memory_mb() - before
    return {
        "file": path.name,
        "end": end,
        "seconds": round(seconds, 2),
        "added_to_us_mb": round(added),
        "idle_mb": round(before),
    }


def main() -> None:
    """Measure each file in a process of its own and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", type=Path, help="read this file only and print its figures")
    one = parser.parse_args().one
    if one is not None:
        print(json.dumps(asyncio.run(_read(one))))
        return
    with tempfile.TemporaryDirectory() as folder:
        found = [
            json.loads(
                subprocess.run(
                    [sys.executable, "-m", "benchmarks.reading", "--one", path],
                    check=True,
                    capture_output=True,
                    cwd=Path(__file__).parents[1],
                ).stdout
            )
            for path in _files(Path(folder))
        ]
    _RESULTS.write_text(json.dumps({"cores": os.cpu_count(), "files": found}, indent=2) + "\n")
    print(_RESULTS.read_text())
    assert all(each["added_to_us_mb"] <= _MOST_MB for each in found)


if __name__ == "__main__":
    main()
