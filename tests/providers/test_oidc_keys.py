"""The keys of an identity provider: through rotation, outage, rubbish and restarts."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import OctKey, RSAKey
from tests.conftest import allowed
from tests.providers.conftest import QUICK, Door, a_door

from info_assistant.drills.issuer import Issuer, Outage
from info_assistant.drills.tokens import ALGORITHMS
from info_assistant.errors import IdentityProviderUnavailable
from info_assistant.ports import SharedState
from info_assistant.providers.oidc_keys import IssuerKeys, KeyTiming, _public_keys
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.process_object import ProcessObject

JWKS = "/jwks"


async def until(condition: Callable[[], object]) -> None:
    """Return when the condition holds, or fail."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  A thread's doing sets no event.
            await asyncio.sleep(0.005)


async def _let_in(door: Door, token: str) -> None:
    """Return once a token is accepted, or fail."""
    async with asyncio.timeout(60):
        while await door.refusal(token):  # noqa: ASYNC110  Time alone mends an outage.
            await asyncio.sleep(0.02)


async def test_no_good_token_is_refused_while_keys_rotate_under_load(issuer: Issuer) -> None:
    """Through ten rotations, with old keys kept for a while, every good token passes."""
    refused: list[str] = []
    passed = 0
    rotating = True
    async with a_door(issuer) as door:

        async def ask(algorithm: str) -> None:
            nonlocal passed
            while rotating:
                code = await door.refusal(issuer.tokens.access_token(algorithm=algorithm))
                passed += not code
                refused.extend([code] if code else [])
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            for algorithm in ALGORITHMS[2:] * 4:
                group.create_task(ask(algorithm))
            for _ in range(10):
                enough = passed + 20
                issuer.tokens.rotate()
                while passed < enough and not refused:  # noqa: ASYNC110  No event tells.
                    await asyncio.sleep(0.005)
            rotating = False
    assert refused == []
    assert passed >= 200


async def test_many_unknown_keys_cost_the_issuer_few_looks(issuer: Issuer) -> None:
    """A flood of made-up key ids shares looks, at least the gap apart, and is refused."""
    timing = KeyTiming(gap_s=0.2, patience_s=3)
    claims = issuer.tokens.claims(issuer.person("reader"))
    async with a_door(issuer, timing=timing) as door:
        assert await door.refusal(issuer.tokens.access_token()) == ""
        began, before = time.monotonic(), issuer.asked.count(JWKS)
        codes: list[str] = []

        async def flood(name: str) -> None:
            for number in range(5):
                header = {"kid": f"{name}-{number}"}
                codes.append(await door.refusal(issuer.tokens.sign(claims, "Ed25519", header)))

        await asyncio.gather(*(flood(f"k{n}") for n in range(40)))
        seconds = time.monotonic() - began
    assert codes == ["invalid_token"] * 200
    assert seconds >= 4 * timing.gap_s
    assert 1 <= issuer.asked.count(JWKS) - before <= 1 + seconds / timing.gap_s


async def test_the_waiting_are_bounded(issuer: Issuer) -> None:
    """While the issuer hangs, five hundred wait for it and no more."""
    claims = issuer.tokens.claims(issuer.person("reader"))
    timing = KeyTiming(gap_s=0.05, request_s=1.0, patience_s=2)
    async with a_door(issuer, timing=timing) as door:
        assert await door.refusal(issuer.tokens.access_token()) == ""
        issuer.outage = Outage.HANGS
        tokens = [issuer.tokens.sign(claims, "Ed25519", {"kid": f"k{n}"}) for n in range(600)]
        codes = await asyncio.gather(*map(door.refusal, tokens))
    assert codes.count("overloaded") == 100
    assert codes.count("identity_provider_unavailable") == 500


@pytest.mark.parametrize("outage", [Outage.REFUSES, Outage.HANGS])
async def test_nobody_is_locked_out_while_the_issuer_is_down(
    issuer: Issuer, outage: Outage
) -> None:
    """Known keys are good for a day; an unknown one is an outage and not a fault of the token."""
    async with a_door(issuer) as door:
        assert await door.refusal(issuer.tokens.access_token()) == ""
        issuer.outage = outage
        old = issuer.tokens.access_token(exp=2_000_000_000)
        issuer.tokens.rotate()
        began = time.monotonic()
        new = issuer.tokens.access_token()
        assert await door.refusal(new) == "identity_provider_unavailable"
        assert await door.refusal(new) == "identity_provider_unavailable"
        assert time.monotonic() - began < QUICK.patience_s + allowed(1)
        door.clock.move(hours=23, minutes=59)
        assert await door.refusal(old) == ""
        door.clock.move(minutes=2)
        assert await door.refusal(old) == "identity_provider_unavailable"
        issuer.outage = Outage.NONE
        await _let_in(door, old)
        assert await door.refusal(issuer.tokens.access_token(exp=2_000_000_000)) == ""


async def test_it_recovers_after_a_start_without_the_issuer(issuer: Issuer) -> None:
    """A process that starts while the issuer is down lets people in once it is back, by itself."""
    issuer.outage = Outage.REFUSES
    async with a_door(issuer) as door:
        token = issuer.tokens.access_token()
        assert await door.refusal(token) == "identity_provider_unavailable"
        with pytest.raises(IdentityProviderUnavailable):
            await door.keys.ping()
        issuer.outage = Outage.NONE
        await _let_in(door, token)
        await door.keys.ping()


async def test_a_replica_that_starts_meanwhile_has_the_keys_that_another_left(
    issuer: Issuer,
) -> None:
    """Keys are left for a day; older ones, another issuer's and rubbish are not taken."""
    saved = ProcessObject()
    async with a_door(issuer, saved=saved) as door:
        assert await door.refusal(issuer.tokens.access_token()) == ""
        await until(lambda: saved.current.version == 1)
    token = issuer.tokens.access_token()
    issuer.outage = Outage.REFUSES
    good = saved.current.fields
    assert await _refusal_with(issuer, good, token) == ""
    for spoilt in (
        {"fetched_at": "2026-01-01T00:00:00+00:00"},
        {"fetched_at": "2026-01-01T00:00:00"},
        {"fetched_at": 7},
        {"issuer": "http://127.0.0.1:1"},
        {"jwks": "rubbish"},
        {"jwks": None},
    ):
        assert await _refusal_with(issuer, {**good, **spoilt}, token) == (
            "identity_provider_unavailable"
        )


def _instead(fields: Mapping[str, Any], _before: Mapping[str, Any]) -> Mapping[str, Any]:
    return fields


async def _refusal_with(issuer: Issuer, fields: Mapping[str, Any], token: str) -> str:
    saved = ProcessObject()
    await saved.change(partial(_instead, fields))
    async with a_door(issuer, saved=saved) as door:
        return await door.refusal(token)


async def test_the_same_keys_are_not_left_again_and_again(issuer: Issuer) -> None:
    """Looks that find nothing new write nothing; new keys are written."""
    saved = ProcessObject()
    timing = KeyTiming(refresh_s=0.02, gap_s=0.01)
    async with a_door(issuer, saved=saved, timing=timing):
        seen = len(issuer.asked)
        await until(lambda: len(issuer.asked) > seen + 20)
        assert saved.current.version == 1
        issuer.tokens.rotate()
        await until(lambda: saved.current.version == 2)


class _Hanging(ProcessObject):
    """A shared object of a storage that takes what is written and never answers."""

    tried = 0

    async def change(self, edit: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> SharedState:
        """Wait for ever."""
        self.tried += 1
        await asyncio.Event().wait()
        return await super().change(edit)


async def test_storage_that_hangs_keeps_nobody_from_new_keys(issuer: Issuer) -> None:
    """Keys that cannot be left for others are good here, and looked for on."""
    saved = _Hanging()
    async with a_door(issuer, saved=saved) as door:
        await _let_in(door, issuer.tokens.access_token())
        issuer.tokens.rotate()
        await _let_in(door, issuer.tokens.access_token())
        await until(lambda: saved.tried > 1)


@asynccontextmanager
async def _impostor(replies: Mapping[str, bytes]) -> AsyncIterator[str]:
    """Serve fixed replies on loopback; the address replaces `{url}` in them."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        body = replies.get(request.split()[1], b"").replace(b"{url}", url.encode())
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield url


DISCOVERY = "/.well-known/openid-configuration"
KEYS = json.dumps({"keys": [RSAKey.generate_key(2048, {"kid": "k"}).as_dict()]}).encode()
GOOD = b'{"issuer": "{url}", "jwks_uri": "{url}/jwks"}'


async def test_the_least_that_an_identity_provider_says_is_enough() -> None:
    """Two short replies give a key; the table below spoils one thing at a time."""
    async with _impostor({DISCOVERY: GOOD, "/jwks": KEYS}) as url:
        keys = IssuerKeys(url, SystemClock(), timing=QUICK)
        assert await keys.published() == ["k"]
        await keys.close()


@pytest.mark.parametrize(
    "replies",
    [
        pytest.param({}, id="empty"),
        pytest.param({DISCOVERY: b"<html>"}, id="no-json"),
        pytest.param({DISCOVERY: b"[" * 100_000}, id="nested"),
        pytest.param({DISCOVERY: b"[]"}, id="no-object"),
        pytest.param(
            {DISCOVERY: GOOD.replace(b'"{url}"', b'"http://x"', 1), "/jwks": KEYS},
            id="other-issuer",
        ),
        pytest.param({DISCOVERY: b'{"issuer": "{url}"}'}, id="no-keys-uri"),
        pytest.param(
            {DISCOVERY: GOOD.replace(b"{url}/jwks", b"http://keys.example/jwks")}, id="plain-http"
        ),
        pytest.param({DISCOVERY: GOOD.replace(b"{url}/jwks", b"file:///etc/x")}, id="file"),
        pytest.param({DISCOVERY: GOOD, "/jwks": b'{"keys": []}'}, id="no-keys"),
        pytest.param({DISCOVERY: GOOD, "/jwks": b'{"keys": [{"kty": "oct"}]}'}, id="bad-keys"),
        pytest.param({DISCOVERY: GOOD, "/jwks": KEYS + b" " * 600_000}, id="too-long"),
    ],
)
async def test_what_is_no_identity_provider_gives_no_keys(replies: Mapping[str, bytes]) -> None:
    """Whatever answers at the issuer's address, nothing of it becomes a key, and nothing breaks."""
    async with _impostor(replies) as url:
        keys = IssuerKeys(url, SystemClock(), timing=QUICK)
        running = asyncio.ensure_future(keys.run())
        with pytest.raises(IdentityProviderUnavailable):
            await keys.find("k")
        assert not running.done()
        running.cancel()
        await asyncio.wait({running})
        await keys.close()


def test_only_public_keys_for_signatures_are_taken() -> None:
    """Secrets, short keys, keys for encryption and unknown kinds are passed over."""
    good = RSAKey.generate_key(2048, {"kid": "good"}).as_dict(private=False)
    with pytest.warns(SecurityWarning):
        short = RSAKey.generate_key(1024, {"kid": "short"}).as_dict(private=False)
    secret = OctKey.generate_key(256, {"kid": "secret"}).as_dict(private=True)
    encryption = {**good, "kid": "encryption", "use": "enc"}
    others: list[object] = [short, secret, encryption, {"kty": "AKP"}, {}, None, 5, {"kty": "RSA"}]
    assert [key.kid for key in _public_keys([*others, good])] == ["good"]


async def test_a_token_without_a_key_id_needs_a_sole_key() -> None:
    """With one key there is no doubt whose signature it is; with two nobody guesses."""
    one = RSAKey.generate_key(2048, {"kid": "one"}).as_dict(private=False)
    two = RSAKey.generate_key(2048, {"kid": "two"}).as_dict(private=False)
    for published, found in (([one], ["one"]), ([one, two], [])):
        saved = ProcessObject()
        fields = {
            "issuer": "http://127.0.0.1:9",
            "jwks": published,
            "fetched_at": datetime.now(UTC).isoformat(),
        }
        await saved.change(partial(_instead, fields))
        keys = IssuerKeys("http://127.0.0.1:9", SystemClock(), saved=saved, timing=QUICK)
        running = asyncio.ensure_future(keys.run())
        await asyncio.sleep(0)
        assert [key.kid for key in await keys.find(None)] == found
        running.cancel()
        await asyncio.wait({running})
        await keys.close()
