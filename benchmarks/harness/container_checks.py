"""What is looked at in containers of our image; each check returns its figures.

Raises AssertionError or TimeoutError where something does not hold, CommandFailed where podman
fails.
"""

import json
import os
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
from benchmarks.harness.container_stand import (
    DELAY_S,
    GRACE_S,
    Stand,
    backend_plan,
    frontend_plan,
    in_network_of,
    until_ready,
    worker_plan,
)
from benchmarks.harness.corpus import File, samples
from benchmarks.harness.next_version import build_next
from benchmarks.harness.podman import Container, Podman
from benchmarks.harness.processes import answers, await_true
from benchmarks.harness.report import ROOT, say

MOST_BYTES = 600_000_000
START_S = 5.0
NOTICED_S = 10.0
RECOVERED_S = 30.0
QUESTION = "How do I request records under access to information?"
ANOTHER = "How many days in advance must annual leave be requested?"

_ROUNDS = 3
_SHOWN_BYTES = 100_000
_OK = 200
_IMPORT_ALL = """
import importlib, json, pkgutil, subprocess, info_assistant
names = [m.name for m in pkgutil.walk_packages(info_assistant.__path__, 'info_assistant.')]
for name in names:
    if not name.endswith('__main__'): importlib.import_module(name)
import boto3, opentelemetry.exporter.otlp.proto.http.trace_exporter
boto3.client('route53', region_name='eu-west-1')
print(json.dumps(len(names)))
"""
_SIZES = """
import collections, json, os, sysconfig
root, sizes = sysconfig.get_path('purelib'), collections.Counter()
for folder, _, files in os.walk(root):
    for file in files:
        top = os.path.relpath(os.path.join(folder, file), root).split(os.sep)[0]
        sizes[top.removesuffix('.libs')] += os.lstat(os.path.join(folder, file)).st_size
print(json.dumps({name: round(size / 1e6, 1) for name, size in sizes.most_common(25)}))
"""
_UNWANTED = ("pip", "pip3", "gcc", "cc", "make", "git")


def look_at_image(podman: Podman, image: str) -> Mapping[str, Any]:
    """Measure the image by layer and by package; import all of it; look for what is not wanted."""

    def inside(*command: str) -> str:
        return podman.do(
            "run", "--rm", "--network=none", "--entrypoint", command[0], image, *command[1:]
        )

    size = int(podman.do("image", "inspect", "--format", "{{.Size}}", image))
    history = json.loads(podman.do("history", "--format", "json", image))
    found = [
        name
        for name in _UNWANTED
        if podman.ask("run", "--rm", "--entrypoint", "which", image, name).code == 0
    ]
    materials = json.loads(inside("cat", "/usr/share/sbom/info-assistant.cdx.json"))
    user = podman.do("image", "inspect", "--format", "{{.Config.User}}", image)
    packages = json.loads(inside("python", "-c", _SIZES))
    for name, megabytes in packages.items():
        say(f"  {megabytes:7.1f} MB  {name}")
    assert user == "10001:10001", user
    assert not found, f"the image brings {found}"
    assert size <= MOST_BYTES, f"{size / 1e6:.0f} MB"
    return {
        "size_mb": round(size / 1e6, 1),
        "layers_mb": {
            each["CreatedBy"][:60]: round(each["size"] / 1e6, 1)
            for each in history
            if each["size"] >= _SHOWN_BYTES
        },
        "packages_mb": packages,
        "components_in_bill_of_materials": len(materials["components"]),
        "modules_imported": json.loads(inside("python", "-c", _IMPORT_ALL)),
    }


def start_under_limits(podman: Podman, image: str) -> Mapping[str, Any]:
    """Start each role alone, with nothing that it depends on, until it says that it is ready.

    Judged by the fastest round. Where the machine has more to do than it has processors, that says
    nothing; there it is judged by the processor time that it took, under the same limit.
    """
    busy = os.getloadavg()[0] > len(os.sched_getaffinity(0))
    seen: dict[str, Any] = {"load_average": os.getloadavg(), "judged_by_processor_time": busy}
    late = []
    for cpus in ("1", "0.5"):
        limits = ("--memory=1g", f"--cpus={cpus}")
        for make in (backend_plan, worker_plan, frontend_plan):
            rounds = [_start(Container(podman, make(image, limits))) for _ in range(_ROUNDS)]
            name = f"{make(image).role}, {cpus} CPU"
            seen[name] = {
                "ready_s": [each[0] for each in rounds],
                "processor_s": [each[1] for each in rounds],
            }
            say(f"  {name}: {seen[name]}")
            needed = min(each[1] for each in rounds) / float(cpus)
            if (needed if busy else min(each[0] for each in rounds)) > START_S:
                late.append(f"{name}: {rounds}")
    assert not late, late
    return seen


def _start(container: Container) -> tuple[float, float]:
    """Return the seconds from the start of its first process until ready, and processor seconds."""
    try:
        container.start()
        began = time.monotonic()
        until_ready(container)
        seconds = time.monotonic() - began
        return round(seconds, 2), round(container.processor_s(), 2)
    finally:
        container.remove()


def rights(stand: Stand) -> Mapping[str, Any]:
    """Look at what each process may do."""
    seen = {}
    for each in (stand.backend, stand.worker, stand.frontend):
        status = each.execute("cat", "/proc/1/status").output
        lines = dict(line.split(":", 1) for line in status.splitlines())
        values = {key: lines[key].split()[0] for key in ("Uid", "CapEff", "NoNewPrivs", "Seccomp")}
        assert values == {
            "Uid": "10001",
            "CapEff": "0" * 16,
            "NoNewPrivs": "1",
            "Seccomp": "2",
        }, values
        assert each.execute("touch", "/x").code != 0, "its root can be written"
        seen[each.plan.role] = values
    return seen


def take_in_samples(stand: Stand) -> Mapping[str, Any]:
    """Take in the samples, which have every kind of file, and ask."""
    files = samples(quick=False).files
    began = time.monotonic()
    for each in files:
        stand.upload(each)
    stand.until_ready(len(files), 120.0)
    seconds = time.monotonic() - began
    must_answer(stand, QUESTION)
    return {"documents": len(files), "ready_after_s": round(seconds, 1)}


def must_answer(stand: Stand, question: str) -> None:
    """Ask; raise AssertionError unless a cited answer comes."""
    status, body = stand.ask(question)
    assert status == _OK, body
    assert body["status"] == "answered", body
    assert body["citations"], body


def probes(stand: Stand) -> Mapping[str, Any]:
    """Ask every probe of every role, and run the check that the image names."""
    for each in (stand.backend, stand.worker, stand.frontend):
        for path in ("/livez", "/readyz", "/metrics"):
            assert answers(each.url + path), f"{each.name}{path}"
        done = stand.podman.ask("healthcheck", "run", each.name)
        assert done.code == 0, done
    assert answers(stand.backend.url + "/health")
    return {"roles": 3, "healthcheck": "passes"}


def execute_inside(stand: Stand) -> Mapping[str, Any]:
    """Run what the runbook runs inside a backend (contract 20), and `doctor`."""
    reached = stand.backend.execute("curl", "-sS", "--max-time", "10", "http://qdrant:6333")
    assert reached.code == 0, reached
    assert "version" in json.loads(reached.output)
    doctor = stand.backend.execute("info-assistant", "doctor", "--json")
    assert doctor.code == 0, doctor
    return {"curl http://qdrant:6333": reached.output, "doctor": doctor.code}


def cut_qdrant(stand: Stand) -> Mapping[str, Any]:
    """Let nothing through to Qdrant: a typed error in time, still ready, well again by itself."""
    table = ("nft", "add", "table", "inet", "cut")
    in_network_of(stand.qdrant, *table)
    chain = "{ type filter hook input priority 0 ; policy drop ; }"
    in_network_of(stand.qdrant, "nft", f"add chain inet cut input {chain}")
    began = time.monotonic()
    await_true(lambda: stand.sees("qdrant", "down"), NOTICED_S, "Qdrant is seen to be down", 0.2)
    noticed = time.monotonic() - began
    status, body = stand.ask(ANOTHER)
    assert (status, body.get("code")) == (500, "vector_store_unavailable"), (status, body)
    assert answers(stand.backend.url + "/readyz"), "a dependency took readiness away"
    in_network_of(stand.qdrant, "nft", "delete table inet cut")
    began = time.monotonic()
    await_true(lambda: stand.ask(ANOTHER)[0] == _OK, RECOVERED_S, "questions are answered", 0.2)
    return {"seen_after_s": round(noticed, 1), "error": body["code"]} | recovered(began)


def recovered(began: float) -> dict[str, float]:
    """Return how long it took since then."""
    return {"answered_again_after_s": round(time.monotonic() - began, 1)}


def cut_redis(stand: Stand) -> Mapping[str, Any]:
    """Take Redis off the network: answers go on; it is used again when it is back."""
    network = stand.podman.prefix
    stand.podman.do("network", "disconnect", network, stand.redis.name)
    await_true(lambda: stand.sees("redis", "down"), NOTICED_S, "Redis is seen to be down", 0.2)
    must_answer(stand, "What must be done after a data breach?")
    limiter = stand.health()["limiter"]
    assert limiter == "local", limiter
    stand.podman.do("network", "connect", "--alias=redis", network, stand.redis.name)
    began = time.monotonic()
    await_true(lambda: stand.sees("redis", "ok"), RECOVERED_S, "Redis is used again", 0.2)
    return {"limiter_meanwhile": limiter} | recovered(began)


def crash(stand: Stand) -> Mapping[str, Any]:
    """Kill the worker's first process from outside and start it again on the same volume."""
    os.kill(int(stand.worker.inspect(".State.Pid")), signal.SIGKILL)
    await_true(lambda: not stand.worker.inspect(".State.Running"), 10.0, "the worker is gone", 0.2)
    code = int(stand.worker.inspect(".State.ExitCode"))
    stand.podman.do("start", stand.worker.name)
    until_ready(stand.worker)
    before = len(stand.states())
    stand.upload(File("after-the-crash.md", b"# Lanterns\n\nLanterns are lent for nine nights."))
    stand.until_ready(before + 1)
    return {"exit_code": code, "documents": before + 1}


def drain(stand: Stand) -> Mapping[str, Any]:
    """Stop the backend while eight people ask: what was begun is answered, and it ends in order."""
    seen: Counter[str] = Counter()
    told = threading.Event()
    over = threading.Event()

    def ask(number: int) -> None:
        count = 0
        while not over.is_set():
            count += 1
            before = told.is_set()
            try:
                status, body = stand.ask(f"{QUESTION} ({number}, {count})")
            except httpx2.ConnectError:
                seen["refused"] += 1
                return
            except httpx2.HTTPError as error:
                seen[f"broken: {type(error).__name__}"] += 1
                return
            across = told.is_set() and not before
            seen[f"{status} {body.get('code', '')}".strip() + (", across" if across else "")] += 1

    people = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for each in people:
        each.start()
    enough = 2 * len(people)
    await_true(lambda: seen["200"] >= enough, 60.0, "questions are answered", 0.05)
    told.set()
    code, seconds = stand.backend.stop(DELAY_S + GRACE_S + 5)
    over.set()
    for each in people:
        each.join()
    assert code in {0, 143}, code
    assert seconds <= DELAY_S + GRACE_S + 1, seconds
    assert seen["200, across"] > 0, f"nothing was in flight: {dict(seen)}"
    bad = [
        each
        for each in seen
        if each.partition(",")[0] not in {"200", "refused", "429 rate_limited"}
    ]
    assert not bad, dict(seen)
    stand.podman.do("start", stand.backend.name)
    until_ready(stand.backend)
    return {"exit_code": code, "seconds": round(seconds, 1), "seen": dict(seen)}


def upgrade_and_back(stand: Stand, image: str) -> Mapping[str, Any]:
    """Go to an image of the next version and back, on the same volumes."""
    following = f"{image.rpartition(':')[0]}:next"
    build_following(stand.podman, image, following)
    documents = len(stand.states())
    for version in (following, image):
        for role, make in (("backend", backend_plan), ("worker", worker_plan)):
            old: Container = getattr(stand, role)
            old.stop(DELAY_S + GRACE_S + 5)
            old.remove()
            new = Container(stand.podman, make(version))
            setattr(stand, role, new)
            new.start()
            until_ready(new)
        await_true(lambda: stand.sees("qdrant", "ok"), RECOVERED_S, "Qdrant is there", 0.2)
        text = f"# Notice from {version}\n\nWritten by another version."
        stand.upload(File(f"{version.rpartition(':')[2]}.md", text.encode()))
        documents += 1
        stand.until_ready(documents)
        must_answer(stand, QUESTION)
    doctor = stand.backend.execute("info-assistant", "doctor", "--json")
    assert doctor.code == 0, doctor
    stand.podman.ask("rmi", "--force", following)
    return {"documents": documents, "doctor": doctor.code}


def build_following(podman: Podman, image: str, tag: str) -> None:
    """Build an image whose stored shapes are one higher than those of `image`."""
    with tempfile.TemporaryDirectory() as folder:
        source = build_next(Path(folder)) / "info_assistant"
        # It is the same there, and a link to this machine's would lead nowhere.
        (source / "providers" / "minilm_weights").unlink()
        target = podman.do(
            "run",
            "--rm",
            "--entrypoint",
            "python",
            image,
            "-c",
            "import info_assistant as i; print(i.__path__[0])",
        )
        shutil.copytree(ROOT / "runbooks", source / "runbooks" / "content", dirs_exist_ok=True)
        containerfile = Path(folder) / "Containerfile"
        containerfile.write_text(f"FROM {image}\nCOPY src/info_assistant {target}\n")
        podman.do("build", "--network=none", "--format=docker", "--tag", tag, folder)
