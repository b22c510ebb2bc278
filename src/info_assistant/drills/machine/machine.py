"""A machine as a whole: cluster, processes, services and stand-ins, and what is done to them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from info_assistant.drills.cluster.simulator import Running
from info_assistant.drills.machine.faults import Fault
from info_assistant.drills.machine.plan import Plan


@dataclass(frozen=True, slots=True)
class Served:
    """What somebody outside sees at one moment."""

    known: bool
    """A question that was asked before is answered."""
    new: bool
    """A question in a wording of its own is answered."""
    cached: bool
    """Redis works, or is switched off."""
    cache_only: bool
    """The service says that it answers from its cache only, as it was told."""

    @property
    def well(self) -> bool:
        """Whether users are served as they should be."""
        return self.known and (self.new or self.cache_only) and self.cached


class Machine:
    """A machine that runs."""

    plan: Plan
    folder: Path
    cluster: Running
    public_url: str
    """Where https://pubsec-info-assistant.com leads: an ingress, and DNS before it."""
    frontend_url: str
    """The same, as the address of the web page."""
    variables: Mapping[str, str]
    """The environment in which commands of a runbook find all of it: KUBECONFIG, PATH with
    `kubectl`, `curl` and `aws` for the names of the runbook, HOME, BACKEND_URL, QDRANT_URL,
    REDIS_URL and keys, for `incident diagnose`."""

    def inject(self, fault: Fault) -> None:
        """Let something go wrong. Raises FaultNotShown where it did not."""
        raise NotImplementedError

    def lift(self, fault: Fault) -> None:
        """End what a lasting fault does to new processes; processes of the moment stay broken."""
        raise NotImplementedError

    def look(self) -> Served:
        """Ask from outside, as a reader does; takes a few seconds at most."""
        raise NotImplementedError

    def serves(self) -> bool:
        """Return whether users are served as they should be, seen from outside."""
        return self.look().well


@contextmanager
def running_machine(folder: Path, plan: Plan) -> Iterator[Machine]:
    """Run a machine until the block is left; then none of its processes is left either.

    Returns once a question was answered. Raises TimeoutError with the ends of the logs.
    """
    raise NotImplementedError
    yield
