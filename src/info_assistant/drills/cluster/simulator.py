"""The simulator as a whole: store, controllers, API server, and a kubeconfig that leads to it."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from info_assistant.drills.cluster.api import Api
from info_assistant.drills.cluster.clock import Clock, ManualClock, ScaledClock
from info_assistant.drills.cluster.contents import NAMESPACE, load, nodes, smallest
from info_assistant.drills.cluster.control import Control
from info_assistant.drills.cluster.deployments import Deployments
from info_assistant.drills.cluster.documents import Document, copied
from info_assistant.drills.cluster.faults import Faults, Pace
from info_assistant.drills.cluster.inside import Inside, Logs
from info_assistant.drills.cluster.kubelet import Kubelet, NoObserver, Observer
from info_assistant.drills.cluster.programs import ModelledRedis, Programs, stock
from info_assistant.drills.cluster.replica_sets import ReplicaSets, begin_to_end
from info_assistant.drills.cluster.resources import Resources, Strict
from info_assistant.drills.cluster.server import serving
from info_assistant.drills.cluster.stateful_sets import StatefulSets
from info_assistant.drills.cluster.store import Store
from info_assistant.drills.cluster.upkeep import (
    Autoscalers,
    Budgets,
    Cleanup,
    Endpoints,
    Jobs,
    Volumes,
)

_AT_FIRST_S = 60.0


@dataclass(frozen=True, slots=True)
class Setup:
    """What a simulator begins with. `items` None means the smallest set of objects."""

    items: Iterable[Document] | None = None
    pace: Pace = field(default_factory=Pace)
    observer: Observer = field(default_factory=NoObserver)
    programs: Programs | None = None
    strict: Strict = field(default=lambda _item: [])


class Cluster:
    """A simulated cluster; `faults`, `demand`, `logs` and `programs` may be changed at any time."""

    def __init__(self, clock: Clock, setup: Setup | None = None) -> None:
        """Hold the objects of `setup`; nothing has happened yet."""
        chosen = setup or Setup()
        self.clock = clock
        self.store = Store(clock)
        self.faults = Faults()
        self.pace = chosen.pace
        self.demand: dict[str, float] = {}
        self.redis = ModelledRedis()
        self.programs = chosen.programs or stock(self.redis)
        self.logs = Logs(clock.now)
        told = _Logging(self.logs, chosen.observer)
        self.kubelet = Kubelet(self.store, self.faults, chosen.pace, told)
        self.control = Control(
            self.store,
            (
                Cleanup(self.store, begin_to_end),
                Volumes(self.store),
                Autoscalers(self.store, self.demand),
                Deployments(self.store),
                StatefulSets(self.store, chosen.pace),
                Jobs(self.store),
                ReplicaSets(self.store, chosen.pace),
                self.kubelet,
                Budgets(self.store),
                Endpoints(self.store),
            ),
        )
        inside = Inside(self.store, self.programs, self.logs)
        resources = Resources(self.store, chosen.strict)
        self.api = Api(resources, inside)
        load(self.store, [*nodes(clock.now()), *_spaces()])
        load(self.store, copied(list(smallest() if chosen.items is None else chosen.items)))

    def advance(self, seconds: float) -> None:
        """Let time go by on a manual clock."""
        if not isinstance(self.clock, ManualClock):
            raise TypeError("Only a manual clock can be moved.")
        self.control.advance(self.clock, seconds)

    def pods(self, component: str, namespace: str = NAMESPACE) -> list[Document]:
        """Return the pods with a label `component`."""
        return self.store.all(
            "Pod",
            namespace,
            lambda pod: pod["metadata"].get("labels", {}).get("component") == component,
        )


class _Logging:
    """Writes the first line of each container's log, and passes on what it is told."""

    def __init__(self, logs: Logs, then: Observer) -> None:
        self._logs = logs
        self._then = then
        self.changing = then.changing

    def started(self, pod: Document) -> None:
        for container in pod["spec"]["containers"]:
            self._logs.begin(pod["metadata"]["uid"], container["name"])
            line = f"{container['name']} ({container['image']}) started in the simulator"
            self._logs.write(pod["metadata"]["uid"], container["name"], line)
        self._then.started(pod)

    def stopped(self, pod: Document) -> None:
        self._then.stopped(pod)

    def ready(self, pod: Document) -> bool:
        return self._then.ready(pod)

    def exited(self, pod: Document) -> int | None:
        return self._then.exited(pod)

    def ending(self, pod: Document) -> bool:
        return self._then.ending(pod)


def _spaces() -> list[Document]:
    names = ("default", "kube-system")
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names]


@dataclass(frozen=True, slots=True)
class Running:
    """A simulator that answers at `url`."""

    cluster: Cluster
    url: str

    def kubeconfig(self, path: Path, user: str = "", namespace: str = "default") -> Path:
        """Write what leads `kubectl` here, as the administrator or as another user."""
        server = f"{self.url}/as/{user}" if user else self.url
        name = "simulator"
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": name, "cluster": {"server": server}}],
                    "users": [{"name": name, "user": {}}],
                    "contexts": [
                        {
                            "name": name,
                            "context": {"cluster": name, "user": name, "namespace": namespace},
                        }
                    ],
                    "current-context": name,
                }
            )
        )
        return path


@contextmanager
def running_cluster(cluster: Cluster, port: int = 0) -> Iterator[Running]:
    """Serve a simulator on loopback until the block is left. Raises OSError for a taken port."""
    try:
        with cluster.control.running(), serving(port, cluster.api.answer) as taken:
            try:
                yield Running(cluster, f"http://127.0.0.1:{taken}")
            finally:
                cluster.store.close()
    finally:
        cluster.store.close()


def settled_cluster(setup: Setup | None = None, *, scale: float = 1.0) -> Cluster:
    """Return a cluster whose first pods are ready already, on a clock that runs `scale` times."""
    clock = _Handover(ScaledClock(scale))
    cluster = Cluster(clock, setup)
    clock.begin(cluster)
    return cluster


class _Handover:
    """Is moved by hand until the first pods are ready, then runs by itself."""

    def __init__(self, after: ScaledClock) -> None:
        self._after = after
        self._manual: ManualClock | None = ManualClock(after.now() - _AT_FIRST_S)

    def begin(self, cluster: Cluster) -> None:
        if self._manual is not None:
            cluster.control.advance(self._manual, _AT_FIRST_S)
            self._manual = None

    def now(self) -> float:
        return self._manual.now() if self._manual else self._after.now()

    def real_seconds(self, seconds: float) -> float | None:
        return None if self._manual else self._after.real_seconds(seconds)

    def stop(self) -> None:
        self._after.stop()

    def go_on(self) -> None:
        self._after.go_on()
