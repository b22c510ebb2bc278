"""What the engine takes from its surroundings; it has settings of its own, as it runs alone."""

import getpass
import os
import socket
from collections.abc import Mapping
from pathlib import Path

_RECEIVERS = (
    "SLACK_BOT_TOKEN", "STATUSPAGE_TOKEN", "PAGERDUTY_ROUTING_KEY", "INCIDENT_WEBHOOK_URL",
    "SMTP_URL", "JIRA_URL", "BACKEND_URL", "INCIDENT_STATUS_DIR",
)  # fmt: skip
"""Each of these sets somebody up who is told of incidents."""


def tells_somebody(variables: Mapping[str, str]) -> bool:
    """Whether anybody is set up who can be told; else nothing that sends is loaded at all."""
    return any(variables.get(name) for name in _RECEIVERS)


def environment() -> Mapping[str, str]:
    """Return the variables of this process, without the line's end that a secret's file has."""
    given = os.environ.items()  # noqa: TID251  The product's settings are not there for the engine.
    return {name: value.strip() for name, value in given}


def incident_folder(variables: Mapping[str, str]) -> Path:
    """Return where records are kept: INCIDENT_DIR, else the user's folder for state."""
    given = variables.get("INCIDENT_DIR")
    if given:
        return Path(given)
    state = variables.get("XDG_STATE_HOME")
    return (
        (Path(state) if state else Path.home() / ".local" / "state")
        / "info-assistant"
        / "incidents"
    )


def author(variables: Mapping[str, str]) -> tuple[str, str]:
    """Return who writes, and on which machine: INCIDENT_ACTOR, else the login's name."""
    try:
        who = variables.get("INCIDENT_ACTOR") or getpass.getuser()
    except (OSError, KeyError):
        who = "unknown"
    return who, socket.gethostname()
