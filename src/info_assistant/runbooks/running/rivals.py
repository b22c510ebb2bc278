"""Who will undo a change: GitOps controllers and autoscalers that hold the same object."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from info_assistant.runbooks.linting.cases import Case, settings_of

_CHANGES = {"scale", "set env", "set image", "rollout restart", "rollout undo", "patch", "apply"}
_MARK = "rivals"
_ARGO_LABEL = r".metadata.labels.argocd\.argoproj\.io/instance"
_ARGO_TRACKING = r".metadata.annotations.argocd\.argoproj\.io/tracking-id"
_FLUX = r".metadata.labels.{}\.toolkit\.fluxcd\.io/{}"
_FIELDS = (
    _ARGO_TRACKING,
    _ARGO_LABEL,
    *(
        _FLUX.format(kind, field)
        for kind in ("kustomize", "helm")
        for field in ("name", "namespace")
    ),
)
_SCALERS = (
    "{range .items[*]}{.spec.scaleTargetRef.kind}/{.spec.scaleTargetRef.name} {.metadata.name} "
    '{.spec.minReplicas} {.spec.maxReplicas}{";"}{end}'
)
_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class Rival:
    """A controller that sets the object again; `words` say which, and how it is paused."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class RivalsProbe:
    """A command that only reads, and how what it prints is understood."""

    command: str
    read: Callable[[str], Sequence[Rival]]


def rivals_probe(case: Case) -> RivalsProbe | None:
    """Return how to find out who will undo a change of a workload; None for all else.

    GitOps holds every field of what it applies; an autoscaler holds the number of replicas.
    """
    taken, name = case.kubectl, case.controller
    if taken is None or name is None or taken.verb not in _CHANGES:
        return None
    scope = " ".join(case.scope)
    path = "|".join(f"{{{each}}}" for each in _FIELDS)
    owned = f"kubectl get {name} {scope} -o jsonpath='{_MARK}|{path}'"
    if taken.verb != "scale":
        return RivalsProbe(owned, lambda printed: _gitops(printed, case))
    scalers = f"kubectl get hpa {scope} -o jsonpath='{_SCALERS}'"

    def read(printed: str) -> Sequence[Rival]:
        first, _, rest = printed.partition("\n")
        return [*_gitops(first, case), *_scalers(rest, name)]

    return RivalsProbe(f"{owned} && echo && {scalers}", read)


def _gitops(printed: str, case: Case) -> list[Rival]:
    mark, *fields = printed.split("|")
    if mark != _MARK or len(fields) != len(_FIELDS):
        return []
    tracking, label, *flux = fields
    found = []
    # A tracking id is application:group/kind:namespace/name.
    application = tracking.partition(":")[0] or label
    if _NAME.fullmatch(application):
        found.append(_argo(application, case))
    for kind, name, namespace in (("kustomization", *flux[:2]), ("helmrelease", *flux[2:])):
        if _NAME.fullmatch(name):
            found.append(_flux(kind, name, namespace, case))
    return found


def _argo(application: str, case: Case) -> Rival:
    # Of an application outside Argo's own namespace the name is namespace_name.
    namespace, _, name = application.rpartition("_")
    where = namespace or "argocd"
    patch = '\'{"spec":{"syncPolicy":{"automated":null}}}\''
    return Rival(
        f"Argo CD {application}",
        f"Argo CD's application {application} holds {case.controller}: where it heals by itself it "
        f"puts {_what(case)} back within minutes, else at its next sync. Pause it first: `kubectl "
        f"patch applications.argoproj.io {name} -n {where} --type=merge -p {patch}`, and note the "
        "old syncPolicy to put it back. Then bring the change into Git.",
    )


def _flux(kind: str, name: str, namespace: str, case: Case) -> Rival:
    where = f" -n {namespace}" if _NAME.fullmatch(namespace) else ""
    return Rival(
        f"Flux {kind} {name}",
        f"Flux's {kind} {name} holds {case.controller} and puts {_what(case)} back at its next "
        f"reconciliation. Pause it first: `flux suspend {kind} {name}{where}`; afterwards `flux "
        f"resume {kind} {name}{where}`. Then bring the change into Git.",
    )


def _what(case: Case) -> str:
    names = ", ".join(settings_of(case))
    verb = case.kubectl.verb if case.kubectl else ""
    return names or {"scale": "the number of replicas", "rollout undo": "the release"}.get(
        verb, "what is changed"
    )


def _scalers(printed: str, controller: str) -> list[Rival]:
    found = []
    for line in printed.split(";"):
        target, *rest = line.split()[:4] or [""]
        if target.lower() == controller and len(rest) == 3:  # noqa: PLR2004  Name, least and most.
            name, least, most = rest
            found.append(
                Rival(
                    f"HorizontalPodAutoscaler {name}",
                    f"The HorizontalPodAutoscaler {name} holds {controller} between {least} and "
                    f"{most} replicas and sets the number again at its next look. Raise its "
                    "minReplicas instead.",
                )
            )
    return found
