"""One machine with a backend, Qdrant and two Redis: what is done to its pods happens to processes.

Its tests share it and leave it well. More of it, and both backends, is tried by
`make options-machine`.
"""

import os
import shutil
from collections.abc import Callable, Iterator

import psutil
import pytest
from benchmarks.harness.processes import await_true

from info_assistant.cli.local_redis import server
from info_assistant.cli.machine import plan
from info_assistant.drills.machine.faults import (
    FaultNotShown,
    Hung,
    Killed,
    ProviderFails,
)
from info_assistant.drills.machine.machine import Machine
from info_assistant.drills.machine.plan import NAMESPACE
from info_assistant.drills.machine.running import running_machine

pytestmark = pytest.mark.timeout(600)
WITHIN_S = 120.0


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Run a machine; afterwards nothing that it had started is left."""
    if server() is None:
        pytest.skip("no Redis for this machine: neither Valkey's wheel nor redis-server")
    if shutil.which("curl") is None:
        pytest.skip("no curl, which the runbook asks with")
    small = plan({"backends": 1, "with_frontend": False, "start_s": 300.0})
    before = _children()
    with running_machine(tmp_path_factory.mktemp("machine"), small) as running:
        assert len(_children() - before) >= 4
        yield running
    assert _children() - before == set()


def _children() -> set[int]:
    return {each.pid for each in psutil.Process(os.getpid()).children(recursive=True)}


def kubectl(machine: Machine, line: str) -> tuple[int, str]:
    """Return the code and the words of a command; NS stands for the namespace."""
    done = machine.run(f"kubectl {line}".replace(" NS", f" {NAMESPACE}"))
    return done.returncode, done.stdout


def becomes(condition: Callable[[], bool], what: str) -> None:
    """Return once something holds. Raises TimeoutError."""
    await_true(condition, WITHIN_S, what, 0.2)


def pid_of(machine: Machine, pod: str) -> int:
    """Return the process id of a pod."""
    (hosted,) = machine.parts.node.at(pod)
    assert hosted.process is not None
    return hosted.process.pid


def test_a_question_is_answered_from_outside(machine: Machine) -> None:
    """By the product itself, behind an ingress; a new wording too, and Redis takes part."""
    becomes(machine.serves, "questions are answered")


def test_commands_in_pods_reach_the_real_processes(machine: Machine) -> None:
    """redis-cli, a shell's own sockets, curl and logs, as the runbook uses them."""
    replication = "exec redis-1 -n NS -- redis-cli -e info replication"
    becomes(lambda: "master_link_status:up" in kubectl(machine, replication)[1], "it follows")
    assert "role:slave" in kubectl(machine, replication)[1]
    line = (
        "exec deployment/backend -c backend -n NS -- bash -c 'exec 3<>/dev/tcp/qdrant/6333; "
        r'printf "GET /readyz HTTP/1.0\r\n\r\n" >&3; head -n 1 <&3 | grep 200' + "'"
    )
    assert kubectl(machine, line) == (0, "HTTP/1.1 200 OK\n"), kubectl(machine, line)
    assert "local-qdrant" in kubectl(machine, "exec qdrant-0 -n NS -- curl -s localhost:6333")[1]
    assert "Application startup complete" in kubectl(machine, "logs deployment/backend -n NS")[1]
    health = "curl -sS https://pubsec-info-assistant.com/health"
    becomes(lambda: '"status":"ok"' in machine.run(health).stdout, "all is well")


def test_a_pod_that_hangs_is_mended_by_deleting_it(machine: Machine) -> None:
    """It stands still and hears no SIGTERM; after its grace time the pod has another process."""
    before = pid_of(machine, "redis-1")
    machine.inject(Hung("redis-1"))
    assert psutil.Process(before).status() == psutil.STATUS_STOPPED
    kubectl(machine, "delete pod redis-1 -n NS --grace-period=1 --timeout=60s")
    kubectl(machine, "wait --for=create pod/redis-1 -n NS --timeout=120s")
    waiting = "wait --for=condition=ready pod/redis-1 -n NS --timeout=120s"
    assert "condition met" in kubectl(machine, waiting)[1]
    assert pid_of(machine, "redis-1") != before
    assert not psutil.pid_exists(before)


def test_what_cannot_be_broken_is_said(machine: Machine) -> None:
    """A fault that nothing shows is an error and no drill."""
    with pytest.raises(FaultNotShown, match="qdrant-1 has no process"):
        machine.inject(Hung("qdrant-1"))
    with pytest.raises(FaultNotShown, match="no stand-in for openai"):
        machine.inject(ProviderFails("openai"))


def test_a_redis_that_stays_away_is_replaced_by_its_replica(machine: Machine) -> None:
    """Option 2 of P0-3: each new redis-0 is killed too, and after a promotion redis-1 is used."""
    gone = Killed("redis-0")
    machine.inject(gone)
    becomes(lambda: not machine.look().cached, "the service misses Redis")
    becomes(lambda: "CrashLoopBackOff" in kubectl(machine, "get pods -n NS")[1], "it is held off")
    assert kubectl(machine, "exec redis-1 -n NS -- redis-cli -e REPLICAOF NO ONE")[1] == "OK\n"
    becomes(machine.serves, "the replica leads")
    machine.lift(gone)
    kubectl(machine, "delete pod redis-0 redis-1 -n NS --timeout=60s")
    kubectl(machine, "wait --for=create pod/redis-0 pod/redis-1 -n NS --timeout=60s")
    ready = "wait --for=condition=ready pod/redis-0 pod/redis-1 -n NS --timeout=120s"
    assert kubectl(machine, ready)[0] == 0
    becomes(machine.serves, "the first leads again")
