"""Text that was once read in a wrong encoding, brought back character by character."""

import re
from collections.abc import Sequence

from info_assistant.runbooks.model import Repair

_FOREIGN = re.compile(r"[^\x00-\x7f]{2,}")
_ENCODINGS = ("mac_roman", "cp1252", "latin-1")
_FIRST_SYMBOL = 0x2000
"""From here on Unicode has punctuation and symbols. What Mac Roman makes of them is never a word,
while two of its letters in a row may well be one."""


def repair(text: str) -> tuple[str, Sequence[Repair]]:
    """Return `text` with what was misread put right, and a list of it. Lines stay lines."""
    repairs: list[Repair] = []
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):

        def put_right(match: re.Match[str], number: int = number) -> str:
            original = _original(match[0])
            if original is None:
                return match[0]
            repairs.append(Repair(number, match[0], original))
            return original

        lines[number - 1] = _FOREIGN.sub(put_right, line)
    return "\n".join(lines), repairs


def _original(run: str) -> str | None:
    """Return what a run of characters was before somebody read its UTF-8 in another encoding."""
    for encoding in _ENCODINGS:
        try:
            found = run.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        certain = encoding != "mac_roman" or all(ord(char) >= _FIRST_SYMBOL for char in found)
        if len(found) < len(run) and certain:
            return found
    return None
