"""Runs the README's own commands in a fresh copy of the checkout, so that the README stays true.

A fenced block is run when its first line says so:

    ```bash run              run to the end; every command must succeed
    ```bash run background   started and left running; later blocks may rely on it

Other blocks are only shown. A block in the background must come to say that it is running; it is
stopped with Ctrl-C at the end. All blocks run in one new folder without `.venv` and data, in order.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from scripts import trial

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```bash run( background)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LIMIT_S = 900.0
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "data", "dist", "build", ".*_cache", "__pycache__", "minilm_weights"
)


@dataclass(frozen=True)
class Block:
    """A fenced block of commands."""

    commands: str
    background: bool


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of `text` that ask to be run, in order."""
    for match in FENCE.finditer(text):
        yield Block(match[2], background=bool(match[1]))


def main() -> int:
    """Run every marked block of README.md; return the exit code."""
    wanted = list(blocks((ROOT / "README.md").read_text(encoding="utf-8")))
    if not wanted:
        print("README.md has no block marked `bash run`.", file=sys.stderr)
        return 1
    environment = dict(os.environ)  # noqa: TID251  A script, not the product.
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / ROOT.name
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT, symlinks=True)
        try:
            _run(wanted, copy, environment)
        except trial.TrialFailed as failure:
            print(f"The README does not hold: {failure}", file=sys.stderr)
            return 1
    print(f"The README holds: {len(wanted)} blocks ran.")
    return 0


def _run(wanted: list[Block], copy: Path, environment: Mapping[str, str]) -> None:
    with ExitStack() as stack:
        for block in wanted:
            print(f"README: {block.commands.strip()}", flush=True)
            command = ["bash", "-euo", "pipefail", "-c", block.commands]
            if block.background:
                stack.enter_context(trial.running(command, environment, cwd=copy))
            else:
                _to_the_end(command, copy, environment)


def _to_the_end(command: list[str], copy: Path, environment: Mapping[str, str]) -> None:
    try:
        subprocess.run(
            command,
            check=True,
            cwd=copy,
            env=environment,
            stdin=subprocess.DEVNULL,
            timeout=LIMIT_S,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise trial.TrialFailed(f"this block did not succeed: {command[-1].strip()!r}") from error


if __name__ == "__main__":
    sys.exit(main())
