"""Scheduler and kubelets in one: pods are placed, pulled, started, probed, restarted and ended."""

from dataclasses import dataclass, field
from typing import Protocol

from info_assistant.drills.cluster.documents import (
    Document,
    at,
    copied,
    is_leaving,
    name_of,
    namespace_of,
    seconds_of,
    set_condition,
    soonest,
    stamp,
)
from info_assistant.drills.cluster.faults import FaultKind, Faults, Pace
from info_assistant.drills.cluster.journal import record
from info_assistant.drills.cluster.store import Store

_LONGEST_BACKOFF_S = 300.0


class Observer(Protocol):
    """Is told what becomes of pods, such that real processes can follow. Calls must return soon."""

    changing: bool
    """Whether `ready` and `exited` may say something else without a change in the cluster, so that
    they are asked again and again."""

    def started(self, pod: Document) -> None:
        """A pod's containers run, for the first time or again."""
        ...

    def stopped(self, pod: Document) -> None:
        """A pod is gone."""
        ...

    def ready(self, pod: Document) -> bool:
        """Return whether what stands behind a running pod answers."""
        ...

    def exited(self, pod: Document) -> int | None:
        """Return the code with which a running pod's program has ended by itself, else None."""
        ...

    def ending(self, pod: Document) -> bool:
        """A pod is to end, in its grace time; return whether something of it still runs.

        Asked again and again until it says no or the time is up; then the pod is gone.
        """
        ...


class NoObserver:
    """Stands behind pods with nothing behind them."""

    changing = False

    def started(self, pod: Document) -> None:
        """Do nothing."""

    def stopped(self, pod: Document) -> None:
        """Do nothing."""

    def ready(self, pod: Document) -> bool:
        """Return True."""
        del pod
        return True

    def exited(self, pod: Document) -> int | None:
        """Return None."""
        del pod
        return None

    def ending(self, pod: Document) -> bool:
        """Return False."""
        del pod
        return False


@dataclass(slots=True)
class _Run:
    """What a kubelet knows of a pod: since when its containers are in their state."""

    pod: Document
    placed_at: float
    started_at: float | None = None
    crashed_at: float | None = None
    restarts: int = 0
    ended: list[Document] = field(default_factory=list)


class Kubelet:
    """Looks after all pods of all nodes."""

    def __init__(self, store: Store, faults: Faults, pace: Pace, observer: Observer) -> None:
        """Know no pod yet."""
        self._store = store
        self._faults = faults
        self._pace = pace
        self._observer = observer
        self._runs: dict[str, _Run] = {}
        self._addresses = 0

    def look(self) -> float | None:
        """Bring all pods to where they are by now."""
        pods = self._store.all("Pod")
        present = {pod["metadata"]["uid"] for pod in pods}
        for uid in [uid for uid in self._runs if uid not in present]:
            self._observer.stopped(self._runs.pop(uid).pod)
        return soonest(self._pod(pod) for pod in pods)

    def _pod(self, pod: Document) -> float | None:
        now = self._store.clock.now()
        run = self._runs.get(pod["metadata"]["uid"])
        if at(pod, "spec", "nodeName") in self._faults.lost_nodes:
            self._unreachable(pod)
            return None
        if is_leaving(pod):
            return self._leaving(pod, now)
        if at(pod, "status", "phase") in {"Succeeded", "Failed"}:
            return None
        if run is None:
            if not self._placed(pod):
                return None
            run = self._runs[pod["metadata"]["uid"]] = _Run(copied(pod), now)
        run.pod = copied(pod)
        due = self._run(pod, run, now)
        self._write(pod)
        return due

    def _placed(self, pod: Document) -> bool:
        """Find a node with few pods; say so if there is none, or a volume is missing."""
        namespace = namespace_of(pod)
        for volume in at(pod, "spec", "volumes", default=[]):
            claim = at(volume, "persistentVolumeClaim", "claimName")
            found = self._store.find("PersistentVolumeClaim", namespace, claim or "")
            if claim and at(found, "status", "phase") != "Bound":
                self._wait(pod, f'persistentvolumeclaim "{claim}" not found or not bound')
                return False
        nodes = [
            node
            for node in self._store.all("Node")
            if not at(node, "spec", "unschedulable")
            and name_of(node) not in self._faults.lost_nodes
        ]
        if not nodes:
            self._wait(pod, "0 nodes are available for new pods")
            return False
        taken = [at(each, "spec", "nodeName") for each in self._store.all("Pod")]
        node = min(nodes, key=lambda each: (taken.count(name_of(each)), name_of(each)))
        self._addresses += 1
        pod["spec"]["nodeName"] = name_of(node)
        pod["status"]["podIP"] = f"10.1.{self._addresses // 250}.{self._addresses % 250 + 2}"
        pod["status"]["podIPs"] = [{"ip": pod["status"]["podIP"]}]
        pod["status"]["startTime"] = stamp(self._store.clock.now())
        where = f"Successfully assigned {namespace}/{name_of(pod)} to {name_of(node)}"
        record(self._store, pod, "Scheduled", where, "default-scheduler")
        return True

    def _wait(self, pod: Document, why: str) -> None:
        now = self._store.clock.now()
        wanted = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
        if at(pod, "status", "conditions", 0, "message") != why:
            record(self._store, pod, "FailedScheduling", why, "default-scheduler")
        set_condition(pod, {**wanted, "message": why}, now)
        self._write(pod)

    def _run(self, pod: Document, run: _Run, now: float) -> float | None:
        faults = [self._faults.of(pod, each) for each in pod["spec"]["containers"]]
        if FaultKind.UNPULLABLE in faults and run.started_at is None:
            self._unpulled(pod, now, faults)
            return now + _LONGEST_BACKOFF_S
        if run.started_at is None:
            if now < run.placed_at + self._pace.pull_s:
                self._pending(pod, now)
                return run.placed_at + self._pace.pull_s
            self._start(pod, run, now)
        if run.crashed_at is not None:
            again = run.crashed_at + self._backoff_s(run)
            if now < again:
                self._backing_off(pod, run, now)
                return again
            run.restarts += 1
            run.crashed_at = None
            self._start(pod, run, now)
        return self._running(pod, run, now, faults)

    def _start(self, pod: Document, run: _Run, now: float) -> None:
        run.started_at = now
        for container in pod["spec"]["containers"]:
            name = container["name"]
            record(self._store, pod, "Pulled", f'Container image "{container["image"]}"', "kubelet")
            record(self._store, pod, "Started", f"Started container {name}", "kubelet")
        self._observer.started(copied(pod))

    def _running(
        self, pod: Document, run: _Run, now: float, faults: list[FaultKind | None]
    ) -> float | None:
        began = run.started_at if run.started_at is not None else now
        crashing = FaultKind.CRASHING in faults
        if crashing and now < began + self._pace.crash_s:
            self._set(pod, now, ready=False, run=run)
            return began + self._pace.crash_s
        code = 1 if crashing else self._observer.exited(pod)
        if code is not None:
            return self._crashed(pod, run, now, code)
        if pod["spec"].get("restartPolicy") != "Always":
            if now >= began + self._pace.job_s:
                self._finished(pod, run, now)
                return None
            self._set(pod, now, ready=True, run=run)
            return began + self._pace.job_s
        if now < began + self._pace.ready_s:
            self._set(pod, now, ready=False, run=run)
            return began + self._pace.ready_s
        ready = FaultKind.UNREADY not in faults and self._observer.ready(pod)
        if not ready and at(pod, "status", "containerStatuses", 0, "ready") is not False:
            record(self._store, pod, "Unhealthy", "Readiness probe failed", "kubelet")
        self._set(pod, now, ready=ready, run=run)
        return now + self._pace.probe_s if self._observer.changing else None

    def _crashed(self, pod: Document, run: _Run, now: float, code: int) -> float | None:
        run.crashed_at = now
        ended = {
            "exitCode": code,
            "reason": "Error",
            "startedAt": stamp(run.started_at or now),
            "finishedAt": stamp(now),
        }
        run.ended = [ended]
        if pod["spec"].get("restartPolicy") == "Never":
            self._statuses(pod, {"terminated": ended}, run, ready=False)
            self._conditions(pod, now, ready=False)
            pod["status"]["phase"] = "Failed"
            return None
        record(self._store, pod, "BackOff", "Back-off restarting failed container", "kubelet")
        self._backing_off(pod, run, now)
        return now + self._backoff_s(run)

    def _backoff_s(self, run: _Run) -> float:
        return float(min(self._pace.backoff_s * 2.0**run.restarts, _LONGEST_BACKOFF_S))

    def _backing_off(self, pod: Document, run: _Run, now: float) -> None:
        waiting = {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}
        pod["status"]["phase"] = "Running"
        self._statuses(pod, {"waiting": waiting}, run, ready=False)
        self._conditions(pod, now, ready=False)

    def _finished(self, pod: Document, run: _Run, now: float) -> None:
        ended = {
            "exitCode": 0,
            "reason": "Completed",
            "startedAt": stamp(run.started_at or now),
            "finishedAt": stamp(now),
        }
        self._statuses(pod, {"terminated": ended}, run, ready=False)
        self._conditions(pod, now, ready=False)
        pod["status"]["phase"] = "Succeeded"

    def _pending(self, pod: Document, now: float) -> None:
        pod["status"]["phase"] = "Pending"
        self._statuses(pod, {"waiting": {"reason": "ContainerCreating"}}, None, ready=False)
        self._conditions(pod, now, ready=False)

    def _unpulled(self, pod: Document, now: float, faults: list[FaultKind | None]) -> None:
        self._pending(pod, now)
        for status, fault in zip(pod["status"]["containerStatuses"], faults, strict=True):
            if fault is FaultKind.UNPULLABLE:
                message = f'Back-off pulling image "{status["image"]}"'
                status["state"] = {"waiting": {"reason": "ImagePullBackOff", "message": message}}
                why = f'Failed to pull image "{status["image"]}": not found'
                if (
                    at(
                        self._store.find("Pod", namespace_of(pod), name_of(pod)),
                        "status",
                        "containerStatuses",
                        0,
                        "state",
                        "waiting",
                        "reason",
                    )
                    != "ImagePullBackOff"
                ):
                    record(self._store, pod, "Failed", why, "kubelet")

    def _set(self, pod: Document, now: float, *, ready: bool, run: _Run) -> None:
        pod["status"]["phase"] = "Running"
        running = {"running": {"startedAt": stamp(run.started_at or now)}}
        self._statuses(pod, running, run, ready=ready)
        self._conditions(pod, now, ready=ready)

    def _statuses(self, pod: Document, state: Document, run: _Run | None, *, ready: bool) -> None:
        last = {"terminated": run.ended[-1]} if run and run.ended else {}
        inits = [
            self._status(
                each, {"terminated": {"exitCode": 0, "reason": "Completed"}}, 0, ready=True
            )
            for each in pod["spec"].get("initContainers", [])
            if run is not None
        ]
        if inits:
            pod["status"]["initContainerStatuses"] = inits
        pod["status"]["containerStatuses"] = [
            {
                **self._status(each, state, run.restarts if run else 0, ready=ready),
                "lastState": last,
            }
            for each in pod["spec"]["containers"]
        ]

    @staticmethod
    def _status(container: Document, state: Document, restarts: int, *, ready: bool) -> Document:
        return {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "state": copied(state),
            "ready": ready,
            "started": "running" in state,
            "restartCount": restarts,
            "lastState": {},
        }

    def _conditions(self, pod: Document, now: float, *, ready: bool) -> None:
        word = "True" if ready else "False"
        for kind, status in (
            ("PodScheduled", "True"),
            ("Initialized", "True"),
            ("ContainersReady", word),
            ("Ready", word),
        ):
            wanted = {"type": kind, "status": status}
            if status == "False":
                wanted["reason"] = "ContainersNotReady"
            set_condition(pod, wanted, now)

    def _leaving(self, pod: Document, now: float) -> float | None:
        """End a pod; until then it is as ready as it was."""
        grace = float(pod["metadata"].get("deletionGracePeriodSeconds", 0))
        asked = seconds_of(pod["metadata"]["deletionTimestamp"]) - grace
        gone = asked + min(grace, self._pace.stop_s)
        known = pod["metadata"]["uid"] in self._runs
        if known and self._observer.ending(copied(pod)):
            gone = min(max(gone, now + self._pace.probe_s), asked + grace)
        if known and now < gone:
            if not pod["metadata"].get("annotations", {}).get("simulator/killed"):
                pod["metadata"].setdefault("annotations", {})["simulator/killed"] = "true"
                record(self._store, pod, "Killing", "Stopping container", "kubelet")
                self._write(pod)
            return gone
        self._store.remove(pod)
        return None

    def _unreachable(self, pod: Document) -> None:
        now = self._store.clock.now()
        set_condition(pod, {"type": "Ready", "status": "False", "reason": "NodeNotReady"}, now)
        self._write(pod)

    def _write(self, pod: Document) -> None:
        if self._store.find("Pod", namespace_of(pod), name_of(pod)) is not None:
            self._store.update(pod)
