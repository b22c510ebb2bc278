"""Shows on the terminal what the parts write to their logs, for `up --verbose`."""

import asyncio
from collections.abc import Callable
from pathlib import Path

_LOOK_S = 0.2


async def follow(name: str, log: Path, say: Callable[[str], None]) -> None:
    """Tell `say` every line that is added to `log`, which must exist, until cancelled."""
    with log.open(encoding="utf-8", errors="replace") as lines:
        begun = ""
        while True:
            begun += lines.readline()
            if begun.endswith("\n"):
                say(f"{name} | {begun.rstrip()}")
                begun = ""
            else:
                await asyncio.sleep(_LOOK_S)
