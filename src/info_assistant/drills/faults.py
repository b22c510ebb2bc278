"""What a fault proxy can do to the connections, requests and replies that pass through it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

_ERRORS: Mapping[str, str] = {
    "READONLY": "READONLY You can't write against a read only replica.",
    "LOADING": "LOADING Redis is loading the dataset in memory",
    "OOM": "OOM command not allowed when used memory > 'maxmemory'.",
    "WRONGPASS": "WRONGPASS invalid username-password pair or user is disabled.",
    "NOAUTH": "NOAUTH Authentication required.",
    "BUSY": "BUSY Redis is busy running a script. You can only call SCRIPT KILL.",
    "CLUSTERDOWN": "CLUSTERDOWN The cluster is down",
    "MASTERDOWN": "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is 'no'.",
}


class Effect(StrEnum):
    """What happens to what passes; `request` and `reply` say which way it is met."""

    REFUSED = "refused"
    """Nobody listens, and every connection is broken."""
    BLACKHOLE = "blackhole"
    """Connections are not answered at all, as behind a firewall; those that exist fall silent."""
    HANG = "hang"
    """Connections are accepted, requests read, and nothing comes back."""
    RESET_ON_CONNECT = "reset_on_connect"
    """Connections are reset as soon as they are used."""
    RESET_ON_REQUEST = "reset_on_request"
    """A request is read, and its connection reset before it has any effect."""
    SLOW_READ = "slow_read"
    """Requests are taken at `bytes_per_s`."""
    DELAY = "delay"
    """Each request waits for `seconds`, and up to `jitter_s` longer."""
    ANSWERED = "answered"
    """Requests do not arrive; `answer` comes back instead."""
    LOST_REPLY = "lost_reply"
    """The request has its effect; of its reply nothing comes back."""
    CLOSED_IN_REPLY = "closed_in_reply"
    """The connection ends in the middle of a reply."""
    RESET_IN_REPLY = "reset_in_reply"
    """The connection is reset in the middle of a reply."""
    DRIP = "drip"
    """Replies come at `bytes_per_s`."""
    TRUNCATED = "truncated"
    """Half of a reply's content comes, and then its proper end."""
    GARBLED = "garbled"
    """A reply's content is noise."""
    CUT_EVENTS = "cut_events"
    """A stream of events ends, properly, after `events` of them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to all that passes, or only to requests whose name begins as one of `only`.

    `flap_s`: it comes and goes, each for that long. Times are in seconds.
    """

    effect: Effect
    seconds: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float = 100.0
    answer: bytes = b""
    events: int = 3
    only: tuple[str, ...] = ()
    flap_s: float = 0.0

    def concerns(self, name: str) -> bool:
        """Whether a request of this name is met by it."""
        return not self.only or name.startswith(self.only)


def redis_error(kind: str) -> bytes:
    """Return the error of this kind as Redis sends it."""
    return f"-{_ERRORS[kind]}\r\n".encode()


def http_answer(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """Return a whole reply of HTTP with this status; its body is JSON unless `headers` differ."""
    lines = {"content-type": "application/json", **(headers or {})}
    lines["content-length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Drill\r\n{head}\r\n".encode() + body
