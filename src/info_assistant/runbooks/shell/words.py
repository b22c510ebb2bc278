"""What shell text is made of: words, redirections, simple commands and statements."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """One word as the shell would pass it on.

    `text` is as written; `value` is without quotes, with placeholders and variables left in place.
    """

    text: str
    value: str
    quoted: bool = False
    """Some part of it is in quotes, or escaped."""
    holes: tuple[str, ...] = ()
    """Placeholders and variables whose values nobody knows yet, as written."""
    substitutions: tuple[str, ...] = ()
    """Scripts of `$(…)` and backticks in it, which run first."""
    opaque: str = ""
    """Why only a shell can say what becomes of it, such as a pattern of file names; else empty."""

    @property
    def plain(self) -> bool:
        """Whether it is exactly what is written: nothing in it is to be replaced or expanded."""
        return not (self.holes or self.substitutions or self.opaque)


@dataclass(frozen=True, slots=True)
class Redirect:
    """`2> file`, `< file`, or `<< EOF`: then `body` is what follows; a shell may expand it."""

    operator: str
    target: Word
    body: str | None = None
    expands: bool = False


@dataclass(frozen=True, slots=True)
class Simple:
    """A program with its words, assignments before it, and redirections.

    `reads_pipe` and `feeds_pipe` say whether it stands behind or before a `|`.
    """

    assignments: tuple[tuple[str, Word], ...] = ()
    words: tuple[Word, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    reads_pipe: bool = False
    feeds_pipe: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """What a shell would carry out before it reads on: one line, or several that belong together.

    `line` and `last_line` count from 1 within the script. `unclear` names what our grammar does not
    follow (loops, functions, an open quote …); a statement with any of it is never read-only.
    """

    text: str
    line: int
    last_line: int
    simples: tuple[Simple, ...]
    comment: str = ""
    """The comment lines right above it, without their marks."""
    unclear: tuple[str, ...] = ()
    background: bool = False
