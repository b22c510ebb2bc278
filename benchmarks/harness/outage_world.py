"""A simulated cluster with a service in it that can be broken, and a look at it from outside.

What stands behind pods is this model, not the product: it says what an option of the runbook does
to a cluster, not what the product does then.
"""

import json
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness.plain_server import answering

from info_assistant.drills.cluster.documents import Document, at, is_ready, name_of
from info_assistant.drills.cluster.programs import Ended, Execution, Installed, ModelledRedis, stock
from info_assistant.drills.cluster.simulator import (
    Cluster,
    Running,
    Setup,
    running_cluster,
    settled_cluster,
)

SCALE = 60.0
"""How many times as fast the cluster's time runs; timeouts of commands are divided alike."""

_CURL = """#!/bin/bash
words=("${@/https:\\/\\/pubsec-info-assistant.com/http:\\/\\/127.0.0.1:%d}")
exec %s "${words[@]}"
"""
_AWS = """#!/bin/sh
cd "$HOME" || exit 9
[ -e refused ] && { echo "An error occurred (NoSuchHostedZone)" >&2; exit 254; }
case "$*" in
  *list-resource-record-sets*) cat records.json; exit;;
  *failover.json*) echo secondary > region;;
  *) echo primary > region;;
esac
echo '{"ChangeInfo": {"Status": "PENDING"}}'
"""


@dataclass
class World:
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

    def started(self, pod: Document) -> None:
        """Do nothing: what is broken is said by `ready`."""

    def stopped(self, pod: Document) -> None:
        """Do nothing."""

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

    def restore(self, _execution: Execution) -> Ended:
        """Play `/restore-backup.sh`."""
        if not self.restore_works:
            return Ended(stderr=b"the newest backup is bad: a checksum differs\n", code=1)
        self.data_lost = False
        return Ended(b"restored\n")

    def serves(self, cluster: Cluster) -> bool:
        """Return whether users are served, seen from outside."""
        if (self.folder / "region").exists():
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
class Stage:
    """A world, its cluster, and the environment in which commands find both."""

    world: World
    running: Running
    variables: dict[str, str]

    @property
    def cluster(self) -> Cluster:
        """The simulated cluster."""
        return self.running.cluster

    def serves(self) -> bool:
        """Return whether users are served now."""
        return self.world.serves(self.cluster)

    def comes_to_serve(self, within_s: float) -> bool:
        """Return whether users are served within so many seconds."""
        pause = threading.Event()
        for _ in range(int(within_s * 10)):
            if self.serves():
                return True
            pause.wait(0.1)
        return False


@contextmanager
def staged(folder: Path, kubectl: Path, curl: str) -> Iterator[Stage]:
    """Run a world until the block is left; `folder` holds what its commands read and write."""
    world = World(folder)
    programs = stock(world.redis)
    programs.installed.append(Installed("/restore-backup.sh", world.restore, pod="qdrant-*"))
    setup = Setup(observer=world, programs=programs)
    with (
        running_cluster(settled_cluster(setup, scale=SCALE)) as running,
        answering(lambda: 200 if world.serves(running.cluster) else 503) as port,
    ):
        tools = folder / "bin"
        tools.mkdir()
        _program(tools / "curl", _CURL % (port, curl))
        _program(tools / "aws", _AWS)
        (folder / "records.json").write_text(json.dumps({"ResourceRecordSets": _records(100)}))
        changes = [{"Action": "UPSERT", "ResourceRecordSet": each} for each in _records(0)]
        (folder / "failover.json").write_text(json.dumps({"Changes": changes}))
        yield Stage(
            world,
            running,
            {
                "KUBECONFIG": str(running.kubeconfig(folder / "kubeconfig")),
                "HOME": str(folder),
                "PATH": f"{tools}:{kubectl.parent}:/usr/bin:/bin",
            },
        )


def _records(primary: int) -> list[Document]:
    """Return a name's records of two regions, of which the first has this weight of 100."""
    return [
        {"Name": "x.org.", "Type": "A", "SetIdentifier": name, "Weight": weight}
        for name, weight in (("primary", primary), ("secondary", 100 - primary))
    ]


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
