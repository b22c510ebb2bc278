"""What stands behind pods decides: programs that end, and that take their time."""

from dataclasses import dataclass, field

from info_assistant.drills.cluster.clock import ManualClock
from info_assistant.drills.cluster.contents import NAMESPACE, container, deployment
from info_assistant.drills.cluster.documents import Document, at, is_leaving, is_ready, name_of
from info_assistant.drills.cluster.faults import Pace
from info_assistant.drills.cluster.simulator import Cluster, Setup

PACE = Pace(pull_s=0, ready_s=0, stop_s=0, backoff_s=2, probe_s=0.5)


@dataclass
class Programs:
    """Stands for the programs of pods: which code they have ended with, and how they end."""

    changing: bool = True
    code: int | None = None
    still_runs: bool = False
    starts: int = 0
    gone: list[str] = field(default_factory=list)

    def started(self, pod: Document) -> None:
        """Count."""
        del pod
        self.starts += 1

    def stopped(self, pod: Document) -> None:
        """Note it."""
        self.gone.append(name_of(pod))

    def ready(self, pod: Document) -> bool:
        """Say yes."""
        del pod
        return True

    def exited(self, pod: Document) -> int | None:
        """Say the code."""
        del pod
        return self.code

    def ending(self, pod: Document) -> bool:
        """Say whether it still runs."""
        del pod
        return self.still_runs


def cluster_of(programs: Programs) -> Cluster:
    """Return a cluster with a backend and these programs, five seconds old."""
    item = deployment("backend", 1, container("backend", "backend:1", 8000))
    item["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 8
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    setup = Setup([space, item], PACE, programs)
    cluster = Cluster(ManualClock(1_800_000_000.0), setup)
    cluster.advance(5)
    return cluster


def test_a_program_that_ends_is_started_again_after_growing_pauses() -> None:
    """Its exit code is told, the pod is not ready meanwhile, and each pause is twice as long."""
    programs = Programs()
    cluster = cluster_of(programs)
    assert is_ready(cluster.pods("backend")[0])
    programs.code = 137
    cluster.advance(1)
    (pod,) = cluster.pods("backend")
    status = at(pod, "status", "containerStatuses", 0)
    assert (status["state"]["waiting"]["reason"], is_ready(pod)) == ("CrashLoopBackOff", False)
    cluster.advance(2)
    (pod,) = cluster.pods("backend")
    status = at(pod, "status", "containerStatuses", 0)
    assert status["lastState"]["terminated"]["exitCode"] == 137
    assert (programs.starts, status["restartCount"]) == (2, 1)
    cluster.advance(3)
    assert programs.starts == 2, "the second pause is 4 s"
    programs.code = None
    cluster.advance(2)
    assert (programs.starts, is_ready(cluster.pods("backend")[0])) == (3, True)


def test_a_pod_is_there_until_its_program_has_ended() -> None:
    """A program that takes 3 s keeps its pod for 3 s, one that never ends for the grace time."""
    for takes_s, there_for_s in ((3.0, 3.0), (60.0, 8.0)):
        programs = Programs(still_runs=True)
        cluster = cluster_of(programs)
        (pod,) = cluster.pods("backend")
        pod["metadata"]["deletionTimestamp"] = "2027-01-15T08:00:13Z"
        pod["metadata"]["deletionGracePeriodSeconds"] = 8
        cluster.store.update(pod)
        cluster.advance(there_for_s - 1)
        assert [is_leaving(each) for each in cluster.pods("backend")].count(True) == 1
        assert programs.gone == []
        programs.still_runs = takes_s > there_for_s
        cluster.advance(2)
        assert programs.gone == [name_of(pod)]
