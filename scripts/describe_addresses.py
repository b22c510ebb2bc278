"""Writes docs/addresses.md from the table that the gateway itself decides by.

`python -m scripts.describe_addresses` writes it; a test holds it to the code.
"""

from pathlib import Path

from info_assistant.api.addresses import ADDRESSES, Address

PAGE = Path(__file__).parents[1] / "docs" / "addresses.md"

_INTRODUCTION = """\
# Addresses

Every address of the API, who may use it, and the word under which the audit trail knows it. The
gateway decides by the same table before it reads a request's body, and serves nothing else. `/docs`
of a running backend describes what is sent and what comes back.

A role includes those before it: reader, contributor, operator. The kind of traffic decides what
maintenance closes ([modes.md](modes.md)) and which places a request waits for.

This page is written by `make pages` from `api/addresses.py`.

| address | role | audited as | kind of traffic |
|---|---|---|---|
"""


def page() -> str:
    """Return the page as it should be."""
    return _INTRODUCTION + "".join(f"{_row(each)}\n" for each in ADDRESSES)


def _row(address: Address) -> str:
    role = address.role.value if address.role else "nobody needs one"
    action = f"`{address.action}`" if address.action else "not audited"
    return f"| `{address.method} {address.path}` | {role} | {action} | {address.traffic.value} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
