"""The names of this very machine, which nobody else can reach it by."""

import ipaddress
from functools import lru_cache


@lru_cache(maxsize=64)
def is_loopback(host: str | None) -> bool:
    """Whether `host`, a name or an address, can only be reached from this machine."""
    if not host:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
