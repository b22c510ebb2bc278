"""The seed's runbook, and runbooks in other hands' styles."""

from pathlib import Path

import pytest

from info_assistant.runbooks.model import Runbook
from info_assistant.runbooks.reading.markdown import parse_runbook, read_runbook

SEED = Path(__file__).parents[3] / "shared" / "seed" / "P0-INCIDENTS.md"
STYLES = Path(__file__).parents[1] / "fixtures" / "runbooks"


@pytest.fixture(scope="session")
def seed() -> Runbook:
    """The seed's runbook as read from its own bytes."""
    if not SEED.is_file():
        pytest.skip("../shared/seed is not there to be read.")
    return read_runbook(SEED)


@pytest.fixture
def runbook_of() -> object:
    """Returns a function that reads a runbook from Markdown text."""

    def read(text: str) -> Runbook:
        return parse_runbook(text.encode(), "made-up.md")

    return read
