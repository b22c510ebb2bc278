"""Finds the files that `ingest` sends, and says which ones it leaves out and why.

A file's source, under which the library knows it, is its path below the folder that was named, so
that the same command can be repeated from anywhere. This module reads no file's content.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from info_assistant.errors import InvalidRequest

READABLE_SUFFIXES = frozenset(
    {".md", ".markdown", ".html", ".htm", ".txt", ".text", ".csv", ".pdf"}
    | {".docx", ".pptx", ".xlsx", ".eml"}
)
"""What is picked up while walking a folder; a file that is named itself is always sent.

Archives are left to be named: beside a folder they mostly repeat what lies in it.
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A file to send, and the source under which the library will know it."""

    path: Path
    source: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that is left out, with the reason in words."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Selection:
    """What a list of paths amounts to."""

    files: Sequence[Found]
    skipped: Sequence[Skipped]


def select(paths: Iterable[Path], prefix: str = "") -> Selection:
    """Walk `paths` and decide about each file; `prefix` is put before every source.

    Raises InvalidRequest when two files would be known under the same source.
    """
    files: list[Found] = []
    skipped: list[Skipped] = []
    for path in paths:
        for item in _walk(path, prefix) if path.is_dir() else _single(path, prefix):
            (files if isinstance(item, Found) else skipped).append(item)  # type: ignore[arg-type]
    _refuse_doubles(files)
    return Selection(files, skipped)


def _single(path: Path, prefix: str) -> Iterator[Found | Skipped]:
    if _speakable(path.name):
        yield Found(path, prefix + path.name)
    else:
        yield Skipped(path, "its name is not valid text")


def _walk(root: Path, prefix: str) -> Iterator[Found | Skipped]:
    """Visit everything below `root` in a stable order, without following linked folders."""
    for folder, names, files in os.walk(root):
        here = Path(folder)
        names.sort()
        for name in list(names):
            reason = _reason_against_folder(here / name)
            if reason:
                names.remove(name)
                yield Skipped(here / name, reason)
        for name in sorted(files):
            path = here / name
            reason = _reason_against_file(path)
            if reason:
                yield Skipped(path, reason)
            else:
                yield Found(path, prefix + path.relative_to(root).as_posix())


def _reason_against_folder(path: Path) -> str:
    if path.name.startswith("."):
        return "hidden folder"
    if path.is_symlink():
        return "link to a folder; name it itself to take it in"
    return ""


def _reason_against_file(path: Path) -> str:
    if path.name.startswith((".", "~$")):
        return "hidden file"
    if not _speakable(path.name):
        return "its name is not valid text"
    if path.suffix.lower() not in READABLE_SUFFIXES:
        return f"no reader for {path.suffix or 'a name without an ending'}"
    if not path.is_file():
        return "not a regular file, or a link that leads nowhere"
    return ""


def _speakable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_doubles(files: Sequence[Found]) -> None:
    counts = Counter(found.source for found in files)
    source, count = counts.most_common(1)[0] if counts else ("", 0)
    if count > 1:
        twins = " and ".join(str(found.path) for found in files if found.source == source)
        raise InvalidRequest(
            f"{twins} would all be known as {source!r}, so that one would replace the other. "
            "Ingest the folder above them, or one at a time with --prefix."
        )
