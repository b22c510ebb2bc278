"""kubectl: its verbs, its options, and what `exec` runs within a pod."""

from collections.abc import Sequence
from dataclasses import dataclass

from info_assistant.runbooks.shell.effects import Call, Effect, Judgement, reads, unsure
from info_assistant.runbooks.shell.options import Options, Parsed, options, parse_options
from info_assistant.runbooks.shell.words import Word

_GLOBAL = options(
    "--insecure-skip-tls-verify --match-server-version --warnings-as-errors --help -h",
    "-n --namespace --context --cluster --user --kubeconfig -s --server --token --as --as-group"
    " --request-timeout -v --v --certificate-authority --client-certificate --client-key",
)
_READING = _GLOBAL | options(
    "-A --all-namespaces -w --watch --watch-only --no-headers --show-labels --show-kind"
    " --show-managed-fields --ignore-not-found --show-events --previous -p --timestamps --prefix"
    " --all-containers -f --follow --client --recursive --namespaced --sum --list"
    " --all --minify --raw --flatten --no-trunc",
    "-o --output -l --selector --field-selector --sort-by --template -L --label-columns"
    " --chunk-size --tail --since --since-time -c --container --limit-bytes --max-log-requests"
    " --pod-running-timeout --for --types --timeout --revision --api-group --api-version --verbs"
    " --subresource",
)
_FILES = options("", "-f --filename -k --kustomize")
_EXEC = _GLOBAL | options("-i --stdin -t --tty -q --quiet", "-c --container --pod-running-timeout")
_CHANGING = _GLOBAL | options(
    "--all --force --now -A --all-namespaces --overwrite --prune --server-side --force-conflicts"
    " --dry-run --record --cascade --ignore-daemonsets --delete-emptydir-data --local --wait",
    "-o --output -l --selector --field-selector --replicas --current-replicas --resource-version"
    " --grace-period --timeout --to-revision -p --patch --type -c --containers --patch-file"
    " --min --max --image --from --field-manager -f --filename -k --kustomize",
)
_READERS = {
    "get", "describe", "logs", "top", "explain", "api-resources", "api-versions", "version", "wait",
    "events", "cluster-info",
}  # fmt: skip
_READERS_OF_TWO = {
    ("rollout", "status"), ("rollout", "history"), ("auth", "can-i"), ("auth", "whoami"),
    ("config", "view"), ("config", "current-context"), ("config", "get-contexts"),
}  # fmt: skip
_IN_TWO = {"rollout", "auth", "config", "set", "create", "top", "certificate"}
_HELD_BY_A_CONTROLLER = {"pod", "pods", "po"}
_OPENS = {"edit", "attach", "debug"}
_STAYS = {"port-forward", "proxy"}


@dataclass(frozen=True, slots=True)
class Kubectl:
    """A call of kubectl, taken apart. `verb` has two words for `rollout undo` and the like."""

    verb: str
    parsed: Parsed
    inner: tuple[Word, ...] = ()
    """What `exec` runs in the pod."""

    @property
    def namespace(self) -> str | None:
        """Return the namespace that is named, if one is."""
        return self.parsed.value("-n", "--namespace")

    @property
    def resources(self) -> list[str]:
        """Return the resources that are named, as `kind/name` or as they are written."""
        words = [word.value for word in self.parsed.rest]
        if self.verb in {"exec", "logs", "port-forward", "attach"}:
            return [word if "/" in word else f"pod/{word}" for word in words[:1]]
        if words and "/" not in words[0] and "=" not in words[0]:
            kind, names = words[0], [word for word in words[1:] if "=" not in word]
            return [f"{kind}/{name}" for name in names] or [kind]
        return [word for word in words if "/" in word and "=" not in word.split("/")[0]]


def parse_kubectl(words: Sequence[Word]) -> Kubectl | None:
    """Take a call apart; `words` begin behind the program. None where the verb is not certain."""
    front = parse_options(words, _GLOBAL, stop_at_first=True)
    if not front.sure or front.after is not None or not front.rest or not front.rest[0].plain:
        return None
    verb, rest = front.rest[0].value, front.rest[1:]
    if verb in _IN_TWO and rest and rest[0].plain and not rest[0].value.startswith("-"):
        verb, rest = f"{verb} {rest[0].value}", rest[1:]
    if verb == "exec":
        return _exec(rest, front)
    parsed = parse_options(rest, _known(verb))
    _bring(front, parsed)
    return Kubectl(verb, parsed)


def _known(verb: str) -> Options:
    """Return the options of a verb; `-f` follows for `logs` and names a file for others."""
    if not _is_reader(verb):
        return _CHANGING
    if verb in {"logs", "cluster-info"}:
        return _READING
    if verb.startswith("top"):
        return _READING | options("--containers --sum")
    return _READING | _FILES


def _is_reader(verb: str) -> bool:
    return verb.split(" ", maxsplit=1)[0] in _READERS or tuple(verb.split(" ")) in _READERS_OF_TWO


def _exec(rest: Sequence[Word], front: Parsed) -> Kubectl:
    parsed = parse_options(rest, _EXEC)
    inner = parsed.after
    if inner is None:
        # An old form: all behind the pod's name is the command, its options too.
        parsed = parse_options(rest, _EXEC, stop_at_first=True)
        inner, parsed.rest = parsed.rest[1:], parsed.rest[:1]
    _bring(front, parsed)
    return Kubectl("exec", parsed, tuple(inner))


def _bring(front: Parsed, parsed: Parsed) -> None:
    for name, values in front.given.items():
        parsed.given.setdefault(name, []).extend(values)


def judge_kubectl(call: Call) -> Judgement:
    """Judge a call of kubectl."""
    taken = parse_kubectl(call.words)
    if taken is None:
        return unsure("its verb is not certain")
    if taken.verb == "exec":
        return _judge_exec(call, taken)
    if _is_reader(taken.verb):
        return _judge_reading(taken)
    return _judge_change(taken)


def _judge_reading(taken: Kubectl) -> Judgement:
    parsed = taken.parsed
    if not parsed.sure:
        return unsure(f"the option {parsed.strange[0]} of kubectl {taken.verb} is not known here")
    if taken.verb == "cluster-info" and parsed.rest:
        return unsure("`cluster-info dump` may write files")
    follows = parsed.has("-w", "--watch", "--watch-only") or (
        taken.verb == "logs" and parsed.has("-f", "--follow")
    )
    return reads(f"kubectl {taken.verb} reads", endless=follows)


def _judge_change(taken: Kubectl) -> Judgement:
    verb, parsed = taken.verb, taken.parsed
    if verb in _OPENS:
        return Judgement(Effect.INTERACTIVE, f"kubectl {verb} waits for what is typed")
    if verb in _STAYS:
        return Judgement(Effect.LOCAL, f"kubectl {verb} stays until it is stopped", endless=True)
    if verb == "config use-context" or verb.startswith("config set"):
        return Judgement(Effect.LOCAL, "later commands go elsewhere")
    if verb == "delete":
        return _judge_delete(taken)
    if verb == "drain":
        return Judgement(Effect.DESTRUCTIVE, "every pod of the node is evicted")
    if verb == "scale" and parsed.value("--replicas") == "0":
        return Judgement(Effect.DESTRUCTIVE, "no pod is left, so the service is down")
    if verb in {"replace", "apply"} and parsed.has("--force", "--prune"):
        return Judgement(Effect.DESTRUCTIVE, "resources are deleted")
    return Judgement(Effect.MUTATING, f"kubectl {verb} changes the cluster")


def _judge_delete(taken: Kubectl) -> Judgement:
    kinds = {resource.split("/")[0] for resource in taken.resources}
    named = any("/" in resource for resource in taken.resources)
    wide = taken.parsed.has("--all", "-A", "--all-namespaces", "--force", "--now")
    if kinds and kinds <= _HELD_BY_A_CONTROLLER and named and not wide:
        return Judgement(Effect.MUTATING, "a pod is deleted; its controller makes a new one")
    return Judgement(Effect.DESTRUCTIVE, "what is deleted does not come back by itself")


def _judge_exec(call: Call, taken: Kubectl) -> Judgement:
    if not taken.inner:
        return unsure("it does not say what to run in the pod")
    if not taken.parsed.sure:
        return unsure(f"the option {taken.parsed.strange[0]} of kubectl exec is not known here")
    fed = call.fed and taken.parsed.has("-i", "--stdin")
    inner = call.judge_words(taken.inner, fed)
    if inner.effect is Effect.LOCAL:
        # What is local to a pod is part of the cluster.
        return Judgement(Effect.MUTATING, f"in the pod: {inner.why}", inner.endless)
    return Judgement(inner.effect, f"in the pod: {inner.why}", inner.endless)
