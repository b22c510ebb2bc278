"""What both groups of commands share: errors in plain words, and how text is shown."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from info_assistant.runbooks.errors import EngineError

FILE = click.Path(path_type=Path)


class EngineGroup(click.Group):
    """A group whose commands tell the engine's own errors in words, and end with code 1."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  As click has it.
        """Run the command."""
        try:
            return super().invoke(ctx)
        except EngineError as problem:
            raise click.ClickException(problem.message) from problem


def print_json(data: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print one JSON document, readable and in UTF-8."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2))
