"""Each address of readers leads where it belongs, by Ingress and by the Gateway API alike."""

from collections.abc import Iterator, Mapping

import pytest
from scripts.manifests import Object, Rendered, render

from info_assistant.api.services import Limits

HOST, STATUS = "pubsec-info-assistant.com", "status.pubsec-info-assistant.com"
NGINX = "nginx.ingress.kubernetes.io"
ROUTES = {
    (HOST, "Exact", "/health"): ("backend", ""),
    (HOST, "Prefix", "/v1"): ("backend", ""),
    (HOST, "Prefix", "/"): ("frontend", ""),
    (STATUS, "Exact", "/"): ("frontend", "/status"),
    (STATUS, "Prefix", "/static"): ("frontend", ""),
}
"""Where each address leads, and what its path becomes there."""

Route = tuple[tuple[str, str, str], tuple[str, str]]


def _of_ingresses(found: Rendered) -> Iterator[Route]:
    for ingress in found.of("Ingress"):
        path = ingress["metadata"]["annotations"].get(f"{NGINX}/rewrite-target", "")
        for rule in ingress["spec"]["rules"]:
            for each in rule["http"]["paths"]:
                service = each["backend"]["service"]
                found.one("Service", service["name"])
                yield (rule["host"], each["pathType"], each["path"]), (service["name"], path)


def _of_routes(found: Rendered) -> Iterator[Route]:
    for route in found.of("HTTPRoute"):
        for rule in route["spec"]["rules"]:
            path = ""
            for each in rule.get("filters", ()):
                path = each.get("urlRewrite", {}).get("path", {}).get("replaceFullPath", path)
            for match in rule.get("matches", ()):
                (backend,) = rule["backendRefs"]
                ports = found.one("Service", backend["name"])["spec"]["ports"]
                assert backend["port"] in [port["port"] for port in ports]
                kind = match["path"]["type"].removeprefix("Path")
                at = (route["spec"]["hostnames"][0], kind, match["path"]["value"])
                yield at, (backend["name"], path)


def test_both_ways_lead_to_the_same() -> None:
    """The Gateway API has the very routes of the Ingress objects, which it replaces."""
    assert dict(_of_ingresses(render("base"))) == ROUTES
    gateway = render("base+gateway-api")
    assert dict(_of_routes(gateway)) == ROUTES
    assert gateway.of("Ingress") == []


def _seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_streams_and_uploads_pass() -> None:
    """No answer is held back or cut off by the edge, and the largest upload passes."""
    limits = Limits()
    notes: Mapping[str, str] = render("base").one("Ingress", "pubsec-info-assistant")["metadata"][
        "annotations"
    ]
    assert notes[f"{NGINX}/proxy-buffering"] == "off"
    # Between two reads; a silent stream sends a ping.
    assert int(notes[f"{NGINX}/proxy-read-timeout"]) > max(limits.request_s, 4 * limits.ping_s)
    size = int(notes[f"{NGINX}/proxy-body-size"].removesuffix("m")) * 1024 * 1024
    assert size >= limits.file_bytes + limits.form_overhead_bytes
    routes = render("base+gateway-api").one("HTTPRoute", "pubsec-info-assistant")["spec"]["rules"]
    assert all(_seconds(rule["timeouts"]["request"]) > limits.request_s for rule in routes)


@pytest.mark.parametrize("name", ["base", "production", "secondary-region"])
def test_every_name_is_served_with_tls(name: str) -> None:
    """Each host of a rule is in the certificate of its Ingress."""
    for ingress in render(name).of("Ingress"):
        served = {host for each in ingress["spec"]["tls"] for host in each["hosts"]}
        assert served == {rule["host"] for rule in ingress["spec"]["rules"]}


def test_the_gateway_sends_readers_to_https() -> None:
    """Plain HTTP is only redirected, and each listener with TLS has its certificate."""
    found = render("base+gateway-api")
    listeners: list[Object] = found.one("Gateway", "pubsec-info-assistant")["spec"]["listeners"]
    by_name = {each["name"]: each for each in listeners}
    for route in found.of("HTTPRoute"):
        for parent in route["spec"]["parentRefs"]:
            listener = by_name[parent["sectionName"]]
            if listener["protocol"] == "HTTP":
                (rule,) = route["spec"]["rules"]
                assert rule["filters"][0]["requestRedirect"]["scheme"] == "https"
                assert "backendRefs" not in rule
            else:
                assert listener["tls"]["certificateRefs"]
                assert route["spec"]["hostnames"] == [listener["hostname"]]


def test_limits_at_the_edge_are_a_component() -> None:
    """With it the Ingress of readers has limits by address; without it none."""
    plain = render("base").one("Ingress", "pubsec-info-assistant")["metadata"]["annotations"]
    limited = render("base+gateway-rate-limit").one("Ingress", "pubsec-info-assistant")
    notes = limited["metadata"]["annotations"]
    assert f"{NGINX}/limit-rps" not in plain
    assert int(notes[f"{NGINX}/limit-rps"]) >= 1
    assert set(plain.items()) < set(notes.items())
