"""The address space of the API server: from a request to what follows."""

from collections.abc import Callable
from dataclasses import dataclass

from info_assistant.drills.cluster import discovery
from info_assistant.drills.cluster.access import Attempt, refuse, review
from info_assistant.drills.cluster.calls import Call, Outcome, Reply, Stream
from info_assistant.drills.cluster.documents import Document
from info_assistant.drills.cluster.kinds import kind_at
from info_assistant.drills.cluster.problems import Refused, no_such_path
from info_assistant.drills.cluster.resources import Resources, Target, chosen
from info_assistant.drills.cluster.tables import table_of
from info_assistant.drills.cluster.watching import Watch, events

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_CREATED = 201
_PROBES = {("healthz",), ("livez",), ("readyz",)}

Inside = Callable[[Target, Call], Outcome]
"""What happens inside a pod: `exec` or `log`."""


@dataclass(frozen=True, slots=True)
class Api:
    """Answers requests; `inside` knows exec and log."""

    resources: Resources
    inside: Inside

    def answer(self, call: Call) -> Outcome:
        """Return what follows a request. Raises Refused."""
        if found := _described(call):
            return found
        if call.path[:1] == ("api",) and len(call.path) > 2:  # noqa: PLR2004
            target = _target("", call.path[1], call.path[2:])
        elif call.path[:1] == ("apis",) and len(call.path) > 3:  # noqa: PLR2004
            target = _target(call.path[1], call.path[2], call.path[3:])
        else:
            raise no_such_path()
        verb = _verb(call, target)
        refuse(
            self.resources.store,
            Attempt(call.user, verb, target.kind, target.namespace, target.name, target.sub),
        )
        return self._carried_out(verb, target, call)

    def _carried_out(self, verb: str, target: Target, call: Call) -> Outcome:
        if target.sub in {"exec", "log"}:
            return self.inside(target, call)
        if verb == "watch":
            return self._watch(target, call)
        if verb == "list":
            return self._shown(target, call, self.resources.listed(target, call))
        if verb == "get" and target.sub == "scale":
            return Reply(self.resources.scale(target))
        if verb == "get":
            found = self.resources.store.get(target.kind, target.namespace, target.name)
            return self._shown(target, call, found)
        return self._change(verb, target, call)

    def _change(self, verb: str, target: Target, call: Call) -> Reply:
        if target.kind.name == "SelfSubjectAccessReview":
            return Reply(review(self.resources.store, call.document(), call.user), _CREATED)
        changed = self._changed(verb, target, call)
        return Reply(changed, _CREATED if verb == "create" else 200)

    def _changed(self, verb: str, target: Target, call: Call) -> Document:
        resources = self.resources
        if verb == "create":
            make = resources.evicted if target.sub == "eviction" else resources.created
            return make(target, call)
        ways: dict[str, Callable[[Target, Call], Document]] = {
            "update": resources.scaled if target.sub == "scale" else resources.replaced,
            "patch": resources.patched,
            "delete": resources.deleted,
            "deletecollection": resources.deleted_all,
        }
        return ways[verb](target, call)

    def _watch(self, target: Target, call: Call) -> Stream:
        selected = chosen(call)
        now = self.resources.store.clock.now
        watch = Watch(target.kind, target.namespace, selected, call, now)
        return Stream(events(self.resources.store, watch))

    def _shown(self, target: Target, call: Call, found: Document) -> Reply:
        if not call.wants_table:
            return Reply(found)
        items = found.get("items", [found])
        include = call.one("includeObject", "Metadata")
        table = table_of(target.kind, items, self.resources.store.clock.now(), include)
        table["metadata"] = {"resourceVersion": found["metadata"]["resourceVersion"]}
        return Reply(table)


def _verb(call: Call, target: Target) -> str:
    if call.method == "GET":
        if target.name:
            return "get"
        return "watch" if call.flag("watch") else "list"
    verb = _VERBS.get(call.method)
    if verb is None:
        raise Refused(405, "MethodNotAllowed", "the server does not allow this method")
    return "deletecollection" if verb == "delete" and not target.name else verb


def _target(group: str, version: str, rest: tuple[str, ...]) -> Target:
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:  # noqa: PLR2004  Below a namespace.
        namespace, rest = rest[1], rest[2:]
    kind = kind_at(group, version, rest[0])
    name, sub = (*rest[1:], "", "")[:2]
    if kind is None or (sub and sub not in kind.sub):
        raise no_such_path()
    return Target(kind, namespace, name, sub)


def _described(call: Call) -> Reply | None:
    """Return what the server tells of itself."""
    path = call.path
    if path in _PROBES:
        return Reply("ok", content_type="text/plain")
    if path == ("version",):
        return Reply(discovery.VERSION)
    if path in {("api",), ("apis",)}:
        if "as=APIGroupDiscoveryList" in call.accept:
            found = discovery.aggregated(core=path == ("api",))
            return Reply(found, content_type=discovery.AGGREGATED)
        return Reply(discovery.core_versions() if path == ("api",) else discovery.groups())
    if path[:2] == ("openapi", "v3"):
        place = "/".join(path[2:])
        described = discovery.openapi_of(place) if place else discovery.openapi_paths()
    elif path[:1] == ("api",) and len(path) == 2:  # noqa: PLR2004
        described = discovery.resources("", path[1])
    elif path[:1] == ("apis",) and len(path) == 3:  # noqa: PLR2004
        described = discovery.resources(path[1], path[2])
    else:
        return None
    if described is None:
        raise no_such_path()
    return Reply(described)
