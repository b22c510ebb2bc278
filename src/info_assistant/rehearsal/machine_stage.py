"""The stage of real drills: a simulated cluster whose pods are processes of this machine."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from info_assistant.drills.machine.faults import (
    DataLost,
    Fault,
    FaultNotShown,
    Hung,
    Killed,
    ProviderFails,
    Released,
    TooBusy,
)
from info_assistant.drills.machine.machine import Machine
from info_assistant.drills.machine.plan import Plan as Equipment
from info_assistant.drills.machine.running import running_machine
from info_assistant.errors import InvalidRequest, Unavailable
from info_assistant.rehearsal.plan import Plan


@dataclass(frozen=True, slots=True)
class Breakage:
    """What is done, and what shows that it was: the machine injects nothing that it cannot show."""

    fault: Fault
    shown: str


FAULTS: Mapping[str, Breakage] = {
    "bad-release": Breakage(
        Released("bad:2"), "every pod of the backend has the image bad:2, which answers 500"
    ),
    "backends-hang": Breakage(Hung("backend"), "the kernel says that every backend stands still"),
    "load": Breakage(TooBusy(), "the ingress refuses what one more backend would take"),
    "qdrant-pod-broken": Breakage(Hung("qdrant-0"), "the kernel says that qdrant-0 stands still"),
    "qdrant-data-lost": Breakage(DataLost(), "Qdrant's volume and object storage are empty"),
    "qdrant-gone": Breakage(Killed("qdrant"), "every Qdrant was killed, and each new one is"),
    "redis-broken": Breakage(Hung("redis"), "the kernel says that every Redis stands still"),
    "redis-master-gone": Breakage(Killed("redis-0"), "redis-0 was killed, and each new one is"),
    "redis-gone": Breakage(Killed("redis"), "every Redis was killed, and each new one is"),
    "openai-down": Breakage(ProviderFails("openai"), "the stand-in of OpenAI answers 503"),
}
"""What can be broken, by its name in `--fault`."""


def equipment_for(plan: Plan) -> dict[str, Any]:
    """Return what a machine needs for a drill besides its documents."""
    way = plan.way
    found: dict[str, Any] = {}
    if (way.scenario, way.number) == ("P0-2", 2):
        found["with_backup"] = True
    if (way.scenario, way.number) == ("P0-2", 3):
        found["second_region"] = True
    if way.scenario == "P0-4":
        # Without this Anthropic would write at once where OpenAI does not.
        found |= {"with_models": True, "settings": {"LLM_FALLBACK": "false"}}
    return found


@dataclass(frozen=True, slots=True)
class MachineStage:
    """A machine as a drill sees it."""

    machine: Machine

    @property
    def public_url(self) -> str:
        """The ingress."""
        return self.machine.public_url

    @property
    def frontend_url(self) -> str:
        """The web page, behind the same ingress."""
        return self.machine.frontend_url

    @property
    def question(self) -> str:
        """A question that its documents answer."""
        return self.machine.plan.question

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment that leads to it, and to no other cluster."""
        return self.machine.variables

    def inject(self, fault: str) -> str:
        """Break it. Raises Unavailable where nothing shows that it is broken."""
        found = breakage(fault)
        try:
            self.machine.inject(found.fault)
        except FaultNotShown as error:
            raise Unavailable(f"{fault} was injected, and nothing shows it: {error}") from error
        return found.shown

    def mend(self, fault: str) -> bool:
        """Let what was broken be well again; a release and lost data are for the runbook."""
        found = breakage(fault).fault
        if isinstance(found, Released | DataLost):
            return False
        self.machine.lift(found)
        return True

    def serves(self) -> bool:
        """Whether readers are served, with a cache or none on purpose."""
        return self.machine.serves()


def breakage(fault: str) -> Breakage:
    """Return what a name in `--fault` means. Raises InvalidRequest."""
    if fault not in FAULTS:
        raise InvalidRequest(f"There is no fault {fault}. There are: {', '.join(FAULTS)}.")
    return FAULTS[fault]


@contextmanager
def machine_stage(folder: Path, equipment: Equipment) -> Iterator[MachineStage]:
    """Run a machine until the block is left. Raises Unavailable where it does not start."""
    try:
        with running_machine(folder, equipment) as machine:
            yield MachineStage(machine)
    except TimeoutError as error:
        raise Unavailable(f"The stage of the drill did not start: {error}") from error
