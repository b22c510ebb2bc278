"""What happens inside pods: `exec` over a WebSocket, and `log`."""

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from info_assistant.drills.cluster.calls import Call, Outcome, Reply, Stream, Upgrade
from info_assistant.drills.cluster.documents import (
    Document,
    at,
    name_of,
    namespace_of,
    seconds_of,
    stamp,
)
from info_assistant.drills.cluster.problems import Refused, bad_request
from info_assistant.drills.cluster.programs import Ended, Execution, Program, Programs
from info_assistant.drills.cluster.resources import Target
from info_assistant.drills.cluster.store import Store
from info_assistant.drills.cluster.websocket import WebSocket

_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDIN, _STDOUT, _STDERR, _STATUS, _CLOSE = 0, 1, 2, 3, 255
_FOLLOW_S = 0.2
_KEPT = 5000


@dataclass(slots=True)
class Logs:
    """Lines that containers have printed, the last few thousand of each."""

    now: Callable[[], float]
    _lines: dict[tuple[str, str], deque[tuple[float, str]]] = field(default_factory=dict)

    def write(self, pod: str, container: str, line: str) -> None:
        """Let a container print a line; `pod` is its unique id."""
        kept = self._lines.setdefault((pod, container), deque(maxlen=_KEPT))
        kept.append((self.now(), line))

    def begin(self, pod: str, container: str) -> None:
        """Begin a new log; the one before is kept under `…/previous`."""
        if (pod, container) in self._lines:
            self._lines[f"{pod}/previous", container] = self._lines.pop((pod, container))

    def read(self, pod: str, container: str) -> list[tuple[float, str]]:
        """Return all lines that are kept, with their times."""
        return list(self._lines.get((pod, container), ()))


@dataclass(frozen=True, slots=True)
class Inside:
    """Answers `exec` and `log` of running pods."""

    store: Store
    programs: Programs
    logs: Logs

    def __call__(self, target: Target, call: Call) -> Outcome:
        """Return what follows a request. Raises Refused."""
        pod = self.store.get(target.kind, target.namespace, target.name)
        container = _container(pod, call.one("container"))
        return (
            self._exec(pod, container, call)
            if target.sub == "exec"
            else self._log(pod, container, call)
        )

    def _exec(self, pod: Document, container: str, call: Call) -> Outcome:
        if at(pod, "status", "phase") in {"Succeeded", "Failed"}:
            raise Refused(
                500,
                "InternalError",
                "cannot exec into a container in a completed pod; current phase is "
                f"{at(pod, 'status', 'phase')}",
            )
        if not _is_running(pod, container):
            raise Refused(
                500,
                "InternalError",
                f'unable to upgrade connection: container not found ("{container}")',
            )
        # Last: where a WebSocket is refused, kubectl asks again in another way, and tells of that.
        offered = [
            each.strip() for each in call.headers.get("sec-websocket-protocol", "").split(",")
        ]
        protocol = next((each for each in _PROTOCOLS if each in offered), None)
        if protocol is None:
            raise bad_request("the simulator executes commands over WebSockets only")
        command = tuple(call.query.get("command", []))
        wants_input = call.flag("stdin")

        def run(socket: WebSocket) -> None:
            stdin = _input(socket, command) if wants_input else b""
            execution = Execution(pod, container, command, stdin)
            program = self.programs.find(execution)

            def carry_out() -> None:
                with suppress(OSError):  # Nobody waits for it any more.
                    _finish(socket, _status_of(program, execution, socket))

            work = threading.Thread(target=carry_out, name="cluster-exec")
            work.start()
            # The client asks now and then whether we are there, and goes where nobody answers.
            while socket.receive() is not None:
                pass
            work.join()

        return Upgrade(run, protocol)

    def _log(self, pod: Document, container: str, call: Call) -> Outcome:
        uid = str(pod["metadata"]["uid"])
        if call.flag("previous"):
            status = _status(pod, container)
            if not at(status, "lastState", "terminated"):
                raise bad_request(
                    f'previous terminated container "{container}" in pod "{name_of(pod)}" not found'
                )
            uid += "/previous"
        elif not _has_started(pod, container):
            reason = at(_status(pod, container), "state", "waiting", "reason")
            waits = "trying and failing to pull image" if reason == "ImagePullBackOff" else reason
            raise bad_request(
                f'container "{container}" in pod "{name_of(pod)}" is waiting to start: '
                f"{waits or 'ContainerCreating'}"
            )
        lines = self._chosen(uid, container, call)
        text = "".join(_printed(line, call) for line in lines)
        if not call.flag("follow"):
            return Reply(text, content_type="text/plain")
        return Stream(self._followed(pod, container, call, text), "text/plain")

    def _chosen(self, uid: str, container: str, call: Call) -> list[tuple[float, str]]:
        lines = self.logs.read(uid, container)
        since = 0.0
        if seconds := call.one("sinceSeconds"):
            since = self.store.clock.now() - float(seconds)
        elif moment := call.one("sinceTime"):
            since = seconds_of(moment)
        lines = [line for line in lines if line[0] >= since]
        if tail := call.one("tailLines"):
            lines = lines[-int(tail) :] if int(tail) else []
        return lines

    def _followed(self, pod: Document, container: str, call: Call, text: str) -> Iterator[bytes]:
        yield text.encode()
        uid = str(pod["metadata"]["uid"])
        seen = len(self.logs.read(uid, container))
        pause = threading.Event()
        while not self.store.closed:
            there = self.store.find("Pod", namespace_of(pod), name_of(pod))
            lines = self.logs.read(uid, container)
            yield "".join(_printed(line, call) for line in lines[seen:]).encode()
            seen = len(lines)
            if at(there, "metadata", "uid") != uid:
                return
            yield b""
            pause.wait(_FOLLOW_S)


def _container(pod: Document, asked: str) -> str:
    names = [each["name"] for each in pod["spec"]["containers"]]
    if not asked:
        return str(
            at(
                pod,
                "metadata",
                "annotations",
                "kubectl.kubernetes.io/default-container",
                default=names[0],
            )
        )
    if asked not in names:
        raise bad_request(f"container {asked} is not valid for pod {name_of(pod)}")
    return asked


def _status(pod: Document, container: str) -> Document:
    for each in at(pod, "status", "containerStatuses", default=[]):
        if each["name"] == container:
            found: Document = each
            return found
    return {}


def _is_running(pod: Document, container: str) -> bool:
    return "running" in at(_status(pod, container), "state", default={})


def _has_started(pod: Document, container: str) -> bool:
    status = _status(pod, container)
    return "waiting" not in at(status, "state", default={"waiting": {}}) or bool(
        at(status, "lastState", "terminated")
    )


def _printed(line: tuple[float, str], call: Call) -> str:
    return f"{stamp(line[0])} {line[1]}\n" if call.flag("timestamps") else f"{line[1]}\n"


def _input(socket: WebSocket, command: tuple[str, ...]) -> bytes:
    """Return what the client sends until it says that there is no more.

    Commands without a use for input would wait for ever for a client that keeps its own open.
    """
    whole = b""
    if not _reads_input(command):
        return whole
    while (message := socket.receive()) is not None:
        if message[:1] == bytes([_STDIN]):
            whole += message[1:]
        elif message[:1] == bytes([_CLOSE]):
            break
    return whole


def _reads_input(command: tuple[str, ...]) -> bool:
    alone = len(command) == 1 and command[0] in {"redis-cli", "sh", "bash", "cat"}
    return alone or bool(re.search(r"\b(cat|read)\b|-x\b", " ".join(command)))


def _status_of(program: Program | None, execution: Execution, socket: WebSocket) -> Document:
    if program is None:
        name = execution.command[0]
        message = (
            "Internal error occurred: Internal error occurred: error executing command in "
            "container: failed to exec in container: failed to start exec: OCI runtime exec "
            f'failed: exec failed: unable to start container process: exec: "{name}": '
        )
        missing = (
            "stat: no such file or directory"
            if name.startswith("/")
            else ("executable file not found in $PATH")
        )
        return {
            "status": "Failure",
            "reason": "InternalError",
            "code": 500,
            "message": message + missing,
        }
    ended = program(execution)
    for channel, data in ((_STDOUT, ended.stdout), (_STDERR, ended.stderr)):
        if data:
            socket.send(bytes([channel]) + data)
    return _verdict(ended)


def _verdict(ended: Ended) -> Document:
    if ended.code == 0:
        return {"status": "Success"}
    return {
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: exit status {ended.code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(ended.code)}]},
    }


def _finish(socket: WebSocket, status: Document) -> None:
    whole = {"kind": "Status", "apiVersion": "v1", "metadata": {}, **status}
    socket.send(bytes([_STATUS]) + json.dumps(whole).encode())
    socket.close()
