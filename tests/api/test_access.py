"""The addresses that change and explain access: their shapes, their refusals, what they pass on."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from info_assistant.api.services import ApiServices
from info_assistant.model.document import document_id
from info_assistant.model.identity import AccessScope
from info_assistant.model.passage import Passage

if TYPE_CHECKING:
    from tests.api.conftest import Backend, Start
    from tests.api.shelf import ShelfOfDocuments

ONE = f"/v1/documents/{document_id('default', 'guide.md')}"
FACTS = (
    *("visible", "because", "document_groups", "caller_groups", "shared_groups"),
    *("tenant_matches", "state", "tombstone"),
)


async def test_access_is_changed_and_shown(backend: "Backend") -> None:
    """The reply is the document with its new groups."""
    response = await backend.client.patch(ONE, json={"access": ["everyone", "hr"]})
    assert (response.status_code, response.json()["access"]) == (200, ["everyone", "hr"])
    assert (await backend.client.get(ONE)).json()["access"] == ["everyone", "hr"]
    trail = await backend.client.get("/v1/admin/audit", params={"action": "document.change"})
    (event,) = trail.json()["events"]
    assert (event["target"], event["detail"]["access"]) == (ONE.rsplit("/", 1)[1], "everyone, hr")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"access": []},
        {"access": "hr"},
        {"access": [""]},
        {"access": ["x" * 201]},
        {"access": [1]},
        {"access": ["hr"] * 51},
        {"access": None},
        {"title": None},
        {"title": ""},
        {"tags": ["x" * 61]},
        {"effective": "soon"},
        {"access": ["hr"], "owner": "New"},
    ],
)
async def test_an_unusable_change_is_refused(backend: "Backend", body: dict[str, Any]) -> None:
    """Nothing but a list of groups, neither empty nor endless, is taken."""
    response = await backend.client.patch(ONE, json=body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


async def test_an_upload_passes_its_groups_on(
    backend: "Backend", shelf: "ShelfOfDocuments"
) -> None:
    """Each field `access` names one group; without any the intake decides."""
    for given in ([], ["hr"], ["hr", "works council"]):
        await backend.client.post(
            "/v1/documents", files={"file": ("a.md", b"# A")}, data={"access": given}
        )
        assert shelf.uploads[-1].access == tuple(given)


async def test_access_is_explained_for_whom_it_is_asked(
    services: ApiServices, start: "Start"
) -> None:
    """For oneself, for groups, for an API key, whatever has become of it; and not for two."""
    keys = {
        "k1": (AccessScope("default", frozenset({"everyone", "hr"})), ""),
        "k2": (AccessScope("default", frozenset({"everyone"})), "revoked"),
        "of-others": (AccessScope("other", frozenset({"everyone", "their-group"})), ""),
    }
    async with start(replace(services, find_key=keys.get)) as backend:

        async def ask(query: str) -> dict[str, Any]:
            response = await backend.client.get(f"{ONE}/access{query}")
            assert response.status_code == 200, response.text
            told: dict[str, Any] = response.json()
            assert tuple(told) == FACTS
            return told

        assert (await ask(""))["caller_groups"] == ["everyone"]
        told = await ask("?groups=hr&groups=it")
        assert told["caller_groups"] == ["everyone", "hr", "it"]
        assert (await ask("?key=k1"))["caller_groups"] == ["everyone", "hr"]
        told = await ask("?key=k2")
        assert told["visible"] is False
        assert "revoked" in told["because"]
        for query, status in (
            ("?key=k3", 404),
            ("?key=of-others", 404),
            ("?key=k1&groups=hr", 422),
            ("?key=" + "k" * 101, 422),
        ):
            assert (await backend.client.get(f"{ONE}/access{query}")).status_code == status


class Closed:
    """ports.Visibility of a moment in which everything has just been closed to everybody."""

    stale = False

    def may_show(self, scope: AccessScope, passage: Passage) -> bool:  # noqa: ARG002
        """Say no."""
        return False


async def test_what_waits_at_the_door_is_looked_at_once_more(
    services: ApiServices, start: "Start"
) -> None:
    """Sources that waited for headers and whole answers leave without what is closed by now."""
    async with start(replace(services, visibility=Closed())) as backend:
        whole = (await backend.ask()).json()
        assert (whole["status"], whole["citations"], whole["see_also"]) == (
            "unanswerable_no_evidence",
            [],
            [],
        )
        stream = (await backend.ask(headers={"Accept": "text/event-stream"})).text
    sources = stream.split("event: sources\n", 1)[1].split("\n\n", 1)[0]
    assert sources == 'data: {"sources":[]}'
