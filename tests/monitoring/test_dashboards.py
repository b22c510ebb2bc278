"""Grafana's dashboard: it is what the code builds, and shows what is exported."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from benchmarks.harness.monitoring import FILES
from scripts import build_dashboards
from tests.monitoring.test_rules import OF_OTHERS, exported_names, metrics_in

KUBECTL = Path(__file__).parents[2] / ".venv" / "bin" / "kubectl"


def _queries() -> list[str]:
    panels: list[dict[str, Any]] = build_dashboards.dashboard()["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def test_the_dashboard_is_what_the_code_builds() -> None:
    """deploy/monitoring/dashboards is current; `make dashboards` writes it."""
    assert build_dashboards.FILE.read_text(encoding="utf-8") == build_dashboards.text()


def test_every_metric_in_a_panel_exists() -> None:
    """No panel waits for a metric that nobody exports or records."""
    recorded = {
        rule["record"]
        for file in (FILES / "rules").glob("*.yml")
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    known = exported_names() | recorded
    assert len(_queries()) > 20
    for query in _queries():
        found = metrics_in(query)
        assert found or query.startswith("vector("), query
        assert {each for each in found - known if not OF_OTHERS.fullmatch(each)} == set(), query


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed.")
def test_prometheus_takes_every_query(tmp_path: Path) -> None:
    """Each panel's query is one, in Prometheus' own eyes."""
    rules = [{"record": f"panel_{n}", "expr": query} for n, query in enumerate(_queries())]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_panels_do_not_lie_over_one_another() -> None:
    """Every place of the grid belongs to one panel, within its 24 columns, and ids are unique."""
    taken: set[tuple[int, int]] = set()
    panels = build_dashboards.dashboard()["panels"]
    for panel in panels:
        at = panel["gridPos"]
        places = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not places & taken, panel["title"]
        taken |= places
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_everything_is_in_a_configmap(tmp_path: Path) -> None:
    """Kustomize makes a ConfigMap of each file of the folder."""
    (tmp_path / "kustomization.yaml").write_text(
        f"components: [{Path('../' * (len(tmp_path.parts) - 1)) / FILES.relative_to('/')}]\n"
    )
    command = [str(KUBECTL), "kustomize", str(tmp_path)]
    command.append("--load-restrictor=LoadRestrictionsNone")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    data = {name for each in yaml.safe_load_all(done.stdout) for name in each["data"]}
    files = {*FILES.glob("*.yml"), *FILES.glob("rules/*.yml"), *FILES.glob("dashboards/*.json")}
    assert data == {each.name for each in files}


def test_the_dashboard_is_json_that_grafana_reads() -> None:
    """It has what an import asks for: an id of its own, a title, and no source fixed in it."""
    read = json.loads(build_dashboards.FILE.read_text(encoding="utf-8"))
    assert read["uid"]
    assert read["title"]
    assert {panel["datasource"]["uid"] for panel in read["panels"] if "datasource" in panel} == {
        "${source}"
    }
