"""`up --incidents` runs the incident service beside the rest."""

import os
from pathlib import Path

from info_assistant.cli.stack import Stack
from info_assistant.settings import Settings


def test_the_incident_service_comes_last_and_tells_the_backend(tmp_path: Path) -> None:
    """It is a process of its own, started after the others and stopped before them."""
    settings = Settings.from_environment({"DATA_DIR": str(tmp_path)})
    stack = Stack.of(settings, parent=os.getpid(), qdrant_key="")
    parts = stack.with_incidents("127.0.0.1", 8002, os.getpid()).parts
    assert [part.name for part in parts[:-1]] == [part.name for part in stack.parts]
    assert parts[-1].command[-4:-2] == ("incident", "serve")
    assert parts[-1].settings["BACKEND_URL"] == stack.backend_url
    assert parts[-1].ready_url == "http://127.0.0.1:8002/readyz"
