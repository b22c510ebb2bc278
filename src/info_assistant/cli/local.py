"""What `up` needs from this machine before it starts anything: the data folder, ports, a key.

Each check ends in an error that names the setting to change.
"""

import asyncio
import errno
import fcntl
import getpass
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from info_assistant.errors import Conflict, Misconfigured
from info_assistant.model.identity import ACCOUNT_SUBJECT

_LOCK_NAME = "up.lock"
_PORT_PATIENCE_S = 3.0
_PORT_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Address:
    """Where a part listens, and the setting that moves it."""

    part: str
    host: str
    port: int
    variable: str


@contextmanager
def claimed(data_dir: Path) -> Iterator[None]:
    """Hold `data_dir` for this process alone. Raises Conflict if another `up` holds it.

    The kernel releases the claim when the process ends, however it ends.
    """
    make_private(data_dir)
    with (data_dir / _LOCK_NAME).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise Conflict(
                f"`info-assistant up` is already running on {data_dir} (process {holder}). "
                "Use that one, stop it with Ctrl-C, or set DATA_DIR to another folder."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def make_private(data_dir: Path) -> None:
    """Make the data folder, readable by its owner only. Raises Misconfigured if that fails."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            f"The data folder {data_dir} cannot be created ({error.strerror}). "
            "Set DATA_DIR to a folder that you may write to."
        ) from error


def local_key(path: Path) -> str:
    """Return the key in the file at `path`, making a random one for our eyes only at first use."""
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    return path.read_text().strip()


def operating_account() -> str:
    """Return who works at this machine, as the audit trail names them."""
    try:
        return f"{ACCOUNT_SUBJECT}{getpass.getuser()}"
    except (OSError, KeyError):
        # A container may run under a number without a name.
        return f"{ACCOUNT_SUBJECT}{os.getuid()}"


async def require_free(address: Address) -> None:
    """Return if nobody listens at `address`; a process that is just ending gets a moment.

    Raises Conflict naming the setting that chooses another port.
    """
    deadline = time.monotonic() + _PORT_PATIENCE_S
    while not is_free(address):
        if time.monotonic() > deadline:
            raise Conflict(
                f"Port {address.port} on {address.host} is taken by another program, so the "
                f"{address.part} cannot start. Stop that program, or set {address.variable} "
                "to a free one."
            )
        await asyncio.sleep(_PORT_LOOK_S)


def is_free(address: Address) -> bool:
    """Whether a server could listen at `address` now."""
    with socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise Misconfigured(
                f"The {address.part} cannot listen on {address.host}:{address.port} "
                f"({error.strerror}). Set {address.variable} to an address of this machine."
            ) from error
    return True
