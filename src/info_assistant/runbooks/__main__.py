"""Runs the incident engine alone: `python -m info_assistant.runbooks`, and the one-file program."""

import click

from info_assistant.runbooks.commands.incident import incident
from info_assistant.runbooks.commands.runbook import runbook


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def engine() -> None:
    """Follow runbooks and keep the record of incidents, without the product.

    In examples, read the name of this program for `info-assistant`.
    """


engine.add_command(incident)
engine.add_command(runbook)

if __name__ == "__main__":
    engine()
