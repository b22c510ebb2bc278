"""Who can reach whom by the NetworkPolicies of an installation, as Kubernetes combines them.

A pod that no policy selects for a direction is open in it; one that is selected takes and begins
what any of the policies allows. A connection needs both sides.
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scripts.manifests import NAMESPACE, Object, Rendered


@dataclass(frozen=True, slots=True)
class Party:
    """A pod, or somebody outside: by labels in a namespace, or by an address."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    namespace: str = NAMESPACE
    address: str = ""


INTERNET = Party("internet", namespace="", address="203.0.113.7")
METADATA = Party("metadata", namespace="", address="169.254.169.254")
EDGE = Party("edge", {"app.kubernetes.io/name": "ingress-nginx"}, "ingress-nginx")
MONITORING = Party("monitoring", {"app.kubernetes.io/name": "prometheus"}, "monitoring")
DNS = Party("dns", {"k8s-app": "kube-dns"}, "kube-system")
STRANGER = Party("stranger", {"component": "backend"}, "default")
"""A pod of somebody else's that bears our label."""

OUTSIDE = (INTERNET, METADATA, EDGE, MONITORING, DNS, STRANGER)


def parties(found: Rendered) -> Sequence[Party]:
    """Return the pods of an installation, one of each kind."""
    return [Party(each.name, each.labels) for each in found.workloads()]


class Reachability:
    """The flows that the policies of an installation allow."""

    def __init__(self, found: Rendered) -> None:
        """Read the policies."""
        self._policies = [each["spec"] for each in found.of("NetworkPolicy")]

    def allowed(self, begins: Party, takes: Party, port: int, protocol: str = "TCP") -> bool:
        """Whether one can open a connection to the other."""
        return self._side(begins, takes, "Egress", (port, protocol)) and self._side(
            takes, begins, "Ingress", (port, protocol)
        )

    def _side(self, own: Party, other: Party, direction: str, to: tuple[int, str]) -> bool:
        if own.namespace != NAMESPACE:
            return True
        policies = [
            each
            for each in self._policies
            if direction in each["policyTypes"] and _selects(each["podSelector"], own.labels)
        ]
        rules = [rule for each in policies for rule in each.get(direction.lower(), ())]
        return not policies or any(_allows(rule, direction, other, to) for rule in rules)

    def flows(
        self, all_parties: Sequence[Party], ports: Sequence[int]
    ) -> set[tuple[str, str, int]]:
        """Return every allowed connection among these as (who begins, who takes, port)."""
        return set(self._flows(all_parties, ports))

    def _flows(
        self, all_parties: Sequence[Party], ports: Sequence[int]
    ) -> Iterator[tuple[str, str, int]]:
        for begins in all_parties:
            for takes in all_parties:
                if NAMESPACE not in {begins.namespace, takes.namespace}:
                    continue
                for port in ports:
                    if self.allowed(begins, takes, port):
                        yield begins.name, takes.name, port


def _selects(selector: Mapping[str, object], labels: Mapping[str, str]) -> bool:
    """Whether a selector fits; an empty one fits everybody."""
    for name, value in dict(selector.get("matchLabels") or {}).items():  # type: ignore[call-overload]
        if labels.get(name) != value:
            return False
    for each in selector.get("matchExpressions") or ():  # type: ignore[attr-defined]
        if each["operator"] != "In":
            raise NotImplementedError(each["operator"])
        if labels.get(each["key"]) not in each["values"]:
            return False
    return True


def _allows(rule: Object, direction: str, other: Party, to: tuple[int, str]) -> bool:
    ports = rule.get("ports")
    if ports and to not in [(each["port"], each.get("protocol", "TCP")) for each in ports]:
        return False
    peers = rule.get("to" if direction == "Egress" else "from")
    return not peers or any(_is_peer(each, other) for each in peers)


def _is_peer(peer: Object, other: Party) -> bool:
    if "ipBlock" in peer:
        # Pods have addresses, too, but policies for addresses are meant for the outside.
        if not other.address:
            return False
        address, block = ipaddress.ip_address(other.address), peer["ipBlock"]
        networks = [ipaddress.ip_network(each) for each in (block["cidr"], *block["except"])]
        within, *but = [address in each for each in networks]
        return within and not any(but)
    if other.address:
        return False
    if "namespaceSelector" in peer:
        names = {"kubernetes.io/metadata.name": other.namespace}
        if not _selects(peer["namespaceSelector"], names):
            return False
    elif other.namespace != NAMESPACE:
        return False
    return _selects(peer.get("podSelector", {}), other.labels)
