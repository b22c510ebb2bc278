"""People on call may do what the runbook tells them to, and no more."""

from pathlib import Path

import pytest
from scripts.kubectl_rights import Right, granted, rights_of
from scripts.manifests import ROOT, everything, render

from info_assistant.runbooks.model import Role
from info_assistant.runbooks.reading.markdown import read_runbook

OWN = ROOT / "runbooks" / "P0-INCIDENTS.md"


def commands_of(path: Path) -> list[tuple[str, bool]]:
    """Return each command of a runbook, and whether it belongs to an investigation."""
    return [
        (command.text, section.role is Role.INVESTIGATION)
        for scenario in read_runbook(path).scenarios
        for section in scenario.sections
        for block in section.blocks()
        for command in block.commands
    ]


def test_the_roles_suffice_for_the_runbook() -> None:
    """`diagnose` suffices for every step of investigation, with `remediate` for all others."""
    found = render("base")
    asked = 0
    for command, looks in commands_of(OWN):
        roles = ["diagnose"] if looks else ["diagnose", "remediate"]
        for right in rights_of(command):
            assert granted(found, right, roles), (command, right)
            asked += 1
    assert asked > 60


def test_who_diagnoses_changes_nothing() -> None:
    """Beyond `exec`, the Role `diagnose` has verbs of reading only."""
    for rule in render("base").one("Role", "diagnose")["rules"]:
        if rule["resources"] != ["pods/exec"]:
            assert set(rule["verbs"]) <= {"get", "list", "watch"}
    assert not granted(render("base"), Right("delete", "pods"), ["diagnose"])


def test_nobody_gets_all_or_what_lasts() -> None:
    """No Role has a wildcard, and none changes volumes, Secrets, Roles or nodes."""
    lasting = {"persistentvolumeclaims", "secrets", "roles", "rolebindings", "nodes", "namespaces"}
    for name in everything():
        found = render(name)
        for role in (*found.of("Role"), *found.of("ClusterRole")):
            for rule in role["rules"]:
                words = {*rule["verbs"], *rule.get("resources", ()), *rule.get("apiGroups", ())}
                assert "*" not in words
                if lasting & set(rule.get("resources", ())):
                    assert set(rule["verbs"]) <= {"get", "list", "watch"}


def test_only_people_are_bound() -> None:
    """`diagnose` and `remediate` are bound to groups; whoever remediates may diagnose."""
    found = render("production")
    subjects = {
        name: {(each["kind"], each["name"]) for each in found.one("RoleBinding", name)["subjects"]}
        for name in ("diagnose", "remediate")
    }
    assert {kind for each in subjects.values() for kind, _ in each} == {"Group"}
    assert subjects["remediate"] <= subjects["diagnose"]


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ("kubectl get nodes", {("list", "nodes")}),
        (
            "kubectl exec qdrant-0 -n x -- curl localhost:6333",
            {("get", "pods"), ("get", "pods/exec"), ("create", "pods/exec")},
        ),
        (
            "kubectl scale statefulset/qdrant --replicas=0 -n x",
            {
                ("get", "statefulsets"),
                *((verb, "statefulsets/scale") for verb in ("get", "update", "patch")),
            },
        ),
        ("curl -fsS https://pubsec-info-assistant.com/health", set()),
    ],
)
def test_what_commands_ask_for(command: str, needed: set[tuple[str, str]]) -> None:
    """A command is taken apart into the requests that Kubernetes judges."""
    assert {(each.verb, each.resource) for each in rights_of(command)} == needed
