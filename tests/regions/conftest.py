"""A Route 53 that others have written (moto), on loopback, with the service's weighted records."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from info_assistant.regions.route53 import Route53

NAME = "assistant.example.org"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@dataclass(frozen=True)
class Zone:
    """A hosted zone, reached by Amazon's own client."""

    id: str
    endpoint: str
    client: Any

    def records(self) -> Sequence[Mapping[str, Any]]:
        """Return all record sets that are not the zone's own."""
        found = self.client.list_resource_record_sets(HostedZoneId=self.id)["ResourceRecordSets"]
        return [each for each in found if each["Type"] not in {"NS", "SOA"}]

    def weights(self, name: str = NAME) -> Mapping[str, int]:
        """Return the weight of each A record of a name."""
        return {
            each["SetIdentifier"]: each["Weight"]
            for each in self.records()
            if each["Name"] == f"{name}." and each["Type"] == "A" and "Weight" in each
        }

    def upsert(self, *records: Mapping[str, Any]) -> None:
        """Set records, as somebody else would."""
        changes = [{"Action": "UPSERT", "ResourceRecordSet": each} for each in records]
        self.client.change_resource_record_sets(
            HostedZoneId=self.id, ChangeBatch={"Changes": changes}
        )

    def dns(self) -> Route53:
        """Return our own client for the zone."""
        return Route53(self.id, self.endpoint)


def record(identifier: str, weight: int, **more: object) -> dict[str, Any]:
    """Return a weighted A record."""
    address = {"first": "192.0.2.1", "second": "198.51.100.1"}.get(identifier, "203.0.113.1")
    fields: dict[str, Any] = {
        "Name": NAME,
        "Type": "A",
        "SetIdentifier": identifier,
        "Weight": weight,
        "TTL": 60,
        "ResourceRecords": [{"Value": address}],
    }
    return fields | more


@pytest.fixture(scope="module")
def route53() -> Iterator[str]:
    """Run it for a module's tests; return where it is."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def zone(route53: str, monkeypatch: pytest.MonkeyPatch) -> Zone:
    """Make a zone with records of two names: one of two regions, a plain one, and an alias."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("route53", endpoint_url=route53, region_name="us-east-1")
    made = client.create_hosted_zone(Name="example.org", CallerReference=str(datetime.now(UTC)))
    zone = Zone(made["HostedZone"]["Id"].split("/")[-1], route53, client)
    zone.upsert(
        record("first", 100),
        record("second", 0),
        record("first", 70, Type="AAAA", TTL=300, ResourceRecords=[{"Value": "2001:db8::1"}]),
        record("second", 30, Type="AAAA", TTL=300, ResourceRecords=[{"Value": "2001:db8::2"}]),
        {
            "Name": "plain.example.org",
            "Type": "A",
            "TTL": 60,
            "ResourceRecords": [{"Value": "192.0.2.9"}],
        },
    )
    return zone


@dataclass
class Backend:
    """The second region's backend, as far as `/health` goes."""

    url: str
    status: int
    body: dict[str, Any]


@pytest.fixture
def second_region() -> Iterator[Backend]:
    """Run a backend that says it is well, until a test says otherwise."""
    well = {"status": "ok", "dependencies": {"qdrant": {"state": "ok"}}, "modes": []}
    backend = Backend("", 200, well)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = json.dumps(backend.body).encode()
            self.send_response(backend.status if self.path == "/health" else 404)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: object) -> None:
            """Keep the test's output free of access logs."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    backend.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield backend
    server.shutdown()
    server.server_close()
    thread.join()


def ship(folder: Path, age: timedelta, *, good: bool | None = True) -> str:
    """Leave a backup of this age in a folder, verified as good, as bad, or not at all (None)."""
    began = datetime.now(UTC) - age
    name = f"{began:%Y%m%dT%H%M%SZ}-{len(list(folder.glob('*'))):06}"
    (folder / name).mkdir(parents=True)
    (folder / name / "manifest.json").write_text(json.dumps({"began_at": began.isoformat()}))
    if good is not None:
        (folder / name / "verified.json").write_text(json.dumps({"good": good}))
    return name
