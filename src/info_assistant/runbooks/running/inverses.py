"""The way back of a change, from what is there before it; and what shows that it took effect."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from info_assistant.runbooks.linting.cases import Case, settings_of
from info_assistant.runbooks.running.dns import dns_back, dns_probe

_PROMOTION = re.compile(
    r"(?P<asks>.*\b(?:redis|valkey)-cli\b.*?)\s+(?:REPLICAOF|SLAVEOF)\s+NO\s+ONE\s*", re.IGNORECASE
)
_MASTER = re.compile(r"^master_(host|port):(\S+)\s*$", re.MULTILINE)
_VALUE = re.compile(r"[A-Za-z0-9._:/@+=,-]*")


@dataclass(frozen=True, slots=True)
class Inverse:
    """A read-only `probe` of what is there, and how the way back is made of what it prints."""

    subject: str
    """What is changed, such as the replicas of one StatefulSet: it has one way back."""
    probe: str
    back: Callable[[str], str | None]
    """None where it cannot be told; an empty text where there is nothing to go back to."""


@dataclass(frozen=True, slots=True)
class Check:
    """A read-only command; a change took effect when `expects` is found in what it prints."""

    command: str
    expects: str


def inverse_of(case: Case) -> Inverse | None:
    """Return how to find the way back of a change; None where there is none, or none is needed."""
    if listed := dns_probe(case):
        return Inverse(f"records changed by {case.command.text}", listed, dns_back)
    if asks := _promoting(case):
        return _replica(asks)
    return _of_workload(case) if case.kubectl else None


def _of_workload(case: Case) -> Inverse | None:
    taken, name = case.kubectl, case.controller
    scope = " ".join(case.scope)
    if taken is None:
        return None
    if settings_of(case) and name:
        return _environment(case, name, scope)
    if taken.verb == "scale" and name:
        return Inverse(
            f"replicas of {name}",
            f"kubectl get {name} {scope} -o jsonpath='{{.spec.replicas}}'",
            lambda old: f"kubectl scale {name} --replicas={old} {scope}" if old.isdigit() else None,
        )
    if taken.verb == "rollout undo" and name:
        return Inverse(
            f"revision of {name}",
            f"kubectl get {name} {scope} -o "
            r"jsonpath='{.metadata.annotations.deployment\.kubernetes\.io/revision}'",
            lambda old: (
                f"kubectl rollout undo {name} --to-revision={old} {scope}"
                if old.isdigit()
                else None
            ),
        )
    found = re.search(r'"(minReplicas)":\s*\d+', case.command.text)
    if taken.verb == "patch" and found and taken.resources:
        target = taken.resources[0]
        patch = '\'{{"spec":{{"minReplicas":{}}}}}\''
        return Inverse(
            f"minimum of {target}",
            f"kubectl get {target} {scope} -o jsonpath='{{.spec.minReplicas}}'",
            lambda old: (
                f"kubectl patch {target} {scope} --type=merge -p {patch.format(old)}"
                if old.isdigit()
                else None
            ),
        )
    return None


def _promoting(case: Case) -> str:
    """Return how Redis is asked by a command that makes a replica a master; empty for others."""
    found = _PROMOTION.fullmatch(case.command.text) if len(case.simples) == 1 else None
    return found["asks"] if found else ""


def _replica(asks: str) -> Inverse:
    """A replica goes back to the master that it had; it takes over that master's data."""

    def back(printed: str) -> str | None:
        if re.search(r"^role:master", printed, re.MULTILINE):
            return ""
        known = dict(_MASTER.findall(printed))
        host, port = known.get("host", ""), known.get("port", "")
        if not (host and port.isdigit() and _VALUE.fullmatch(host)):
            return None
        return f"{asks} REPLICAOF {host} {port}"

    return Inverse(f"the master of {asks}", f"{asks} info replication", back)


def _environment(case: Case, name: str, scope: str) -> Inverse:
    container = case.kubectl.parsed.value("-c", "--containers") if case.kubectl else None
    chosen = f'[?(@.name=="{container}")]' if container else "[0]"
    names = list(settings_of(case))
    path = " ".join(
        f'{{.spec.template.spec.containers{chosen}.env[?(@.name=="{each}")].value}}|'
        for each in names
    ).replace("| ", "|")
    only = f" -c {container}" if container else ""

    def back(printed: str) -> str | None:
        old = printed.split("|")[: len(names)]
        if len(old) != len(names) or not all(map(_VALUE.fullmatch, old)):
            return None
        # A variable that was not there is taken away again; another gets its old value.
        settings = [
            f"{each}={value}" if value else f"{each}-"
            for each, value in zip(names, old, strict=True)
        ]
        return f"kubectl set env {name} {' '.join(settings)} {scope}{only}"

    subject = f"{', '.join(sorted(names))} of {name}"
    return Inverse(subject, f"kubectl get {name} {scope} -o jsonpath='{path}'", back)


def checks_of(case: Case) -> list[Check]:
    """Return what shows that a change took effect; empty where nobody can tell."""
    taken, name = case.kubectl, case.controller
    scope = " ".join(case.scope)
    if asks := _promoting(case):
        return [Check(f"{asks} role", r"\bmaster\b")]
    if taken is None:
        return []
    rollout = Check(
        f"kubectl rollout status {name} {scope} --timeout=20s",
        "success|roll out complete|rolled out",
    )
    if taken.verb == "scale" and name:
        wanted = taken.parsed.value("--replicas") or ""
        path = "{.spec.replicas} {.status.readyReplicas}"
        ready = wanted if wanted != "0" else ""
        return [Check(f"kubectl get {name} {scope} -o jsonpath='{path}'", f"^{wanted} {ready}$")]
    if taken.verb in {"set env", "set image", "rollout restart", "rollout undo", "patch"} and name:
        return [rollout]
    pods = [each for each in taken.resources if re.fullmatch(r"(pods?|po)/\S+", each)]
    if taken.verb == "delete" and pods:
        path = '{.metadata.deletionTimestamp}|{.status.conditions[?(@.type=="Ready")].status}'
        target = pods[0].split("/")[1]
        return [Check(f"kubectl get pod {target} {scope} -o jsonpath='{path}'", r"^\|True$")]
    return []


def takes_back(case: Case, back: str) -> bool:
    """Return whether a command is itself the way back `back`, in whatever order its options are."""
    own = [word.value for word in case.words if not word.value.startswith("--timeout")]
    return sorted(own) == sorted(shlex.split(back))
