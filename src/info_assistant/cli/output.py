"""How the command line speaks: rich where a person looks on, plain lines where a program does.

Text that comes out of documents passes through `plain` first, so that no file can send control
sequences to a reader's terminal.
"""

import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from info_assistant.cli.sending import Outcome, Result

if TYPE_CHECKING:
    from rich.progress import Progress

_MOST_ROWS = 50
_COLOURS = {Result.READY: "green", Result.UNCHANGED: "cyan", Result.FAILED: "red"}


_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that make text read differently from what it says."""


def plain(text: str) -> str:
    """Return `text` without control characters, except line breaks and tabs."""
    return "".join(character for character in text if _harmless(character))


def _harmless(character: str) -> bool:
    if character in "\n\t":
        return True
    return unicodedata.category(character) not in {"Cc", "Cs"} and character not in _REORDERING


def say(message: str) -> None:
    """Tell the person something that is not the command's result: on stderr."""
    click.echo(plain(message), err=True)


class Occasionally:
    """Passes on a message unless one went out a moment ago: several files meet one outage."""

    def __init__(self, tell: Callable[[str], None], every_s: float = 3.0) -> None:
        """Pass messages on to `tell`, at most one in `every_s` seconds."""
        self._tell = tell
        self._every_s = every_s
        self._last = -every_s

    def __call__(self, message: str) -> None:
        """Pass `message` on if it is time for one."""
        now = time.monotonic()
        if now - self._last >= self._every_s:
            self._last = now
            self._tell(message)


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[Outcome], None]]:
    """Show how many of `total` files are settled: a bar on a terminal, else a line a file."""
    console = Console(stderr=True)
    if console.is_terminal:
        with _bar(console) as bar:
            task = bar.add_task(label, total=total)
            yield lambda _outcome: bar.advance(task)
        return
    settled = 0

    def line(outcome: Outcome) -> None:
        nonlocal settled
        settled += 1
        say(f"{settled}/{total} {outcome.result} {outcome.source}")

    yield line


def _bar(console: Console) -> "Progress":
    from rich.progress import (  # noqa: PLC0415  Slow to import, and only terminals need it.
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console)


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of text: a table on a terminal, else tab-separated lines."""
    console = Console()
    if not console.is_terminal:
        for row in rows:
            click.echo("\t".join(plain(cell).replace("\t", " ") for cell in row))
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    console.print(table)


def table_of_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Print what became of each file: a table on a terminal, else tab-separated lines.

    Of many files the table shows those that failed.
    """
    console = Console()
    if not console.is_terminal:
        for outcome in outcomes:
            fields = (outcome.result, outcome.source, str(outcome.passages), outcome.detail)
            click.echo("\t".join(plain(field).replace("\t", " ") for field in fields))
        return
    if len(outcomes) > _MOST_ROWS:
        outcomes = [each for each in outcomes if each.result is Result.FAILED]
    table = Table("file", "outcome", "passages", "remark", expand=False)
    for outcome in outcomes:
        colour = _COLOURS[outcome.result]
        passages = str(outcome.passages) if outcome.passages else ""
        table.add_row(
            _escaped(outcome.source),
            f"[{colour}]{outcome.result}[/]",
            passages,
            _escaped(outcome.detail),
        )
    console.print(table)


def _escaped(text: str) -> str:
    from rich.markup import escape  # noqa: PLC0415  Only terminals need it.

    return escape(plain(text))
