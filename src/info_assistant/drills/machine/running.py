"""Starts a machine, part by part, and leaves nothing of it behind."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from info_assistant.drills.balancer import Forwarder, serving
from info_assistant.drills.cluster.clock import ScaledClock
from info_assistant.drills.cluster.contents import PORTS
from info_assistant.drills.cluster.documents import Document
from info_assistant.drills.cluster.faults import Pace
from info_assistant.drills.cluster.simulator import Cluster, Running, Setup, running_cluster
from info_assistant.drills.loop_thread import LoopThread
from info_assistant.drills.machine.asking import Reader, await_true, reader
from info_assistant.drills.machine.containers import REAL_PEER, Containers
from info_assistant.drills.machine.hosted import Starter, end, inherited
from info_assistant.drills.machine.inside_pods import InsidePods
from info_assistant.drills.machine.machine import Machine, Parts
from info_assistant.drills.machine.names import Names, environment_of
from info_assistant.drills.machine.node import Node
from info_assistant.drills.machine.objects import REDIS_PODS, objects
from info_assistant.drills.machine.outside import Dns, install
from info_assistant.drills.machine.plan import Plan
from info_assistant.drills.machine.probing import probe_all
from info_assistant.drills.machine.region import Region, second_region
from info_assistant.drills.machine.services import Endpoints, Ingress, service
from info_assistant.drills.machine.stores import Stores
from info_assistant.drills.ports import unused_port
from info_assistant.drills.providers import FORMATS, ProviderStandIn, ProviderThread
from info_assistant.drills.scripted_answers import quoting

_PACE = Pace(pull_s=0, ready_s=0, stop_s=0, recreate_s=0.2, backoff_s=2, probe_s=0.25)
_TAIL = 2000
_BACKUP = ("-m", "info_assistant", "backup", "create")


@contextmanager
def running_machine(folder: Path, plan: Plan) -> Iterator[Machine]:
    """Run a machine in an empty folder until the block is left; nothing of it is left then.

    Returns once a question was answered. Raises TimeoutError with the ends of the logs.
    """
    with ExitStack() as stack:
        try:
            machine = _Building(folder, plan, stack).build()
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{_ends_of_logs(folder)}") from error
        yield machine


class _Building:
    """Starts part by part what `stack` ends in the reverse order."""

    def __init__(self, folder: Path, plan: Plan, stack: ExitStack) -> None:
        self._folder = folder
        self._plan = plan
        self._stack = stack
        self._until = time.monotonic() + plan.start_s
        self._stores = Stores(folder)
        self._dns = Dns(folder)
        self._regions: list[Region] = []
        self._providers: dict[str, ProviderStandIn] = {}
        self._provider_thread = ProviderThread()
        stack.callback(self._provider_thread.stop)
        self._loop = LoopThread("machine-network")
        stack.callback(self._loop.stop)
        self._starter = Starter()
        stack.callback(self._starter.close)
        self._fixed = {name: unused_port() for name in (REAL_PEER, *REDIS_PODS)}
        self._names = self._named()
        containers = Containers(folder, self._fixed, plan.tools.redis_server)
        self._node = Node(
            containers, self._variables_of, self._starter, {"backend": plan.most_backends}
        )
        stack.callback(self._node.close)

    def build(self) -> Machine:
        """Start everything. Raises TimeoutError."""
        for each in (self._stores.objects, self._stores.backups):
            each.mkdir(mode=0o700, parents=True)
        self._start_providers()
        self._cluster = self._simulated()
        self._endpoints = Endpoints(self._cluster, self._node)
        probing = self._loop.start(probe_all(self._node, self._cluster.logs))
        self._stack.callback(probing.cancel)
        running = self._stack.enter_context(running_cluster(self._cluster))
        ingress = Ingress(self._endpoints, self._second_region)
        public_url = self._served(ingress.forwarder())
        asking = self._stack.enter_context(reader(public_url, self._plan.question))
        self._fill(asking)
        parts = Parts(
            running,
            self._node,
            ingress,
            self._stores,
            self._dns,
            self._providers,
            self._provider_thread,
        )
        variables = self._outside(running, public_url)
        return Machine(self._plan, self._folder, parts, asking, variables)

    def _named(self) -> Names:
        """Let Services listen, and return the names of all that does."""
        ports = {}
        for component, port in PORTS.items():
            server = self._loop.do(service(partial(self._ready, component)))
            ports[f"{component}:{port}"] = int(server.sockets[0].getsockname()[1])
            self._stack.callback(server.close)
        for pod, port in self._fixed.items():
            component = pod.partition("-")[0]
            ports[f"{pod}.{component}-headless:{PORTS[component]}"] = port
        folders = {
            "file:///objects": self._stores.objects.as_uri(),
            "file:///backups": self._stores.backups.as_uri(),
        }
        return Names(ports, folders)

    def _ready(self, component: str) -> Sequence[int]:
        return self._endpoints(component)

    def _simulated(self) -> Cluster:
        inside = InsidePods(self._names, self._ports, self._product)
        urls = {f"{name.upper()}_BASE_URL": each.url for name, each in self._providers.items()}
        setup = Setup(
            items=objects(self._plan, urls),
            pace=_PACE,
            observer=self._node,
            programs=inside.programs(),
        )
        return Cluster(ScaledClock(1.0), setup)

    def _start_providers(self) -> None:
        if not self._plan.with_models:
            return
        for name in FORMATS:
            stand_in = ProviderStandIn(name, script=quoting)
            self._provider_thread.add(stand_in)
            self._stack.callback(self._provider_thread.hang_up, stand_in)
            self._providers[name] = stand_in

    def _variables_of(self, pod: Document) -> Mapping[str, str]:
        found = environment_of(pod, self._cluster.store)
        return {name: self._names.resolved(value) for name, value in found.items()}

    def _ports(self) -> Mapping[str, int]:
        return {each.pod: each.port for _, each in self._node.all() if each.process is not None}

    def _product(self) -> Mapping[str, str]:
        """Return the variables of a backend, for commands of the product beside it."""
        pod = self._cluster.pods("backend")[0]
        folder = self._folder / "command"
        folder.mkdir(exist_ok=True)
        return {**self._variables_of(pod), "DATA_DIR": str(folder), "HOME": str(folder)}

    def _second_region(self) -> str:
        return self._regions[0].url if self._regions and self._dns.leads_away else ""

    def _served(self, forwarder: Forwarder) -> str:
        """Let the ingress listen, and return where."""
        served = serving(forwarder)
        self._loop.do(served.__aenter__())
        self._stack.callback(lambda: self._loop.do(served.__aexit__(None, None, None)))
        return forwarder.url

    def _fill(self, asking: Reader) -> None:
        """Hand in the documents, and start what needs them."""
        asking.hand_in(self._plan.documents, self._until)
        if self._plan.second_region:
            folder = self._folder / "second-region"
            region = second_region(folder, self._stores.objects, self._starter)
            self._regions.append(region)
            for each in region.hosted:
                self._stack.callback(end, each)
        if self._plan.with_backup:
            self._back_up()
        await_true(lambda: asking.look().well, self._until, "questions are answered")
        if self._regions:
            question = self._plan.question
            with reader(self._regions[0].url, question) as there:
                await_true(
                    lambda: there.answers(question), self._until, "the second region answers"
                )

    def _back_up(self) -> None:
        """Make a good backup; on a busy machine its verification may need another attempt."""
        said = ""

        def made() -> bool:
            nonlocal said
            done = subprocess.run(  # noqa: S603  Our own words.
                [sys.executable, *_BACKUP],
                env=inherited() | dict(self._product()),
                capture_output=True,
                text=True,
                check=False,
            )
            said = done.stderr
            return done.returncode == 0

        try:
            await_true(made, self._until, "a backup is made")
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {said}") from error

    def _outside(self, running: Running, public_url: str) -> Mapping[str, str]:
        tools = self._plan.tools
        port = int(public_url.rpartition(":")[2])
        folder = install(self._folder, port, tools.curl, self._dns)
        product = self._product()
        wanted = (
            *("BACKEND_URL", "QDRANT_URL", "QDRANT_API_KEY", "REDIS_URL"),
            *(f"{name.upper()}_{what}" for name in FORMATS for what in ("BASE_URL", "API_KEY")),
        )
        return {
            **{name: product[name] for name in wanted if name in product},
            "FRONTEND_URL": self._names.resolved("http://frontend:8080"),
            "KUBECONFIG": str(running.kubeconfig(self._folder / "kubeconfig")),
            "HOME": str(self._folder),
            "PATH": f"{folder}:{tools.kubectl.parent}:/usr/bin:/bin",
        }


def _ends_of_logs(folder: Path) -> str:
    logs = [*sorted(folder.glob("logs/*.log")), *sorted(folder.glob("second-region/*.log"))]
    return "\n".join(f"--- {each.name}\n{_tail(each)}" for each in logs)


def _tail(path: Path) -> str:
    return path.read_bytes()[-_TAIL:].decode(errors="replace")
