"""The public keys of an identity provider: fetched, refreshed, and kept while it is down.

Found by OpenID Connect Discovery 1.0, read as a JWK set (RFC 7517). One task fetches, for all
requests: at its start, every ten minutes, and when a token names a key that is not known. A key
counts as unknown only once a look that began after the token came has not found it, so no good
token is refused while keys are rotated. Looks begin at least two seconds apart, whatever is asked.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from info_assistant.errors import IdentityProviderUnavailable, InfoAssistantError, Overloaded
from info_assistant.model.loopback import is_loopback
from info_assistant.observability.log import describe, get_logger
from info_assistant.ports import Clock, SharedObject

PublicKey = RSAKey | ECKey | OKPKey

_MOST_BYTES = 512 * 1024
_MOST_KEYS = 100
_MOST_WAITING = 500
# 2048 bits in base64url; shorter keys can be broken.
_LEAST_RSA_CHARACTERS = 342
_LEFT_AGAIN = timedelta(hours=6)
_FAULTS = (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError, RecursionError)

_log = get_logger("identity")


@dataclass(frozen=True, slots=True)
class KeyTiming:
    """How often keys are fetched and how long they are good, in seconds.

    `gap_s` is the least time between two looks, `patience_s` how long a request waits for one.
    """

    refresh_s: float = 600.0
    retry_s: float = 15.0
    gap_s: float = 2.0
    request_s: float = 3.0
    patience_s: float = 8.0
    life_s: float = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class _KeySet:
    """What was fetched, and when."""

    jwks: Sequence[Mapping[str, Any]]
    keys: Sequence[PublicKey]
    fetched_at: datetime


class IssuerKeys:
    """The keys of one issuer (`ports.Probe`); `run` must run for anything to be fetched."""

    def __init__(
        self,
        issuer: str,
        clock: Clock,
        *,
        saved: SharedObject | None = None,
        timing: KeyTiming | None = None,
    ) -> None:
        """Know the keys of `issuer`.

        Keys are public; where `saved` is given, a replica that starts while the issuer is down
        begins with the keys that another one has left there.
        """
        self._issuer = issuer
        self._clock = clock
        self._saved = saved
        self._timing = timing or KeyTiming()
        self._known: _KeySet | None = None
        self._failed_at: float | None = None
        self._wanted = asyncio.Event()
        self._waiting: list[asyncio.Future[bool]] = []
        self._client = httpx2.AsyncClient(
            timeout=self._timing.request_s,
            follow_redirects=False,
            # The way out may lead through a proxy; the way to this machine does not.
            trust_env=not is_loopback(urlsplit(issuer).hostname),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def find(self, key_id: str | None) -> Sequence[PublicKey]:
        """Return the keys of this id; without an id the only key, if there is but one.

        Raises IdentityProviderUnavailable, Overloaded.
        """
        found = self._lookup(key_id)
        if found is None:
            await self._look()
            found = self._lookup(key_id)
        return found or ()

    async def ping(self) -> None:
        """Return if the issuer answers. Raises IdentityProviderUnavailable."""
        try:
            await self._get(_discovery_url(self._issuer))
        except _FAULTS as exc:
            raise _unavailable(f"{type(exc).__name__} at {self._issuer}") from exc

    async def published(self) -> Sequence[str]:
        """Ask the issuer now; return the ids of the keys that it publishes.

        Raises IdentityProviderUnavailable with what is wrong.
        """
        try:
            async with asyncio.timeout(self._timing.request_s):
                fetched = await self._fetch()
        except _FAULTS as exc:
            raise _unavailable(str(exc) or type(exc).__name__) from exc
        return [str(key.kid) for key in fetched.keys]

    async def run(self) -> None:
        """Fetch the keys now, at a steady pace, and when one is missing, until cancelled."""
        while True:
            began = time.monotonic()
            waiting, self._waiting = self._waiting, []
            self._wanted.clear()
            good = False
            try:
                good = await self._refresh()
            finally:
                for each in waiting:
                    if not each.done():
                        each.set_result(good)
            try:
                async with asyncio.timeout(
                    self._timing.refresh_s if good else self._timing.retry_s
                ):
                    await self._wanted.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(max(0.0, began + self._timing.gap_s - time.monotonic()))

    def _lookup(self, key_id: str | None) -> Sequence[PublicKey] | None:
        """Return what is known under this id; None if that may be because we know too little."""
        if not self._good(self._known):
            self._known = self._left_behind()
        known = self._known
        if known is None or not self._good(known):
            return None
        if key_id is None:
            return known.keys if len(known.keys) == 1 else ()
        return [key for key in known.keys if key.kid == key_id] or None

    def _good(self, known: _KeySet | None) -> bool:
        """Whether there are keys, and they have not outlived their life."""
        life = timedelta(seconds=self._timing.life_s)
        return known is not None and self._clock.now() - known.fetched_at <= life

    async def _look(self) -> None:
        """Return after a look that begins from now on. Raises IdentityProviderUnavailable."""
        now = time.monotonic()
        self._wanted.set()
        if self._failed_at is not None and now - self._failed_at < self._timing.gap_s:
            raise _unavailable("it did not answer a moment ago")
        if len(self._waiting) >= _MOST_WAITING:
            raise Overloaded(
                "Too many tokens with unknown keys came at once. Please try again in a moment.",
                retry_after_s=self._timing.gap_s,
            )
        looked = asyncio.get_running_loop().create_future()
        self._waiting.append(looked)
        try:
            async with asyncio.timeout(self._timing.patience_s):
                good = await looked
        except TimeoutError as exc:
            raise _unavailable("it did not answer in time") from exc
        if not good:
            raise _unavailable("it does not answer")

    async def _refresh(self) -> bool:
        """Fetch the keys; return whether that went well. What is known stays if it did not."""
        try:
            async with asyncio.timeout(self._timing.request_s):
                fetched = await self._fetch()
        except _FAULTS as error:
            if self._failed_at is None:
                _log.warning(
                    "Identity provider cannot be reached",
                    issuer=self._issuer,
                    error=describe(error),
                )
            self._failed_at = time.monotonic()
            return False
        if self._failed_at is not None:
            _log.info("Identity provider is reached again", issuer=self._issuer)
        self._failed_at = None
        before, self._known = self._known, fetched
        if before is None or before.jwks != fetched.jwks:
            _log.info(
                "Keys of the identity provider", keys=[str(key.kid) for key in fetched.keys][:20]
            )
        await self._leave(fetched)
        return True

    async def _fetch(self) -> _KeySet:
        """Return the keys that the issuer publishes. Raises what _FAULTS names."""
        fetched_at = self._clock.now()
        about = await self._get(_discovery_url(self._issuer))
        if about.get("issuer") != self._issuer:
            raise ValueError("the discovery document is of another issuer")
        address = str(about.get("jwks_uri"))
        parts = urlsplit(address)
        if parts.scheme != "https" and not is_loopback(parts.hostname):
            raise ValueError("the keys do not come over https")
        jwks = (await self._get(address)).get("keys")
        keys = _public_keys(jwks)
        if not keys:
            raise ValueError("no key that can be used")
        return _KeySet(jwks if isinstance(jwks, list) else [], keys, fetched_at)

    async def _get(self, url: str) -> Mapping[str, Any]:
        """Return the JSON object at `url`. Raises what _FAULTS names."""
        body = bytearray()
        async with self._client.stream("GET", url) as response:
            response.raise_for_status()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > _MOST_BYTES:
                    raise ValueError("the reply is too long")
        reply = json.loads(body)
        if not isinstance(reply, dict):
            raise ValueError("the reply is no JSON object")  # noqa: TRY004  One kind of fault.
        return reply

    def _left_behind(self) -> _KeySet | None:
        """Return the keys that a replica has left, or None where there are none to be used."""
        fields = self._saved.current.fields if self._saved else {}
        if fields.get("issuer") != self._issuer:
            return None
        try:
            fetched_at = datetime.fromisoformat(fields["fetched_at"]).astimezone(UTC)
            return _KeySet(fields["jwks"], _public_keys(fields["jwks"]), fetched_at)
        except (KeyError, TypeError, ValueError) as error:
            _log.warning("Saved keys unreadable", error=type(error).__name__)
            return None

    async def _leave(self, fetched: _KeySet) -> None:
        """Leave the keys for replicas that start; only where they differ or have grown old."""
        before = self._left_behind()
        if self._saved is None or (
            before is not None
            and before.jwks == fetched.jwks
            and fetched.fetched_at - before.fetched_at < _LEFT_AGAIN
        ):
            return
        fresh = {
            "issuer": self._issuer,
            "jwks": list(fetched.jwks),
            "fetched_at": fetched.fetched_at.isoformat(),
        }
        try:
            async with asyncio.timeout(self._timing.request_s):
                await self._saved.change(lambda stored: {**stored, **fresh})
        except (InfoAssistantError, TimeoutError) as error:
            _log.warning("Keys of the identity provider not saved", error=describe(error))


def _discovery_url(issuer: str) -> str:
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def _public_keys(jwks: object) -> Sequence[PublicKey]:
    """Return the keys of a JWK set that can check signatures; others are passed over."""
    keys = []
    for jwk in (jwks if isinstance(jwks, list) else [])[:_MOST_KEYS]:
        if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig":
            continue
        if jwk.get("kty") == "RSA" and len(str(jwk.get("n"))) < _LEAST_RSA_CHARACTERS:
            continue
        try:
            key = JWKRegistry.import_key(jwk)
        except (JoseError, ValueError, TypeError):
            continue
        # A symmetric key in a public set is no key: everybody could sign with it.
        if isinstance(key, PublicKey):
            keys.append(key)
    return keys


def _unavailable(why: str) -> IdentityProviderUnavailable:
    return IdentityProviderUnavailable(
        f"The service that people sign in with cannot be asked for its keys ({why}). Nothing is "
        "wrong with your sign-in; please try again in a moment.",
        retry_after_s=5,
    )
