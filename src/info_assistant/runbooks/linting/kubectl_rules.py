"""Rules about kubectl: what its exit code hides, what races, what a rival controller undoes."""

import re
from urllib.parse import urlsplit

from info_assistant.runbooks.linting.cases import Case, Draft, curl_of, settings_of
from info_assistant.runbooks.linting.findings import Remark, error, note, warning
from info_assistant.runbooks.shell.options import options, parse_options
from info_assistant.runbooks.shell.programs.network import probe_script

_CLUSTER_WIDE = {
    "node", "nodes", "no", "namespace", "namespaces", "ns", "pv", "persistentvolume",
    "persistentvolumes", "clusterrole", "clusterroles", "storageclass", "storageclasses", "sc",
}  # fmt: skip
_WITHOUT_NAMESPACE = {"config", "version", "cluster-info", "api-resources", "explain", "auth"}
_CHANGES_A_WORKLOAD = {"scale", "set env", "set image", "rollout restart", "rollout undo", "patch"}
_TIMEOUT = "--timeout=300s"


def cluster_scope(case: Case, _draft: Draft) -> Remark | None:
    """Nodes and the like are read with a ClusterRole only."""
    if case.kubectl is None or case.kubectl.verb not in {"get", "describe", "top"}:
        return None
    if not {resource.split("/")[0] for resource in case.kubectl.resources} & _CLUSTER_WIDE:
        return None
    return warning(
        "cluster-scope",
        "This reads what belongs to no namespace: it needs a ClusterRole, and a Role of one "
        "namespace gets Forbidden. Try it beforehand with `kubectl auth can-i`.",
    )


def missing_namespace(case: Case, draft: Draft) -> Remark | None:
    """A command without a namespace asks `default`, where nothing is."""
    taken, namespace = case.kubectl, case.facts.namespace
    if taken is None or taken.namespace or namespace is None:
        return None
    if taken.parsed.has("-A", "--all-namespaces") or taken.verb.split()[0] in _WITHOUT_NAMESPACE:
        return None
    if {resource.split("/")[0] for resource in taken.resources} & _CLUSTER_WIDE:
        return None
    draft.add("-n", namespace)
    return error(
        "missing-namespace",
        f"No namespace is named, so this asks `default`; all else is in `{namespace}`.",
    )


def empty_list(case: Case, _draft: Draft) -> Remark | None:
    """A selector that matches nothing prints an empty list and succeeds."""
    if case.kubectl is None or case.kubectl.verb != "get":
        return None
    selector = case.kubectl.parsed.value("-l", "--selector")
    if selector is None:
        return None
    return warning(
        "empty-list",
        f"Where no pod has the label {selector} this prints an empty list and exits with 0, which "
        "looks like success. Charts of vendors set other labels. The engine takes an empty list "
        "for a failure.",
    )


def terminal(case: Case, draft: Draft) -> Remark | None:
    """`-t` wants a terminal, which a script does not have."""
    if case.kubectl is None or case.kubectl.verb != "exec" or not case.inner:
        return None
    if not case.kubectl.parsed.has("-t", "--tty"):
        return None
    draft.drop("-it", "-ti", "-t", "-i", "--tty", "--stdin")
    return note("exec-tty", "-it asks for a terminal. Without one kubectl warns and goes on.")


def tool_in_pod(case: Case, draft: Draft) -> Remark | None:
    """Images are small: what is run in a pod may not be there."""
    found = curl_of(case)
    if case.kubectl is None or case.kubectl.verb != "exec" or found is None:
        return None
    urls, _options = found
    url = urlsplit(urls[0] if "://" in urls[0] else f"http://{urls[0]}") if urls else None
    why = "curl is not in the images of Qdrant and of slim Pythons: `executable file not found`."
    if url is not None and url.scheme == "http" and url.hostname and len(urls) == 1:
        path = url.path if url.path not in {"", "/"} else "/"
        if url.port == 6333 and path == "/":  # noqa: PLR2004  Qdrant's port.
            path = "/readyz"
            why += " And `/` says that Qdrant lives, `/readyz` that it is ready."
        host = "127.0.0.1" if url.hostname == "localhost" else url.hostname
        script = probe_script(host, url.port or 80, path)
        at = draft.words.index("--") if "--" in draft.words else len(draft.words)
        draft.words[at:] = ["--", "bash", "-c", f"'{script}'"]
    return error("tool-in-pod", why)


def pod_by_placeholder(case: Case, draft: Draft) -> Remark | None:
    """A pod of a Deployment has another name each time; its Deployment keeps its name."""
    if case.kubectl is None or case.kubectl.verb not in {"exec", "logs"}:
        return None
    for at, word in enumerate(draft.words):
        name = re.sub(r"^pods?/", "", word)
        for controller in sorted(case.facts.controllers):
            kind, _, owner = controller.partition("/")
            if kind == "deployment" and re.fullmatch(
                rf"{owner}-(\[.+\]|<.+>|\{{\{{.+\}}\}})", name
            ):
                draft.words[at : at + 1] = [controller, "-c", owner]
                return error(
                    "placeholder",
                    f"{word} is no pod: as written the answer is NotFound. {controller} stands for "
                    "one of its pods.",
                )
    return None


def undo_revision(case: Case, draft: Draft) -> Remark | None:
    """`rollout undo` goes one revision back, whatever made it."""
    if case.kubectl is None or case.kubectl.verb != "rollout undo":
        return None
    if case.kubectl.parsed.value("--to-revision"):
        return None
    draft.add("--to-revision=[GOOD-REVISION]")
    return warning(
        "undo-revision",
        "This goes to the revision before, not to the last good one. `set env` and `rollout "
        "restart` make revisions too: after one of them it takes that back and leaves the bad "
        "release. Look in `rollout history` and name the revision. GitOps may put it back.",
    )


def no_timeout(case: Case, draft: Draft) -> Remark | None:
    """What waits without a bound may wait for ever."""
    taken = case.kubectl
    if taken is None or taken.parsed.value("--timeout") or taken.parsed.has("-w", "--watch"):
        return None
    if taken.verb == "rollout status":
        draft.add(_TIMEOUT)
        return warning("no-timeout", "It waits without a bound of its own.")
    if taken.verb == "delete" and any(each.startswith("pod") for each in taken.resources):
        draft.add("--timeout=120s")
        return note(
            "no-timeout",
            "It waits until the pod is gone; on a lost node that is never. Look first whether the "
            "other replicas are ready: a disruption budget does not hold back a delete.",
        )
    return None


def endless(case: Case, draft: Draft) -> Remark | None:
    """`watch` and `-f` never end."""
    if not case.command.endless:
        return None
    restarted = [
        each.controller
        for each in case.before
        if each.controller and each.kubectl and each.kubectl.verb in _CHANGES_A_WORKLOAD
    ]
    if case.program == "watch" and restarted:
        scope = next((each.scope for each in case.before if each.scope), ())
        commands = [
            f"kubectl rollout status {name} {' '.join(scope)} {_TIMEOUT}" for name in restarted
        ]
        draft.replace(" && ".join(" ".join(text.split()) for text in commands))
    elif case.program == "watch":
        watched = parse_options(case.words[1:], options("-d -t -e -g", "-n"), stop_at_first=True)
        draft.words = [word.text for word in watched.rest]
    else:
        draft.drop("-f", "--follow", "-w", "--watch")
    return error(
        "endless", "It never ends by itself, and wants a terminal: a step that is never over."
    )


def autoscaler(case: Case, draft: Draft) -> Remark | None:
    """An autoscaler sets replicas again at its next look."""
    taken, name = case.kubectl, case.controller
    if taken is None or taken.verb != "scale" or name is None or not name.startswith("deployment"):
        return None
    wanted = taken.parsed.value("--replicas")
    if wanted == "0" or wanted is None:
        return None
    if case.facts.scaled_by_itself:
        patch = f'\'{{"spec":{{"minReplicas":{wanted}}}}}\''
        draft.replace(
            "kubectl", "patch", "hpa", name.split("/")[1], *case.scope, "--type=merge", "-p", patch
        )
    return warning(
        "autoscaler",
        "A HorizontalPodAutoscaler sets the number again: above its maximum it cuts, and at its "
        "next look a lower recommendation wins. Raise its minimum instead, keep the old value and "
        "restore it. More replicas of a bad build only load what is behind them.",
    )


def scale_to_zero(case: Case, draft: Draft) -> Remark | None:
    """No replica is an outage, and the command returns before pods are gone."""
    taken = case.kubectl
    if taken is None or taken.verb != "scale" or taken.parsed.value("--replicas") != "0":
        return None
    waits = ""
    if case.controller and case.facts.label:
        name = case.controller.split("/")[1]
        selector = f"{case.facts.label}={name}"
        waits = f" && kubectl wait --for=delete pod -l {selector} {' '.join(case.scope)} {_TIMEOUT}"
    draft.tail += " ".join(waits.split(" "))
    return warning(
        "scale-to-zero",
        "The service is down from here on, and the command returns before the pods are gone. With "
        "ordered pod management two broken pods block it. Take a snapshot first.",
    )


def unreachable(case: Case, draft: Draft) -> Remark | None:
    """A pod that an earlier command took away cannot run anything."""
    taken = case.kubectl
    if taken is None or taken.verb not in {"exec", "logs", "port-forward"} or not taken.resources:
        return None
    pod = taken.resources[0].removeprefix("pod/")
    gone = 0
    for each in case.before:
        owner = (each.controller or "/").split("/")[1]
        if each.kubectl is None or each.kubectl.verb != "scale" or not owner:
            continue
        if re.fullmatch(rf"{re.escape(owner)}-\d+", pod) or each.controller == case.controller:
            gone = each.command.line if each.kubectl.parsed.value("--replicas") == "0" else 0
    if not gone:
        return None
    draft.tail += f"  # before line {gone}"
    draft.before_line = gone
    return error(
        "unreachable",
        f"Line {gone} took the pod {pod} away, so there is nothing to run this in. Restore while "
        "the pods run, before the scale-down; or mount the volume in a Job.",
    )


def script_in_pod(case: Case, _draft: Draft) -> Remark | None:
    """A script at a path of its own has to be in the image."""
    if case.kubectl is None or case.kubectl.verb != "exec" or not case.inner:
        return None
    program = case.inner[0]
    if not program.startswith("/") or program.startswith(("/bin/", "/usr/")):
        return None
    return warning(
        "script-in-pod", f"{program} is in no stock image; it has to be shipped with ours."
    )


def wait_race(case: Case, draft: Draft) -> Remark | None:
    """Right behind a delete, `wait` finds no pod, or the old one."""
    taken = case.kubectl
    if (
        taken is None
        or taken.verb != "wait"
        or "ready" not in (taken.parsed.value("--for") or "").lower()
    ):
        return None
    deleted = [
        resource
        for each in case.before
        if each.kubectl and each.kubectl.verb == "delete"
        for resource in each.kubectl.resources
    ]
    created = any(
        each.kubectl and each.kubectl.parsed.value("--for") == "create" for each in case.before
    )
    if created or not set(deleted) & set(taken.resources):
        return None
    first = " ".join(("kubectl", "wait", "--for=create", *taken.resources, *case.scope))
    draft.replace(f"{first} --timeout=120s && {draft.text}")
    return error(
        "wait-race",
        "Until the pod is there again the answer is NotFound at once, and a pod that is still "
        "leaving counts as ready. Wait until it is created (kubectl 1.31 or newer), then until it "
        "is ready; the engine looks for another uid.",
    )


def ordered_restart(case: Case, draft: Draft) -> Remark | None:
    """A StatefulSet does not restart past a pod that is not ready."""
    taken, name = case.kubectl, case.controller
    if taken is None or taken.verb != "rollout restart" or not name:
        return None
    mended = any(each.kubectl and each.kubectl.verb == "delete" for each in case.before)
    followed = any(each.controller == name and _is_status(each) for each in case.after)
    if not name.startswith("statefulset") or (mended and followed):
        return None
    status = " ".join(("kubectl", "rollout", "status", name, *case.scope, _TIMEOUT))
    draft.replace(f"{draft.text} && {status}")
    return error(
        "ordered-restart",
        "With ordered pod management nothing is restarted while a pod is not ready, so the broken "
        "one never is. Delete the broken pod first, then restart; the one with the highest number "
        "goes first. What a store keeps only in memory is lost.",
    )


def _is_status(case: Case) -> bool:
    return case.kubectl is not None and case.kubectl.verb == "rollout status"


def set_env(case: Case, draft: Draft) -> Remark | None:
    """`set env` changes every container, and leaves nothing to go back to."""
    taken, name = case.kubectl, case.controller
    if not settings_of(case) or taken is None or name is None:
        return None
    if taken.parsed.value("-c", "--containers") is not None:
        return None
    draft.add("-c", name.split("/")[1])
    return warning(
        "set-env",
        "Without -c it sets the variable in every container, sidecars too. It begins a rollout "
        "and a new revision, GitOps may take it back, and the old value is written nowhere: note "
        "it first, and put it back at the end (`NAME-` would delete it).",
    )


def one_pod_of_many(case: Case, draft: Draft) -> Remark | None:
    """`logs deployment/x` reads one pod of all."""
    taken, name = case.kubectl, case.controller
    if taken is None or taken.verb != "logs" or name is None or taken.parsed.has("-f", "--follow"):
        return None
    owner, label = name.split("/")[1], case.facts.label
    chosen = ("-l", f"{label}={owner}") if label else (name, "--all-pods")
    draft.words = [
        "kubectl", "logs", *chosen, "-c", owner, *case.scope, "--since=15m", "--tail=-1",
        "--prefix", "--max-log-requests=20",
    ]  # fmt: skip
    return error(
        "one-pod-of-many",
        f"It reads the log of one pod of {name}, from its beginning. The line may be in another.",
    )


def unverified(case: Case, draft: Draft) -> Remark | None:
    """A change that nothing behind it looks at."""
    taken, name = case.kubectl, case.controller
    if taken is None or taken.verb not in _CHANGES_A_WORKLOAD or name is None:
        return None
    if taken.parsed.value("--replicas") == "0" or "rollout status" in draft.text:
        return None
    looked = [
        each
        for each in case.after
        if each.kubectl
        and (each.kubectl.verb in {"rollout status", "wait"} or each.program == "watch")
    ]
    if looked or any(each.program == "watch" for each in case.after):
        return None
    status = " ".join(("kubectl", "rollout", "status", name, *case.scope, _TIMEOUT))
    draft.tail += f" && {status}"
    return note("unverified", "Nothing behind it looks whether it took effect.")


RULES = (
    cluster_scope,
    missing_namespace,
    empty_list,
    pod_by_placeholder,
    terminal,
    tool_in_pod,
    undo_revision,
    no_timeout,
    endless,
    autoscaler,
    scale_to_zero,
    script_in_pod,
    unreachable,
    wait_race,
    ordered_restart,
    set_env,
    one_pod_of_many,
    unverified,
)
