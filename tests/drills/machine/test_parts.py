"""The parts of a machine by themselves: names, redis-cli, a program tied to us, a bad release."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from benchmarks.harness.processes import await_true
from scripts.manifests import render
from tests.redis_process import RedisProcess

from info_assistant.drills.cluster.clock import ManualClock
from info_assistant.drills.cluster.documents import Document
from info_assistant.drills.cluster.programs import Ended, Execution
from info_assistant.drills.cluster.simulator import Cluster, Setup
from info_assistant.drills.machine.containers import Containers
from info_assistant.drills.machine.hosted import Starter
from info_assistant.drills.machine.names import Names, environment_of
from info_assistant.drills.machine.node import Node
from info_assistant.drills.machine.objects import QDRANT_KEY, objects
from info_assistant.drills.machine.plan import Plan, Tools
from info_assistant.drills.machine.redis_cli import redis_cli
from info_assistant.drills.ports import unused_port

WITHIN_S = 30.0
TOOLS = Tools(Path("kubectl"), "valkey-server", Path("curl"))
PLAN = Plan(TOOLS, documents=(), question="", settings={"LLM_FALLBACK": "false"})


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """Run a Redis for tests that put nothing wrong into it."""
    process = RedisProcess(tmp_path_factory.mktemp("redis"))
    process.start()
    yield process
    process.stop()


def asked(port: int, *words: str, stdin: bytes = b"") -> Ended:
    """Return what redis-cli with these words says of a server."""
    pod = {"metadata": {"name": "redis-0"}}
    program = redis_cli(lambda _name: port)
    return program(Execution(pod, "redis", ("redis-cli", *words), stdin))


def test_redis_cli_prints_what_a_real_server_says(redis: RedisProcess) -> None:
    """One value a line, lists flat, nothing for what is not there; several commands by input."""
    assert asked(redis.port, "ping").stdout == b"PONG\n"
    assert asked(redis.port, "role").stdout.split()[0] == b"master"
    assert asked(redis.port, "get", "nothing").stdout == b"\n"
    assert b"role:master" in asked(redis.port, "-e", "info", "replication").stdout
    several = asked(redis.port, stdin=b"SET a 'two words'\nGET a\n\nDEL a\n")
    assert several.stdout == b"OK\ntwo words\n1\n"


def test_redis_cli_calls_an_error_a_failure_only_where_it_was_asked_to(redis: RedisProcess) -> None:
    """As the real one: code 0 with the error's words, 1 with -e, 1 where nobody listens."""
    said = asked(redis.port, "nonsense")
    assert (said.code, said.stdout.startswith(b"ERR unknown command")) == (0, True)
    assert asked(redis.port, "-e", "nonsense").code == 1
    nobody = asked(unused_port(), "ping")
    assert (nobody.code, b"Could not connect" in nobody.stderr) == (1, True)


def test_names_of_the_cluster_lead_to_ports_of_this_machine() -> None:
    """In variables, in addresses of a shell, and for a pod's own ports."""
    names = Names(
        {"redis-0.redis-headless:6379": 2000, "redis:6379": 2001, "qdrant:6333": 2002},
        {"file:///objects": "file:///here/objects"},
    )
    urls = "redis://redis-0.redis-headless:6379,redis://redis:6379"
    assert names.resolved(urls) == "redis://127.0.0.1:2000,redis://127.0.0.1:2001"
    assert names.resolved("file:///objects") == "file:///here/objects"
    line = "exec 3<>/dev/tcp/qdrant/6333; curl localhost:6333"
    assert (
        names.inside(line, {6333: 2003}) == "exec 3<>/dev/tcp/127.0.0.1/2002; curl 127.0.0.1:2003"
    )


def test_a_process_gets_what_its_template_config_and_secrets_say() -> None:
    """An operator's variable goes before the ConfigMap; a secret without the key sets nothing."""
    cluster = Cluster(ManualClock(), Setup(objects(PLAN, {})))
    cluster.advance(1)
    pod = cluster.pods("backend")[0]
    pod["spec"]["containers"][0]["env"].append({"name": "LOG_LEVEL", "value": "DEBUG"})
    found = environment_of(pod, cluster.store)
    assert (found["LOG_LEVEL"], found["LLM_FALLBACK"]) == ("DEBUG", "false")
    assert found["QDRANT_URL"] == "http://qdrant:6333"
    assert found["QDRANT_API_KEY"] == QDRANT_KEY
    assert "OPENAI_API_KEY" not in found


def test_a_program_that_is_tied_to_us_ends_when_we_are_killed() -> None:
    """Kill -9 of whoever runs a machine leaves nothing of it behind."""
    program = [sys.executable, "-c", "import time; time.sleep(600)"]
    parent = (
        "import subprocess, sys, signal\n"
        "from info_assistant.drills.machine.hosted import tied_words\n"
        f"child = subprocess.Popen(tied_words(*{program!r}))\n"
        "print(child.pid, flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout
        child = psutil.Process(int(process.stdout.readline()))
        await_true(lambda: "600" in " ".join(child.cmdline()), WITHIN_S, "it became the program")
        os.kill(process.pid, signal.SIGKILL)
    await_true(lambda: not child.is_running(), WITHIN_S, "it ended with its parent")


def test_a_bad_release_says_that_it_is_ready_and_answers_nothing(tmp_path: Path) -> None:
    """The image `bad:…` is a process of its own: 200 for probes, 500 for questions."""
    image = {"spec": {"containers": [{"image": "bad:2"}]}}
    pod = {"metadata": {"name": "backend-1", "uid": "u", "labels": {"component": "backend"}}}
    hosted = Containers(tmp_path, {}, "").host(pod | image, {})
    assert hosted.command
    url = f"http://127.0.0.1:{hosted.port}"
    with subprocess.Popen(hosted.command.words, stderr=subprocess.DEVNULL) as process:
        try:
            await_true(lambda: _status(f"{url}/readyz") == 200, WITHIN_S, "it is ready")
            assert _status(f"{url}/v1/query") == 500
        finally:
            process.terminate()


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=WITHIN_S) as reply:  # noqa: S310  Loopback.
            return int(reply.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def _shape(items: list[Document]) -> dict[tuple[str, str], object]:
    """Return what runbooks rely on: names, labels, containers, ports and volumes of workloads."""
    return {
        (item["kind"], item["metadata"]["name"]): (
            item["metadata"]["labels"]["component"],
            [
                (each["name"], next(port["containerPort"] for port in each["ports"]))
                for each in item["spec"]["template"]["spec"]["containers"]
            ],
            [each["metadata"]["name"] for each in item["spec"].get("volumeClaimTemplates", [])],
        )
        for item in items
        if item["kind"] in {"Deployment", "StatefulSet"}
    }


def test_the_cluster_has_the_names_of_our_manifests() -> None:
    """Workloads, containers, ports and volumes are called as in the base; no worker runs apart."""
    shipped = _shape([dict(each) for each in render("production").objects])
    ours = _shape(objects(PLAN, {}))
    assert {key: shipped[key] for key in ours} == ours
    assert {name for _, name in ours} == {"backend", "frontend", "qdrant", "redis"}


def test_backends_beyond_those_that_fit_are_placeholders(tmp_path: Path) -> None:
    """Four are asked for and two are real; the others are ready, and nobody is led there."""
    starter = Starter()
    node = Node(Containers(tmp_path, {}, ""), lambda _pod: {}, starter, {"backend": 2})
    pods = [
        {
            "metadata": {"name": f"b-{n}", "uid": str(n), "labels": {"component": "backend"}},
            "spec": {"containers": [{"image": "bad:2"}]},
        }
        for n in range(4)
    ]
    try:
        for pod in pods:
            node.started(pod)
        assert [each.pod for each in node.at("backend")] == ["b-0", "b-1"]
        assert [node.ready(pod) for pod in pods[2:]] == [True, True]
        node.stopped(pods[0])
        node.started(pods[3])
        assert [each.pod for each in node.at("backend")] == ["b-1", "b-3"]
        # One that ends makes room already: a rollout may be taken back while it still runs.
        assert node.ending(pods[1])
        node.started(pods[2])
        assert [each.pod for each in node.at("backend")] == ["b-1", "b-2", "b-3"]
    finally:
        node.close()
        starter.close()
