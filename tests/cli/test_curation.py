"""Curating documents by the command line, on a real stack."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run
    from tests.conftest import RunningStack

pytestmark = pytest.mark.stack


def test_a_document_s_life_by_the_command_line(
    run_cli: "Callable[..., Run]",
    start_stack: "Callable[..., RunningStack]",
    tmp_path: Path,
) -> None:
    """Each command does what it says, on the source's name, and an answer tells what is old."""
    file = tmp_path / "leave.md"
    file.write_text("# Annual leave\n\nAnnual leave lasts twenty days for every employee.\n")
    question = "How many days does annual leave last?"
    with start_stack("--no-samples") as stack:  # type: ignore[attr-defined]
        url = {"BACKEND_URL": stack.backend_url}

        def cli(*arguments: str) -> "Run":
            return run_cli(*arguments, **url)

        assert cli("ingest", str(file)).code == 0
        edited = cli("documents", "edit", "leave.md", "--superseded", "2020-01-31", "--tag", "old")
        assert (edited.code, edited.out) == (0, "changed leave.md\n"), edited.err
        assert "leave.md" in cli("documents", "list", "--tag", "old").out
        assert cli("documents", "list", "--tag", "new").out == ""
        answer = json.loads(cli("ask", question, "--json").out)
        assert "superseded on 31 January 2020" in answer["notices"][0]
        assert answer["citations"][0]["superseded"] == "2020-01-31"
        cited = cli("documents", "citations", "leave.md")
        assert question in cited.out, cited.err

        held = cli("documents", "quarantine", "leave.md", "nothing.md", "--reason", "Wrong days.")
        assert (held.code, held.out) == (1, "quarantined leave.md\n")
        assert "nothing.md" in held.err
        assert "quarantined: Wrong days." in cli("documents", "list").out
        assert "unanswerable" in json.loads(cli("ask", question, "--json").out)["status"]
        unanswered = cli("documents", "unanswered", "--json")
        (group,) = json.loads(unanswered.out)["groups"]
        assert (group["question"], group["count"]) == (question, 1), unanswered.err
        assert question in cli("documents", "unanswered").out
        assert cli("documents", "handled", group["id"]).out == f"handled: {question}\n"
        assert question not in cli("documents", "unanswered").out
        assert cli("documents", "handled", group["id"], "--undo").out == f"open: {question}\n"
        assert "total\t0\t0\t1\t0" in cli("documents", "readers", "leave.md").out
        assert cli("documents", "restore", "leave.md").out == "restored leave.md\n"
        assert json.loads(cli("ask", question, "--json").out)["status"] == "answered"

        assert cli("documents", "versions", "leave.md").out.startswith("1\t")
        assert "twenty days" in cli("documents", "passages", "leave.md").out
        assert cli("documents", "retry", "leave.md").code == 1
        assert cli("documents", "edit", "leave.md").code == 2
        gone = cli("documents", "delete", "leave.md", "--purge", "--yes")
        assert (gone.code, gone.out) == (0, "deleted leave.md\n")
        assert cli("documents", "list").out == ""
