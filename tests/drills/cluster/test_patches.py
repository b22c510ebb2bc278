"""Patches are carried out, never stored: the real kubectl patches the same objects beside ours."""

import importlib.util
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.drills.kubectl import BIN

from info_assistant.drills.cluster.documents import copied
from info_assistant.drills.cluster.merge_keys import SHAPES, fields_of_kind
from info_assistant.drills.cluster.patches import (
    JSON,
    MERGE,
    STRATEGIC,
    merge_patched,
    patched,
    strategic_patched,
)
from info_assistant.drills.cluster.problems import Refused

DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "backend", "labels": {"a": "1"}, "finalizers": ["x/one", "x/two"]},
    "spec": {
        "selector": {"matchLabels": {"a": "1"}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
        "template": {
            "metadata": {"labels": {"a": "1"}},
            "spec": {
                "containers": [
                    {
                        "name": "backend",
                        "image": "backend:1",
                        "args": ["serve", "x"],
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        "ports": [{"containerPort": 8000, "name": "http"}],
                        "volumeMounts": [{"mountPath": "/data", "name": "data"}],
                    },
                    {"name": "sidecar", "image": "sidecar:1"},
                ],
                "tolerations": [{"key": "a", "operator": "Exists"}],
                "volumes": [{"name": "data", "emptyDir": {}}],
            },
        },
    },
}


def containers(*items: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a patch of the template's containers."""
    return {"spec": {"template": {"spec": {"containers": list(items), **more}}}}


PATCHES: dict[str, tuple[str, Any]] = {
    "a value is changed by name, the rest stays": (
        "strategic",
        containers({"name": "backend", "env": [{"name": "A", "value": "9"}]}),
    ),
    "orders are carried out": (
        "strategic",
        containers(
            {
                "name": "backend",
                "env": [{"name": "C", "value": "3"}],
                "$setElementOrder/env": [{"name": "C"}, {"name": "B"}, {"name": "A"}],
            },
            **{"$setElementOrder/containers": [{"name": "sidecar"}, {"name": "backend"}]},
        ),
    ),
    "an item is deleted by name": (
        "strategic",
        containers({"name": "backend", "env": [{"name": "A", "$patch": "delete"}]}),
    ),
    "a container is deleted": ("strategic", containers({"name": "sidecar", "$patch": "delete"})),
    "a list is replaced whole": (
        "strategic",
        containers(
            {"name": "backend", "env": [{"$patch": "replace"}, {"name": "Z", "value": "z"}]}
        ),
    ),
    "plain lists are replaced": ("strategic", containers({"name": "backend", "args": ["worker"]})),
    "tolerations have no key": (
        "strategic",
        {"spec": {"template": {"spec": {"tolerations": [{"key": "b", "operator": "Exists"}]}}}},
    ),
    "null removes": ("strategic", containers({"name": "backend", "env": None})),
    "keys are kept by a list of them": (
        "strategic",
        {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}},
    ),
    "a volume changes its kind": (
        "strategic",
        {
            "spec": {
                "template": {
                    "spec": {
                        "volumes": [
                            {
                                "name": "data",
                                "$retainKeys": ["name", "hostPath"],
                                "hostPath": {"path": "/x"},
                            }
                        ]
                    }
                }
            }
        },
    ),
    "finalizers are added and taken": (
        "strategic",
        {
            "metadata": {
                "finalizers": ["x/three"],
                "$deleteFromPrimitiveList/finalizers": ["x/one"],
            }
        },
    ),
    "an object is replaced": (
        "strategic",
        {"metadata": {"labels": {"$patch": "replace", "only": "this"}}},
    ),
    "ports are merged by their number": (
        "strategic",
        containers({"name": "backend", "ports": [{"containerPort": 8000, "name": "web"}]}),
    ),
    "a new container comes first": ("strategic", containers({"name": "new", "image": "new:1"})),
    "a merge patch replaces lists": ("merge", containers({"name": "one", "image": "one:1"})),
    "a JSON patch in steps": (
        "json",
        [
            {"op": "test", "path": "/metadata/labels/a", "value": "1"},
            {"op": "add", "path": "/metadata/labels/b~1c", "value": "2"},
            {
                "op": "move",
                "from": "/spec/template/spec/containers/1",
                "path": "/spec/template/spec/containers/0",
            },
            {"op": "copy", "from": "/metadata/labels/a", "path": "/metadata/labels/d"},
            {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "s:2"},
            {"op": "remove", "path": "/spec/strategy/rollingUpdate"},
            {"op": "add", "path": "/spec/template/spec/containers/1/args/-", "value": "y"},
        ],
    ),
}
TYPES = {"strategic": STRATEGIC, "merge": MERGE, "json": JSON}


def by_kubectl(item: dict[str, Any], how: str, patch: Any, home: Path) -> dict[str, Any]:  # noqa: ANN401
    """Return what the real kubectl makes of an object, without any server."""
    file = home / "object.json"
    file.write_text(json.dumps(item))
    done = subprocess.run(
        [
            BIN / "kubectl",
            "patch",
            "--local",
            "-f",
            file,
            f"--type={how}",
            "-p",
            json.dumps(patch),
            "-o",
            "json",
        ],
        env={"HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def without_nothing(value: Any) -> Any:  # noqa: ANN401
    """Leave out what Go's types write of their own: null, and empty objects."""
    if isinstance(value, dict):
        found = {key: without_nothing(each) for key, each in value.items()}
        return {key: each for key, each in found.items() if each not in (None, {}, [])}
    if isinstance(value, list):
        return [without_nothing(each) for each in value]
    return value


@pytest.mark.parametrize("name", PATCHES)
def test_a_patch_makes_what_kubectl_makes_of_it(name: str, tmp_path: Path) -> None:
    """Ours and that of the real kubectl are the same object."""
    how, patch = PATCHES[name]
    ours = patched(TYPES[how], DEPLOYMENT, patch, "Deployment")
    theirs = by_kubectl(DEPLOYMENT, how, patch, tmp_path)
    assert without_nothing(ours) == without_nothing(theirs)
    assert "$" not in json.dumps(ours)


def test_a_setting_changes_every_container_as_kubectl_does_it(tmp_path: Path) -> None:
    """`set env` without -c reaches the sidecar as well (contract 35)."""
    file = tmp_path / "object.json"
    file.write_text(json.dumps(DEPLOYMENT))
    done = subprocess.run(
        [BIN / "kubectl", "set", "env", "--local", "-f", file, "B=9", "-o", "json"],
        env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    spec = json.loads(done.stdout)["spec"]["template"]["spec"]
    patch = containers(
        {"name": "backend", "env": [{"name": "B", "value": "9"}],
         "$setElementOrder/env": [{"name": "A"}, {"name": "B"}]},
        {"name": "sidecar", "env": [{"name": "B", "value": "9"}]},
        **{"$setElementOrder/containers": [{"name": "backend"}, {"name": "sidecar"}]},
    )  # fmt: skip
    ours = patched(STRATEGIC, DEPLOYMENT, patch, "Deployment")["spec"]["template"]["spec"]
    assert without_nothing(ours["containers"]) == without_nothing(spec["containers"])


def _merged_lists(kind: str) -> Iterator[tuple[str, str]]:
    """Yield fields of our table and the key they are merged by."""
    for shape in (fields_of_kind(kind), *SHAPES.values()):
        for name, field in shape.items():
            if field.key:
                yield name, field.key


def test_merge_keys_are_those_of_kubernetes() -> None:
    """Each merged list of pods, workloads, services and nodes is in the schemas, same key."""
    package = importlib.util.find_spec("kubernetes_validate")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent / "kubernetes-json-schema" / "v1.37.0-local"
    ours = set(_merged_lists("Deployment")) | set(_merged_lists("Service"))
    theirs: set[tuple[str, str]] = set()
    needed: set[tuple[str, str]] = set()
    wanted = ("podspec-", "container-v1", "objectmeta-meta", "servicespec-", "deploymentspec-",
              "nodestatus-v1", "serviceaccount-", "podstatus-v1")  # fmt: skip
    for file in folder.glob("*.json"):
        for name, field in (json.loads(file.read_text()).get("properties") or {}).items():
            if isinstance(field, dict) and field.get("x-kubernetes-patch-merge-key"):
                found = (name, field["x-kubernetes-patch-merge-key"])
                theirs.add(found)
                if file.name.startswith(wanted):
                    needed.add(found)
    assert ours <= theirs
    # These belong to features that are not modelled.
    left_out = {"resourceClaimStatuses", "nodeAllocatableResourceClaimStatuses"}
    assert {each for each in needed if each[0] not in left_out} <= ours


NAMES = st.sampled_from(["a", "b", "c", "d"])
ITEMS = st.lists(
    st.fixed_dictionaries({"name": NAMES, "value": st.text(max_size=2)}),
    max_size=4,
    unique_by=lambda each: each["name"],
)


@given(old=ITEMS, new=ITEMS)
def test_merging_keeps_each_name_once(old: list[Any], new: list[Any]) -> None:
    """A merged list has all names of both, each once, with the patch's values."""
    fields = SHAPES["Container"]
    item, patch = {"env": old}, {"env": new}
    once = strategic_patched(item, copied(patch), fields)
    values = {each["name"]: each["value"] for each in once["env"]}
    assert len(values) == len(once["env"])
    assert values == {each["name"]: each["value"] for each in [*old, *new]}
    again = strategic_patched(once, patch, fields)
    assert {each["name"] for each in again["env"]} == set(values)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(item=JSON_VALUES, patch=JSON_VALUES)
def test_a_merge_patch_twice_is_a_merge_patch_once(item: Any, patch: Any) -> None:  # noqa: ANN401
    """RFC 7386: carried out again it changes nothing, and what was given is not changed."""
    before = copied(item)
    once = merge_patched(item, patch)
    assert merge_patched(once, patch) == once
    assert item == before


def test_what_is_no_patch_is_refused() -> None:
    """Server-side apply, failing tests and items without their key are refused in words."""
    for content_type, patch in (
        ("application/apply-patch+yaml", {}),
        (JSON, [{"op": "test", "path": "/spec/replicas", "value": 7}]),
        (JSON, [{"op": "replace", "path": "/spec/template/spec/containers/9", "value": {}}]),
        (STRATEGIC, containers({"image": "nameless"})),
        (MERGE, []),
    ):
        with pytest.raises(Refused):
            patched(content_type, DEPLOYMENT, patch, "Deployment")
