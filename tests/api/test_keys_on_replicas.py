"""Keys, tenants and tokens on two real backends that share nothing but object storage."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.api.processes import Processes
from tests.conftest import await_true

from info_assistant.drills.issuer import Outage, running_issuer
from info_assistant.drills.tokens import AUDIENCE, PEOPLE

pytestmark = [pytest.mark.stack, pytest.mark.model]
IN_FORCE_S = 2.0


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[list[Processes]]:
    """Return two places for backends, each with a disk of its own, and one object storage."""
    found = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        found.append(Processes(folder, AUTH="keys", BLOB_URL=(tmp_path / "objects").as_uri()))
    yield found
    for each in found:
        each.client.close()


def code_of(replica: Processes, credentials: str) -> str:
    """Return the code with which credentials are refused, or "" where they are not."""
    reply = replica.client.get("/v1/me", headers={"Authorization": f"Bearer {credentials}"})
    return "" if reply.status_code == 200 else str(reply.json()["code"])


def await_code(replica: Processes, key: str, code: str) -> None:
    """Return once the replica answers a key with this code; fail after two of an idle machine."""
    await_true(lambda: code_of(replica, key) == code, IN_FORCE_S, f"the key is answered {code!r}")


def test_a_key_counts_and_ends_everywhere_within_two_seconds(replicas: list[Processes]) -> None:
    """Made and revoked by command, without a restart, on both replicas; also after a restart."""
    with ExitStack() as running:
        for each in replicas:
            running.enter_context(each.running("serve"))
        for each in replicas:
            each.await_ready()
        key = replicas[0].command("keys", "create", "--role", "reader", "--name", "x")
        for each in replicas:
            await_code(each, key, "")
        replicas[0].command("keys", "revoke", key.split("_")[1])
        for each in replicas:
            await_code(each, key, "api_key_revoked")
    # A replica that starts knows it at once, before it has looked for changes.
    with replicas[1].running("serve"):
        replicas[1].await_ready()
        assert code_of(replicas[1], key) == "api_key_revoked"


def test_a_new_tenants_limit_binds_at_once(replicas: list[Processes]) -> None:
    """A tenant made while the backend runs can be used, and its limit holds there."""
    replica = replicas[0]
    with replica.running("serve"):
        replica.await_ready()
        replica.command("tenants", "create", "water", "--questions-per-minute", "6")
        key = replica.command(
            *("keys", "create", "--role", "reader", "--name", "x", "--tenant", "water")
        )
        await_code(replica, key, "")
        headers = {"Authorization": f"Bearer {key}"}
        replies = [
            replica.client.post("/v1/query", json={"question": "How?"}, headers=headers)
            for _ in range(2)
        ]
        assert replies[0].status_code != 429
        assert (replies[1].status_code, replies[1].json()["code"]) == (429, "rate_limited")
        assert 1 <= int(replies[1].headers["retry-after"]) <= 10


def test_tokens_count_on_a_replica_that_starts_while_the_issuer_is_down(tmp_path: Path) -> None:
    """The first replica leaves the keys in object storage, and the second begins with them."""
    with running_issuer() as issuer, ExitStack() as running:
        places = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            places.append(
                Processes(
                    tmp_path / name,
                    AUTH="oidc",
                    OIDC_ISSUER=issuer.url,
                    OIDC_AUDIENCE=AUDIENCE,
                    BLOB_URL=(tmp_path / "objects").as_uri(),
                )
            )
        first, second = places
        token = issuer.tokens.access_token(PEOPLE[1])
        running.enter_context(first.running("serve"))
        first.await_ready()
        assert code_of(first, token) == ""
        assert code_of(first, issuer.tokens.access_token(PEOPLE[3])) == "forbidden"
        assert code_of(first, issuer.tokens.forged()) == "invalid_token"
        left = tmp_path / "objects" / "system" / "issuer-keys"
        await_true(left.is_dir, 30, "the keys are left for others")
        issuer.outage = Outage.REFUSES
        running.enter_context(second.running("serve"))
        second.await_ready()
        assert code_of(second, token) == ""
        await_true(lambda: second.state("identity_provider") == "down", 10, "health tells")
        me = second.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).json()
        assert (me["name"], me["role"], me["signed_in_by"]) == (
            *("Kwame Okafor", "contributor", "token"),
        )
        assert token not in second.log("serve") + json.dumps(me)
        for each in places:
            each.client.close()
