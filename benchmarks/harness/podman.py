"""Containers of our image, run as hardened as on a cluster, on a network of their own."""

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from benchmarks.harness.processes import await_true
from scripts.build_images import Builder, BuildFailed

from info_assistant.drills.ports import unused_port

HARDENED = (
    *("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
    *("--user=10001:10001", "--pids-limit=256", "--tmpfs=/tmp"),
)
"""What every container is run with; the rest of its root cannot be written."""

LIMITS = ("--memory=1g", "--cpus=1")
"""What a container may use where nothing else is said."""

_TIMEOUT_S = 120.0
_USAGE = (
    "if [ -f /sys/fs/cgroup/cpu.stat ]; then grep usage_usec /sys/fs/cgroup/cpu.stat; "
    "else echo usage_ns $(cat /sys/fs/cgroup/cpuacct/cpuacct.usage); fi"
)
"""The two versions of cgroups tell it in different places and units."""


class CommandFailed(Exception):
    """A command in or about a container ended with another code than 0."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    output: str
    errors: str


class Podman:
    """Runs podman; containers and volumes made here carry one prefix, and go together."""

    def __init__(self, prefix: str) -> None:
        """Use the podman of this machine. Raises BuildFailed where there is none."""
        self.prefix = prefix
        self._environment = dict(Builder.here().environment)

    def ask(self, *words: str, user_input: str | None = None) -> Done:
        """Run podman with these words; return how it ended."""
        done = subprocess.run(
            ["podman", *words],  # noqa: S607
            check=False,
            capture_output=True,
            text=True,
            input=user_input,
            env=self._environment,
            timeout=_TIMEOUT_S,
        )
        return Done(done.returncode, done.stdout.strip(), done.stderr.strip())

    def do(self, *words: str) -> str:
        """Run podman and return its output. Raises CommandFailed."""
        done = self.ask(*words)
        if done.code:
            raise CommandFailed(f"podman {' '.join(words)}: {done.code}\n{done.errors}")
        return done.output

    def require(self, image: str) -> None:
        """Return if the image is here. Raises BuildFailed."""
        if self.ask("image", "exists", image).code:
            raise BuildFailed(f"There is no image {image}: run `make images`.")

    def clear(self) -> None:
        """Remove every container, volume and network with our prefix."""
        named = f"name=^{self.prefix}"
        for name in self.do("ps", "-a", "--filter", named, "--format", "{{.Names}}").split():
            self.ask("rm", "--force", "--time=0", "--depend", name)
        for name in self.do("volume", "ls", "--filter", named, "--format", "{{.Name}}").split():
            self.ask("volume", "rm", "--force", name)
        self.ask("network", "rm", "--force", self.prefix)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a container is run: `command` are the arguments of its entrypoint.

    `port` is that of its probes, published on loopback; 0 for none. `volumes` are names by the
    folder where they are mounted. `limits` are podman's, such as `--cpus=0.5`.
    """

    role: str
    image: str
    command: Sequence[str]
    port: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    limits: Sequence[str] = LIMITS
    options: Sequence[str] = ()


class Container:
    """A container that runs, from `start` to `remove`."""

    def __init__(self, podman: Podman, plan: Plan) -> None:
        """Plan it; nothing runs yet."""
        self._podman = podman
        self.plan = plan
        self.name = f"{podman.prefix}-{plan.role}"
        self.published = unused_port() if plan.port else 0

    @property
    def url(self) -> str:
        """Where it is reached from this machine."""
        return f"http://127.0.0.1:{self.published}"

    def start(self) -> float:
        """Run it; return the moment, of `time.monotonic`, right before."""
        plan = self.plan
        words = ["run", "--detach", f"--name={self.name}", *HARDENED, *plan.limits, *plan.options]
        if not any(each.startswith("--network=") for each in plan.options):
            words += [f"--network={self._podman.prefix}:alias={plan.role}"]
        if plan.port:
            words += [f"--publish=127.0.0.1:{self.published}:{plan.port}"]
        for name, value in plan.environment.items():
            words += [f"--env={name}={value}"]
        for folder, name in plan.volumes.items():
            # U: the volume belongs to whom the container runs as, as fsGroup does on Kubernetes.
            words += [f"--volume={self._podman.prefix}-{name}:{folder}:U"]
        began = time.monotonic()
        self._podman.do(*words, plan.image, *plan.command)
        return began

    def execute(self, *command: str) -> Done:
        """Run a command inside, as `kubectl exec` does."""
        return self._podman.ask("exec", self.name, *command)

    def inspect(self, path: str) -> Any:  # noqa: ANN401  Any JSON.
        """Return a part of what podman knows, by Go's template path, such as `.State.Pid`."""
        return json.loads(self._podman.do("inspect", "--format", f"{{{{json {path}}}}}", self.name))

    def processor_s(self) -> float:
        """Return the processor time that it has used, in seconds."""
        usage = self.execute("sh", "-c", _USAGE)
        if usage.code:
            raise CommandFailed(f"{self.name}: {usage.errors}")
        name, number = usage.output.split()
        return int(number) / (1e6 if name == "usage_usec" else 1e9)

    def stop(self, grace_s: int) -> tuple[int, float]:
        """Ask it to end, by force after `grace_s`; return its exit code and the seconds it took."""
        began = time.monotonic()
        self._podman.do("stop", f"--time={grace_s}", self.name)
        return int(self.inspect(".State.ExitCode")), time.monotonic() - began

    def until(self, what: str, seconds: float, *command: str) -> None:
        """Return once a command inside succeeds. Raises TimeoutError with the last log lines."""
        try:
            await_true(lambda: self.execute(*command).code == 0, seconds, what, 0.2)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.logs()[-3000:]}") from error

    def logs(self) -> str:
        """Return what it has said so far."""
        done = self._podman.ask("logs", self.name)
        return done.output + done.errors

    def remove(self) -> None:
        """Remove it with all that it wrote outside volumes."""
        with suppress(CommandFailed):
            self._podman.do("rm", "--force", "--time=0", self.name)
