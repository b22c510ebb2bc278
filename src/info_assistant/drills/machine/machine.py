"""A machine as a whole: cluster, processes, services and stand-ins, and what is done to them."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from info_assistant.drills.cluster.simulator import Running
from info_assistant.drills.machine.asking import Reader, Served, await_true
from info_assistant.drills.machine.faults import (
    BackupDamaged,
    DataLost,
    Fault,
    FaultNotShown,
    Hung,
    Killed,
    PromotionRefused,
    ProviderFails,
    Released,
    Switched,
    TooBusy,
    ZoneRefused,
)
from info_assistant.drills.machine.hosted import Hosted
from info_assistant.drills.machine.node import Node, afflict, befalls
from info_assistant.drills.machine.outside import Dns
from info_assistant.drills.machine.plan import NAMESPACE, Plan
from info_assistant.drills.machine.redis_cli import tell
from info_assistant.drills.machine.services import Ingress
from info_assistant.drills.machine.stores import Stores
from info_assistant.drills.provider_faults import Behaviour
from info_assistant.drills.providers import ProviderStandIn, ProviderThread

_SHOWN_S = 10.0
_COMMAND_S = 180.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What a machine is made of."""

    cluster: Running
    node: Node
    ingress: Ingress
    stores: Stores
    dns: Dns
    providers: Mapping[str, ProviderStandIn]
    provider_thread: ProviderThread


class Machine:
    """A machine that runs.

    `public_url` is where https://pubsec-info-assistant.com leads: an ingress, with DNS before it.
    `frontend_url` is that of the web page. `variables` are the environment in which commands of a
    runbook find all of it: KUBECONFIG, PATH with `kubectl`, `curl` and `aws` that know the names of
    the runbook, HOME, which is `folder`, and for `incident diagnose` BACKEND_URL, FRONTEND_URL,
    QDRANT_URL, REDIS_URL and the keys.
    """

    def __init__(
        self, plan: Plan, folder: Path, parts: Parts, reader: Reader, variables: Mapping[str, str]
    ) -> None:
        """Know what runs."""
        self.plan = plan
        self.folder = folder
        self.parts = parts
        self.public_url = reader.url
        self.frontend_url = reader.url
        self.variables = variables
        self._reader = reader

    @property
    def cluster(self) -> Running:
        """The simulated cluster."""
        return self.parts.cluster

    def look(self) -> Served:
        """Ask from outside, as a reader does; takes some seconds at most."""
        return self._reader.look()

    def serves(self) -> bool:
        """Return whether users are served as they should be, seen from outside."""
        return self.look().well

    def run(self, command: str, within_s: float = _COMMAND_S) -> "subprocess.CompletedProcess[str]":
        """Run a command line as people on call do; both outputs come together.

        Raises TimeoutExpired; nothing of the command is left then.
        """
        words = ["bash", "-o", "pipefail", "-c", command]
        with subprocess.Popen(  # noqa: S603  A drill's own choice.
            words,
            env=dict(self.variables),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        ) as process:
            try:
                said, _ = process.communicate(timeout=within_s)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        return subprocess.CompletedProcess(words, process.returncode, said)

    def inject(self, fault: Fault) -> None:
        """Let something go wrong. Raises FaultNotShown where it did not."""
        match fault:
            case Hung() | Killed():
                self._afflict(fault)
            case DataLost():
                self._lose_data()
            case BackupDamaged():
                self.parts.stores.damage_backups()
            case ProviderFails():
                self._misbehave(fault.provider, fault.how)
            case Released():
                self._roll_out(f"kubectl set image deployment/backend backend={fault.image}")
            case Switched():
                setting = f"{fault.variable}={fault.value}"
                self._roll_out(f"kubectl set env deployment/backend {setting}")
            case ZoneRefused():
                self.parts.dns.refuse()
            case PromotionRefused():
                self._refuse_promotion()
            case TooBusy():
                self.parts.ingress.needed = (
                    self.plan.most_backends + 1 if fault.hopeless else self.plan.backends + 1
                )

    def lift(self, fault: Fault) -> None:
        """End what a lasting fault does to new processes, or to a provider.

        Processes that stand still go on; those that were killed are started again by the kubelet.
        """
        match fault:
            case Hung() | Killed():
                lasting = self.parts.node.lasting
                lasting[:] = [each for each in lasting if each != fault]
                if isinstance(fault, Hung):
                    self.parts.node.resume(fault.where)
            case ProviderFails():
                self._misbehave(fault.provider, Behaviour.WELL)
            case TooBusy():
                self.parts.ingress.needed = 0
            case _:
                raise ValueError(f"{fault} is mended by an option of the runbook only")

    def _afflict(self, fault: Hung | Killed) -> None:
        met = self.parts.node.at(fault.where)
        if not met:
            raise FaultNotShown(f"{fault.where} has no process to which anything could happen")
        if fault.lasting:
            self.parts.node.lasting.append(fault)
        for each in met:
            afflict(fault, each)
        shows = _is_stopped if isinstance(fault, Hung) else _has_ended
        await_shown(lambda: all(shows(each) for each in met), fault)

    def _lose_data(self) -> None:
        """Empty the stores while Qdrant is down, such that it comes back empty."""
        down = Killed("qdrant")
        self._afflict(down)
        self.parts.stores.lose_data()
        self.lift(down)
        until = time.monotonic() + self.plan.rollout_s
        await_true(self._qdrant_is_back, until, "Qdrant runs again, empty")

    def _qdrant_is_back(self) -> bool:
        return any(each.ready and each.runs for each in self.parts.node.at("qdrant"))

    def _misbehave(self, provider: str, how: Behaviour) -> None:
        stand_in = self.parts.providers.get(provider)
        if stand_in is None:
            raise FaultNotShown(f"this machine has no stand-in for {provider}")
        refused_before = stand_in.behaviour is Behaviour.REFUSED_PORT
        stand_in.behaviour = how
        if how is Behaviour.REFUSED_PORT:
            self.parts.provider_thread.hang_up(stand_in)
        elif refused_before:
            self.parts.provider_thread.add(stand_in)

    def _roll_out(self, command: str) -> None:
        done = self.run(f"{command} -n {NAMESPACE}")
        if done.returncode:
            raise FaultNotShown(f"{command}: {done.stdout}")
        # Where the release never gets ready, the rollout does not end, and that is the fault.
        self.run(
            f"kubectl rollout status deployment/backend -n {NAMESPACE} "
            f"--timeout={int(self.plan.rollout_s)}s"
        )

    def _refuse_promotion(self) -> None:
        node = self.parts.node
        there = [
            each
            for each in node.at("redis")
            if each.ready and each.runs and not any(befalls(fault, each) for fault in node.lasting)
        ]
        if not there:
            raise FaultNotShown("there is no Redis that could be promoted")
        for each in there:
            tell(each.port, "ACL", "SETUSER", "default", "-replicaof")


def await_shown(shows: Callable[[], bool], fault: Fault) -> None:
    """Return once something shows a fault. Raises FaultNotShown."""
    try:
        await_true(shows, time.monotonic() + _SHOWN_S, "it is shown")
    except TimeoutError:
        raise FaultNotShown(f"nothing shows {fault}") from None


def _is_stopped(hosted: Hosted) -> bool:
    """Return whether the kernel says that a process stands still."""
    assert hosted.process is not None  # noqa: S101  `at` gives those with one.
    try:
        status = Path(f"/proc/{hosted.process.pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] == "T"


def _has_ended(hosted: Hosted) -> bool:
    return not hosted.runs
