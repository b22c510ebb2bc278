"""What a command of kubectl asks Kubernetes for, and whether the Roles grant it."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from scripts.manifests import Object, Rendered

_GROUPS = {
    "pods": "", "pods/log": "", "pods/exec": "", "nodes": "", "events": "", "secrets": "",
    "persistentvolumeclaims": "", "services": "", "configmaps": "",
    "deployments": "apps", "statefulsets": "apps", "replicasets": "apps",
    "controllerrevisions": "apps", "deployments/scale": "apps", "statefulsets/scale": "apps",
    "horizontalpodautoscalers": "autoscaling", "jobs": "batch", "cronjobs": "batch",
}  # fmt: skip
_NAMES = {
    "pod": "pods", "node": "nodes", "pvc": "persistentvolumeclaims", "event": "events",
    "deployment": "deployments", "statefulset": "statefulsets", "hpa": "horizontalpodautoscalers",
    "secret": "secrets", "service": "services", "configmap": "configmaps", "job": "jobs",
    "cronjob": "cronjobs",
}  # fmt: skip
_CHANGING = ("get {0}", "patch {0}")
_WATCHING = ("get {0}", "list {0}", "watch {0}")
_NEEDS = {
    "describe": ("list events",),
    "wait": _WATCHING,
    "delete": ("delete {0}", *_WATCHING),
    "scale": ("get {0}", "get {0}/scale", "update {0}/scale", "patch {0}/scale"),
    "patch": _CHANGING,
    "annotate": _CHANGING,
    "set env": _CHANGING,
    "rollout restart": _CHANGING,
    "rollout undo": (*_CHANGING, "list {1}"),
    "rollout status": _WATCHING,
    "rollout history": ("get {0}", "list {1}"),
}
"""What a verb needs of its resource, {0}, and of what keeps that one's revisions, {1}."""

_WITH_VALUES = {
    "-n",
    "-l",
    "-c",
    "-o",
    "-p",
    "--namespace",
    "--container",
    "--selector",
    "--output",
}


@dataclass(frozen=True, slots=True)
class Right:
    """One request: a verb on a resource, as Roles have them."""

    verb: str
    resource: str

    @property
    def group(self) -> str:
        """The group of Kubernetes' API that the resource is in."""
        return _GROUPS[self.resource]


def rights_of(command: str) -> Sequence[Right]:
    """Return what a kubectl command needs; nothing for commands of other programs.

    Raises LookupError for a verb or resource that is not known here.
    """
    words = list(takewhile(lambda word: word not in {"|", "||", ";", "&&"}, shlex.split(command)))
    if not words or words[0] != "kubectl":
        return ()
    return list(_needed(list(_plain(words[1:])), words))


def _plain(words: Sequence[str]) -> Iterator[str]:
    """Yield the words that are neither options nor their values, up to `--`."""
    skip = False
    for word in words:
        if word == "--":
            return
        if skip or word.startswith("-"):
            skip = not skip and word in _WITH_VALUES
            continue
        yield word


def _needed(plain: list[str], words: Sequence[str]) -> Iterator[Right]:
    verb, rest = plain[0], plain[1:]
    if verb in {"rollout", "set"}:
        verb, rest = f"{verb} {rest[0]}", rest[1:]
    if verb in {"logs", "exec"}:
        yield from _in_a_pod(verb, rest)
        return
    if verb != "get" and verb not in _NEEDS:
        raise LookupError(" ".join(words))
    for resource in [_resource(each) for each in rest if "/" in each] or [_resource(rest[0])]:
        if verb in {"get", "describe"}:
            yield Right("get" if "/" in rest[0] or len(rest) > 1 else "list", resource)
        kept = "replicasets" if resource == "deployments" else "controllerrevisions"
        for each in _NEEDS.get(verb, ()):
            yield Right(*each.format(resource, kept).split())


def _in_a_pod(verb: str, rest: Sequence[str]) -> Iterator[Right]:
    """Yield what it takes to look into a pod, which may be named by what keeps it."""
    if rest and "/" in rest[0]:
        yield Right("get", _resource(rest[0]))
    if not rest or "/" in rest[0]:
        yield Right("list", "pods")
    yield Right("get", "pods")
    if verb == "logs":
        yield Right("get", "pods/log")
    else:
        # Newer servers ask for `create` where the connection is a WebSocket, too.
        yield from (Right(each, "pods/exec") for each in ("get", "create"))


def _resource(word: str) -> str:
    kind = word.partition("/")[0].removesuffix(".apps")
    found = _NAMES.get(kind) or _NAMES.get(kind.removesuffix("s")) or kind
    if found not in _GROUPS:
        raise LookupError(word)
    return found


def granted(found: Rendered, right: Right, roles: Sequence[str]) -> bool:
    """Whether any of these Roles, or the ClusterRole for nodes, grants it."""
    rules: list[Object] = [
        rule
        for role in (*found.of("Role"), *found.of("ClusterRole"))
        if role["metadata"]["name"] in (*roles, "pubsec-info-assistant-nodes")
        for rule in role["rules"]
    ]
    return any(
        right.group in rule["apiGroups"]
        and right.resource in rule["resources"]
        and right.verb in rule["verbs"]
        for rule in rules
    )
