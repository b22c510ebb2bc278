"""`make verify-cluster` looks without changing, and breaks things only where somebody agrees."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from scripts import verify_cluster
from scripts.cluster_checks import CHECKS, COMPARED, Cluster
from scripts.manifests import Rendered, render

CHANGING = {"delete", "apply", "patch", "scale", "set", "rollout", "create", "annotate"}


@dataclass
class Standing:
    """Stands in for kubectl before a cluster in which all of an overlay is well."""

    found: Rendered
    asked: list[Sequence[str]] = field(default_factory=list)
    said: dict[str, tuple[int, str]] = field(default_factory=dict)
    uid: int = 1

    def __call__(self, words: Sequence[str], seconds: float) -> tuple[int, str]:
        """Answer one call."""
        assert seconds > 0
        self.asked.append(words)
        text = " ".join(words)
        for part, answer in self.said.items():
            if part in text:
                return answer
        if words[0] == "exec":
            return self._inside(text)
        if words[0] == "get":
            return 0, json.dumps({"items": self._items(words)})
        if words[:2] == ["delete", "pod"]:
            self.uid += 1
        return 0, ""

    def _items(self, words: Sequence[str]) -> list[Any]:
        if words[1] == "pods":
            component = words[3].removeprefix("component=")
            names = [f"{component}-{each}" for each in range(3)]
            ready = {"conditions": [{"type": "Ready", "status": "True"}]}
            return [
                {"metadata": {"name": each, "uid": str(self.uid)}, "status": ready}
                for each in names
            ]
        if words[1] == "persistentvolumeclaims":
            names = [f"qdrant-storage-qdrant-{each}" for each in range(3)]
            return [{"metadata": {"name": n}, "status": {"phase": "Bound"}} for n in names]
        words_of = {plural: kind for kind, plural in COMPARED.items()}
        kind = words_of.get(words[1], "HorizontalPodAutoscaler")
        active = {"conditions": [{"type": "ScalingActive", "status": "True"}]}
        return [{**each, "status": active} for each in self.found.of(kind)]

    def _inside(self, text: str) -> tuple[int, str]:
        answers = {
            "redis-cli ping": (0, "PONG\n"),
            "redis-cli hget": (0, "3\n"),
            "redis-0 -c redis -n pubsec-info-assistant -- sh -c redis-cli role": (0, "master\n0\n"),
            "redis-cli role": (0, "slave\nredis-0.redis-headless\n"),
            "/cluster": (0, json.dumps({"result": {"peers": {"1": {}, "2": {}, "3": {}}}})),
            "/health": (0, json.dumps({"status": "ok", "limiter": "shared", "dependencies": {}})),
            "id -u": (0, "10001\nclosed\n"),
            "http://redis:6379/": (28, "curl: (28) Connection timed out"),
            "http://qdrant:6333/ ": (0, ""),
        }
        if "frontend" in text and "http://qdrant:6333/" in text:
            return 28, "curl: (28) Connection timed out"
        return next((said for part, said in answers.items() if part in text), (0, ""))


@pytest.fixture
def standing() -> Standing:
    """A cluster in which all is well."""
    return Standing(render("production"))


def test_a_cluster_that_is_well_passes_and_stays_as_it_is(standing: Standing) -> None:
    """Every look passes, and nothing is asked that changes anything."""
    assert verify_cluster.look(Cluster(standing, standing.found)) == []
    assert len(standing.asked) > 20
    assert not CHANGING & {words[0] for words in standing.asked}


@pytest.mark.parametrize(
    ("part", "answer", "check"),
    [
        (
            "redis-1 -c redis -n pubsec-info-assistant -- sh -c redis-cli role",
            (0, "master"),
            "redis",
        ),
        ("redis-cli ping", (0, "NOAUTH Authentication required."), "redis"),
        ("/cluster", (0, '{"result": {"peers": {"1": {}}}}'), "qdrant"),
        ("/restore-backup.sh", (1, ""), "qdrant"),
        ("http://redis:6379/", (52, "curl: (52) Empty reply from server"), "network"),
        ("http://redis:6379/", (127, "sh: curl: not found"), "network"),
        ("id -u", (0, "0\nwritable"), "confinement"),
        ("get networkpolicies", (0, '{"items": []}'), "objects"),
        ("get pods -l component=worker", (0, '{"items": []}'), "pods"),
        ("get persistentvolumeclaims", (0, '{"items": []}'), "volumes"),
        ("get hpa", (1, "Error from server (Forbidden)"), "autoscaler"),
        ("/health", (0, '{"status": "degraded", "dependencies": {}}'), "backend"),
    ],
)
def test_what_is_wrong_is_told(
    standing: Standing, part: str, answer: tuple[int, str], check: str
) -> None:
    """A fault fails the look that is for it, and no other."""
    standing.said[part] = answer
    assert verify_cluster.look(Cluster(standing, standing.found)) == [check]
    assert check in CHECKS


def test_a_drill_needs_the_name_typed(standing: Standing) -> None:
    """Other answers change nothing; the name of the resource runs its drill to its end."""
    cluster = Cluster(standing, standing.found)
    assert verify_cluster.drill(cluster, lambda _: "yes") == []
    assert standing.asked == []
    assert verify_cluster.drill(cluster, lambda said: "qdrant-0" * ("qdrant-0" in said)) == []
    changed = [" ".join(words) for words in standing.asked if words[0] in CHANGING]
    assert changed == ["delete pod qdrant-0 --wait=false -n pubsec-info-assistant"]


def test_no_cluster_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Where kubectl reaches nothing, nothing is proven, and that is said."""
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\necho 'connection refused' >&2\nexit 1\n")
    kubectl.chmod(0o755)
    assert verify_cluster.main(["--kubectl", str(kubectl)]) == 1
    assert "NOTHING was proven" in capsys.readouterr().err
