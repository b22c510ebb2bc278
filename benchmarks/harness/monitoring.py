"""Prometheus and Alertmanager as processes, with the files of deploy/monitoring and a time scale.

Everything that is a duration in those files is divided by one number: ranges of queries, how long
a condition has to hold, how long a message waits. What Kubernetes would find are targets that we
name, with the same labels, so that the rules which make jobs of them are used as they are.
"""

import json
import re
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from benchmarks.harness.processes import answers, await_true
from benchmarks.harness.report import ROOT

from info_assistant.drills.ports import unused_port

FILES = ROOT / "deploy" / "monitoring"
PROGRAMS = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")
"""What has to be on PATH; Debian's packages prometheus and prometheus-alertmanager have it."""

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DURATION = re.compile(r"(\d+)(ms|[smhdw])")
_IN_QUERY = re.compile(r"(?<=\[)[^\]]+(?=\])|(?<=offset )\w+")
_HOUR_IN_SECONDS = re.compile(r"\b3600\b")
_FASTEST_MS = 1000
"""A target that is asked more often is busy with that alone."""

_DURATIONS = frozenset(
    {
        "for", "keep_firing_for", "scrape_interval", "scrape_timeout", "evaluation_interval",
        "group_wait", "group_interval", "repeat_interval",
    }
)  # fmt: skip
_ASKED = frozenset({"scrape_interval", "scrape_timeout", "evaluation_interval"})


def missing_programs() -> list[str]:
    """Return which of `PROGRAMS` this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def sped_up(content: Any, scale: int) -> Any:  # noqa: ANN401  Whatever YAML holds.
    """Return the content of one of our YAML files with every duration divided by `scale`."""
    if isinstance(content, dict):
        return {key: _value(key, each, scale) for key, each in content.items()}
    return [sped_up(each, scale) for each in content] if isinstance(content, list) else content


def _value(key: str, value: Any, scale: int) -> Any:  # noqa: ANN401  The same.
    if key == "expr":
        shorter = _IN_QUERY.sub(lambda found: _shorter(found[0], scale), str(value))
        return _HOUR_IN_SECONDS.sub(f"{3600 / scale:g}", shorter)
    if key in _DURATIONS:
        return _shorter(value, scale, _FASTEST_MS if key in _ASKED else 1)
    return sped_up(value, scale)


def _shorter(text: str, scale: int, least_ms: int = 1) -> str:
    def divided(found: re.Match[str]) -> str:
        return f"{max(least_ms, int(found[1]) * _UNITS_MS[found[2]] // scale)}ms"

    return _DURATION.sub(divided, text)


@dataclass(frozen=True, slots=True)
class Target:
    """What Prometheus is to ask, as if it were a pod: of which component, at which port."""

    component: str
    name: str
    port: int

    def as_pod(self) -> dict[str, Any]:
        """Return it as Kubernetes' discovery would label it."""
        meta = "__meta_kubernetes_pod_"
        return {
            "targets": [f"127.0.0.1:{self.port}"],
            "labels": {
                f"{meta}annotation_prometheus_io_scrape": "true",
                f"{meta}annotation_prometheus_io_port": str(self.port),
                f"{meta}label_component": self.component,
                f"{meta}name": self.name,
                f"{meta}ip": "127.0.0.1",
                f"{meta}phase": "Running",
            },
        }


def without_kubernetes(config: dict[str, Any], targets: Sequence[Target]) -> dict[str, Any]:
    """Return Prometheus' configuration with named targets for what is found in a cluster."""
    for job in config["scrape_configs"]:
        found = job.pop("kubernetes_sd_configs", None)
        if found is None:
            continue
        # Volumes are known by the kubelet only, and there is none.
        pods = found[0]["role"] == "pod"
        job["static_configs"] = [each.as_pod() for each in targets] if pods else []
        job.pop("tls_config", None)
        if not pods:
            job.pop("authorization", None)
    return config


class IncidentService:
    """Stands in for the incident service: takes alerts in, and has metrics, backups' age too."""

    def __init__(self) -> None:
        """Listen on a free port of loopback."""
        self._lock = threading.Lock()
        self._messages: list[dict[str, Any]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/v1/alerts":
                    with service._lock:
                        service._messages.append(json.loads(body))
                self._reply(b"{}")

            def do_GET(self) -> None:
                self._reply(b"backup_last_success_timestamp_seconds %d\n" % (time.time() - 20))

            def _reply(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def alerts(self) -> list[dict[str, Any]]:
        """Return every alert that was told so far, each message's, in their order."""
        with self._lock:
            return [alert for message in self._messages for alert in message["alerts"]]


@dataclass(frozen=True)
class Monitoring:
    """Prometheus and Alertmanager at work."""

    prometheus: str
    alertmanager: str
    incidents: IncidentService
    folder: Path
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return what an expression gives now."""
        path = f"/api/v1/query?query={urllib.parse.quote(expression)}"
        result: list[dict[str, Any]] = _json(self.prometheus + path)["data"]["result"]
        return result

    def firing(self) -> set[str]:
        """Return the names of alerts that fire in Prometheus, told or not."""
        found = self.query('ALERTS{alertstate="firing",alertname!="Watchdog"}')
        return {each["metric"]["alertname"] for each in found}

    def open(self) -> dict[str, dict[str, str]]:
        """Return the alerts that were told and not taken back, by name, with their labels."""
        standing: dict[str, dict[str, str]] = {}
        for alert in self.incidents.alerts():
            name = alert["labels"]["alertname"]
            if alert["status"] == "firing":
                standing[name] = alert["labels"]
            else:
                standing.pop(name, None)
        return standing


def _json(url: str) -> Any:  # noqa: ANN401  Whatever it says.
    with urllib.request.urlopen(url, timeout=10) as reply:  # noqa: S310  Loopback.
        return json.load(reply)


@contextmanager
def monitoring(
    folder: Path, targets: Sequence[Target], *, scale: int = 1, qdrant_key: str = ""
) -> Iterator[Monitoring]:
    """Run both over `targets` until the block is left; they are ready when this is entered."""
    with ExitStack() as stack:
        incidents = IncidentService()
        stack.callback(incidents.close)
        port, at = unused_port(), unused_port()
        named = [*targets, Target("incident", "incident-0", incidents.port)]
        _write(folder, named, {"localhost:9090": port, "alertmanager:9093": at}, scale, qdrant_key)
        told = folder / "alertmanager.yml"
        config = sped_up(yaml.safe_load((FILES / told.name).read_text()), scale)
        text = yaml.safe_dump(config).replace("incident:8002", f"127.0.0.1:{incidents.port}")
        told.write_text(text)
        running = Monitoring(
            f"http://127.0.0.1:{port}", f"http://127.0.0.1:{at}", incidents, folder
        )
        lookback = _shorter("5m", scale, 5 * _FASTEST_MS)
        for name, arguments in (
            (
                "prometheus-alertmanager",
                (f"--config.file={told}", f"--storage.path={folder}/told",
                 f"--web.listen-address=127.0.0.1:{at}", "--cluster.listen-address="),
            ),
            (
                "prometheus",
                (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                 f"--web.listen-address=127.0.0.1:{port}", f"--query.lookback-delta={lookback}",
                 f"--rules.alert.resend-delay={_shorter('1m', scale)}"),
            ),
        ):  # fmt: skip
            running.processes.append(_started(stack, name, arguments, folder))
        for url in (running.prometheus, running.alertmanager):
            await_true(lambda url=url: answers(f"{url}/-/ready"), 60, url)  # type: ignore[misc]
        yield running


def _write(
    folder: Path,
    targets: Sequence[Target],
    addresses: Mapping[str, int],
    scale: int,
    key: str,
) -> None:
    """Write Prometheus' files as they are used here."""
    (folder / "rules").mkdir(parents=True)
    for each in (FILES / "rules").glob("*.yml"):
        content = sped_up(yaml.safe_load(each.read_text()), scale)
        (folder / "rules" / each.name).write_text(yaml.safe_dump(content, sort_keys=False))
    config = sped_up(yaml.safe_load((FILES / "prometheus.yml").read_text()), scale)
    text = yaml.safe_dump(without_kubernetes(config, targets), sort_keys=False)
    for name, port in addresses.items():
        text = text.replace(name, f"127.0.0.1:{port}")
    secret = folder / "qdrant-key"
    secret.write_text(key)
    text = text.replace("/etc/prometheus/secrets/qdrant-read-only-api-key", str(secret))
    (folder / "prometheus.yml").write_text(text)


def _started(
    stack: ExitStack, name: str, arguments: Sequence[str], folder: Path
) -> "subprocess.Popen[bytes]":
    log = stack.enter_context((folder / f"{name}.log").open("wb"))
    process = subprocess.Popen(
        [name, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder
    )

    def end() -> None:
        process.kill()
        process.wait()

    stack.callback(end)
    return process
