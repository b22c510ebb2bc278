"""The project's own manifests, applied by the real kubectl to an empty simulator."""

from pathlib import Path

import pytest
from tests.drills.kubectl import ROOT, Kubectl

from info_assistant.drills.cluster.simulator import Setup, running_cluster, settled_cluster

OVERLAYS = ROOT / "deploy" / "kubernetes" / "overlays"

GENERATIONS = (
    "kubectl get deployment,statefulset,pdb -n NS "
    "-o jsonpath='{range .items[*]}{.metadata.name} {.metadata.generation}{\"\\n\"}{end}'"
)


@pytest.mark.parametrize("overlay", ["dev", "production"])
def test_an_overlay_is_applied_and_comes_up(overlay: str, tmp_path: Path) -> None:
    """Every object is taken, every workload rolls out, and a second time nothing changes."""
    apply = f"kubectl apply -k {OVERLAYS / overlay}"
    with running_cluster(settled_cluster(Setup(items=[]), scale=20)) as running:
        kubectl = Kubectl(tmp_path, running)
        first = kubectl(apply)
        workloads = kubectl("kubectl get deployment,statefulset -n NS -o name").stdout.split()
        statuses = [kubectl(f"kubectl rollout status {each} -n NS") for each in workloads]
        generations = kubectl(GENERATIONS).stdout
        second = kubectl(apply)
        afterwards = kubectl(GENERATIONS).stdout
    assert first.returncode == 0, first.stdout
    assert {"deployment.apps/backend", "statefulset.apps/qdrant"} <= set(workloads)
    assert [each.stdout for each in statuses if each.returncode] == []
    assert second.returncode == 0, second.stdout
    # kubectl says "configured" wherever it sent a patch, as for claims; nothing came of it.
    assert afterwards == generations
