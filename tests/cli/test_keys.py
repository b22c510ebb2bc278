"""`keys` and `tenants`: from the command line to every backend, without any backend."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Run, ScriptedBackend


def test_a_key_is_shown_once_listed_and_revoked(run_cli: "Callable[..., Run]") -> None:
    """Stdout is the key and nothing else; the list has everything but the secret."""
    made = run_cli(
        *("keys", "create", "--role", "contributor", "--name", "records import"),
        *("--group", "staff", "--group", "it", "--expires-days", "30"),
    )
    assert made.code == 0, made.err
    whole = made.out.strip()
    _, key_id, secret = whole.split("_")
    listed = json.loads(run_cli("keys", "list", "--json").out)
    assert (listed["id"], listed["name"], listed["role"]) == (
        key_id,
        "records import",
        "contributor",
    )
    assert (listed["tenant"], listed["groups"], listed["state"]) == (
        "default",
        "it,staff",
        "active",
    )
    assert listed["expires"] > listed["created"]
    revoked = run_cli("keys", "revoke", key_id)
    assert (revoked.code, revoked.out) == (0, f"revoked {key_id}\n")
    plain = run_cli("keys", "list").out
    assert "revoked" in plain
    assert secret not in plain
    unknown = run_cli("keys", "revoke", "000000000000")
    assert unknown.code == 1
    assert "There is no key '000000000000'" in unknown.err


def test_tenants_are_made_before_their_keys(run_cli: "Callable[..., Run]") -> None:
    """A key of an unknown tenant is refused with the way out; limits are replaced as a whole."""
    key = ("keys", "create", "--role", "reader", "--name", "x", "--tenant", "water")
    refused = run_cli(*key)
    assert refused.code == 1
    assert "info-assistant tenants create" in refused.err
    made = run_cli(
        *("tenants", "create", "water", "--title", "Ministry of Water"),
        *("--questions-per-minute", "60", "--documents", "5000"),
    )
    assert made.code == 0, made.err
    assert run_cli(*key).code == 0
    assert run_cli("tenants", "set-limits", "water", "--uploads-per-minute", "5").code == 0
    lines = run_cli("tenants", "list", "--json").out.splitlines()
    water = next(each for each in map(json.loads, lines) if each["name"] == "water")
    assert (water["title"], water["uploads_per_minute"]) == ("Ministry of Water", 5)
    assert water["questions_per_minute"] is None
    assert run_cli("tenants", "create", "system").code == 1
    assert run_cli("tenants", "create", "water").code == 1


def test_each_change_is_on_the_record(run_cli: "Callable[..., Run]", data_dir: Path) -> None:
    """The audit trail names who did what to which key, and holds no secret."""
    secret = run_cli("keys", "create", "--role", "reader", "--name", "x").out.strip().split("_")[2]
    key_id = json.loads(run_cli("keys", "list", "--json").out)["id"]
    run_cli("keys", "revoke", key_id)
    segments = (data_dir / "objects" / "default" / "segments" / "audit").rglob("*.jsonl")
    text = "".join(segment.read_text() for segment in segments)
    events = [json.loads(line) for line in text.splitlines()]
    done = {(event["action"], event["target"], event["outcome"]) for event in events}
    assert done == {("key.create", key_id, "done"), ("key.revoke", key_id, "done")}
    assert all(event["actor"].startswith("cli:") for event in events)
    assert secret not in text


def test_without_object_storage_nothing_is_changed(
    run_cli: "Callable[..., Run]", data_dir: Path
) -> None:
    """Where objects cannot be kept, the command says so with the exit code of an outage."""
    (data_dir / "objects").write_text("a file where the folder should be")
    made = run_cli("keys", "create", "--role", "reader", "--name", "x")
    assert (made.code, made.out) == (2, "")
    assert "Object storage" in made.err


def test_the_command_line_sends_its_key(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend"
) -> None:
    """API_KEY goes along as a bearer, and a refusal leads to it."""
    backend.answer_with(200, {"status": "unanswerable_no_evidence", "answer": "", "sentences": []})
    key = "pia_000000000000_secret-of-mine"
    assert run_cli("ask", "Who?", BACKEND_URL=backend.url, API_KEY=key).code == 0
    assert run_cli("ask", "Who?", BACKEND_URL=backend.url).code == 0
    assert backend.bearers == [f"Bearer {key}", None]
    backend.answer_with(401, {"title": "Please sign in", "detail": "Nobody has signed in."})
    refused = run_cli("ask", "Who?", BACKEND_URL=backend.url)
    assert refused.code == 1
    assert "API_KEY" in refused.err
    backend.answer_with(403, {"title": "No", "detail": "This needs the role 'operator'."})
    forbidden = run_cli("ask", "Who?", BACKEND_URL=backend.url)
    assert (forbidden.code, forbidden.err) == (1, "This needs the role 'operator'.\n")
