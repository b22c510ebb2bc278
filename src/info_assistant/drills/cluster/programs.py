"""What runs when a command is executed in a simulated container."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from info_assistant.drills.cluster.documents import Document, name_of

NOT_FOUND = 127
_LONGEST_S = 600.0


@dataclass(frozen=True, slots=True)
class Execution:
    """A command, the pod and container it is executed in, and its input."""

    pod: Document
    container: str
    command: tuple[str, ...]
    stdin: bytes = b""

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the container's template sets by value."""
        for each in self.pod["spec"]["containers"]:
            if each["name"] == self.container:
                return {e["name"]: e["value"] for e in each.get("env", []) if "value" in e}
        return {}


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command printed, and its exit code."""

    stdout: bytes = b""
    stderr: bytes = b""
    code: int = 0


Program = Callable[[Execution], Ended]
"""Carries a command out."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A program that containers of some pods have; `pod` and `container` may hold `*`."""

    name: str
    program: Program
    pod: str = "*"
    container: str = "*"

    def is_in(self, execution: Execution) -> bool:
        """Return whether the container has it under the command's first word."""
        return (
            execution.command[0].rpartition("/")[2] == self.name.rpartition("/")[2]
            and (
                not execution.command[0].startswith("/")
                or execution.command[0] == self.name
                or not self.name.startswith("/")
            )
            and fnmatchcase(name_of(execution.pod), self.pod)
            and fnmatchcase(execution.container, self.container)
        )


@dataclass(slots=True)
class Programs:
    """What is installed where. What comes later in the list wins."""

    installed: list[Installed] = field(default_factory=list)

    def find(self, execution: Execution) -> Program | None:
        """Return what a command starts, None where the image has no such program."""
        fitting = [each for each in self.installed if each.is_in(execution)]
        return fitting[-1].program if fitting else None


def real(
    argv: Sequence[str], *, keep: bool = True, environment: Mapping[str, str] | None = None
) -> Program:
    """Return a real program of this machine: `argv`, then the command's own words."""

    def run(execution: Execution) -> Ended:
        words = [*argv, *execution.command[1:]] if keep else list(argv)
        try:
            done = subprocess.run(  # noqa: S603  A drill's own choice.
                words,
                input=execution.stdin,
                capture_output=True,
                timeout=_LONGEST_S,
                check=False,
                env=dict(environment) if environment is not None else None,
            )
        except OSError as error:
            return Ended(stderr=f"{words[0]}: {error.strerror}\n".encode(), code=NOT_FOUND)
        except subprocess.TimeoutExpired:
            return Ended(stderr=b"the drill's time for a command is up\n", code=124)
        return Ended(done.stdout, done.stderr, done.returncode)

    return run


def shell(places: Mapping[str, str]) -> Program:
    """Return a `sh` or `bash` of this machine; `places` are replaced in commands and programs.

    So `/dev/tcp/127.0.0.1/6333` can lead to the port of a real process.
    """

    def run(execution: Execution) -> Ended:
        words = []
        for word in execution.command:
            for place, real_place in places.items():
                word = word.replace(place, real_place)  # noqa: PLW2901
            words.append(word)
        variables = {"PATH": "/usr/bin:/bin", "HOME": "/", **execution.environment}
        return real(words, keep=False, environment=variables)(execution)

    return run


def curl(places: Mapping[str, str]) -> Program:
    """Return the machine's curl; `places` are replaced in addresses."""

    def run(execution: Execution) -> Ended:
        words = ["curl"]
        for word in execution.command[1:]:
            for place, real_place in places.items():
                word = word.replace(place, real_place)  # noqa: PLW2901
            words.append(word)
        return real(words, keep=False)(execution)

    return run


@dataclass(slots=True)
class ModelledRedis:
    """A `redis-cli` with a Redis of a few commands behind it: one for each pod.

    Faithful where the runbook looks: errors end with code 0 unless `-e` is given. A promotion
    is kept until the replica is attached again.
    """

    password: str = ""
    cluster_mode: bool = False
    masters: set[str] = field(default_factory=lambda: {"redis-0"})

    def __call__(self, execution: Execution) -> Ended:
        """Carry `redis-cli` out."""
        words = [each for each in execution.command[1:] if each != "-e"]
        strict = "-e" in execution.command[1:]
        if not words:
            return Ended(b"127.0.0.1:6379> \n") if not execution.stdin else Ended(b"PONG\n")
        reply = self._reply(execution, words)
        failed = reply.startswith(("ERR", "NOAUTH"))
        return Ended(f"{reply}\n".encode(), code=1 if failed and strict else 0)

    def _reply(self, execution: Execution, words: Sequence[str]) -> str:
        name = name_of(execution.pod)
        asked = " ".join(words).lower()
        if self.password and execution.environment.get("REDISCLI_AUTH") != self.password:
            return "NOAUTH Authentication required."
        role = "master" if name in self.masters else "slave"
        if asked.startswith("replicaof") and self.cluster_mode:
            return "ERR REPLICAOF not allowed in cluster mode."
        if asked == "replicaof no one":
            self.masters.add(name)
            return "OK"
        if asked.startswith("replicaof "):
            self.masters.discard(name)
            return "OK"
        replication = f"# Replication\nrole:{role}\nconnected_slaves:1"
        if role == "slave":
            replication += "\nmaster_host:redis-0.redis\nmaster_port:6379\nmaster_link_status:up"
        known = {
            "ping": "PONG",
            "dbsize": "42",
            "role": role,
            "info replication": replication,
            "cluster info": "ERR This instance has cluster support disabled",
        }
        return known.get(asked, f"ERR unknown command '{words[0]}'")


def stock(redis: Program) -> Programs:
    """Return what the project's own images have, and `redis-cli` as given.

    Programs that find no real service behind them say so, as they would in a broken cluster.
    """
    alive = Ended(b'{"title":"qdrant - vector search engine (simulator)","version":"1.0"}\n')
    return Programs(
        [
            Installed("redis-cli", redis, pod="redis-*"),
            Installed("curl", lambda _execution: alive, pod="qdrant-*"),
            Installed("sh", shell({})),
            Installed("bash", shell({})),
            Installed("true", lambda _execution: Ended()),
            Installed("env", _env),
            Installed("cat", lambda execution: Ended(execution.stdin)),
        ]
    )


def _env(execution: Execution) -> Ended:
    lines = [f"{name}={value}\n" for name, value in sorted(execution.environment.items())]
    return Ended("".join(lines).encode())
