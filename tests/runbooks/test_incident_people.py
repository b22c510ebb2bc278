"""Who is behind a handle, what providers say of themselves, and settings that cannot be used."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from info_assistant.drills.receivers import running_receivers
from info_assistant.runbooks.errors import DeliveryRefused, NotConfigured
from info_assistant.runbooks.model import Runbook
from info_assistant.runbooks.outbox.messages import Act, Content, Message
from info_assistant.runbooks.receivers.configured import channel_of, setup_of
from info_assistant.runbooks.receivers.http import WebService
from info_assistant.runbooks.receivers.port import Attempt
from info_assistant.runbooks.record.redaction import Redaction
from info_assistant.runbooks.service.provider_status import pages_of, provider_status
from info_assistant.runbooks.settings import environment
from info_assistant.runbooks.telling.people import Directory, people_of

PEOPLE = """
[handles]
oncall = "S0123ABC"
eng-manager = "grace"

[people.grace]
slack = "U0456DEF"
mail = "grace@example.org"

[[rota]]
who = "grace"
from = 2026-11-23T09:00:00Z
to = 2026-11-30T09:00:00Z
"""

Serve = Callable[[dict[str, object]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function that serves JSON by path and returns the address."""
    servers = []

    def run(answers: dict[str, object]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = answers.get(self.path.replace(self.headers["host"], "HOST"))
                data = json.dumps(found).encode() if found is not None else b"<html>no</html>"
                self.send_response(200 if found is not None else 404)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield run
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join(60)


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ({"/api/v2/status.json": {"status": {"indicator": "none"}}}, "operational"),
        ({"/api/v2/status.json": {"status": {"indicator": "major"}}}, "down"),
        ({"/proxy/HOST": {"summary": {"ongoing_incidents": []}}}, "operational"),
        (
            {
                "/proxy/HOST": {
                    "summary": {
                        "ongoing_incidents": [{"name": "Errors"}],
                        "affected_components": [{"status": "full_outage"}],
                    }
                }
            },
            "down",
        ),
        ({"/api/v2/status.json": {"status": {"indicator": "purple"}}}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_a_status_page_is_asked_in_every_form(
    serve: Serve, answers: dict[str, object], state: str
) -> None:
    """Statuspage's form, incident.io's form, or neither: then nobody knows, and all is not well."""
    assert provider_status(serve(answers)).state == state


def test_a_status_page_that_is_not_there_is_unknown() -> None:
    """Nothing is raised for it."""
    assert provider_status("http://127.0.0.1:1", 1.0).state == "unknown"
    assert pages_of({}) == {}
    assert list(pages_of({"OPENAI_API_KEY": "x"})) == ["openai"]


def test_handles_have_ids_and_the_rota_says_who_is_on_call(tmp_path: Path) -> None:
    """@oncall is the group, or whose shift it is; others are persons by name."""
    file = tmp_path / "people.toml"
    file.write_text(PEOPLE)
    people = people_of(file)
    assert people.on_call(datetime(2026, 11, 26, tzinfo=UTC)) == "grace"
    assert people.on_call(datetime(2026, 12, 1, tzinfo=UTC)) == ""
    assert people.slack_ids() == {"@oncall": "S0123ABC", "@eng-manager": "U0456DEF"}
    assert people.slack_ids("grace")["@oncall"] == "U0456DEF"
    assert people.addresses("grace")["@oncall"] == "grace@example.org"


def test_whose_shift_begins_is_called_without_a_restart(tmp_path: Path) -> None:
    """A service that goes on for weeks calls who is on call when it calls, by the file of then."""
    file = tmp_path / "people.toml"
    file.write_text(PEOPLE)
    now = [datetime(2026, 11, 26, tzinfo=UTC)]
    directory = Directory(file, moment=lambda: now[0])
    assert directory.addresses()["@oncall"] == "grace@example.org"
    now[0] = datetime(2026, 12, 1, tzinfo=UTC)
    assert "@oncall" not in directory.addresses()
    assert directory.slack_ids()["@oncall"] == "S0123ABC"

    file.write_text(PEOPLE.replace("grace@", "g.hopper@").replace("11-30T", "12-07T"))
    assert directory.addresses()["@oncall"] == "g.hopper@example.org"
    file.write_text("half a fi")
    assert directory.addresses()["@oncall"] == "g.hopper@example.org"
    file.unlink()
    assert directory.on_call == "grace"


@pytest.mark.parametrize("text", ["[[rota]]\nwho = 'a'\nfrom = 1\nto = 2\n", "[people.a]\nage = 3"])
def test_a_file_of_people_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    """The error names the variable and the page that shows one."""
    file = tmp_path / "people.toml"
    file.write_text(text)
    with pytest.raises(NotConfigured, match="INCIDENT_PEOPLE"):
        setup_of({"INCIDENT_PEOPLE": str(file)}, tmp_path)


def test_a_rota_of_pagerduty_is_remembered(tmp_path: Path) -> None:
    """Who was on call last is called while PagerDuty cannot be asked."""
    given = {"PAGERDUTY_API_TOKEN": "pagerduty-token", "PAGERDUTY_SCHEDULE": "S1"}
    with running_receivers() as receivers:
        given["PAGERDUTY_API_URL"] = f"{receivers.url}/pagerduty"
        assert setup_of(given, tmp_path).directory.on_call == "ada"
    assert setup_of(given, tmp_path).directory.on_call == "ada"


def test_tiers_have_routes_of_their_own(tmp_path: Path) -> None:
    """A handle's routing key is used for whom the tier names, and the default's for others."""
    with running_receivers() as receivers:
        given = {
            "PAGERDUTY_ROUTING_KEY": "default-route",
            "PAGERDUTY_ROUTING_KEY_ENG_MANAGER": "manager-route",
            "PAGERDUTY_EVENTS_URL": f"{receivers.url}/pagerduty",
        }
        pager = setup_of(given, tmp_path).receivers["pagerduty"]
        content = Content("t", "x", people=("@eng-manager",), page="tier-1")
        pager.send(Attempt(Message("m", "i", "pagerduty", Act.PAGE, content), {}, repeated=False))
        assert receivers.taken["pagerduty"].things["i/tier-1"]["routing_key"] == "manager-route"


def test_the_channel_is_the_runbooks(seed: Runbook) -> None:
    """Where no variable names one, the runbook's channel is written to."""
    assert channel_of(seed) == "#pubsec-incidents"


def test_no_address_is_refused_in_words() -> None:
    """A setting that is no address is not tried for ever as if the network were down."""
    with pytest.raises(DeliveryRefused, match="no address of HTTP"):
        WebService("The webhook", "file:///etc/passwd", {}).call("POST", "", {})


@pytest.mark.parametrize("token", ["xoxb-line\nbroken", "xoxb-ümlaut-☃"])
def test_a_token_that_no_header_takes_is_refused_without_its_words(token: str) -> None:
    """It is nobody's fault but the setting's, and what is said of it holds no secret."""
    service = WebService("Slack", "http://127.0.0.1:9", {"authorization": f"Bearer {token}"})
    with pytest.raises(DeliveryRefused, match="token of Slack") as caught:
        service.call("POST", "/chat.postMessage", {})
    assert "xoxb" not in str(caught.value)


def test_half_an_address_is_refused_in_words() -> None:
    """What cannot be read as an address at all is refused when it is used, and stops nobody."""
    with pytest.raises(DeliveryRefused, match="address of Jira is none"):
        WebService("Jira", "http://[::1", {}).call("GET")


def test_a_secret_from_a_file_is_used_and_masked_without_its_line_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A secret of Kubernetes that was made from a file ends with a line's end."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "a-secret-of-ours\n")
    given = environment()
    assert given["SLACK_BOT_TOKEN"] == "a-secret-of-ours"
    assert "secret" not in Redaction.of_environment(given).text("It said a-secret-of-ours.")
