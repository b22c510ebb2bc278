"""Writes docs/errors.md from the table that the API itself answers by.

`python -m scripts.describe_errors` writes it; a test holds it to the code.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from info_assistant.api.problems import HTTP_CODES, TABLE
from info_assistant.errors import InfoAssistantError, TooBusy, Unavailable

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"

_INTRODUCTION = """\
# Errors

Every error of the API is `application/problem+json` (RFC 9457) with `type`, `title`, `status`,
`code`, `detail` and `request_id`; requests of a wrong shape add `errors`, one for each field. The
`code` is stable: rely on it, not on the words. `detail` says what happened, what it means and
what to do. `request_id` finds the request in the log and in the audit trail. Where waiting helps,
`Retry-After` says how many seconds. In a stream that has begun, the same problem comes as an
`error` event.

This page is written by `make pages` from `api/problems.py` and `errors.py`.

| code | status | `Retry-After` | meaning |
|---|---|---|---|
"""


def page() -> str:
    """Return the page as it should be."""
    return _INTRODUCTION + "".join(f"{row}\n" for row in _rows())


def _rows() -> Iterator[str]:
    told = set()
    for kind, row in TABLE.items():
        if row.internal and kind is not InfoAssistantError:
            continue
        waits = "yes" if issubclass(kind, (Unavailable, TooBusy)) else ""
        meaning, *rest = (kind.__doc__ or "").split("\n")
        if kind is InfoAssistantError:
            meaning = "A fault of ours, which the log explains; `detail` keeps it to itself."
        told.add(kind.code)
        yield f"| `{kind.code}` | {row.status} | {waits} | {meaning} |"
        for code in re.findall(r"`(\w+)`", " ".join(rest)):
            if code not in {"code", *told}:
                told.add(code)
                yield f"| `{code}` | {row.status} | {waits} | The same. |"
    for status, (code, words) in HTTP_CODES.items():
        if code not in told:
            yield f"| `{code}` | {status} | | {words} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
