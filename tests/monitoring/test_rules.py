"""The rules of deploy/monitoring, judged by Prometheus' own tools: they fire, and are silent."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from benchmarks.harness.monitoring import FILES, Target, sped_up, without_kubernetes
from tests.monitoring.conditions_of_alerts import ALWAYS, CONDITIONS, Conditions

from info_assistant.observability.metrics import Metrics

ROOT = FILES.parents[1]
PROMTOOL = shutil.which("promtool")
AMTOOL = shutil.which("amtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed.")
needs_amtool = pytest.mark.skipif(AMTOOL is None, reason="amtool is not installed.")

RULE_FILES = sorted((FILES / "rules").glob("*.yml"))
SEVERITIES, KINDS = {"critical", "warning", "none"}, {"cause", "symptom"}
SCENARIOS = {"P0-1", "P0-2", "P0-3", "P0-4", "none"}


def _rules() -> Iterator[dict[str, Any]]:
    for file in RULE_FILES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from group["rules"]


ALERTS = {rule["alert"]: rule for rule in _rules() if "alert" in rule}


def _run(*command: str | Path) -> str:
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_prometheus_takes_the_rules() -> None:
    """Every file of rules is one, in Prometheus' own eyes."""
    assert len(RULE_FILES) == 4
    _run("promtool", "check", "rules", *RULE_FILES)


@needs_promtool
@pytest.mark.parametrize("scale", [1, 60])
def test_prometheus_takes_the_configuration(tmp_path: Path, scale: int) -> None:
    """The configuration is one, with targets named in place of those that Kubernetes would find."""
    text = _local_config(tmp_path, scale)
    (tmp_path / "rules").mkdir()
    for file in RULE_FILES:
        content = sped_up(yaml.safe_load(file.read_text()), scale)
        (tmp_path / "rules" / file.name).write_text(yaml.safe_dump(content))
    (tmp_path / "prometheus.yml").write_text(text)
    _run("promtool", "check", "config", tmp_path / "prometheus.yml")


def _local_config(folder: Path, scale: int = 1) -> str:
    config = sped_up(yaml.safe_load((FILES / "prometheus.yml").read_text()), scale)
    targets = [Target("backend", "backend-7d9-x", 8000), Target("qdrant", "qdrant-0", 6333)]
    key = folder / "key"
    key.write_text("k")
    text = yaml.safe_dump(without_kubernetes(config, targets), sort_keys=False)
    return text.replace("/etc/prometheus/secrets/qdrant-read-only-api-key", str(key))


@needs_promtool
@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ("pods", {"job": "backend", "instance": "backend-7d9-x", "__address__": "127.0.0.1:8000"}),
        ("qdrant", {"job": "qdrant", "instance": "qdrant-0", "__address__": "127.0.0.1:6333"}),
    ],
)
def test_pods_become_targets_of_their_component(
    tmp_path: Path, job: str, expected: dict[str, str]
) -> None:
    """A pod's label `component` is its job and its name the instance; Qdrant's pods are one job."""
    config = tmp_path / "prometheus.yml"
    config.write_text(_local_config(tmp_path).replace("rules/*.yml", "none/*.yml"))
    found = json.loads(_run("promtool", "check", "service-discovery", "--timeout=1s", config, job))
    kept = [each["labels"] for each in found if each["labels"]]
    assert [{name: each[name] for name in expected} for each in kept] == [expected]


def test_discovery_finds_the_pods_of_its_own_namespace() -> None:
    """Pods are looked for where Prometheus runs, which needs no right beyond that namespace."""
    config = yaml.safe_load((FILES / "prometheus.yml").read_text())
    jobs = {each["job_name"]: each for each in config["scrape_configs"]}
    for name in ("pods", "qdrant"):
        assert jobs[name]["kubernetes_sd_configs"] == [
            {"role": "pod", "namespaces": {"own_namespace": True}}
        ]


def test_every_alert_says_whom_it_concerns_and_what_to_do() -> None:
    """Each has severity, scenario and kind, words for people, and the address of what to do."""
    for name, rule in ALERTS.items():
        labels, notes = rule["labels"], rule["annotations"]
        assert labels["severity"] in SEVERITIES, name
        assert labels["scenario"] in SCENARIOS, name
        assert labels["kind"] in KINDS, name
        assert notes["summary"], name
        assert notes["description"], name
        file, anchor = (
            notes["runbook_url"].removeprefix("{{ $externalLabels.repository }}/").split("#")
        )
        assert anchor in _anchors(ROOT / file), notes["runbook_url"]
        if labels["scenario"] != "none":
            assert anchor.startswith(labels["scenario"].lower()), name


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_every_alert_is_tried_both_ways() -> None:
    """Each alert has series with which it fires and series with which it does not."""
    assert set(CONDITIONS) | ALWAYS == set(ALERTS)


@needs_promtool
@pytest.mark.parametrize("step", [1, 5])
@pytest.mark.parametrize("file", RULE_FILES, ids=lambda file: file.stem)
def test_every_alert_fires_and_is_silent(tmp_path: Path, file: Path, step: int) -> None:
    """Prometheus' own trial of rules finds each alert firing, and silent, when it has to."""
    here = [
        rule["alert"]
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
        if rule.get("alert") in CONDITIONS
    ]
    tests = [
        _trial(name, CONDITIONS[name], fires=fires)
        for name in here
        for fires in (True, False)
        if CONDITIONS[name].step == step
    ]
    # Rules are evaluated less often where days pass.
    interval = f"{step if step == 1 else 15}m"
    content = {"rule_files": [str(file)], "evaluation_interval": interval, "tests": tests}
    trial = tmp_path / "trial.yml"
    trial.write_text(yaml.safe_dump(content))
    _run("promtool", "test", "rules", trial)


def _trial(name: str, conditions: Conditions, *, fires: bool) -> dict[str, Any]:
    series = conditions.fires if fires else conditions.silent
    return {
        "name": f"{name} {'fires' if fires else 'is silent'}",
        "interval": f"{conditions.step}m",
        "input_series": [{"series": key, "values": value} for key, value in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) > bool 0',
                "eval_time": f"{conditions.minutes}m",
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
        ],
    }


def test_the_runbooks_queries_are_those_of_the_rules() -> None:
    """What the runbook tells people to look at is what the alerts look at."""
    runbook = (ROOT / "runbooks" / "P0-INCIDENTS.md").read_text()
    for name in ("QdrantDown", "QdrantConnectionErrors"):
        assert ALERTS[name]["expr"] in runbook


OF_OTHERS = re.compile(r"up|ALERTS|(kubelet|prometheus|alertmanager)_\w+")

_TEXTS = re.compile(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|(?:by|on|without|ignoring) \([^)]*\)')
_NAME = re.compile(r"(?<![\w.])[a-zA-Z_:][\w:]*")
_WORDS = {
    "sum", "rate", "increase", "absent", "max", "min", "count", "and", "or", "unless", "on", "by",
    "bool", "offset", "vector", "time", "changes", "delta", "histogram_quantile", "min_over_time",
    "le", "max_over_time", "m", "h", "d", "topk",
}  # fmt: skip


def metrics_in(expression: str) -> set[str]:
    """Return the names of metrics in a query."""
    bare = re.sub(r"offset \w+", "", _TEXTS.sub("", expression))
    return {each for each in _NAME.findall(bare) if each not in _WORDS}


def exported_names() -> set[str]:
    """Return the names of all series that a backend exports."""
    names = set()
    for family in Metrics().registry.collect():
        names |= (
            {family.name, f"{family.name}_total"} if family.type == "counter" else {family.name}
        )
        if family.type == "histogram":
            names |= {f"{family.name}_{end}" for end in ("bucket", "count", "sum")}
    return names


def test_every_metric_in_a_rule_exists() -> None:
    """No rule waits for a metric that nobody exports."""
    recorded = {rule["record"] for rule in _rules() if "record" in rule}
    known = exported_names() | recorded
    for rule in _rules():
        found = metrics_in(rule["expr"])
        assert found or rule.get("alert") in ALWAYS, rule
        unknown = {each for each in found if each not in known and not OF_OTHERS.fullmatch(each)}
        assert not unknown, rule


@needs_amtool
def test_alertmanager_takes_its_configuration() -> None:
    """Its own tool finds nothing wrong, and sends each kind of alert where it belongs."""
    file = FILES / "alertmanager.yml"
    _run("amtool", "check-config", file)
    for labels, receiver in (
        (("alertname=QdrantDown", "scenario=P0-2", "severity=critical"), "incident-service"),
        (("alertname=IncidentServiceDown", "scenario=none"), "without-the-incident-service"),
        (("alertname=Watchdog",), "heartbeat"),
    ):
        said = _run("amtool", "config", "routes", "test", f"--config.file={file}", *labels)
        assert said.strip() == receiver


def test_the_page_names_every_alert() -> None:
    """docs/monitoring.md has a heading for each alert and for nothing that is none."""
    page = (ROOT / "docs" / "monitoring.md").read_text()
    assert set(re.findall(r"^### (\w+)$", page, re.MULTILINE)) == set(ALERTS)
