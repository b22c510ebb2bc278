"""The kinds of objects that the simulator stores, and how they are announced to clients."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object; `sub` are its subresources, such as `scale`."""

    group: str
    version: str
    plural: str
    name: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    sub: tuple[str, ...] = ()
    listed_in_all: bool = False

    @property
    def api_version(self) -> str:
        """What objects carry as `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        """The name of one, in small letters."""
        return self.name.lower()

    @property
    def qualified(self) -> str:
        """The name in messages, such as `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


# group/version, plural, kind, scope, short names, subresources, in `kubectl get all`.
_TABLE = """
v1 bindings Binding n - - -
v1 configmaps ConfigMap n cm - -
v1 endpoints Endpoints n ep - -
v1 events Event n ev - -
v1 limitranges LimitRange n limits - -
v1 namespaces Namespace c ns status -
v1 nodes Node c no status -
v1 persistentvolumeclaims PersistentVolumeClaim n pvc status -
v1 persistentvolumes PersistentVolume c pv status -
v1 pods Pod n po eviction,exec,log,status all
v1 replicationcontrollers ReplicationController n rc scale,status all
v1 resourcequotas ResourceQuota n quota status -
v1 secrets Secret n - - -
v1 serviceaccounts ServiceAccount n sa token -
v1 services Service n svc status all
apps/v1 controllerrevisions ControllerRevision n - - -
apps/v1 daemonsets DaemonSet n ds status all
apps/v1 deployments Deployment n deploy scale,status all
apps/v1 replicasets ReplicaSet n rs scale,status all
apps/v1 statefulsets StatefulSet n sts scale,status all
authorization.k8s.io/v1 selfsubjectaccessreviews SelfSubjectAccessReview c - - -
autoscaling/v2 horizontalpodautoscalers HorizontalPodAutoscaler n hpa status all
batch/v1 cronjobs CronJob n cj status all
batch/v1 jobs Job n - status all
coordination.k8s.io/v1 leases Lease n - - -
discovery.k8s.io/v1 endpointslices EndpointSlice n - - -
gateway.networking.k8s.io/v1 gatewayclasses GatewayClass c gc status -
gateway.networking.k8s.io/v1 gateways Gateway n gtw status -
gateway.networking.k8s.io/v1 httproutes HTTPRoute n - status -
monitoring.coreos.com/v1 podmonitors PodMonitor n pmon - -
monitoring.coreos.com/v1 prometheusrules PrometheusRule n promrule - -
monitoring.coreos.com/v1 servicemonitors ServiceMonitor n smon - -
networking.k8s.io/v1 ingressclasses IngressClass c - - -
networking.k8s.io/v1 ingresses Ingress n ing status -
networking.k8s.io/v1 networkpolicies NetworkPolicy n netpol - -
policy/v1 poddisruptionbudgets PodDisruptionBudget n pdb status -
rbac.authorization.k8s.io/v1 clusterrolebindings ClusterRoleBinding c - - -
rbac.authorization.k8s.io/v1 clusterroles ClusterRole c - - -
rbac.authorization.k8s.io/v1 rolebindings RoleBinding n - - -
rbac.authorization.k8s.io/v1 roles Role n - - -
scheduling.k8s.io/v1 priorityclasses PriorityClass c pc - -
storage.k8s.io/v1 storageclasses StorageClass c sc - -
"""

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
"""What can be done with most kinds."""


def _kind(line: str) -> Kind:
    where, plural, name, scope, short, sub, everywhere = line.split()
    group, _, version = where.rpartition("/")
    return Kind(
        group,
        version,
        plural,
        name,
        scope == "n",
        () if short == "-" else tuple(short.split(",")),
        () if sub == "-" else tuple(sub.split(",")),
        everywhere == "all",
    )


KINDS: tuple[Kind, ...] = tuple(_kind(line) for line in _TABLE.strip().splitlines())
"""All that can be stored."""

BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
"""The kinds by their names, such as `Deployment`."""

_BY_PATH = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}


def kind_at(group: str, version: str, plural: str) -> Kind | None:
    """Return what is served at such a place."""
    return _BY_PATH.get((group, version, plural))
