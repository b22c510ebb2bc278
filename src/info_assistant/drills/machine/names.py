"""The names inside the cluster, and the ports of this machine that stand for them."""

from base64 import b64decode
from collections.abc import Iterator, Mapping

from info_assistant.drills.cluster.documents import Document, at
from info_assistant.drills.cluster.store import Store


class Names:
    """Leads what is written with the cluster's names to this machine's ports."""

    def __init__(self, ports: Mapping[str, int], folders: Mapping[str, str]) -> None:
        """Know `ports` by `host:port`, and addresses of `folders` by those of pods."""
        self._places = dict(_written(ports)) | dict(folders)

    def resolved(self, text: str) -> str:
        """Return a text with every name replaced."""
        return _replaced(text, self._places)

    def inside(self, text: str, ports: Mapping[int, int]) -> str:
        """The same for a command in a pod, whose own ports lead to those given."""
        own = {f"{host}:{port}": there for port, there in ports.items() for host in _OWN}
        return _replaced(text, dict(_written(own)) | self._places)


_OWN = ("localhost", "127.0.0.1")


def _written(ports: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    for name, port in ports.items():
        host, _, number = name.partition(":")
        yield name, f"127.0.0.1:{port}"
        yield f"/dev/tcp/{host}/{number}", f"/dev/tcp/127.0.0.1/{port}"


def _replaced(text: str, places: Mapping[str, str]) -> str:
    for name in sorted(places, key=len, reverse=True):
        text = text.replace(name, places[name])
    return text


def environment_of(pod: Document, store: Store) -> dict[str, str]:
    """Return the variables that a pod's template gives its first container.

    ConfigMaps and Secrets are those of the moment, as when a container starts.
    """
    contained = pod["spec"]["containers"][0]
    namespace = pod["metadata"]["namespace"]
    found: dict[str, str] = {}
    for source in contained.get("envFrom", []):
        name = at(source, "configMapRef", "name", default="")
        found |= at(store.find("ConfigMap", namespace, name), "data", default={})
    for each in contained.get("env", []):
        value = _value(each, namespace, store)
        if value is not None:
            found[each["name"]] = value
    return found


def _value(variable: Document, namespace: str, store: Store) -> str | None:
    reference = at(variable, "valueFrom", "secretKeyRef")
    if reference is None:
        return str(variable.get("value", ""))
    kept = at(store.find("Secret", namespace, reference["name"]), "data", reference["key"])
    return b64decode(kept).decode() if kept is not None else None
