"""What the commands of a runbook name that the manifests, settings and metrics have to have."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.manifests import NAMESPACE, Rendered

from info_assistant.api.addresses import ADDRESSES
from info_assistant.model.mode import ModeName
from info_assistant.observability.metrics import Metrics
from info_assistant.runbooks.model import BlockKind, Runbook
from info_assistant.runbooks.reading.markdown import read_runbook

_KINDS = {
    "deployment": "Deployment",
    "statefulset": "StatefulSet",
    "hpa": "HorizontalPodAutoscaler",
    "service": "Service",
}
_RESOURCE = re.compile(r"\b(deployment|statefulset|hpa|service)[/ ]([a-z][\w-]*)")
_POD = re.compile(r"\b(?:pod/|pod |exec (?:-\w+ )?|logs )([a-z]+)-(\d+)\b")
_CLAIM = re.compile(r"\bpvc ([a-z][\w-]+-\d+)")
_LABEL = re.compile(r"-l component=(\w+)")
_CONTAINER = re.compile(r"(deployment/\w+|-l component=\w+)[^|]*? -c (\w+)")
_SETTING = re.compile(r"set env deployment/(\w+) ([A-Z_]+)=")
_SERVICE_PORT = re.compile(r"/dev/tcp/([a-z]+)/(\d+)|http://([a-z]+):(\d+)")
_METRIC = re.compile(r"\b(\w+_total)\b")


def missing(path: Path, found: Rendered) -> tuple[int, Sequence[str]]:
    """Return how many names were compared, and what is named and not there."""
    runbook = read_runbook(path)
    commands = [each.text for each in runbook.commands() if "kubectl" in each.text]
    compared = [name for each in commands for name in _named(each, found)]
    compared += list(_asked(runbook))
    return len(compared), sorted({name for name, there in compared if not there})


def _named(command: str, found: Rendered) -> Iterator[tuple[str, bool]]:
    """Yield each name in a command, and whether it is there."""
    pods = {each.component: each for each in found.workloads() if each.serves}
    for kind, name in _RESOURCE.findall(command):
        yield f"{kind}/{name}", found.has(_KINDS[kind], name)
    for name, ordinal in _POD.findall(command):
        there = found.has("StatefulSet", name)
        enough = there and int(ordinal) < found.workload("StatefulSet", name).replicas
        yield f"pod {name}-{ordinal}", enough
    for claim in _CLAIM.findall(command):
        yield f"pvc {claim}", claim in set(_claims(found))
    for component in _LABEL.findall(command):
        yield f"label component={component}", component in pods
    for target, container in _CONTAINER.findall(command):
        component = re.split("[/=]", target)[-1]
        names = [each["name"] for each in pods[component].containers] if component in pods else []
        yield f"container {container} of {component}", container in names
    for name, variable in _SETTING.findall(command):
        yield f"switch {variable}", name in pods and variable in set(ModeName)
    for names in _SERVICE_PORT.findall(command):
        service, port = (names[0] or names[2]), int(names[1] or names[3])
        there = found.has("Service", service)
        ports = found.one("Service", service)["spec"]["ports"] if there else ()
        yield f"service {service}:{port}", port in [each["port"] for each in ports]
    if " -n " in command:
        yield f"namespace in {command[:40]}", f"-n {NAMESPACE}" in command


def _claims(found: Rendered) -> Iterator[str]:
    for each in found.of("StatefulSet"):
        for claim in each["spec"]["volumeClaimTemplates"]:
            for ordinal in range(each["spec"]["replicas"]):
                yield f"{claim['metadata']['name']}-{each['metadata']['name']}-{ordinal}"


def _asked(runbook: Runbook) -> Iterator[tuple[str, bool]]:
    """Yield what queries and requests over HTTP name."""
    exported = Metrics().render().decode()
    for block in runbook.blocks(BlockKind.QUERIES):
        for metric in _METRIC.findall(block.text):
            yield f"metric {metric}", f"\n{metric}" in exported
    paths = {each.path for each in ADDRESSES}
    for command in runbook.commands():
        for path in re.findall(r"https://pubsec-info-assistant\.com(/\w+)", command.text):
            yield f"address {path}", path in paths
