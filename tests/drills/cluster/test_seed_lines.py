"""Each kubectl line of the seed's runbook, by the real kubectl: its verdict in contract.md."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.drills.kubectl import Kubectl

from info_assistant.drills.cluster.contents import smallest
from info_assistant.drills.cluster.faults import Fault, FaultKind
from info_assistant.drills.cluster.programs import Ended, Installed, ModelledRedis, stock
from info_assistant.drills.cluster.simulator import (
    Running,
    Setup,
    running_cluster,
    settled_cluster,
)


@dataclass(frozen=True)
class Line:
    """A command with its number in contract.md, and what kubectl says and ends with."""

    number: int
    command: str
    says: str
    code: int = 0


# What reads goes first, then each change with what stands behind it in the runbook.
AS_WRITTEN = (
    Line(1, "kubectl get nodes", "node-3 +Ready"),
    Line(2, "kubectl get pods -n NS", "redis-1 +1/1 +Running"),
    Line(3, "kubectl get pods -n NS -o wide", "NODE"),
    # FAIL: Qdrant's image has no curl.
    Line(
        4,
        "kubectl exec -it qdrant-0 -n NS -- curl localhost:6333",
        r'exec: "curl": executable file not found in \$PATH',
        1,
    ),
    Line(5, "kubectl exec -it redis-0 -n NS -- redis-cli ping", "PONG"),
    Line(6, "kubectl rollout history deployment/backend -n NS", "1 +first release"),
    Line(7, "kubectl describe deployment/backend -n NS", "NewReplicaSet: +backend-"),
    Line(16, "kubectl get pods -l component=qdrant -n NS", "qdrant-2"),
    Line(17, "kubectl logs qdrant-0 -n NS --tail=100", "started in the simulator"),
    Line(18, "kubectl get pvc -n NS", "qdrant-storage-qdrant-0 +Bound"),
    # FAIL: without -n it looks in the namespace default.
    Line(
        19,
        "kubectl describe pvc qdrant-storage-qdrant-0",
        r'\(NotFound\): persistentvolumeclaims "qdrant-storage-qdrant-0" not found',
        1,
    ),
    # FAIL: nobody has filled in the name.
    Line(
        20,
        "kubectl exec -it backend-[POD-ID] -n NS -- curl http://qdrant:6333",
        r'\(NotFound\): pods "backend-\[POD-ID\]" not found',
        1,
    ),
    Line(27, "kubectl get pods -l component=redis -n NS", "redis-0"),
    Line(28, "kubectl logs redis-0 -n NS --tail=100", "started in the simulator"),
    # FAIL: a prompt, and nobody who types.
    Line(
        29, "kubectl exec -it redis-0 -n NS -- redis-cli", "127.0.0.1:6379>|^$|Unable to use a TTY"
    ),
    Line(30, "kubectl exec redis-0 -n NS -- redis-cli -e PING", "PONG"),
    Line(31, "kubectl exec redis-0 -n NS -- redis-cli -e INFO replication", "role:master"),
    Line(
        32, "kubectl exec redis-0 -n NS -- redis-cli CLUSTER INFO", "ERR This instance has cluster"
    ),
    # FAIL partly: of one pod only, and no match looks like a failure.
    Line(36, 'kubectl logs deployment/backend -n NS | grep -i "openai"', "Found 3 pods|^$", 1),
    Line(15, "kubectl get hpa -n NS", "Deployment/backend +cpu: 27%/80% +3 +10 +3"),
    Line(34, "kubectl exec -it redis-1 -n NS -- redis-cli REPLICAOF NO ONE", "OK"),
    Line(35, "kubectl set env deployment/backend REDIS_ENABLED=false -n NS", "env updated"),
    Line(37, "kubectl set env deployment/backend LLM_PROVIDER=anthropic -n NS", "env updated"),
    Line(38, "kubectl set env deployment/backend CACHE_ONLY_MODE=true -n NS", "env updated"),
    Line(9, "kubectl rollout status deployment/backend -n NS", "successfully rolled out"),
    # COND: it takes back the switch of line 38, which made a revision of its own.
    Line(8, "kubectl rollout undo deployment/backend -n NS", "rolled back"),
    Line(
        8,
        "kubectl set env deployment/backend --list -n NS",
        "LLM_PROVIDER=anthropic(?!.*CACHE_ONLY)",
    ),
    Line(11, "kubectl rollout restart deployment/backend -n NS", "restarted"),
    Line(12, "kubectl rollout restart deployment/frontend -n NS", "restarted"),
    Line(21, "kubectl delete pod qdrant-0 -n NS", 'pod "qdrant-0" deleted'),
    Line(22, "kubectl wait --for=create pod/qdrant-0 -n NS --timeout=30s", "condition met"),
    Line(
        22,
        "kubectl wait --for=condition=ready pod/qdrant-0 -n NS --timeout=40s",
        "condition met",
    ),
    Line(23, "kubectl scale statefulset/qdrant --replicas=0 -n NS", "scaled"),
    Line(23, "kubectl wait --for=delete pod/qdrant-0 -n NS --timeout=30s", ""),
    # FAIL: the line before took the pod away.
    Line(
        24,
        "kubectl exec -it qdrant-0 -n NS -- /restore-backup.sh",
        r'\(NotFound\): pods "qdrant-0" not found',
        1,
    ),
    Line(25, "kubectl scale statefulset/qdrant --replicas=3 -n NS", "scaled"),
    Line(25, "kubectl rollout status statefulset/qdrant -n NS --timeout=40s", "roll out complete"),
    Line(33, "kubectl rollout restart statefulset/redis -n NS", "restarted"),
    Line(33, "kubectl rollout status statefulset/redis -n NS --timeout=40s", "roll out complete"),
)


def run_all(kubectl: Kubectl, lines: tuple[Line, ...]) -> list[str]:
    """Return those lines that did not end as expected, with what they said."""
    wrong = []
    for line in lines:
        done = kubectl(line.command)
        if done.returncode != line.code or not re.search(line.says, done.stdout, re.DOTALL):
            wrong.append(f"{line.number} {line.command}: {done.returncode} {done.stdout}")
    return wrong


@pytest.fixture
def stock_images() -> Iterator[Running]:
    """Run a cluster with images as their makers publish them: no curl beside Qdrant."""
    programs = stock(ModelledRedis())
    programs.installed[:] = [each for each in programs.installed if each.name != "curl"]
    cluster = settled_cluster(Setup(programs=programs), scale=40)
    with running_cluster(cluster) as running:
        yield running


def test_each_line_of_the_seed_behaves_as_its_verdict_says(
    stock_images: Running, tmp_path: Path
) -> None:
    """Those that fail as written fail, with kubectl's own message; the others do what they say."""
    assert run_all(Kubectl(tmp_path, stock_images), AS_WRITTEN) == []


def test_a_role_of_a_namespace_may_not_see_nodes(stock_images: Running, tmp_path: Path) -> None:
    """Line 1 is COND: nodes belong to the whole cluster."""
    kubectl = Kubectl(tmp_path, stock_images)
    refused = kubectl("kubectl get nodes", user="onlooker")
    assert (refused.returncode, "cannot list resource" in refused.stdout) == (1, True)
    assert 'nodes is forbidden: User "onlooker"' in refused.stdout
    assert kubectl("kubectl get pods -n NS", user="onlooker").returncode == 0


def test_waiting_right_after_deleting_waits_for_the_wrong_pod(tmp_path: Path) -> None:
    """Line 22 races: the old pod is still ready while it ends, and then there is none at all."""
    cluster = settled_cluster(scale=1)
    cluster.clock.stop()  # type: ignore[attr-defined]
    wait = "kubectl wait --for=condition=ready pod/qdrant-0 -n NS --timeout=20s"
    with running_cluster(cluster) as running:
        kubectl = Kubectl(tmp_path, running)
        kubectl("kubectl delete pod qdrant-0 -n NS --wait=false")
        too_early = kubectl(wait)
        kubectl("kubectl delete pod qdrant-0 -n NS --grace-period=0 --force --wait=false")
        none_there = kubectl(wait)
    assert (too_early.returncode, "condition met" in too_early.stdout) == (0, True)
    assert (none_there.returncode, "(NotFound)" in none_there.stdout) == (1, True)


def test_scaling_by_hand_does_not_last_beside_an_autoscaler(tmp_path: Path) -> None:
    """Line 14 is COND: at its next look the autoscaler takes ten replicas back to three."""
    with running_cluster(settled_cluster(scale=60)) as running:
        kubectl = Kubectl(tmp_path, running)
        assert kubectl("kubectl scale deployment/backend --replicas=10 -n NS").returncode == 0
        three = "--for=jsonpath='{.spec.replicas}'=3"
        back = kubectl(f"kubectl wait {three} deployment/backend -n NS --timeout=30s")
    assert "condition met" in back.stdout


def test_a_restart_never_reaches_a_redis_that_is_not_ready(tmp_path: Path) -> None:
    """Line 33 fails in the very case it is for, with OrderedReady; deleting the pod helps."""
    setup = Setup(items=smallest("OrderedReady"))
    cluster = settled_cluster(setup, scale=40)
    unready = Fault(FaultKind.UNREADY, pod="redis-0", image="example/redis:1")
    cluster.faults.active.append(unready)
    with running_cluster(cluster) as running:
        kubectl = Kubectl(tmp_path, running)
        kubectl("kubectl delete pod redis-0 -n NS")
        kubectl("kubectl wait --for=create pod/redis-0 -n NS --timeout=20s")
        restart = kubectl("kubectl rollout restart statefulset/redis -n NS")
        stuck = kubectl("kubectl rollout status statefulset/redis -n NS --timeout=2s")
        cluster.faults.active.remove(unready)
        kubectl("kubectl delete pod redis-0 -n NS --timeout=20s")
        done = kubectl("kubectl rollout status statefulset/redis -n NS --timeout=40s")
    assert restart.returncode == 0
    assert (stuck.returncode, "timed out" in stuck.stdout) == (1, True)
    assert "roll out complete" in done.stdout


def test_a_password_is_no_failure_to_redis_cli(tmp_path: Path) -> None:
    """Line 5 is COND: NOAUTH ends with code 0, and with -e as in our runbook with 1."""
    programs = stock(ModelledRedis(password="secret"))
    with running_cluster(settled_cluster(Setup(programs=programs), scale=40)) as running:
        kubectl = Kubectl(tmp_path, running)
        lied = kubectl("kubectl exec redis-0 -n NS -- redis-cli ping")
        told = kubectl("kubectl exec redis-0 -n NS -- redis-cli -e ping")
    assert (lied.returncode, "NOAUTH" in lied.stdout) == (0, True)
    assert told.returncode == 1


def test_a_bad_image_stops_a_rollout_and_undo_mends_it(tmp_path: Path) -> None:
    """Lines 8 and 9 help where they are meant to: after a bad release, with old pods in service."""
    cluster = settled_cluster(scale=40)
    cluster.faults.active.append(Fault(FaultKind.UNPULLABLE, image="example/backend:bad"))
    with running_cluster(cluster) as running:
        kubectl = Kubectl(tmp_path, running)
        kubectl("kubectl set image deployment/backend backend=example/backend:bad -n NS")
        stuck = kubectl("kubectl rollout status deployment/backend -n NS --timeout=1s")
        pods = kubectl("kubectl get pods -l component=backend -n NS")
        kubectl("kubectl rollout undo deployment/backend -n NS")
        done = kubectl("kubectl rollout status deployment/backend -n NS --timeout=40s")
    assert stuck.returncode == 1
    assert pods.stdout.count("1/1") == 3
    assert "ImagePullBackOff" in pods.stdout
    assert "successfully rolled out" in done.stdout


def test_programs_of_the_project_images_are_found(tmp_path: Path) -> None:
    """With curl and the restore script in the image, line 4 works, and so does the script."""
    programs = stock(ModelledRedis())
    script = Installed(
        "/restore-backup.sh",
        lambda _run: Ended(b"restored 3 collections\n", code=0),
        pod="qdrant-*",
    )
    programs.installed.append(script)
    with running_cluster(settled_cluster(Setup(programs=programs), scale=40)) as running:
        kubectl = Kubectl(tmp_path, running)
        asked = kubectl("kubectl exec -it qdrant-0 -n NS -- curl localhost:6333")
        restored = kubectl("kubectl exec qdrant-0 -n NS -- /restore-backup.sh")
        code = kubectl("kubectl exec redis-0 -n NS -- sh -c 'exit 3'")
        heard = kubectl("echo hello | kubectl exec -i redis-0 -n NS -- cat")
    assert "qdrant" in asked.stdout
    assert restored.stdout == "restored 3 collections\n"
    assert (code.returncode, heard.stdout) == (3, "hello\n")
