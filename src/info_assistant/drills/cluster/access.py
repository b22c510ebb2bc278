"""Who may do what: Roles and ClusterRoles with their bindings, as they are stored."""

from collections.abc import Iterator
from dataclasses import dataclass

from info_assistant.drills.cluster.calls import ADMINISTRATOR
from info_assistant.drills.cluster.documents import Document, at
from info_assistant.drills.cluster.kinds import BY_NAME, Kind
from info_assistant.drills.cluster.problems import Refused
from info_assistant.drills.cluster.store import Store


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody wants to do; `sub` is a subresource such as `exec`."""

    user: str
    verb: str
    kind: Kind
    namespace: str = ""
    name: str = ""
    sub: str = ""

    @property
    def resource(self) -> str:
        """The resource as rules name it."""
        return f"{self.kind.plural}/{self.sub}" if self.sub else self.kind.plural


def may(store: Store, attempt: Attempt) -> bool:
    """Return whether a rule allows an attempt."""
    if attempt.user == ADMINISTRATOR:
        return True
    return any(_fits(rule, attempt) for rule in _rules_for(store, attempt))


def refuse(store: Store, attempt: Attempt) -> None:
    """Raise Refused in Kubernetes's words where no rule allows an attempt."""
    if may(store, attempt):
        return
    scope = (
        f'in the namespace "{attempt.namespace}"' if attempt.namespace else "at the cluster scope"
    )
    group = attempt.kind.group
    named = f' "{attempt.name}"' if attempt.name else ""
    raise Refused(
        403,
        "Forbidden",
        f'{attempt.kind.qualified}{named} is forbidden: User "{attempt.user}" cannot '
        f'{attempt.verb} resource "{attempt.resource}" in API group "{group}" {scope}',
        (attempt.kind, attempt.name),
    )


def _rules_for(store: Store, attempt: Attempt) -> Iterator[Document]:
    bindings = [(each, "") for each in store.all("ClusterRoleBinding")]
    if attempt.namespace:
        bindings += [
            (each, attempt.namespace) for each in store.all("RoleBinding", attempt.namespace)
        ]
    for binding, namespace in bindings:
        if any(_is(subject, attempt.user, namespace) for subject in binding.get("subjects") or []):
            role = binding["roleRef"]
            within = namespace if role["kind"] == "Role" else ""
            found = store.find(role["kind"], within, role["name"])
            yield from at(found, "rules", default=[])


def _is(subject: Document, user: str, namespace: str) -> bool:
    if subject["kind"] == "ServiceAccount":
        where = subject.get("namespace", namespace)
        return user == f"system:serviceaccount:{where}:{subject['name']}"
    return subject["kind"] == "User" and bool(subject["name"] == user)


def _fits(rule: Document, attempt: Attempt) -> bool:
    def listed(field: str, value: str) -> bool:
        values = rule.get(field) or []
        return "*" in values or value in values

    names = rule.get("resourceNames") or []
    return (
        listed("verbs", attempt.verb)
        and listed("apiGroups", attempt.kind.group)
        and listed("resources", attempt.resource)
        and (not names or attempt.name in names)
    )


def review(store: Store, asked: Document, user: str) -> Document:
    """Answer `kubectl auth can-i`."""
    wanted = at(asked, "spec", "resourceAttributes", default={})
    kinds = [
        kind
        for kind in BY_NAME.values()
        if (kind.plural, kind.group) == (wanted.get("resource"), wanted.get("group", ""))
    ]
    allowed = user == ADMINISTRATOR or any(
        may(
            store,
            Attempt(
                user,
                wanted.get("verb", ""),
                kind,
                wanted.get("namespace", ""),
                wanted.get("name", ""),
                wanted.get("subresource", ""),
            ),
        )
        for kind in kinds
    )
    return {**asked, "status": {"allowed": allowed}}
