"""What the engine takes from its surroundings; it has settings of its own, as it runs alone."""

import getpass
import os
import socket
from collections.abc import Mapping
from pathlib import Path


def environment() -> Mapping[str, str]:
    """Return the variables of this process."""
    return os.environ  # noqa: TID251  The product's settings are not there for the engine.


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
