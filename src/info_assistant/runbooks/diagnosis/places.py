"""Where the parts of the service are: as variables say, else where they are on one machine."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

NAMESPACE = "pubsec-info-assistant"
_OPENAI = "https://api.openai.com/v1"
_ANTHROPIC = "https://api.anthropic.com"


@dataclass(frozen=True, slots=True)
class Place:
    """An address to ask, and what is sent with it. `stated` tells it from an assumed one."""

    url: str
    stated: bool = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def near(self) -> bool:
        """Whether it is on this machine."""
        return is_near(self.url)


@dataclass(frozen=True, slots=True)
class Places:
    """All that can be looked at; what is not known is None or missing."""

    parts: Mapping[str, Place]
    """What answers HTTP, by name: backend, frontend, public, qdrant, openai, anthropic."""
    redis: tuple[Place, ...] = ()
    log: Path | None = None
    """The backend's own log, where it is kept in a file."""
    prometheus: Place | None = None
    namespace: str = NAMESPACE


def is_near(url: str) -> bool:
    """Whether an address is on this machine; what is no address is not."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "unix" or parts.hostname == "localhost":
            return True
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def places_of(variables: Mapping[str, str], given: Mapping[str, str]) -> Places:
    """Return where to look. `given` are addresses by the part's name; they go first."""
    data = Path(variables.get("DATA_DIR") or "data")
    key = variables.get("QDRANT_API_KEY") or _content(data / "qdrant-api-key")
    own = {"backend": ("BACKEND", 8000), "frontend": ("FRONTEND", 8080)}
    parts = {}
    for name, (prefix, port) in own.items():
        stated = given.get(name) or variables.get(f"{prefix}_URL")
        there = variables.get(f"{prefix}_PORT") or port
        parts[name] = Place(stated or f"http://127.0.0.1:{there}", bool(stated))
    stated = given.get("qdrant") or variables.get("QDRANT_URL")
    headers = {"api-key": key} if key else {}
    parts["qdrant"] = Place(stated or "http://127.0.0.1:6333", bool(stated), headers)
    if given.get("public"):
        parts["public"] = Place(given["public"])
    parts |= _providers(variables)
    log = data / "logs" / "serve.log"
    prometheus = given.get("prometheus") or variables.get("PROMETHEUS_URL")
    return Places(
        parts,
        _redis(given.get("redis") or variables.get("REDIS_URL"), data),
        log if log.is_file() else None,
        Place(prometheus) if prometheus else None,
        given.get("namespace") or NAMESPACE,
    )


def _redis(stated: str | None, data: Path) -> tuple[Place, ...]:
    if stated:
        return tuple(Place(each.strip()) for each in stated.split(",") if each.strip())
    socket = data / "redis" / "redis.sock"
    return (Place(f"unix://{socket.absolute()}", stated=False),) if socket.exists() else ()


def _providers(variables: Mapping[str, str]) -> dict[str, Place]:
    """Return the lists of models, which cost nothing, of the providers that are set up."""
    found = {}
    base, key = variables.get("OPENAI_BASE_URL"), variables.get("OPENAI_API_KEY")
    if base or key:
        url = f"{(base or _OPENAI).rstrip('/')}/models"
        found["openai"] = Place(url, headers={"authorization": f"Bearer {key}"} if key else {})
    base, key = variables.get("ANTHROPIC_BASE_URL"), variables.get("ANTHROPIC_API_KEY")
    if base or key:
        headers = {"anthropic-version": "2023-06-01"} | ({"x-api-key": key} if key else {})
        found["anthropic"] = Place(f"{(base or _ANTHROPIC).rstrip('/')}/v1/models", headers=headers)
    return found


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
