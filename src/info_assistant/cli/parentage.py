"""How `up` and drills tell the processes that they start whose they are."""

from typing import Any

import click

from info_assistant.resilience.parentage import end_with_parent


def _apply(_context: click.Context, _parameter: click.Parameter, parent: int | None) -> int | None:
    if parent is not None:
        end_with_parent(parent)
    return parent


def with_parent_option(command: Any) -> Any:  # noqa: ANN401  As click types its decorators.
    """Give a command the hidden option by which `up` ties it to itself."""
    option = click.option(
        "--parent",
        type=int,
        hidden=True,
        is_eager=True,
        expose_value=False,
        callback=_apply,
    )
    return option(command)
