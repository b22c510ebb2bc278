"""Every environment variable of the product, once: its name, its meaning and its default.

Only `wiring.py`, the command line and the evaluation read settings; everything else is handed
what it needs. A variable that is set to nothing counts as not set.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from info_assistant.errors import Misconfigured

LOCAL_KEY_NAME = "qdrant-api-key"
"""The file in DATA_DIR that holds the key of the local Qdrant."""

_LOOPBACK = "127.0.0.1"
_LOOPBACK_NAMES = frozenset({"127.0.0.1", "::1", "localhost"})
_MOST_PORTS = 65_535


def _named(name: str, description: str) -> Mapping[str, str]:
    """Describe the environment variable behind a setting."""
    return {"name": name, "description": description}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an installation is told about itself."""

    data_dir: Path = field(
        metadata=_named(
            "DATA_DIR",
            "Folder for everything that is kept: documents, the local Qdrant, logs. Default: "
            "`data` in a checkout, ~/.local/share/info-assistant for an installed package.",
        )
    )
    backend_port: int = field(
        metadata=_named("BACKEND_PORT", "Port of the backend's API. Default: 8000.")
    )
    frontend_port: int = field(
        metadata=_named("FRONTEND_PORT", "Port of the web page. Default: 8080.")
    )
    backend_url: str = field(
        metadata=_named(
            "BACKEND_URL",
            "Where the command line and the web page find the backend. Default: this machine, at "
            "BACKEND_PORT.",
        )
    )
    qdrant_url: str = field(
        metadata=_named(
            "QDRANT_URL",
            "The vector store. Default: http://127.0.0.1:6333, which `up` starts.",
        )
    )
    qdrant_api_key: str | None = field(
        repr=False,
        metadata=_named(
            "QDRANT_API_KEY",
            "Key for the vector store. Default: the content of DATA_DIR/qdrant-api-key, if `up` "
            "has made one; it is used for a Qdrant on this machine only.",
        ),
    )
    blob_url: str = field(
        metadata=_named(
            "BLOB_URL",
            "Object storage for documents: a file: URL or s3://bucket/prefix. Default: "
            "DATA_DIR/objects.",
        )
    )
    auth: Literal["none"] = field(
        metadata=_named(
            "AUTH",
            "How callers prove who they are. `none`, the default: whoever can reach this machine's "
            "loopback address is the operator.",
        )
    )
    ingestion_workers: int = field(
        metadata=_named(
            "INGESTION_WORKERS",
            "1, the default, lets the backend take documents in; 0 leaves that to other processes.",
        )
    )
    log_level: str = field(
        metadata=_named(
            "LOG_LEVEL",
            "The least important lines to log: DEBUG, INFO (default), WARNING or ERROR.",
        )
    )

    @property
    def bind_host(self) -> str:
        """The address that our servers listen on: without sign-in, nobody else's machine."""
        return _LOOPBACK

    @property
    def qdrant_is_local(self) -> bool:
        """Whether the vector store is the one on this machine that `up` starts."""
        return urlsplit(self.qdrant_url).hostname in _LOOPBACK_NAMES

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the environment, or `environ`. Raises Misconfigured naming variable and remedy."""
        source = os.environ if environ is None else environ  # noqa: TID251  The one place.
        given = {name: value.strip() for name, value in source.items() if value.strip()}
        data_dir = _data_dir(given)
        backend_port = _port(given, "BACKEND_PORT", 8000)
        qdrant_url = _url(given, "QDRANT_URL", f"http://{_LOOPBACK}:6333")
        return cls(
            data_dir=data_dir,
            backend_port=backend_port,
            frontend_port=_port(given, "FRONTEND_PORT", 8080),
            backend_url=_url(given, "BACKEND_URL", f"http://{_LOOPBACK}:{backend_port}"),
            qdrant_url=qdrant_url,
            qdrant_api_key=given.get("QDRANT_API_KEY") or _local_key(qdrant_url, data_dir),
            blob_url=given.get("BLOB_URL") or (data_dir / "objects").as_uri(),
            auth=_auth(given),
            ingestion_workers=_number(given, "INGESTION_WORKERS", 1, range(2)),
            log_level=_choice(
                given, "LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"), str.upper
            ),
        )


def describe_variables() -> Mapping[str, str]:
    """Return each environment variable with what it means."""
    return {each.metadata["name"]: each.metadata["description"] for each in fields(Settings)}


def _data_dir(given: Mapping[str, str]) -> Path:
    if "DATA_DIR" in given:
        return Path(given["DATA_DIR"]).expanduser().absolute()
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        return checkout / "data"
    return Path.home() / ".local" / "share" / "info-assistant"


def _local_key(qdrant_url: str, data_dir: Path) -> str | None:
    """Return the key that `up` made; never for another machine, which it is not meant for."""
    if urlsplit(qdrant_url).hostname not in _LOOPBACK_NAMES:
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


def _auth(given: Mapping[str, str]) -> Literal["none"]:
    value = given.get("AUTH", "none")
    if value != "none":
        raise _wrong("AUTH", value, "only `none` is known to this version; unset AUTH")
    return "none"


def _url(given: Mapping[str, str], name: str, default: str) -> str:
    raw = given.get(name, default)
    value = raw.rstrip("/")
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise _wrong(name, raw, "give a URL such as http://127.0.0.1:6333")
    return value


def _port(given: Mapping[str, str], name: str, default: int) -> int:
    return _number(given, name, default, range(1, _MOST_PORTS + 1))


def _number(given: Mapping[str, str], name: str, default: int, allowed: range) -> int:
    value = given.get(name, str(default))
    if value.isascii() and value.isdigit() and int(value) in allowed:
        return int(value)
    raise _wrong(name, value, f"give a whole number from {allowed[0]} to {allowed[-1]}")


def _choice(
    given: Mapping[str, str],
    name: str,
    default: str,
    allowed: tuple[str, ...],
    normalise: Callable[[str], str],
) -> str:
    value = normalise(given.get(name, default))
    if value in allowed:
        return value
    raise _wrong(name, given[name], f"give one of {', '.join(allowed)}")


def _wrong(name: str, value: str, remedy: str) -> Misconfigured:
    return Misconfigured(f"{name} is set to {value[:200]!r}, which cannot be used: {remedy}.")
