"""The scripts that start Redis and Qdrant in their pods: who leads, and who joins whom."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scripts.manifests import KUBERNETES

from info_assistant.cli.local_redis import server

REDIS = KUBERNETES / "base" / "redis"
QDRANT = KUBERNETES / "base" / "qdrant"
PATIENCE_S = 30
PASSWORD = "of-these-tests"
PEER = "http://qdrant-{}.qdrant-headless:6335"

# Stands in for the cluster's names and for redis-cli, which no wheel brings: a name is a file with
# a port of this machine. What it asks are real servers.
CLI = r"""#!/usr/bin/env bash
name=${2%%.*}; [ "$name" = localhost ] && name=$HOSTNAME
shift 4
exec 3<>"/dev/tcp/127.0.0.1/$(cat "$PORTS/$name")" || exit 1
if [ "$1" = REPLICAOF ] && [ "$2" != NO ]; then
  set -- REPLICAOF 127.0.0.1 "$(cat "$PORTS/${2%%.*}")"
fi
printf 'AUTH %s\r\n%s\r\n' "$REDISCLI_AUTH" "$*" >&3
reply() {
  local line count; IFS= read -r line <&3; line=${line%$'\r'}
  case $line in
    '*'*) for ((count = ${line:1}; count > 0; count--)); do reply; done ;;
    '$-1') echo ;;
    '$'*) IFS= read -r line <&3; echo "${line%$'\r'}" ;;
    *) echo "${line:1}" ;;
  esac
}
reply >/dev/null
mapfile -t said < <(reply)
if [ "$1" = ROLE ] && [ "${said[0]}" = slave ]; then
  for each in "$PORTS"/*; do
    [ "$(cat "$each")" = "${said[2]}" ] && said[1]="${each##*/}.redis-headless"
  done
fi
printf '%s\n' "${said[@]}"
"""
START = r"""#!/usr/bin/env bash
port=$(cat "$PORTS/$HOSTNAME")
sed -i -e "s/^port .*/port $port/" -e "s#^dir .*#dir $REDIS_DATA#" -e '/^replica-announce-ip/d' "$1"
master=$(sed -n 's/^replicaof \([^.]*\)\..*/\1/p' "$1")
[ -z "$master" ] || sed -i "s/^replicaof .*/replicaof 127.0.0.1 $(cat "$PORTS/$master")/" "$1"
exec "$SERVER" "$1" >"$REDIS_RUN/log" 2>&1
"""


class Pods:
    """Three servers of Redis, each started by the script of the manifests."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        """Make their names known."""
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        for each in ("ports", "bin"):
            (folder / each).mkdir()
        for number, port in enumerate(ports):
            (folder / "ports" / f"redis-{number}").write_text(str(port))
        for name, text in (("redis-cli", CLI), ("start", START)):
            (folder / "bin" / name).write_text(text)
            (folder / "bin" / name).chmod(0o755)

    def start(self, number: int) -> None:
        """Start a server; its data is what it was."""
        name = f"redis-{number}"
        for each in ("data", "run"):
            (self._folder / name / each).mkdir(parents=True, exist_ok=True)
        self._running[name] = subprocess.Popen(
            ["sh", REDIS / "start.sh"], env=self._variables(name), start_new_session=True
        )

    def _variables(self, name: str) -> dict[str, str]:
        return {
            "PATH": f"{self._folder / 'bin'}:/usr/bin:/bin",
            "PORTS": str(self._folder / "ports"),
            "HOSTNAME": name,
            "REDIS_SERVICE": "redis-headless",
            "REDIS_SERVERS": "3",
            "REDISCLI_AUTH": PASSWORD,
            "REDIS_DATA": str(self._folder / name / "data"),
            "REDIS_RUN": str(self._folder / name / "run"),
            "REDIS_CONFIG": str(REDIS / "redis.conf"),
            "REDIS_START": str(self._folder / "bin" / "start"),
            "REDIS_LOOK_SECONDS": "0.3",
            "SERVER": str(server()),
        }

    def stop(self, *numbers: int) -> None:
        """End servers with all that they started, as the end of a container does."""
        for number in numbers:
            process = self._running.pop(f"redis-{number}", None)
            if process is not None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def ask(self, number: int, *words: str) -> list[str]:
        """Return what a server answers, nothing where it does not."""
        name = f"redis-{number}"
        done = subprocess.run(
            ["redis-cli", "-h", name, "-p", "6379", *words],
            env=self._variables(name),
            executable=self._folder / "bin" / "redis-cli",
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return done.stdout.split() if done.returncode == 0 else []

    def follows(self, number: int) -> str:
        """Return whom a server follows, "nobody" where it leads, "" where it is not there."""
        role = self.ask(number, "ROLE")
        if role[:1] == ["slave"]:
            return role[1].partition(".")[0]
        return "nobody" if role[:1] == ["master"] else ""

    def noted(self, number: int) -> str:
        """Return what a server has noted for its next start."""
        path = self._folder / f"redis-{number}" / "data" / "leader"
        return path.read_text().strip() if path.exists() else ""

    def raise_epoch(self, number: int, epoch: int) -> None:
        """Do what a backend does that connects to a new primary (docs/decisions/0020)."""
        holder = f"redis-{number}"
        self.ask(number, "HSET", "info-assistant:leader", "epoch", str(epoch), "holder", holder)


def _eventually(look: Callable[[], object], wanted: object) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"{seen}, not {wanted}"
        signal.sigtimedwait([], 0.1)


@pytest.fixture
def pods(tmp_path: Path, unused_tcp_port_factory: Callable[[], int]) -> Iterator[Pods]:
    """Three places for servers; none is started."""
    if server() is None:
        pytest.skip("no Redis for this machine: neither Valkey's wheel nor redis-server")
    made = Pods(tmp_path, [unused_tcp_port_factory() for _ in range(3)])
    try:
        yield made
    finally:
        made.stop(0, 1, 2)


def test_a_promotion_survives_everything(pods: Pods) -> None:
    """`REPLICAOF NO ONE` on redis-1 is all: the others follow it, also after restarts of all."""

    def state() -> list[str]:
        return [pods.follows(each) for each in range(3)]

    for each in range(3):
        pods.start(each)
    _eventually(state, ["nobody", "redis-0", "redis-0"])
    pods.raise_epoch(0, 1)
    _eventually(lambda: [pods.noted(each) for each in (1, 2)], ["redis-0 1", "redis-0 1"])

    # The runbook's promotion, while the old primary is gone.
    pods.stop(0)
    assert pods.ask(1, "REPLICAOF", "NO", "ONE") == ["OK"]
    pods.raise_epoch(1, 2)
    _eventually(state, ["", "nobody", "redis-1"])

    # It comes back, and follows; so it does after a restart of all at once.
    pods.start(0)
    _eventually(state, ["redis-1", "nobody", "redis-1"])
    _eventually(
        lambda: [pods.noted(each) for each in range(3)], ["redis-1 2", "nobody 2", "redis-1 2"]
    )
    pods.stop(0, 1, 2)
    for each in range(3):
        pods.start(each)
    _eventually(state, ["redis-1", "nobody", "redis-1"])
    assert pods.ask(0, "PING") == ["PONG"]


@pytest.mark.parametrize(
    ("self_name", "answering", "expected"),
    [
        ("qdrant-0", (), f"--uri {PEER.format(0)}"),
        (
            "qdrant-2",
            (),
            f"--bootstrap {PEER.format(0)} --uri {PEER.format(2)}",
        ),
        (
            "qdrant-0",
            ("qdrant-1", "qdrant-2"),
            f"--bootstrap {PEER.format(1)} --uri {PEER.format(0)}",
        ),
    ],
)
def test_a_peer_of_qdrant_joins_who_is_there(
    tmp_path: Path, self_name: str, answering: tuple[str, ...], expected: str
) -> None:
    """Also an emptied qdrant-0 joins the others; only where nobody answers it begins a cluster."""
    hosts = "|".join(f"*//{each}.*" for each in answering) or "nobody"
    (tmp_path / "curl").write_text(
        f'#!/bin/bash\ncase "${{@: -1}}" in {hosts}) exit 0 ;; esac\nexit 7\n'
    )
    (tmp_path / "entrypoint.sh").write_text('#!/bin/bash\necho "$@"\n')
    for each in ("curl", "entrypoint.sh"):
        (tmp_path / each).chmod(0o755)
    done = subprocess.run(
        ["bash", QDRANT / "start.sh"],
        env={
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "HOSTNAME": self_name,
            "QDRANT_SERVICE": "qdrant-headless",
            "QDRANT_PEERS": "3",
            "QDRANT_START": str(tmp_path / "entrypoint.sh"),
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert done.stdout.strip() == expected
