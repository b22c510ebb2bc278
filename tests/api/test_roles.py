"""Who may do what: every role at every address, over HTTP, with real keys."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from urllib.parse import quote

import httpx2
import pytest
from fastapi.routing import iter_route_contexts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.api.conftest import Backend, Start

from info_assistant.api.addresses import ADDRESSES, Address, address_of
from info_assistant.api.app import create_framework
from info_assistant.api.services import ApiServices
from info_assistant.identity.authenticate import CredentialsAuthenticator
from info_assistant.identity.keys import ApiKeys, NewKey
from info_assistant.identity.tenants import Tenants
from info_assistant.model.identity import Role
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.process_object import ProcessObject

UNKNOWN = f"pia_{'0' * 12}_{'0' * 64}"
PARAMETER = re.compile(r"\{\w+\}")


@pytest.fixture
async def door(services: ApiServices, start: Start) -> AsyncIterator[tuple[Backend, ApiKeys]]:
    """Return a backend that asks for API keys, and its keys."""
    clock = SystemClock()
    keys = ApiKeys(ProcessObject(), clock)
    authenticator = CredentialsAuthenticator(keys, Tenants(ProcessObject(), clock))
    async with start(replace(services, authenticator=authenticator)) as backend:
        yield backend, keys


def as_bearer(key: str) -> Mapping[str, str]:
    """Return the header that carries a key."""
    return {"Authorization": f"Bearer {key}"}


async def send(backend: Backend, address: Address, headers: Mapping[str, str]) -> httpx2.Response:
    """Send an empty request to an address."""
    path = PARAMETER.sub("6f1cf0a4-6a3b-5a43-9d52-0f6f5a3a5e10", address.path)
    return await backend.client.request(address.method, path, headers=dict(headers))


async def test_each_role_at_each_address(door: tuple[Backend, ApiKeys]) -> None:
    """Nobody, a wrong key, and each of the three roles gets in where the table says, only there."""
    backend, keys = door
    whole = {role: (await keys.create(NewKey("default", role, role)))[1] for role in Role}
    wrong = []
    for address in ADDRESSES:
        cells: list[tuple[str, Mapping[str, str], str]] = [
            ("nobody", {}, "unauthenticated"),
            ("stranger", as_bearer(UNKNOWN), "invalid_api_key"),
        ]
        for role, key in whole.items():
            allowed = address.role is None or role.includes(address.role)
            code = "" if allowed else "forbidden"
            cells += [(role, as_bearer(key), code), (role, {"X-API-Key": key}, code)]
        for who, headers, code in cells:
            expected = "" if address.role is None else code
            response = await send(backend, address, headers)
            refused = response.status_code in {401, 403}
            found = response.json()["code"] if refused else ""
            if found != expected:
                wrong.append((address.method, address.path, who, found, expected))
    assert wrong == []


async def test_a_refusal_says_how_to_sign_in(door: tuple[Backend, ApiKeys]) -> None:
    """401 carries the challenge of RFC 6750: an error only where something was sent."""
    backend, keys = door
    nothing = await backend.client.get("/v1/me")
    assert nothing.headers["www-authenticate"] == 'Bearer realm="info-assistant"'
    wrong = await backend.client.get("/v1/me", headers=as_bearer(UNKNOWN))
    assert wrong.headers["www-authenticate"] == (
        'Bearer realm="info-assistant", error="invalid_token", error_description="invalid_api_key"'
    )
    _, key = await keys.create(NewKey("default", Role.READER, "r"))
    forbidden = await backend.client.get("/v1/admin/audit", headers=as_bearer(key))
    assert "www-authenticate" not in forbidden.headers
    for text in (nothing.text, wrong.text, forbidden.text):
        assert UNKNOWN not in text


async def test_callers_are_told_who_they_are(door: tuple[Backend, ApiKeys]) -> None:
    """`/v1/me` names subject, tenant, role, groups and the way they came in."""
    backend, keys = door
    wanted = NewKey("default", Role.CONTRIBUTOR, "records import", frozenset({"staff"}))
    key, whole = await keys.create(wanted)
    assert (await backend.client.get("/v1/me", headers=as_bearer(whole))).json() == {
        "subject": f"key:{key.id}",
        "name": "records import",
        "tenant": "default",
        "role": "contributor",
        "groups": ["everyone", "staff"],
        "signed_in_by": "key",
    }
    await keys.revoke(key.id)
    revoked = await backend.client.get("/v1/me", headers=as_bearer(whole))
    assert (revoked.status_code, revoked.json()["code"]) == (401, "api_key_revoked")


async def test_without_sign_in_the_operator_of_the_machine_asks(backend: Backend) -> None:
    """AUTH=none needs nothing and minds nothing that is sent."""
    for headers in ({}, as_bearer(UNKNOWN)):
        me = (await backend.client.get("/v1/me", headers=dict(headers))).json()
        assert (me["role"], me["tenant"], me["signed_in_by"]) == ("operator", "default", "none")


def test_every_route_is_in_the_table(services: ApiServices) -> None:
    """What the framework serves is what the table names; a route outside it cannot be reached."""
    routes = {
        (method, route.path)
        for route in iter_route_contexts(create_framework(services).routes)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert routes == {(address.method, address.path) for address in ADDRESSES}


ENDINGS = ("\n", "\r", "\x00", "/", " ", "//", ";", "\u2028", "%0a", "/.", "/..", "?")


async def test_no_other_spelling_of_an_address_gets_around_the_door(
    door: tuple[Backend, ApiKeys],
) -> None:
    """A path that ends in a line break, a slash or the like finds nothing, or a locked door."""
    backend, _ = door
    served = []
    for address in (each for each in ADDRESSES if each.role):
        for ending in ENDINGS:
            path = PARAMETER.sub("a", address.path) + quote(ending)
            response = await backend.client.request(address.method, path)
            if response.status_code not in {401, 404, 405}:
                served.append((address.method, path, response.status_code))
    assert served == []


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]),
    path=st.sampled_from([each.path for each in ADDRESSES if each.role]),
    spoilt=st.text(max_size=3),
    place=st.integers(0, 40),
)
async def test_without_a_key_nothing_is_served(
    door: tuple[Backend, ApiKeys], method: str, path: str, spoilt: str, place: int
) -> None:
    """Whatever is put into a path, without credentials it leads to a public page or nowhere."""
    backend, _ = door
    whole = path[:place] + spoilt + path[place:]
    response = await backend.client.request(method, quote(whole, safe="/", errors="replace"))
    address, _ = address_of(method, whole)
    public = address is not None and address.role is None
    assert public or response.status_code in {401, 404, 405}
