"""Looks at a cluster that runs the manifests, and breaks things in it where somebody agrees.

Usage: python -m scripts.verify_cluster [--overlay NAME] [--drills] [--kubectl PATH]

kubectl is asked as it is set up: its context says which cluster. Without --drills nothing is
changed. Each drill says what it does and wants the name of the resource typed; without a terminal
none is run. Exit code 1 if a look or a drill failed.
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Event

from scripts.cluster_checks import CHECKS, Cluster, Failed, Run, is_ready, pods_are_ready
from scripts.manifests import kubectl, overlays, render

_BACK_S = 600.0
_UNPROVEN = """\
Not proven: backups and restores, the second region, alerts, TLS and DNS of your address, behaviour
under load, loss of a node or a zone, and whatever your cluster does to other namespaces."""


def kubectl_runner(program: str) -> Run:
    """Return what runs this kubectl."""

    def run(words: Sequence[str], seconds: float) -> tuple[int, str]:
        try:
            done = subprocess.run(
                [program, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return 124, f"kubectl did not end within {seconds:.0f} s"
        return done.returncode, done.stdout

    return run


def look(cluster: Cluster) -> Sequence[str]:
    """Run every look and print its result; return the names of those that failed."""
    failed = []
    for name, check in CHECKS.items():
        try:
            print(f"ok    {name:<12} {check(cluster)}")
        except (Failed, LookupError, ValueError) as error:
            failed.append(name)
            print(f"FAIL  {name:<12} {error}")
    return failed


def replace_pod(cluster: Cluster, pod: str) -> str:
    """Delete a pod and wait until another one of its name is ready. Raises Failed."""
    pods_are_ready(cluster)
    component = pod.partition("-")[0]

    def uid_when_ready() -> str:
        found = cluster.items("pods", "-l", f"component={component}")
        ready = [each for each in found if each["metadata"]["name"] == pod and is_ready(each)]
        return str(ready[0]["metadata"]["uid"]) if ready else ""

    before, began = uid_when_ready(), time.monotonic()
    cluster.ask("delete", "pod", pod, "--wait=false")
    while uid_when_ready() in {"", before}:
        if time.monotonic() - began > _BACK_S:
            raise Failed(f"no new {pod} is ready after {_BACK_S:.0f} s")
        Event().wait(2)
    return f"another {pod} was ready after {time.monotonic() - began:.0f} s"


def restart_backend(cluster: Cluster) -> str:
    """Restart all backends while the page asks them; no answer may fail. Raises Failed."""
    pods_are_ready(cluster)
    cluster.ask("rollout", "restart", "deployment/backend")
    asked, began = 0, time.monotonic()
    while True:
        cluster.told(
            "deployment/frontend", "frontend", "curl -fsS --max-time 5 http://backend:8000/readyz"
        )
        asked += 1
        if (
            cluster.run(
                [
                    "rollout",
                    "status",
                    "deployment/backend",
                    "--timeout=1s",
                    "-n",
                    "pubsec-info-assistant",
                ],
                cluster.seconds,
            )[0]
            == 0
        ):
            return f"none of {asked} requests failed in {time.monotonic() - began:.0f} s"
        if time.monotonic() - began > _BACK_S:
            raise Failed(f"the rollout is not done after {_BACK_S:.0f} s")


DRILLS: Mapping[str, tuple[str, Callable[[Cluster], str]]] = {
    "deployment/backend": ("restarts every backend, one after the other", restart_backend),
    "qdrant-0": ("deletes this pod; two peers go on", lambda at: replace_pod(at, "qdrant-0")),
    "redis-0": (
        "deletes this pod; where it leads, caching and shared limits pause until it is back",
        lambda at: replace_pod(at, "redis-0"),
    ),
}
"""What breaks something, by the name that has to be typed."""


def drill(cluster: Cluster, answer: Callable[[str], str]) -> Sequence[str]:
    """Run each drill that is agreed to; return the names of those that failed."""
    failed = []
    for name, (words, run) in DRILLS.items():
        typed = answer(f"\nDrill: {words}. Type {name} to run it, anything else to leave it out: ")
        if typed.strip() != name:
            print(f"left  {name}")
            continue
        try:
            print(f"ok    {name:<20} {run(cluster)}")
        except (Failed, LookupError, ValueError) as error:
            failed.append(name)
            print(f"FAIL  {name:<20} {error}")
    return failed


def main(arguments: Sequence[str]) -> int:
    """Look, drill, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--overlay", default="production", choices=["base", *overlays()])
    parser.add_argument("--drills", action="store_true", help="break things, after a question each")
    parser.add_argument("--kubectl", default=shutil.which("kubectl") or kubectl())
    chosen = parser.parse_args(arguments)
    run = kubectl_runner(chosen.kubectl)
    code, said = run(["config", "current-context"], 10)
    print(f"Cluster: {said.strip() if code == 0 else 'kubectl knows of none'}")
    code, said = run(["get", "--raw", "/version"], 10)
    if code != 0:
        print(f"No cluster answers, so NOTHING was proven: {said.strip()[:300]}", file=sys.stderr)
        return 1
    cluster = Cluster(run, render(chosen.overlay))
    failed = list(look(cluster))
    if chosen.drills and not sys.stdin.isatty():
        print("No drill was run: there is no terminal at which somebody could agree.")
    elif chosen.drills and failed:
        print("No drill was run: the cluster is not well as it is.")
    elif chosen.drills:
        failed += drill(cluster, input)
    print(_UNPROVEN)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
