"""What a drill needs of the place where it happens, and the refusal of any other cluster."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from info_assistant.errors import Misconfigured

_LOOK_S = 5.0
_MARK = "simulator"


class Stage(Protocol):
    """A service in a simulated cluster, which can be broken; `variables` lead commands to it."""

    @property
    def public_url(self) -> str:
        """The address of the public, behind which questions are answered."""
        ...

    @property
    def frontend_url(self) -> str:
        """The address of the web page."""
        ...

    @property
    def question(self) -> str:
        """A question that its documents answer."""
        ...

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment in which kubectl, curl, aws and the engine find it; HOME is writable."""
        ...

    def inject(self, fault: str) -> str:
        """Break something and return, in words, what proves that it is broken."""
        ...

    def mend(self, fault: str) -> bool:
        """Let what was broken be well again; return False where only the runbook can do so."""
        ...

    def serves(self) -> bool:
        """Whether people are served, as the stage itself knows it."""
        ...


def check_ours(variables: Mapping[str, str]) -> None:
    """Raise Misconfigured where kubectl would reach anything but a simulator of this machine.

    A drill agrees to everything that it is asked, so it may do so only where nothing can be lost.
    A cluster of a developer on loopback is no simulator either: the server has to say that it is.
    """
    file = variables.get("KUBECONFIG", "")
    if not file:
        raise Misconfigured(
            "A drill breaks and repairs its own simulated cluster only, and here KUBECONFIG names "
            "none, so kubectl might find another one. Nothing was done."
        )
    for server in _servers(Path(file)):
        parts = urlsplit(server)
        if parts.scheme != "http" or parts.hostname != "127.0.0.1" or not _is_simulator(server):
            raise Misconfigured(
                f"A drill breaks and repairs its own simulated cluster only, and KUBECONFIG leads "
                f"to {parts.scheme}://{parts.hostname}:{parts.port}. Nothing was done. Unset "
                "KUBECONFIG, or use `incident run`, which asks you."
            )


def _servers(file: Path) -> list[str]:
    """Return the servers that a kubeconfig of a simulator names; it is written as JSON."""
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        found = [str(each["cluster"]["server"]) for each in config["clusters"]]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise Misconfigured(
            f"{file} is not the kubeconfig of a simulated cluster, and a drill runs on no other. "
            "Nothing was done."
        ) from error
    if not found:
        raise Misconfigured(f"{file} names no cluster. Nothing was done.")
    return found


def _is_simulator(server: str) -> bool:
    try:
        with urllib.request.urlopen(f"{server}/version", timeout=_LOOK_S) as reply:  # noqa: S310
            return _MARK in str(json.loads(reply.read()).get("gitVersion", ""))
    except (urllib.error.URLError, OSError, ValueError, AttributeError):
        return False
