"""Every address below a document, for callers to whom the document is closed: it is not there."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.qdrant_process import QdrantProcess
from tests.replicas import NamedCallers, Replica, caller, make_replica, serving

from info_assistant.api.addresses import ADDRESSES, Address
from info_assistant.model.document import document_id
from info_assistant.model.identity import Role

pytestmark = pytest.mark.stack

WORDS = "Nobody else may read this sentence."
ID = document_id("a", "secret.txt")
BELOW = [each for each in ADDRESSES if "{document_id}" in each.path]
SEVERAL = [
    each
    for each in ADDRESSES
    if (
        each.path.startswith("/v1/documents")
        and each.method in {"PATCH", "POST"}
        and "{" not in each.path
        and each.path != "/v1/documents"
    )
    or (each.method, each.path) == ("PATCH", "/v1/documents")
]
BODIES = {
    "/v1/documents/{document_id}": {"title": "Mine"},
    "/v1/documents/{document_id}/withdraw": {"reason": "Mine."},
    "/v1/documents/{document_id}/quarantine": {"reason": "Mine."},
    "/v1/documents": {"ids": [ID], "change": {"title": "Mine"}},
    "/v1/documents/withdraw": {"ids": [ID], "reason": "Mine."},
    "/v1/documents/quarantine": {"ids": [ID], "reason": "Mine."},
    "/v1/documents/restore": {"ids": [ID]},
}
STRANGERS = {
    "stranger": caller("stranger", "it", tenant="a", role=Role.CONTRIBUTOR),
    "reader": caller("reader", "it", tenant="a"),
    "elsewhere": caller("elsewhere", "hr", tenant="b", role=Role.OPERATOR),
}


@pytest.fixture
async def replica(tmp_path: Path) -> AsyncIterator[Replica]:
    """Return a backend with one document, which is open to `hr` in tenant `a`."""
    qdrant, callers = QdrantProcess(tmp_path / "qdrant"), NamedCallers()
    qdrant.start()
    callers.known |= STRANGERS
    callers.known["owner"] = caller("owner", "hr", tenant="a", role=Role.OPERATOR)
    made = make_replica(tmp_path / "objects", tmp_path / "own", qdrant.url, callers)
    async with serving(made) as served:
        files = {"file": ("secret.txt", WORDS.encode())}
        taken = await served.call(
            "owner", "POST", "/v1/documents", files=files, data={"access": ["hr"]}
        )
        assert taken.status_code == 202
        document = await served.stores.catalogue.latest("a", ID)
        assert document is not None
        await served.index(document)
        yield served
    qdrant.stop()


@pytest.mark.parametrize("who", STRANGERS)
async def test_nothing_below_a_closed_document_answers(replica: Replica, who: str) -> None:
    """Each address says what it says of a document that never was, and changes nothing."""
    for address in BELOW:
        allowed = address.role is not None and STRANGERS[who].role.includes(address.role)
        response = await replica.call(
            who,
            address.method,
            address.path.replace("{document_id}", ID),
            json=BODIES.get(address.path, {}),
        )
        expected = 404 if allowed else 403
        assert response.status_code == expected, (who, address.method, address.path)
        assert WORDS not in response.text
        assert "secret" not in response.text
    document = await replica.stores.catalogue.latest("a", ID)
    assert document is not None
    assert (document.revision, document.hold) == (1, None)


@pytest.mark.parametrize("address", SEVERAL, ids=lambda each: f"{each.method} {each.path}")
async def test_nor_do_lists_reach_it(replica: Replica, address: Address) -> None:
    """Among several documents a closed one has the outcome of one that is not there."""
    for who, stranger in STRANGERS.items():
        body = BODIES[address.path]
        response = await replica.call(who, address.method, address.path, json=body)
        if stranger.role is Role.READER:
            assert response.status_code == 403
            continue
        (outcome,) = response.json()["documents"]
        assert (outcome["outcome"], outcome["document"]) == ("not_found", None)
    document = await replica.stores.catalogue.latest("a", ID)
    assert document is not None
    assert document.revision == 1


async def test_watching_the_list_shows_only_what_is_open(replica: Replica) -> None:
    """The stream of documents under way names none that is closed to the caller."""
    for who in STRANGERS:
        told = await replica.call(who, "GET", "/v1/documents/events")
        assert (told.status_code, ID in told.text) == (200, False)


async def test_its_owner_is_answered_at_each(replica: Replica) -> None:
    """The same requests reach the document for who may see it, so the tests above can fail."""
    for address in sorted(BELOW, key=lambda each: each.method == "DELETE"):
        if address.path.endswith("/retry"):
            continue  # A document that is ready cannot be tried again: 409.
        response = await replica.call(
            "owner",
            address.method,
            address.path.replace("{document_id}", ID),
            json=BODIES.get(address.path, {}),
        )
        assert response.status_code in {200, 204}, (address, response.text)
