"""Reads single environment variables: what kinds there are, and words for what cannot be used.

Every function takes the variables that are set, by name, and raises Misconfigured naming variable,
value and remedy; the value of a secret is never repeated.
"""

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from info_assistant.errors import Misconfigured

LOOPBACK = "127.0.0.1"
"""The address that only this machine reaches."""

SECRET_ADVICE = (
    "Make a good one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"  # noqa: S105  Words about secrets.
)
"""What to do about a secret that is missing or easy to guess."""

_MOST_PORTS = 65_535
_LEAST_SECRET, _LEAST_DISTINCT = 32, 10
_WELL_KNOWN_SECRETS = re.compile(
    r"(change[-_ ]?(me|this|it)|replace[-_ ]?me|default|example|insecure|password|passw0rd|"
    r"secret|session[-_ ]?secret|test|todo|dev|admin|letmein|qwerty|xxx+|your[-_ ].*)[\W\d]*",
    re.IGNORECASE,
)


def secret_of(given: Mapping[str, str], name: str) -> str | None:
    """Return a secret that is hard to guess, or None where none is set."""
    value = given.get(name)
    if value is None:
        return None
    refuse_well_known(given, name)
    if len(value) < _LEAST_SECRET or len(set(value)) < _LEAST_DISTINCT:
        raise Misconfigured(
            f"{name} is too easy to guess: it needs at least {_LEAST_SECRET} random characters. "
            f"{SECRET_ADVICE}"
        )
    return value


def refuse_well_known(given: Mapping[str, str], *names: str) -> None:
    """Return unless one of these variables holds what examples and defaults use as a secret."""
    for name in names:
        if _WELL_KNOWN_SECRETS.fullmatch(given.get(name, "")):
            raise Misconfigured(
                f"{name} is set to a well-known default, which anybody can guess. {SECRET_ADVICE}"
            )


def url_of(given: Mapping[str, str], name: str, default: str) -> str:
    """Return an http or https URL without a slash at its end."""
    raw = given.get(name, default)
    value = raw.rstrip("/")
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise wrong(name, raw, "give a URL such as http://127.0.0.1:6333")
    return value


def optional_url_of(given: Mapping[str, str], name: str) -> str | None:
    """Return an http or https URL without a slash at its end, None where it is unset."""
    return url_of(given, name, "") if name in given else None


def urls_of(given: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Return several http or https URLs, which have commas between them; none where it is unset."""
    each = (url.strip() for url in given.get(name, "").split(","))
    return tuple(url_of({name: url}, name, "") for url in each if url)


def port_of(given: Mapping[str, str], name: str, default: int) -> int:
    """Return a port."""
    return number_of(given, name, default, range(1, _MOST_PORTS + 1))


def number_of(given: Mapping[str, str], name: str, default: int, allowed: range) -> int:
    """Return a whole number of those allowed."""
    value = given.get(name, str(default))
    if value.isascii() and value.isdigit() and int(value) in allowed:
        return int(value)
    raise wrong(name, value, f"give a whole number from {allowed[0]} to {allowed[-1]}")


def choice_of(
    given: Mapping[str, str],
    name: str,
    default: str,
    allowed: tuple[str, ...],
    normalise: Callable[[str], str],
) -> str:
    """Return one of the allowed words, which may be written as `normalise` evens out."""
    value = normalise(given.get(name, default))
    if value in allowed:
        return value
    raise wrong(name, given[name], f"give one of {', '.join(allowed)}")


def wrong(name: str, value: str, remedy: str) -> Misconfigured:
    """Return the error for a value that cannot be used."""
    return Misconfigured(f"{name} is set to {value[:200]!r}, which cannot be used: {remedy}.")
