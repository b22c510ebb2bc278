"""Calls of web services by the standard library: JSON in, JSON out, every fault in two classes."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NoReturn

from info_assistant.runbooks.diagnosis.places import is_near
from info_assistant.runbooks.errors import DeliveryLater, DeliveryRefused

TIMEOUT_S = 10.0
"""For a whole call; a server that drips is one that hangs."""

_MOST_BYTES = 2 * 1024 * 1024
_CHUNK = 64 * 1024
_ENHANCE_YOUR_CALM, _TOO_MANY = 420, 429
_AGAIN = {408, 409, 425}
_LIMIT_PAUSE_S = 30.0
_LONGEST_PAUSE_S = 600.0


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Following a redirect would carry keys elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401  As urllib has it.
        """Follow none."""
        return None  # noqa: RET501  As urllib has it.


class WebService:
    """A web service at one address, called with the same headers each time."""

    def __init__(
        self, name: str, url: str, headers: Mapping[str, str], *, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Call `url` as `name`, which is how errors speak of it."""
        self._name = name
        self._url = url.rstrip("/")
        self._headers = {"accept": "application/json", "user-agent": "info-assistant", **headers}
        self._timeout_s = timeout_s
        proxies = [urllib.request.ProxyHandler({})] if is_near(url) else []
        self._opener = urllib.request.build_opener(_NoRedirects(), *proxies)

    def call(
        self,
        method: str,
        path: str = "",
        body: Any = None,  # noqa: ANN401  Any JSON.
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # noqa: ANN401  Any JSON.
        """Return the content of the answer, None for an empty one.

        Raises DeliveryLater where another attempt may succeed, DeliveryRefused else.
        """
        data = None if body is None else json.dumps(body).encode()
        request = self._request(method, path, data, headers or {})
        deadline = time.monotonic() + self._timeout_s
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                return self._content(self._read(response, deadline))
        except urllib.error.HTTPError as error:
            with error:
                self._refused(error)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise DeliveryLater(f"{self._name} cannot be reached: {reason}.") from error
        except ValueError:
            # Its words hold the header, and so the secret.
            raise DeliveryRefused(
                f"The token of {self._name} holds what no header may, such as a line's end."
            ) from None

    def _request(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]
    ) -> urllib.request.Request:
        sent = {**self._headers, **headers}
        if data is not None:
            sent["content-type"] = "application/json; charset=utf-8"
        try:
            request = urllib.request.Request(  # noqa: S310  The scheme is looked at here.
                self._url + path, data=data, headers=sent, method=method
            )
        except ValueError as error:
            raise DeliveryRefused(f"The address of {self._name} is none.") from error
        if request.type not in {"http", "https"} or not request.host:
            raise DeliveryRefused(f"The address of {self._name} is no address of HTTP.")
        return request

    def _read(self, response: Any, deadline: float) -> bytes:  # noqa: ANN401  As urllib has it.
        parts = []
        while part := response.read1(_CHUNK):
            parts.append(part)
            if time.monotonic() > deadline:
                raise TimeoutError("the answer does not end")
            if sum(map(len, parts)) > _MOST_BYTES:
                raise DeliveryLater(f"{self._name} answers with more than anybody asked for.")
        if response.length:
            raise ConnectionResetError("the answer was cut off")
        return b"".join(parts)

    def _content(self, data: bytes) -> Any:  # noqa: ANN401  Any JSON.
        if not data.strip():
            return None
        try:
            return json.loads(data)
        except ValueError:
            return {"text": data[:200].decode(errors="replace")}

    def _refused(self, error: urllib.error.HTTPError) -> NoReturn:
        try:
            said = error.read(400).decode(errors="replace").strip()
        except (OSError, http.client.HTTPException):
            said = ""
        words = f"{self._name} answers {error.code}" + (f": {said}" if said else "")
        if error.code in {_ENHANCE_YOUR_CALM, _TOO_MANY}:
            raise DeliveryLater(words, _seconds(error.headers.get("retry-after"))) from error
        if error.code >= 500 or error.code in _AGAIN:  # noqa: PLR2004  HTTP.
            raise DeliveryLater(words, _seconds(error.headers.get("retry-after"), 0.0)) from error
        raise DeliveryRefused(words) from error


def _seconds(text: str | None, otherwise: float = _LIMIT_PAUSE_S) -> float:
    """Return the seconds that a Retry-After asks for; dates and nonsense mean `otherwise`."""
    try:
        return min(max(float(text or ""), 0.0), _LONGEST_PAUSE_S)
    except ValueError:
        return otherwise
