"""What single variables may be set to, and in which words others are refused."""

import hashlib
import ipaddress
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from info_assistant.environment import LOOPBACK, choice_of, url_of, wrong
from info_assistant.errors import Misconfigured
from info_assistant.model.loopback import is_loopback
from info_assistant.model.mode import CHOICES, LONGEST_MESSAGE, ORDINARY, ModeName

_LONGEST_SOCKET = 100

LOCAL_KEY_NAME = "qdrant-api-key"
"""The file in DATA_DIR that holds the key of the local Qdrant."""

Auth = Literal["none", "keys", "oidc"]
"""The values of AUTH."""


def mode_of(given: Mapping[str, str], name: ModeName) -> str:
    """Return what the environment says of a mode. Raises Misconfigured."""
    if name in CHOICES:
        return choice_of(given, name, ORDINARY[name], CHOICES[name], str.lower)
    if len(given[name]) > LONGEST_MESSAGE:
        raise wrong(name, given[name], f"use up to {LONGEST_MESSAGE} characters")
    return given[name]


def s3_endpoint_of(given: Mapping[str, str]) -> str | None:
    """Return where S3 is, or None for Amazon's own. Raises Misconfigured."""
    name = "AWS_ENDPOINT_URL"
    return url_of(given, name, "") if name in given else None


def data_dir_of(given: Mapping[str, str]) -> Path:
    """Return the folder for everything that is kept."""
    if "DATA_DIR" in given:
        return Path(given["DATA_DIR"]).expanduser().absolute()
    checkout = Path(__file__).resolve().parents[3]
    if (checkout / "pyproject.toml").is_file():
        return checkout / "data"
    return Path.home() / ".local" / "share" / "info-assistant"


def local_key_of(qdrant_url: str, data_dir: Path) -> str | None:
    """Return the key that `up` made; never for another machine, which it is not meant for."""
    if not is_loopback(urlsplit(qdrant_url).hostname):
        return None
    try:
        return (data_dir / LOCAL_KEY_NAME).read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise Misconfigured(
            f"The key of the local Qdrant in {data_dir / LOCAL_KEY_NAME} cannot be read ({exc}). "
            "Make the file readable for this user, or set QDRANT_API_KEY."
        ) from exc


def redis_socket(data_dir: Path) -> Path:
    """Return where the Redis of this machine listens: a socket that only its owner can open.

    The kernel takes names of about 100 characters; a longer DATA_DIR gets a name of its own in the
    folder for temporary files.
    """
    path = data_dir / "redis" / "redis.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET:
        return path
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"info-assistant-{os.getuid()}-{digest}" / "redis.sock"


def redis_urls_of(given: Mapping[str, str], data_dir: Path) -> tuple[str, ...]:
    """Return the Redis servers: those named, else the one that `up` has made here, else none.

    Raises Misconfigured.
    """
    if "REDIS_URL" not in given:
        return (redis_url(data_dir),) if (data_dir / "redis").is_dir() else ()
    urls = tuple(each.strip() for each in given["REDIS_URL"].split(",") if each.strip())
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in {"redis", "rediss", "unix"} or not (parts.hostname or parts.path):
            raise wrong(
                "REDIS_URL",
                parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(),
                "give redis://host:6379 (rediss:// for TLS) or unix:///path, several with commas "
                "between them",
            )
    return urls


def redis_url(data_dir: Path) -> str:
    """Return the address of the Redis of this machine."""
    return f"unix://{redis_socket(data_dir)}"


def bind_address_of(given: Mapping[str, str], auth: Auth) -> str:
    """Return the address to listen on; only loopback goes without sign-in. Raises Misconfigured."""
    value = given.get("BIND_ADDRESS", LOOPBACK)
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise wrong("BIND_ADDRESS", value, "give an IP address such as 127.0.0.1") from None
    if auth == "none" and not address.is_loopback:
        raise wrong(
            "BIND_ADDRESS",
            value,
            "without sign-in (AUTH=none), whoever reaches that address would be the operator; set "
            "AUTH to keys or oidc, or unset BIND_ADDRESS",
        )
    return value


def needed_for_oidc(given: Mapping[str, str], name: str, auth: Auth) -> str:
    """Return a variable that AUTH=oidc cannot do without. Raises Misconfigured."""
    if auth == "oidc" and name not in given:
        raise Misconfigured(
            f"{name} is not set, so tokens cannot be checked. AUTH=oidc needs OIDC_ISSUER and "
            "OIDC_AUDIENCE; docs/identity.md says where the identity provider shows them."
        )
    return given.get(name, "")


def issuer_of(given: Mapping[str, str], auth: Auth) -> str:
    """Return the identity provider as its tokens name it. Raises Misconfigured."""
    value = needed_for_oidc(given, "OIDC_ISSUER", auth)
    if not value:
        return ""
    url_of(given, "OIDC_ISSUER", "")
    parts = urlsplit(value)
    if parts.query or parts.fragment or parts.username:
        raise wrong("OIDC_ISSUER", value, "give the plain URL that tokens carry in `iss`")
    if parts.scheme != "https" and not is_loopback(parts.hostname):
        raise wrong("OIDC_ISSUER", value, "keys must come over https; give an https URL")
    # As it was given, a slash at its end included: tokens must name it exactly so.
    return value


def otlp_endpoint_of(given: Mapping[str, str]) -> str:
    """Return where traces go, "" for nowhere. Raises Misconfigured."""
    name = "OTEL_EXPORTER_OTLP_ENDPOINT"
    return url_of(given, name, "") if name in given else ""
