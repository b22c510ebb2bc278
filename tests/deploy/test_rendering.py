"""The manifests render offline, and Kubernetes' own schemas accept them."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import kubernetes_validate
import pytest
from kubernetes_validate import utils as schemas
from scripts.manifests import NAMESPACE, everything, render

# It reads megabytes of schemas anew for each object: four fifths of the time.
for _reader in ("schema_contents", "all_versions"):
    setattr(schemas, _reader, cache(getattr(schemas, _reader)))

_NEWEST = list(dict.fromkeys(schemas.all_versions()))[-4:]
_WITHOUT_SCHEMA = {("gateway.networking.k8s.io/v1", each) for each in ("Gateway", "HTTPRoute")}
"""Kinds that do not come with Kubernetes; tests/deploy/test_edge.py reads them by itself."""

_OF_NO_NAMESPACE = {"Namespace", "ClusterRole", "ClusterRoleBinding"}


@cache
def _complaint(document: str, version: str) -> str:
    """Return what is wrong with an object; the same ones are in many installations."""
    try:
        kubernetes_validate.validate(json.loads(document), version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error)
    return ""


def _complaints(found: Mapping[str, Any]) -> list[str]:
    document = json.dumps(found, sort_keys=True)
    return [
        f"{each}: {_complaint(document, each)}" for each in _NEWEST if _complaint(document, each)
    ]


@pytest.mark.parametrize("name", everything())
def test_every_installation_is_valid(name: str) -> None:
    """Every overlay, and every component on the base, is strictly valid in the newest versions."""
    assert len(_NEWEST) == 4
    objects = render(name).objects
    assert len(objects) > 30
    for each in objects:
        if (each["apiVersion"], each["kind"]) not in _WITHOUT_SCHEMA:
            assert _complaints(each) == [], each["metadata"]["name"]


def test_a_misspelt_field_is_found() -> None:
    """The check is strict: a field that Kubernetes does not know is a complaint."""
    backend = json.loads(json.dumps(render("base").one("Deployment", "backend")))
    backend["spec"]["template"]["spec"]["terminationGracePeriod"] = 5
    assert len(_complaints(backend)) == 4


@pytest.mark.parametrize("name", everything())
def test_everything_is_in_the_namespace(name: str) -> None:
    """Each object is in the runbook's namespace, and none is there twice."""
    found = render(name)
    for each in found.objects:
        if each["kind"] not in _OF_NO_NAMESPACE:
            assert each["metadata"].get("namespace") == NAMESPACE, each["metadata"]
    names = [(each["kind"], each["metadata"]["name"]) for each in found.objects]
    assert len(set(names)) == len(names)
    assert found.has("Namespace", NAMESPACE)
