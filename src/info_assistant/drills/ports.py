"""Ports of loopback that nobody takes before whoever is to listen there has started."""

import secrets
import socket

_FIRST, _LAST = 10_000, 32_767
"""Below the ports that Linux gives to whoever connects, or binds to port 0, by itself."""

_given: set[int] = set()


def unused_port() -> int:
    """Return a port on which nobody listens, and which this process was not given before.

    It is drawn by the system's chance, so that processes that run side by side and begin with the
    same seed choose differently.
    """
    while True:
        port = _FIRST + secrets.randbelow(_LAST - _FIRST + 1)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
