"""What can go wrong in the simulated cluster, and how long things take in it."""

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from info_assistant.drills.cluster.documents import Document, at, name_of


class FaultKind(StrEnum):
    """How a container fails."""

    UNPULLABLE = "unpullable"  # Its image is not there.
    CRASHING = "crashing"  # It ends with code 1, again and again.
    UNREADY = "unready"  # It runs and is never ready.


@dataclass(frozen=True, slots=True)
class Fault:
    """Containers of an image in pods of a name fail; both may hold `*`."""

    kind: FaultKind
    image: str = "*"
    pod: str = "*"

    def hits(self, pod: Document, container: Document) -> bool:
        """Return whether it is about a container."""
        image = str(at(container, "image", default=""))
        return fnmatchcase(image, self.image) and fnmatchcase(name_of(pod), self.pod)


@dataclass(slots=True)
class Pace:
    """How long things take, in seconds of the cluster's time."""

    pull_s: float = 1.0
    ready_s: float = 3.0
    crash_s: float = 2.0
    job_s: float = 2.0
    stop_s: float = 1.0
    recreate_s: float = 0.5
    """How long a controller takes to see that a pod is gone."""
    backoff_s: float = 10.0
    """The pause before the first new start of a container that ended; each further one is twice
    as long."""
    probe_s: float = 1.0
    """How often observers that change are asked."""


class Faults:
    """The faults in force, and nodes that are lost."""

    def __init__(self) -> None:
        """Begin with none."""
        self.active: list[Fault] = []
        self.lost_nodes: set[str] = set()

    def of(self, pod: Document, container: Document) -> FaultKind | None:
        """Return how a container fails, None where it does not."""
        return next((each.kind for each in self.active if each.hits(pod, container)), None)
