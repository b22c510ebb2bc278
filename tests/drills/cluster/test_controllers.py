"""Rollouts, orders and volumes, moment by moment on a clock that the test moves."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from info_assistant.drills.cluster.clock import ManualClock
from info_assistant.drills.cluster.contents import NAMESPACE, smallest
from info_assistant.drills.cluster.documents import condition, is_leaving, is_ready, name_of
from info_assistant.drills.cluster.faults import Fault, FaultKind
from info_assistant.drills.cluster.simulator import Cluster, Setup
from info_assistant.drills.cluster.tables import pod_state


def settled(items: list[dict[str, Any]] | None = None) -> Cluster:
    """Return a cluster whose first pods are ready, and whose autoscaler is left out."""
    given_items = smallest() if items is None else items
    kept = [each for each in given_items if each["kind"] != "HorizontalPodAutoscaler"]
    cluster = Cluster(ManualClock(1_800_000_000.0), Setup(items=kept))
    cluster.advance(60)
    return cluster


def change(cluster: Cluster, kind: str, name: str, **spec: Any) -> None:  # noqa: ANN401
    """Write fields of an object's `spec`."""
    item = cluster.store.find(kind, NAMESPACE, name)
    assert item is not None
    item["spec"] |= spec
    cluster.store.update(item)


def release(cluster: Cluster, image: str, kind: str = "Deployment", name: str = "backend") -> None:
    """Give a workload's first container another image."""
    item = cluster.store.find(kind, NAMESPACE, name)
    assert item is not None
    item["spec"]["template"]["spec"]["containers"][0]["image"] = image
    cluster.store.update(item)


def images(cluster: Cluster, component: str = "backend") -> list[str]:
    """Return the images of a component's pods that are ready."""
    ready = [pod for pod in cluster.pods(component) if is_ready(pod)]
    return sorted(pod["spec"]["containers"][0]["image"] for pod in ready)


def names(cluster: Cluster, component: str) -> list[str]:
    """Return the names of a component's pods."""
    return [name_of(pod) for pod in cluster.pods(component)]


@settings(max_examples=12, deadline=None)
@given(
    replicas=st.integers(1, 6),
    surge=st.sampled_from([0, 1, 2, "25%", "50%"]),
    missing=st.sampled_from([0, 1, "25%", "50%"]),
    bad=st.booleans(),
)
def test_a_rollout_keeps_its_bounds_at_every_moment(
    replicas: int, surge: int | str, missing: int | str, *, bad: bool
) -> None:
    """Never fewer ready pods nor more pods than allowed; a bad release replaces no more."""
    only = [each for each in smallest() if each["metadata"]["name"] in {NAMESPACE, "backend"}]
    cluster = settled(only)
    rolling = {"maxSurge": surge, "maxUnavailable": missing}
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    change(cluster, "Deployment", "backend", replicas=replicas, strategy=strategy)
    cluster.advance(30)
    most = replicas + _number(surge, replicas, up=True)
    allowed = _number(missing, replicas, up=False)
    if most == replicas and not allowed:
        allowed = 1
    if bad:
        cluster.faults.active.append(Fault(FaultKind.UNREADY, image="example/backend:2"))
    release(cluster, "example/backend:2")
    for _ in range(80):
        cluster.advance(0.5)
        pods = [pod for pod in cluster.pods("backend") if not is_leaving(pod)]
        ready = [pod for pod in pods if is_ready(pod)]
        assert len(pods) <= most
        assert len(ready) >= replicas - allowed
    expected = {"example/backend:1"} if bad else {"example/backend:2"}
    assert set(images(cluster)) <= expected
    assert bad or len(images(cluster)) == replicas


def _number(value: int | str, total: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = int(value[:-1]) * total
    return -(-share // 100) if up else share // 100


def test_a_release_that_never_comes_says_so_after_its_deadline() -> None:
    """Without progress until its deadline the condition is False; a rollback mends it."""
    cluster = settled()
    change(cluster, "Deployment", "backend", progressDeadlineSeconds=60)
    cluster.faults.active.append(Fault(FaultKind.UNPULLABLE, image="example/backend:2"))
    release(cluster, "example/backend:2")
    cluster.advance(50)
    assert _progress(cluster)["status"] == "True"
    cluster.advance(30)
    assert _progress(cluster)["reason"] == "ProgressDeadlineExceeded"
    assert images(cluster) == ["example/backend:1"] * 3
    release(cluster, "example/backend:1")
    cluster.advance(30)
    assert _progress(cluster)["reason"] == "NewReplicaSetAvailable"
    assert len(cluster.pods("backend")) == 3


def _progress(cluster: Cluster) -> dict[str, Any]:
    item = cluster.store.find("Deployment", NAMESPACE, "backend")
    assert item is not None
    return condition(item, "Progressing")


def test_going_back_makes_a_new_revision_of_the_old_one() -> None:
    """Revision 1 becomes 3, as in Kubernetes, and its ReplicaSet is the same one."""
    cluster = settled()
    release(cluster, "example/backend:2")
    cluster.advance(60)
    release(cluster, "example/backend:1")
    cluster.advance(60)
    sets = cluster.store.all("ReplicaSet", NAMESPACE)
    marks = {
        each["spec"]["template"]["spec"]["containers"][0]["image"]: each["metadata"]["annotations"][
            "deployment.kubernetes.io/revision"
        ]
        for each in sets
        if each["metadata"]["labels"]["component"] == "backend"
    }
    assert marks == {"example/backend:1": "3", "example/backend:2": "2"}


@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
def test_a_stateful_set_keeps_to_its_order_and_its_volumes(policy: str) -> None:
    """OrderedReady goes one by one, Parallel all at once; claims stay when pods go."""
    cluster = settled(smallest(policy))
    change(cluster, "StatefulSet", "redis", replicas=0)
    most_leaving, seen = 0, []
    for _ in range(40):
        cluster.advance(0.5)
        most_leaving = max(most_leaving, sum(map(is_leaving, cluster.pods("redis"))))
    assert names(cluster, "redis") == []
    assert most_leaving == (1 if policy == "OrderedReady" else 3)
    claims = [name_of(each) for each in cluster.store.all("PersistentVolumeClaim", NAMESPACE)]
    assert [each for each in claims if "redis" in each] == [
        f"redis-data-redis-{number}" for number in range(3)
    ]
    change(cluster, "StatefulSet", "redis", replicas=3)
    for _ in range(60):
        cluster.advance(0.5)
        seen.append((len(cluster.pods("redis")), len(images(cluster, "redis"))))
    assert seen[-1] == (3, 3)
    assert any(pods - ready > 1 for pods, ready in seen) is (policy == "Parallel")


def test_a_crash_loop_backs_off_and_counts() -> None:
    """A container that ends is started again, ever later, and the pod says CrashLoopBackOff."""
    cluster = settled()
    cluster.faults.active.append(Fault(FaultKind.CRASHING, image="example/frontend:2"))
    release(cluster, "example/frontend:2", name="frontend")
    cluster.advance(70)
    crashing = [pod for pod in cluster.pods("frontend") if not is_ready(pod)]
    assert [pod_state(pod) for pod in crashing] == ["CrashLoopBackOff"]
    assert crashing[0]["status"]["containerStatuses"][0]["restartCount"] == 2


def test_the_autoscaler_wins_over_a_hand_and_keeps_its_bounds() -> None:
    """Manual replicas last until its next look; demand moves it between its bounds."""
    cluster = Cluster(ManualClock(1_800_000_000.0))
    cluster.advance(60)
    change(cluster, "Deployment", "backend", replicas=10)
    cluster.advance(20)
    cluster.advance(30)
    assert len(cluster.pods("backend")) == 3
    cluster.demand[f"{NAMESPACE}/backend"] = 25.0
    cluster.advance(40)
    assert len(cluster.pods("backend")) == 10
    cluster.demand[f"{NAMESPACE}/backend"] = 1.0
    cluster.advance(200)
    assert len(cluster.pods("backend")) == 10, "it goes down only after five minutes"
    cluster.advance(200)
    assert len(cluster.pods("backend")) == 3


def test_a_lost_node_keeps_its_pod_until_it_is_forced() -> None:
    """A pod that is deleted on a lost node stays Terminating, and its StatefulSet waits for it."""
    cluster = settled()
    pod = cluster.pods("qdrant")[0]
    cluster.faults.lost_nodes.add(pod["spec"]["nodeName"])
    pod["metadata"]["deletionTimestamp"] = "2027-01-15T08:00:00Z"
    cluster.store.update(pod)
    cluster.advance(600)
    assert pod_state(cluster.pods("qdrant")[0]) == "Terminating"
    cluster.store.remove(cluster.pods("qdrant")[0])
    cluster.advance(30)
    assert names(cluster, "qdrant") == ["qdrant-0", "qdrant-1", "qdrant-2"]
    assert is_ready(cluster.pods("qdrant")[0])
