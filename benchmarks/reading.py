"""Reads large files and measures what that adds to our own memory: `python -m benchmarks.reading`.

A PDF of 300 pages, a text file of 200 MB and a PDF of 200 MB, each read from disk by a fresh
process, which stands for the backend. `benchmarks.large` measures their whole way.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.large_files import pdf_of_300_pages, write_text

from info_assistant.errors import Unreadable
from info_assistant.ingestion.read import SubprocessReader
from info_assistant.model.reading import Block

_RESULTS = Path(__file__).parent / "results" / "reading.json"
_MOST_MB = 150


def _files(folder: Path) -> list[Path]:
    """Write the files to read."""
    pdf = pdf_of_300_pages()
    (folder / "300-pages.pdf").write_bytes(pdf)
    write_text(folder / "200-mb.txt", 200_000_000)
    # What an update of a PDF leaves unused counts in its size alone.
    (folder / "200-mb.pdf").write_bytes(b"%PDF-1.3\n%" + b"x" * 200_000_000 + b"\n")
    with (folder / "200-mb.pdf").open("ab") as file:
        file.write(pdf)
    return sorted(folder.iterdir())


class _Passing:
    """A sink that looks at what passes and keeps nothing."""

    def __init__(self) -> None:
        self.characters = 0

    def begin(self) -> None:
        self.characters = 0

    async def add(self, blocks: Sequence[Block]) -> None:
        self.characters += sum(len(block.text) for block in blocks)


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
            sink = _Passing()
            facts = await reader.read_into(sink, path, filename=path.name, media_type="")
            end = f"read: {sink.characters:,} characters on {facts.pages} pages"
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
