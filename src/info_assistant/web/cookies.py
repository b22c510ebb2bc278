"""Cookies that only we can read or make: what a page must remember of its visitor, and no server.

The content is JSON under AES-256-GCM, with a key derived from SESSION_SECRET (HKDF, RFC 5869). The
cookie's name is part of what is authenticated, so that none can be passed off as another. Content
that does not fit into one cookie, of which browsers take 4 kB, is split over several.
"""

import base64
import binascii
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from starlette.requests import Request
from starlette.responses import Response

PART_CHARACTERS = 3800
"""The longest value of one cookie; browsers take 4096 bytes, its name included."""

MOST_PARTS = 4
"""Over how many cookies a content may be split; servers refuse requests with endless headers."""

_PURPOSE = b"info-assistant cookies, version 1"
_NONCE_BYTES = 12


class ContentTooLarge(Exception):
    """The content fits into no number of cookies that a server would take."""


class SealedCookies:
    """Reads and writes encrypted cookies. Secure ones travel over HTTPS only and to this host only.

    They end with the browser's session unless given an age; no script can read them, and other
    websites' requests carry them only when a person follows a link to here (SameSite=Lax).
    """

    def __init__(self, secret: str, *, secure: bool) -> None:
        """Derive the key from `secret`."""
        derived = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret.encode())
        self._cipher = AESGCM(derived)
        self._secure = secure
        # Other services on this machine share its cookies, whatever their port.
        self._prefix = "__Host-info-assistant-" if secure else "info-assistant-"

    def read(self, request: Request, name: str) -> Mapping[str, Any] | None:
        """Return the content of the cookie `name`; None if there is none that we have made."""
        sealed = self._joined(request, name)
        if sealed is None:
            return None
        try:
            data = base64.urlsafe_b64decode(sealed)
            opened = self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], name.encode())
            content = json.loads(opened)
        except (binascii.Error, InvalidTag, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def write(
        self,
        request: Request,
        response: Response,
        name: str,
        content: Mapping[str, Any],
        max_age_s: int | None = None,
    ) -> None:
        """Set the cookie `name`. Raises ContentTooLarge."""
        parts = self._sealed(name, content)
        for place, part in enumerate(parts):
            value = f"{len(parts)}.{part}" if place == 0 else part
            self._set(response, _part_name(name, place), value, max_age_s)
        self._expire(request, response, name, range(len(parts), MOST_PARTS))

    def drop(self, request: Request, response: Response, name: str) -> None:
        """Delete the cookie `name`, if the browser has it."""
        self._expire(request, response, name, range(MOST_PARTS))

    def fits(self, name: str, content: Mapping[str, Any], parts: int = MOST_PARTS) -> bool:
        """Whether `content` goes into so many cookies."""
        try:
            return len(self._sealed(name, content)) <= parts
        except ContentTooLarge:
            return False

    def names(self, request: Request, beginning: str) -> Sequence[str]:
        """Return the names of our cookies that begin so, the oldest first."""
        whole = self._prefix + beginning
        return [
            each.removeprefix(self._prefix) for each in request.cookies if each.startswith(whole)
        ]

    def _sealed(self, name: str, content: Mapping[str, Any]) -> Sequence[str]:
        nonce = os.urandom(_NONCE_BYTES)
        plain = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        # A form can hold half a surrogate pair, which is no Unicode; it must not break the page.
        data = nonce + self._cipher.encrypt(nonce, plain.encode(errors="replace"), name.encode())
        sealed = base64.urlsafe_b64encode(data).decode()
        parts = [sealed[at : at + PART_CHARACTERS] for at in range(0, len(sealed), PART_CHARACTERS)]
        if len(parts) > MOST_PARTS:
            raise ContentTooLarge
        return parts

    def _joined(self, request: Request, name: str) -> str | None:
        """Return the sealed content, put together from its parts."""
        count, dot, first = request.cookies.get(self._prefix + name, "").partition(".")
        if not dot or count not in {str(number) for number in range(1, MOST_PARTS + 1)}:
            return None
        rest = [
            request.cookies.get(self._prefix + _part_name(name, place), "")
            for place in range(1, int(count))
        ]
        return "".join([first, *rest])

    def _set(self, response: Response, name: str, value: str, max_age_s: int | None) -> None:
        response.set_cookie(
            self._prefix + name,
            value,
            max_age=max_age_s,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def _expire(self, request: Request, response: Response, name: str, places: range) -> None:
        for place in places:
            part = _part_name(name, place)
            if self._prefix + part in request.cookies:
                self._set(response, part, "", 0)


def _part_name(name: str, place: int) -> str:
    return f"{name}.{place}" if place else name
