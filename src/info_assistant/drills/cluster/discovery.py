"""What the API server tells clients of itself: groups, resources, and which parameters it knows."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from info_assistant.drills.cluster.documents import Document
from info_assistant.drills.cluster.kinds import KINDS, VERBS, Kind

VERSION = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.1-simulator",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "simulator",
}
"""What `kubectl version` shows: a simulator says so."""

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
"""The type of a document that names all resources at once."""

_SUB_KINDS = {"scale": ("autoscaling", "v1", "Scale"), "eviction": ("policy", "v1", "Eviction")}
_SUB_VERBS = {
    "scale": ["get", "patch", "update"],
    "status": ["get", "patch", "update"],
    "log": ["get"],
    "exec": ["create", "get"],
    "eviction": ["create"],
    "token": ["create"],
}
_CREATED_ONLY = {"Binding", "SelfSubjectAccessReview"}


def _groups() -> list[tuple[str, list[Kind]]]:
    ordered = sorted(KINDS, key=lambda kind: kind.group)
    return [(group, list(kinds)) for group, kinds in groupby(ordered, lambda kind: kind.group)]


def aggregated(*, core: bool) -> Document:
    """Return all resources: those of the first API, or those of all named groups."""
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": group, "creationTimestamp": None},
                "versions": [
                    {
                        "version": kinds[0].version,
                        "freshness": "Current",
                        "resources": [_aggregated(kind) for kind in kinds],
                    }
                ],
            }
            for group, kinds in _groups()
            if core is (group == "")
        ],
    }


def _aggregated(kind: Kind) -> Document:
    return {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.name},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": verbs_of(kind),
        "shortNames": list(kind.short),
        "categories": ["all"] if kind.listed_in_all else [],
        "subresources": [
            {
                "subresource": sub,
                "responseKind": dict(
                    zip(("group", "version", "kind"), _sub_kind(kind, sub), strict=True)
                ),
                "verbs": _SUB_VERBS[sub],
            }
            for sub in kind.sub
        ],
    }


def verbs_of(kind: Kind) -> list[str]:
    """Return what can be done with a kind."""
    return ["create"] if kind.name in _CREATED_ONLY else list(VERBS)


def _sub_kind(kind: Kind, sub: str) -> tuple[str, str, str]:
    return _SUB_KINDS.get(sub, (kind.group, kind.version, kind.name))


def groups() -> Document:
    """Return the named groups, for clients that ask one by one."""
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [
            {"name": group, "versions": [version], "preferredVersion": version}
            for group, kinds in _groups()
            if group
            for version in [{"groupVersion": kinds[0].api_version, "version": kinds[0].version}]
        ],
    }


def core_versions() -> Document:
    """Return the versions of the first API."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def resources(group: str, version: str) -> Document | None:
    """Return the resources of one group, None where it is not served."""
    kinds = [kind for kind in KINDS if (kind.group, kind.version) == (group, version)]
    if not kinds:
        return None
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": kinds[0].api_version,
        "resources": list(_listed(kinds)),
    }


def _listed(kinds: Iterable[Kind]) -> Iterable[Document]:
    for kind in kinds:
        yield {
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.name,
            "verbs": verbs_of(kind),
            "shortNames": list(kind.short),
            "categories": ["all"] if kind.listed_in_all else [],
        }
        for sub in kind.sub:
            group, version, name = _sub_kind(kind, sub)
            yield {
                "name": f"{kind.plural}/{sub}",
                "singularName": "",
                "namespaced": kind.namespaced,
                "group": group,
                "version": version,
                "kind": name,
                "verbs": _SUB_VERBS[sub],
            }


def openapi_paths() -> Document:
    """Return where the description of each group is."""
    places = {_place(kind) for kind in KINDS}
    return {
        "paths": {
            place: {"serverRelativeURL": f"/openapi/v3/{place}?hash=simulator"}
            for place in sorted(places)
        }
    }


def _place(kind: Kind) -> str:
    return f"apis/{kind.api_version}" if kind.group else f"api/{kind.version}"


def openapi_of(place: str) -> Document | None:
    """Return the description of one group: that fields are checked here, and nothing of shapes.

    With it clients leave the check of fields to the server, and take their own tables to make
    patches. Without it they would ask for the shapes of everything.
    """
    kinds = [kind for kind in KINDS if _place(kind) == place]
    if not kinds:
        return None
    paths: dict[str, Any] = {}
    for kind in kinds:
        where = "namespaces/{namespace}/" if kind.namespaced else ""
        paths[f"/{place}/{where}{kind.plural}/{{name}}"] = {"patch": _patch_of(kind)}
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes (simulator)", "version": VERSION["gitVersion"]},
        "paths": paths,
        "components": {"schemas": {}},
    }


def _patch_of(kind: Kind) -> Document:
    return {
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": {
            "group": kind.group,
            "version": kind.version,
            "kind": kind.name,
        },
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string"}}
            for name in ("dryRun", "fieldManager", "fieldValidation", "force")
        ],
        "responses": {"200": {"description": "OK"}},
    }
