"""The node: follows what the simulated kubelet does with pods by real processes."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from info_assistant.drills.cluster.documents import Document
from info_assistant.drills.cluster.inside import Logs
from info_assistant.drills.machine.containers import Containers
from info_assistant.drills.machine.faults import Hung, Killed
from info_assistant.drills.machine.hosted import Hosted, Starter, end

_MISSES = 3
"""After so many probes without an answer a pod is not ready."""

_LONGEST_READ = 1 << 20


@dataclass(slots=True)
class Node:
    """Implements `Observer`. `variables` are those that a pod's template gives, resolved."""

    containers: Containers
    variables: Callable[[Document], Mapping[str, str]]
    starter: Starter
    most: Mapping[str, int] = field(default_factory=dict)
    """How many pods of a component have processes; further ones are placeholders."""
    changing: bool = True
    lasting: list[Hung | Killed] = field(default_factory=list)
    """What befalls each process that is started."""
    _hosted: dict[str, Hosted] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def started(self, pod: Document) -> None:
        """Start the process of a pod; one that had ended is started anew."""
        uid = str(pod["metadata"]["uid"])
        before = self._hosted.get(uid)
        if before is not None:
            end(before)
        hosted = self.containers.host(pod, self.variables(pod))
        if not self._has_room(hosted.component, uid):
            hosted.command = None
        if hosted.command is not None:
            hosted.read = before.read if before is not None else _size(hosted.command.log)
            hosted.process = self.starter.start(hosted.command)
        with self._lock:
            self._hosted[uid] = hosted
        for fault in self.lasting:
            if befalls(fault, hosted):
                afflict(fault, hosted)

    def _has_room(self, component: str, uid: str) -> bool:
        others = [
            each
            for other, each in self.all()
            if other != uid
            and each.component == component
            and each.process is not None
            and not each.told_to_end  # What a rollout replaces makes room for what it starts.
        ]
        return component not in self.most or len(others) < self.most[component]

    def stopped(self, pod: Document) -> None:
        """Kill what is left of a pod that is gone."""
        with self._lock:
            hosted = self._hosted.pop(str(pod["metadata"]["uid"]), None)
        if hosted is not None:
            end(hosted)

    def ending(self, pod: Document) -> bool:
        """Ask the process of a pod to end; return whether it still runs."""
        hosted = self._hosted.get(str(pod["metadata"]["uid"]))
        if hosted is None or not hosted.runs:
            return False
        if not hosted.told_to_end and hosted.process is not None:
            hosted.told_to_end = True
            hosted.process.send_signal(signal.SIGTERM)
        return True

    def exited(self, pod: Document) -> int | None:
        """Return the exit code of a pod's process, as a container has it, else None."""
        hosted = self._hosted.get(str(pod["metadata"]["uid"]))
        if hosted is None or hosted.process is None:
            return None
        code = hosted.process.poll()
        if code is None:
            return None
        end(hosted)  # What it had started itself goes with it, as with a container.
        return code if code >= 0 else 128 - code

    def ready(self, pod: Document) -> bool:
        """Return whether the process of a pod has answered its probe."""
        hosted = self._hosted.get(str(pod["metadata"]["uid"]))
        return hosted is not None and (hosted.command is None or hosted.ready)

    def probed(self, hosted: Hosted, *, answered: bool) -> None:
        """Take in what a probe has shown."""
        hosted.missed = 0 if answered else hosted.missed + 1
        hosted.ready = answered or (hosted.ready and hosted.missed < _MISSES and hosted.runs)

    def all(self) -> list[tuple[str, Hosted]]:
        """Return every pod's unique id and what stands for it."""
        with self._lock:
            return list(self._hosted.items())

    def at(self, where: str) -> list[Hosted]:
        """Return what stands for a component's pods, or for one pod, and has a process."""
        return [
            each
            for _, each in self.all()
            if where in {each.component, each.pod} and each.process is not None
        ]

    def resume(self, where: str) -> None:
        """Let processes that stand still go on."""
        for hosted in self.at(where):
            hosted.signal(signal.SIGCONT)

    def close(self) -> None:
        """Kill everything that runs."""
        for _, hosted in self.all():
            hosted.signal(signal.SIGKILL)
        for _, hosted in self.all():
            end(hosted)


def befalls(fault: Hung | Killed, hosted: Hosted) -> bool:
    """Return whether a fault is about a pod."""
    return fault.where in {hosted.component, hosted.pod} and hosted.process is not None


def afflict(fault: Hung | Killed, hosted: Hosted) -> None:
    """Let a process stand still, or kill it."""
    hosted.signal(signal.SIGSTOP if isinstance(fault, Hung) else signal.SIGKILL)


def show_logs(node: Node, logs: Logs) -> None:
    """Let `kubectl logs` show what processes have written since the last time."""
    for uid, hosted in node.all():
        for line in _new_lines(hosted):
            logs.write(uid, hosted.component, line)


def _new_lines(hosted: Hosted) -> Iterator[str]:
    if hosted.command is None:
        return
    with hosted.command.log.open("rb") as log:
        log.seek(hosted.read)
        data = log.read(_LONGEST_READ)
    whole = data.rpartition(b"\n")[0]
    if whole:
        hosted.read += len(whole) + 1
        yield from whole.decode(errors="replace").split("\n")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
