"""What each row of the runbook's contract asks of the manifests, images and commands.

Each check returns by what the row holds, in words, and raises AssertionError, LookupError or
OSError where it does not.
"""

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from scripts.kubectl_rights import granted, rights_of
from scripts.manifests import NAMESPACE, ROOT, Object, Rendered

from info_assistant.api.addresses import ADDRESSES
from info_assistant.cli.main import ENTRIES

CONTAINERS = ROOT / "deploy" / "containers"
SITE, STATUS = "pubsec-info-assistant.com", "status.pubsec-info-assistant.com"
_ENOUGH = 10


def _allowed(found: Rendered, *commands: str) -> str:
    """Return that people who only diagnose may run these."""
    for command in commands:
        for right in rights_of(command):
            _needs(granted(found, right, ["diagnose"]), f"nobody may {right}")
    return "Role diagnose"


def _needs(condition: object, words: str) -> None:
    if not condition:
        raise AssertionError(words)


def _container_file(image: str) -> str:
    names = [CONTAINERS / image / each for each in ("Containerfile", "Dockerfile")]
    for each in names:
        if each.is_file():
            return each.read_text(encoding="utf-8")
    raise FileNotFoundError(f"no {names[0].relative_to(ROOT)}")


def _port(found: Rendered, service: str) -> int:
    return int(found.one("Service", service)["spec"]["ports"][0]["port"])


def _nodes(found: Rendered) -> str:
    _allowed(found, "kubectl get nodes")
    return "ClusterRole pubsec-info-assistant-nodes, bound to both groups"


def _curl_qdrant(found: Rendered) -> str:
    _allowed(found, f"kubectl exec -it qdrant-0 -n {NAMESPACE} -- curl localhost:6333")
    image = found.workload("StatefulSet", "qdrant").containers[0]["image"]
    _needs(re.search(r"\bcurl\b", _container_file("qdrant")), "the image has no curl")
    return f"{image} is built with curl; port {_port(found, 'qdrant')}"


def _ping(found: Rendered) -> str:
    _allowed(found, f"kubectl exec -it redis-0 -n {NAMESPACE} -- redis-cli ping")
    told = found.environment(found.workload("StatefulSet", "redis").containers[0])
    _needs(told.get("REDISCLI_AUTH", "").startswith("secret:"), "redis-cli gets no password")
    return "REDISCLI_AUTH from Secret redis/password"


def _history(found: Rendered) -> str:
    _allowed(found, f"kubectl rollout history deployment/backend -n {NAMESPACE}")
    cause = found.one("Deployment", "backend")["metadata"]["annotations"]
    return f"change-cause: {cause['kubernetes.io/change-cause']}"


def _scale(found: Rendered) -> str:
    scaler = found.one("HorizontalPodAutoscaler", "backend")["spec"]
    _needs(scaler["maxReplicas"] >= _ENOUGH, "the autoscaler cuts at less than 10")
    for command in ("scale deployment/backend --replicas=10", "patch hpa backend"):
        for right in rights_of(f"kubectl {command}"):
            _needs(granted(found, right, ["diagnose", "remediate"]), f"nobody may {right}")
    return f"HPA {scaler['minReplicas']} to {scaler['maxReplicas']}, Role remediate may patch it"


def _autoscaler(found: Rendered) -> str:
    found.one("HorizontalPodAutoscaler", "backend")
    return f"HPA backend; {_allowed(found, f'kubectl get hpa -n {NAMESPACE}')}"


def _labelled(*components: str) -> Callable[[Rendered], str]:
    def check(found: Rendered) -> str:
        for each in components:
            pods = [w for w in found.workloads() if w.serves and w.component == each]
            _needs(len(pods) == 1, f"{len(pods)} workloads have component={each}")
        _allowed(found, f"kubectl get pods -l component={components[0]} -n {NAMESPACE}")
        return "label component=" + "|".join(components)

    return check


def _logs(found: Rendered) -> str:
    return _allowed(found, f"kubectl logs qdrant-0 -n {NAMESPACE} --tail=100")


def _claims(found: Rendered) -> str:
    return _allowed(found, f"kubectl get pvc -n {NAMESPACE}")


def _claim(found: Rendered) -> str:
    (claim,) = found.one("StatefulSet", "qdrant")["spec"]["volumeClaimTemplates"]
    name = f"{claim['metadata']['name']}-qdrant-0"
    _needs(name == "qdrant-storage-qdrant-0", f"the claim is called {name}")
    _allowed(found, f"kubectl describe pvc {name} -n {NAMESPACE}")
    return f"PVC {name}"


def _from_backend(found: Rendered) -> str:
    _allowed(found, f"kubectl exec deployment/backend -c backend -n {NAMESPACE} -- curl x")
    _needs(found.workload("Deployment", "backend").containers[0]["name"] == "backend", "container")
    _needs(re.search(r"\bcurl\b", _container_file("application")), "the image has no curl")
    return f"the image has curl; Service qdrant:{_port(found, 'qdrant')}"


def _command(name: str, words: str) -> Callable[[Rendered], str]:
    def check(_found: Rendered) -> str:
        _needs(any(each.name == name for each in ENTRIES), f"info-assistant has no `{name}`")
        return f"info-assistant {name} {words}"

    return check


def _leads(host: str, path: str, service: str) -> Callable[[Rendered], str]:
    def check(found: Rendered) -> str:
        paths: list[Object] = [
            each
            for ingress in found.of("Ingress")
            for rule in ingress["spec"]["rules"]
            for each in rule["http"]["paths"]
            if rule["host"] == host and each["path"] == path
        ]
        _needs(paths, f"nothing leads from {host}{path}")
        _needs(paths[0]["backend"]["service"]["name"] == service, "it leads elsewhere")
        return f"Ingress {host}{path} to Service {service}"

    return check


def _health(found: Rendered) -> str:
    _needs("/health" in {each.path for each in ADDRESSES}, "the backend has no /health")
    return _leads(SITE, "/health", "backend")(found)


def _qdrant_url(found: Rendered) -> str:
    url = found.environment(found.workload("Deployment", "backend").containers[0])["QDRANT_URL"]
    parts = urlsplit(url)
    _needs((parts.hostname, parts.port) == ("qdrant", _port(found, "qdrant")), f"it is {url}")
    return f"QDRANT_URL={url}"


def _edge_limits(found: Rendered) -> str:
    notes = found.one("Ingress", "pubsec-info-assistant")["metadata"]["annotations"]
    limit = notes.get("nginx.ingress.kubernetes.io/limit-rps")
    _needs(limit, "no limit at the edge; include components/gateway-rate-limit")
    return f"{limit} requests a second by address (component gateway-rate-limit)"


def _namespace(found: Rendered) -> str:
    found.one("Namespace", NAMESPACE)
    return "Namespace"


def _deployments(found: Rendered) -> str:
    for each in ("backend", "frontend"):
        found.one("Deployment", each)
    return "Deployments backend, frontend"


def _stateful_sets(found: Rendered) -> str:
    qdrant, redis = (found.workload("StatefulSet", each).replicas for each in ("qdrant", "redis"))
    _needs(qdrant == 3 and redis >= 2, f"{qdrant} and {redis} replicas")  # noqa: PLR2004  The row's.
    return f"qdrant {qdrant}, redis {redis}"


def _pods(found: Rendered) -> str:
    names = [f"{each}-0" for each in ("qdrant", "redis")]
    _stateful_sets(found)
    return f"{', '.join(names)}, redis-1 by ordinal; backend-* by Deployment"


def _restore_script(_found: Rendered) -> str:
    text = _container_file("qdrant")
    _needs("/restore-backup.sh" in text, "the image has no /restore-backup.sh")
    return "/restore-backup.sh in pubsec-qdrant"


CHECKS: Mapping[int, Callable[[Rendered], str]] = {
    1: _nodes,
    4: _curl_qdrant,
    5: _ping,
    6: _history,
    14: _scale,
    15: _autoscaler,
    16: _labelled("qdrant"),
    17: _logs,
    18: _claims,
    19: _claim,
    20: _from_backend,
    26: _command("failover", "plan makes failover.json"),
    40: _health,
    41: _qdrant_url,
    45: _leads(STATUS, "/", "frontend"),
    48: _edge_limits,
    63: _namespace,
    64: _deployments,
    65: _stateful_sets,
    66: _pods,
    67: _labelled("qdrant", "redis", "backend", "frontend"),
    68: _claim,
    69: _scale,
    70: _restore_script,
    71: _command("failover", "plan makes failover.json"),
}
