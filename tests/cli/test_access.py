"""`documents set-access`, `explain-access` and `ingest --access` against a real backend."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run
    from tests.conftest import RunningStack

pytestmark = pytest.mark.stack


def test_access_by_the_command_line(
    run_cli: "Callable[..., Run]",
    start_stack: "Callable[..., RunningStack]",
    tmp_path: Path,
) -> None:
    """A file comes in for its groups, is opened to others, and each step is explained in words."""
    file = tmp_path / "leave.md"
    file.write_text("# Leave\n\nTwenty days.")
    with start_stack("--no-samples") as stack:  # type: ignore[attr-defined]
        url = {"BACKEND_URL": stack.backend_url}

        def cli(*arguments: str) -> "Run":
            return run_cli(*arguments, **url)

        taken = cli("ingest", str(file), "--access", "hr", "--access", "everyone")
        assert taken.code == 0, taken.err
        told = cli("documents", "explain-access", "me", "leave.md")
        assert "open to everyone" in told.out
        changed = cli("documents", "set-access", "leave.md", "hr", "board")
        assert changed.out == "leave.md is open to board, hr\n"
        for user, words in (
            ("groups:hr", "Visible: the caller belongs to `hr`"),
            ("groups:", "Not visible: the document is open to `board` and `hr`"),
            ("groups:it,everyone", "belongs to none of these"),
            ("me", "Not visible"),
        ):
            told = cli("documents", "explain-access", user, "leave.md")
            assert told.code == 0, told.err
            assert words in told.out.splitlines()[0]
        raw = cli("documents", "explain-access", "groups:hr", "leave.md", "--json")
        assert json.loads(raw.out)["shared_groups"] == ["hr"]
        for user, document in (("nokey", "leave.md"), ("me", "nothing.md")):
            refused = cli("documents", "explain-access", user, document)
            assert refused.code == 1
            assert "There is no" in refused.err
        # The operator of this machine is in no group but everybody's, and can undo this.
        assert cli("documents", "list").out == ""
        assert cli("documents", "set-access", "leave.md", "everyone").code == 0
        assert "leave.md" in cli("documents", "list").out
