"""Writes Grafana's dashboard from the rows below: `make dashboards`.

A panel is a title, a unit and its queries, each with the text of its legend. Prometheus is named by
a variable of the dashboard, so that it fits any Grafana.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "deploy" / "monitoring" / "dashboards" / "info-assistant.json"
_WIDTH, _HEIGHT = 8, 7
_SOURCE = {"type": "prometheus", "uid": "${source}"}
_ASKED = 'job="backend",route=~"/v1/query|/v1/chat/completions"'


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph: its title, Grafana's name of its unit, its queries by their legends."""

    title: str
    unit: str
    queries: dict[str, str]


ROWS: dict[str, tuple[Panel, ...]] = {
    "What readers notice": (
        Panel(
            "Questions by status",
            "reqps",
            {"{{status}}": f"sum by (status) (rate(http_requests_total{{{_ASKED}}}[5m]))"},
        ),
        Panel(
            "Failed answers by code",
            "reqps",
            {"{{code}}": "sum by (code) (rate(answers_failed_total[5m])) > 0"},
        ),
        Panel(
            "Share of questions that fail",
            "percentunit",
            {
                "5 minutes": "questions:errors:ratio_rate5m",
                "1 hour": "questions:errors:ratio_rate1h",
                "6 hours": "questions:errors:ratio_rate6h",
                "3 days": "questions:errors:ratio_rate3d",
                "promised": "vector(0.005)",
            },
        ),
        Panel(
            "Time of an answer",
            "s",
            {
                f"{share:.0%}": f"histogram_quantile({share}, sum by (le) "
                '(rate(answer_duration_seconds_bucket{stage="total"}[5m])))'
                for share in (0.5, 0.95, 0.99)
            },
        ),
        Panel(
            "Stages",
            "s",
            {
                "{{stage}}": "sum by (stage) (rate(answer_duration_seconds_sum[5m])) "
                "/ sum by (stage) (rate(answer_duration_seconds_count[5m]))"
            },
        ),
        Panel(
            "Answers by status",
            "reqps",
            {
                "{{status}} {{answer_mode}}": "sum by (status, answer_mode) "
                "(rate(answers_total[5m])) > 0"
            },
        ),
    ),
    "What it depends on": (
        Panel(
            "Dependencies that are down",
            "short",
            {"{{dependency}}": 'max by (dependency) (dependency_down{job="backend"})'},
        ),
        Panel("Targets that answer", "short", {"{{job}}": "sum by (job) (up)"}),
        Panel(
            "Connection errors",
            "cps",
            {
                "Qdrant": "sum(rate(qdrant_connection_errors_total[5m]))",
                "Redis": "sum(rate(redis_connection_errors_total[5m]))",
            },
        ),
        Panel(
            "Faults of providers",
            "cps",
            {"{{provider}} {{kind}}": "sum by (provider, kind) (rate(llm_errors_total[5m])) > 0"},
        ),
        Panel(
            "Breakers: 0 closed, 2 open",
            "short",
            {"{{dependency}}": "max by (dependency) (breaker_state)"},
        ),
        Panel(
            "Answer cache",
            "reqps",
            {"{{result}}": "sum by (result) (rate(cache_requests_total[5m]))"},
        ),
    ),
    "Modes, load and limits": (
        Panel("Modes in force", "short", {"{{mode}}": "max by (mode) (mode_active)"}),
        Panel("Limits are counted", "short", {"{{mode}}": "sum by (mode) (limiter_mode)"}),
        Panel(
            "Requests that wait",
            "short",
            {"{{traffic}}": "sum by (traffic) (requests_waiting)"},
        ),
        Panel(
            "Requests turned away",
            "reqps",
            {
                "{{traffic}} {{reason}}": "sum by (traffic, reason) "
                "(rate(requests_refused_total[5m])) > 0",
                "rate limit": "sum(rate(rate_limited_total[5m]))",
            },
        ),
        Panel(
            "Lag of the event loop, 99 %",
            "s",
            {
                "{{instance}}": "histogram_quantile(0.99, sum by (instance, le) "
                "(rate(event_loop_lag_seconds_bucket[5m])))"
            },
        ),
        Panel(
            "Processor and memory",
            "short",
            {
                "{{job}} {{instance}} cores": "rate(process_cpu_seconds_total[5m])",
                "{{job}} {{instance}} GB": "process_resident_memory_bytes / 1e9",
            },
        ),
    ),
    "Documents, records, spend": (
        Panel("Documents by state", "short", {"{{state}}": "max by (state) (documents)"}),
        Panel(
            "Time to take a document in, 95 %",
            "s",
            {
                "95 %": "histogram_quantile(0.95, sum by (le) "
                "(rate(ingestion_duration_seconds_bucket[30m])))"
            },
        ),
        Panel(
            "Age of the last good backup",
            "s",
            {"age": "time() - max(backup_last_success_timestamp_seconds)"},
        ),
        Panel(
            "Not in object storage yet",
            "short",
            {"records": "sum(records_pending)", "ledger": "sum(spend_events_pending)"},
        ),
        Panel(
            "US dollars an hour",
            "currencyUSD",
            {"{{provider}}": "sum by (provider) (increase(llm_cost_usd_total[1h]))"},
        ),
        Panel(
            "Budgets and disks",
            "percentunit",
            {
                "budget of {{tenant}}": "max by (tenant) (tenant_budget_spent_ratio)",
                "disk of {{instance}}": "data_disk_used_ratio",
                "{{persistentvolumeclaim}}": "kubelet_volume_stats_used_bytes "
                "/ kubelet_volume_stats_capacity_bytes",
            },
        ),
    ),
}


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana reads it."""
    panels: list[dict[str, Any]] = []
    height = 0
    for title, row in ROWS.items():
        place = {"x": 0, "y": height, "w": 24, "h": 1}
        panels.append({"type": "row", "title": title, "gridPos": place, "collapsed": False})
        height += 1
        for number, panel in enumerate(row):
            place = {
                "x": number % 3 * _WIDTH,
                "y": height + number // 3 * _HEIGHT,
                "w": _WIDTH,
                "h": _HEIGHT,
            }
            panels.append(_graph(panel, place))
        height += -(-len(row) // 3) * _HEIGHT
    return {
        "uid": "info-assistant",
        "title": "PubSec Info Assistant",
        "tags": ["info-assistant"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [
                {"name": "source", "type": "datasource", "query": "prometheus", "label": "Source"}
            ]
        },
        "annotations": {
            "list": [
                {
                    "name": "Alerts",
                    "datasource": _SOURCE,
                    "enable": True,
                    "expr": 'ALERTS{alertstate="firing",severity="critical"}',
                    "titleFormat": "{{alertname}}",
                    "iconColor": "red",
                }
            ]
        },
        "panels": [each | {"id": number} for number, each in enumerate(panels, 1)],
    }


def _graph(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {
                "refId": chr(ord("A") + n),
                "datasource": _SOURCE,
                "expr": query,
                "legendFormat": legend,
            }
            for n, (legend, query) in enumerate(panel.queries.items())
        ],
    }


def text() -> str:
    """Return the file's content."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text(), encoding="utf-8")
