"""The manifests of deploy/kubernetes as kubectl renders them, without a cluster or a network."""

import os
import re
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
KUBERNETES = ROOT / "deploy" / "kubernetes"
NAMESPACE = "pubsec-info-assistant"
_RENDER_S = 30
_REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")

Object = Mapping[str, Any]
"""An object of Kubernetes, as YAML has it."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What starts pods: a Deployment, StatefulSet, Job or CronJob, with its template."""

    kind: str
    name: str
    whole: Object = field(repr=False)
    template: Object = field(repr=False)

    @property
    def spec(self) -> Object:
        """The pod's own specification."""
        found: Object = self.template["spec"]
        return found

    @property
    def containers(self) -> Sequence[Object]:
        """Every container, those that run first included."""
        return (*self.spec.get("initContainers", ()), *self.spec["containers"])

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of its pods."""
        return self.template["metadata"].get("labels") or {}

    @property
    def component(self) -> str:
        """What the runbook calls its pods: the label `component`."""
        return self.labels.get("component", "")

    @property
    def serves(self) -> bool:
        """Whether it runs for ever, rather than to its end."""
        return self.kind in {"Deployment", "StatefulSet"}

    @property
    def replicas(self) -> int:
        """How many pods it asks for; 1 where an autoscaler decides."""
        return int(self.whole["spec"].get("replicas", 1))


@dataclass(frozen=True, slots=True)
class Rendered:
    """All objects of an installation."""

    name: str
    objects: tuple[Object, ...] = field(repr=False)

    def of(self, kind: str) -> Sequence[Object]:
        """Return the objects of a kind."""
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind: str, name: str) -> Object:
        """Return an object by its name. Raises LookupError."""
        for each in self.of(kind):
            if each["metadata"]["name"] == name:
                return each
        raise LookupError(f"{self.name} has no {kind} {name}")

    def has(self, kind: str, name: str) -> bool:
        """Whether there is such an object."""
        return any(each["metadata"]["name"] == name for each in self.of(kind))

    def workloads(self) -> Sequence[Workload]:
        """Return all that starts pods."""
        return list(self._workloads())

    def workload(self, kind: str, name: str) -> Workload:
        """Return one of those. Raises LookupError."""
        whole = self.one(kind, name)
        return next(each for each in self.workloads() if each.whole is whole)

    def _workloads(self) -> Iterator[Workload]:
        for each in self.objects:
            kind, spec = each["kind"], each.get("spec", {})
            if kind == "CronJob":
                spec = spec["jobTemplate"]["spec"]
            if kind in {"Deployment", "StatefulSet", "Job", "CronJob"}:
                yield Workload(kind, each["metadata"]["name"], each, spec["template"])

    def environment(self, container: Object) -> Mapping[str, str]:
        """Return what a container is told, a Secret's value as `secret:NAME/KEY`.

        References to earlier variables, `$(NAME)`, are put in as Kubernetes does it. What a whole
        Secret brings is not known here.
        """
        found: dict[str, str] = {}
        for source in (each for each in container.get("envFrom", ()) if "configMapRef" in each):
            found |= self.one("ConfigMap", source["configMapRef"]["name"])["data"]
        for each in container.get("env", ()):
            if "value" in each:
                value = _REFERENCE.sub(lambda at: found.get(at[1], at[0]), str(each["value"]))
            elif "configMapKeyRef" in each["valueFrom"]:
                key = each["valueFrom"]["configMapKeyRef"]
                value = self.one("ConfigMap", key["name"])["data"][key["key"]]
            else:
                key = each["valueFrom"]["secretKeyRef"]
                value = f"secret:{key['name']}/{key['key']}"
            found[each["name"]] = value
        return found


def kubectl() -> str:
    """Return where the pinned kubectl of this environment is."""
    return str(Path(sysconfig.get_path("scripts")) / "kubectl")


def overlays() -> Sequence[str]:
    """Return the names of all overlays."""
    return sorted(each.parent.name for each in KUBERNETES.glob("overlays/*/kustomization.yaml"))


def components() -> Sequence[str]:
    """Return the names of all components that add something by themselves."""
    names = {each.parent.name for each in KUBERNETES.glob("components/*/kustomization.yaml")}
    return sorted(names - {"images"})


@cache
def render(name: str) -> Rendered:
    """Render `base`, an overlay, or `base+COMPONENT`. Raises CalledProcessError as kubectl says."""
    base, _, component = name.partition("+")
    if not component:
        place = KUBERNETES / ("base" if base == "base" else f"overlays/{base}")
        return Rendered(name, _built(place))
    with tempfile.TemporaryDirectory() as folder:
        # Kustomize takes folders by relative paths only.
        at = os.path.relpath(KUBERNETES, Path(folder).resolve())
        text = f"resources: [{at}/base]\ncomponents: [{at}/components/{component}]\n"
        Path(folder, "kustomization.yaml").write_text(text, encoding="utf-8")
        return Rendered(name, _built(Path(folder)))


def everything() -> Sequence[str]:
    """Return the name of each installation that can be rendered, for `render`."""
    return ["base", *overlays(), *(f"base+{each}" for each in components())]


def _built(place: Path) -> tuple[Object, ...]:
    done = subprocess.run(
        [kubectl(), "kustomize", str(place)],
        check=True,
        capture_output=True,
        timeout=_RENDER_S,
        # Whatever this machine's kubectl is set up for is no concern of a rendering.
        env={"PATH": "/usr/bin:/bin", "HOME": tempfile.gettempdir()},
    )
    return tuple(each for each in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if each)
