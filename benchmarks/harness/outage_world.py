"""A simulated cluster with a service in it that can be broken, and a look at it from outside.

What stands behind pods is this model, not the product: it says what an option of the runbook does
to a cluster, not what the product does then.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness.option_trials import Pace, Theatre
from benchmarks.harness.plain_server import answering
from benchmarks.harness.report import ROOT

from info_assistant.drills.cluster.contents import NAMESPACE
from info_assistant.drills.cluster.documents import Document, at, is_ready, name_of
from info_assistant.drills.cluster.kubelet import NoObserver
from info_assistant.drills.cluster.programs import Ended, Execution, Installed, ModelledRedis, stock
from info_assistant.drills.cluster.simulator import (
    Cluster,
    Running,
    Setup,
    running_cluster,
    settled_cluster,
)
from info_assistant.drills.machine.faults import (
    BackupDamaged,
    DataLost,
    Fault,
    Hung,
    Killed,
    PromotionRefused,
    ProviderFails,
    Released,
    TooBusy,
    ZoneRefused,
)
from info_assistant.drills.machine.outside import Dns, install
from info_assistant.drills.provider_faults import Behaviour
from info_assistant.runbooks.running.shell import Bash

SCALE = 60.0
"""How many times as fast the cluster's time runs; timeouts of commands are divided alike."""


@dataclass
class World(NoObserver):
    """What is broken behind pods. As an observer of the cluster it says which pods are ready."""

    folder: Path
    changing: bool = True
    sick: set[str] = field(default_factory=set)
    """Pods that are broken, by their unique ids: new ones in their place are well."""
    broken: set[str] = field(default_factory=set)
    """Names of pods, or components, that are broken whatever becomes of them."""
    bad_images: set[str] = field(default_factory=set)
    data_lost: bool = False
    restore_works: bool = True
    openai_up: bool = True
    anthropic_up: bool = True
    needed: int = 1
    """How many backends the load needs."""
    redis: ModelledRedis = field(default_factory=ModelledRedis)

    @property
    def dns(self) -> Dns:
        """Where DNS leads."""
        return Dns(self.folder)

    def ready(self, pod: Document) -> bool:
        """Return whether what stands behind a pod answers."""
        component = pod["metadata"]["labels"].get("component", "")
        image = str(at(pod, "spec", "containers", 0, "image"))
        return not (
            pod["metadata"]["uid"] in self.sick
            or {component, name_of(pod)} & self.broken
            or image in self.bad_images
            or (component == "qdrant" and self.data_lost)
        )

    def meet(self, fault: Fault, cluster: Cluster) -> None:
        """Let something go wrong. Raises ValueError for what the model does not know."""
        match fault:
            case Hung(where, lasting=False):
                self.sick |= {
                    pod["metadata"]["uid"]
                    for pod in cluster.pods(where.partition("-")[0])
                    if where in {name_of(pod), pod["metadata"]["labels"]["component"]}
                }
            case Hung(where) | Killed(where, lasting=True):
                self.broken.add(where)
            case Released(image):
                self.bad_images.add(image)
            case DataLost():
                self.data_lost = True
            case BackupDamaged():
                self.restore_works = False
            case ProviderFails(provider, how):
                setattr(self, f"{provider}_up", how is Behaviour.WELL)
            case ZoneRefused():
                self.dns.refuse()
            case PromotionRefused():
                self.redis.cluster_mode = True
            case TooBusy(hopeless):
                self.needed = 12 if hopeless else 8
            case _:
                raise ValueError(f"the model knows no {fault}")

    def restore(self, _execution: Execution) -> Ended:
        """Play `/restore-backup.sh`."""
        if not self.restore_works:
            return Ended(stderr=b"the newest backup is bad: a checksum differs\n", code=1)
        self.data_lost = False
        return Ended(b"restored\n")

    def serves(self, cluster: Cluster) -> bool:
        """Return whether users are served, seen from outside."""
        if self.dns.leads_away:
            return True
        backends = [pod for pod in cluster.pods("backend") if is_ready(pod)]
        qdrant = [pod for pod in cluster.pods("qdrant") if is_ready(pod)]
        redis = [pod for pod in cluster.pods("redis") if is_ready(pod)]
        cached = any(name_of(pod) in self.redis.masters for pod in redis)
        if len(backends) < self.needed or len(qdrant) < 3:  # noqa: PLR2004
            return False
        wanted = [_settings(pod) for pod in backends]
        if not cached and any(each.get("REDIS_ENABLED") != "false" for each in wanted):
            return False
        return self.openai_up or all(
            (self.anthropic_up and each.get("LLM_PROVIDER") == "anthropic")
            or (cached and each.get("CACHE_ONLY_MODE") == "true")
            for each in wanted
        )


def _settings(pod: Document) -> dict[str, str]:
    env = at(pod, "spec", "containers", 0, "env", default=[])
    return {each["name"]: each.get("value", "") for each in env}


@dataclass(frozen=True)
class ModelStage:
    """A world, its cluster, and the environment in which commands find both."""

    world: World
    running: Running
    variables: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Where commands are run."""
        return self.world.folder

    def inject(self, fault: Fault) -> None:
        """Let something go wrong. Raises RuntimeError where it did not."""
        if isinstance(fault, Released):
            # It is well at first, and breaks when all pods have it.
            self._do(f"kubectl set image deployment/backend backend={fault.image}")
            self._do("kubectl rollout status deployment/backend --timeout=20s")
        self.world.meet(fault, self.running.cluster)

    def serves(self) -> bool:
        """Return whether users are served now."""
        return self.world.serves(self.running.cluster)

    def _do(self, command: str) -> None:
        result = Bash(self.variables).run(f"{command} -n {NAMESPACE}", 60.0)
        if result.exit_code:
            raise RuntimeError(f"{command}: {result.output}")


@contextmanager
def model_stage(folder: Path) -> Iterator[ModelStage]:
    """Run a world until the block is left; `folder` holds what its commands read and write."""
    curl, kubectl = (
        Path(shutil.which("curl") or "/usr/bin/curl"),
        ROOT / ".venv" / "bin" / "kubectl",
    )
    world = World(folder)
    programs = stock(world.redis)
    programs.installed.append(Installed("/restore-backup.sh", world.restore, pod="qdrant-*"))
    setup = Setup(observer=world, programs=programs)
    with (
        running_cluster(settled_cluster(setup, scale=SCALE)) as running,
        answering(lambda: 200 if world.serves(running.cluster) else 503) as port,
    ):
        found = install(folder, port, curl, world.dns)
        yield ModelStage(
            world,
            running,
            {
                "KUBECONFIG": str(running.kubeconfig(folder / "kubeconfig")),
                "HOME": str(folder),
                "PATH": f"{found}:{kubectl.parent}:/usr/bin:/bin",
            },
        )


MODEL = Theatre(
    lambda _option, folder: model_stage(folder),
    Pace(quicker=SCALE, within_s=20),
    Pace(quicker=SCALE, within_s=20),
)
"""The model, as much faster as the cluster's time is."""
