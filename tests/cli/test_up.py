"""`up` end to end, with the product's real processes."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import pytest
from tests.conftest import allowed

from info_assistant.cli.local_redis import server

if TYPE_CHECKING:
    from tests.conftest import RunningStack

    StartStack = Callable[..., AbstractContextManager[RunningStack]]

pytestmark = pytest.mark.stack
QUESTION = "How do I request records under access to information?"
ROLES = ("local-qdrant", "serve", "frontend")


def left_over(family: list[psutil.Process], deadline_s: float) -> list[str]:
    """Return the command lines of those that still live after `deadline_s` seconds."""
    _, alive = psutil.wait_procs(family, timeout=deadline_s)
    return [each.name() for each in alive if each.status() != psutil.STATUS_ZOMBIE]


def lives(process: psutil.Process) -> bool:
    """Whether a process runs; one that has ended and not been waited for does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(condition: Callable[[], bool], deadline_s: float = 30) -> bool:
    """Return whether `condition` came to hold in time."""
    deadline = time.monotonic() + deadline_s
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.05)
    return True


def answers(stack: "RunningStack") -> bool:
    """Whether the stack gives a cited answer and shows its page now."""
    try:
        with urllib.request.urlopen(stack.frontend_url, timeout=60) as page:  # noqa: S310
            return page.status == 200 and bool(stack.ask(QUESTION)["citations"])
    except (OSError, urllib.error.URLError):
        return False


@pytest.mark.model
def test_a_newcomer_gets_addresses_and_a_cited_answer(stack: "RunningStack") -> None:
    """`up` prints where everything is and one worked question with a real citation."""
    said = stack.output.read_text()
    for address in (stack.frontend_url, stack.backend_url, stack.qdrant_url):
        assert address in said
    assert f'info-assistant ask "{QUESTION}"' in said
    assert "[1]" in said.split(QUESTION)[1]
    reply = stack.ask(QUESTION)
    assert reply["status"] == "answered"
    assert reply["citations"][0]["quote"]


def test_each_process_names_its_role(stack: "RunningStack") -> None:
    """The process list shows who is who."""
    children = psutil.Process(stack.process.pid).children()
    redis = [child for child in children if child.name() in {"valkey-server", "redis-server"}]
    ours = [child.cmdline()[3] for child in children if child not in redis]
    assert sorted(ours) == sorted(ROLES)
    assert len(redis) == (1 if server() else 0)


def test_the_vector_store_wants_its_key(stack: "RunningStack") -> None:
    """Other users of the machine cannot read the collections."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{stack.qdrant_url}/collections", timeout=60)  # noqa: S310
    with refused.value:
        assert refused.value.code in {401, 403}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_a_request_to_stop_ends_everything_within_ten_seconds(
    start_stack: "StartStack", number: signal.Signals
) -> None:
    """Ctrl-C and SIGTERM stop all processes, `up` itself with exit code 0."""
    with start_stack("--no-samples") as stack:
        family = stack.family()
        stack.process.send_signal(number)
        assert stack.process.wait(allowed(10)) == 0
        assert left_over(family, 0.5) == []


def test_parts_end_in_order_and_in_time_however_slow_their_clients(
    start_stack: "StartStack",
) -> None:
    """Requests that never end hold up neither page nor backend; each ends before what it needs."""
    with start_stack("--no-samples") as stack, ExitStack() as clients:
        qdrant, backend, page = (stack.child(role) for role in ROLES)
        clients.enter_context(half_sent(f"{stack.frontend_url}/"))
        clients.enter_context(half_sent(f"{stack.backend_url}/v1/query"))
        overtaken: list[str] = []

        def all_ended() -> bool:
            # What is needed is looked at first: who still lives after that has outlived it.
            for needed, user in ((qdrant, backend), (backend, page)):
                if not lives(needed) and lives(user):
                    overtaken.append(str(needed.pid))
            return not any(map(lives, (qdrant, backend, page)))

        began = time.monotonic()
        stack.process.send_signal(signal.SIGINT)
        assert until(all_ended, allowed(10))
        assert overtaken == []
        assert stack.process.wait(allowed(10)) == 0
        # Without the slow clients both would end within a second: they were there.
        assert 3.5 < time.monotonic() - began < allowed(10)


def half_sent(url: str) -> socket.socket:
    """Return a connection on which the body of a request never comes."""
    parts = urlsplit(url)
    connection = socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=60)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: 99\r\n"
    connection.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode())
    return connection


def test_ctrl_c_at_a_terminal_reaches_only_the_parent(start_stack: "StartStack") -> None:
    """The terminal signals its foreground group; the parts are stopped in order all the same."""
    with start_stack("--no-samples") as stack:
        family = stack.family()
        os.killpg(stack.process.pid, signal.SIGINT)
        assert stack.process.wait(allowed(10)) == 0
        assert left_over(family, 0.5) == []
        assert "starting it again" not in stack.output.read_text()


def test_kill_9_of_the_parent_leaves_nothing_behind(start_stack: "StartStack") -> None:
    """Even without a chance to clean up, no process survives and the ports are free."""
    with start_stack("--no-samples") as stack:
        family = stack.family()
        stack.process.kill()
        stack.process.wait()
        assert left_over(family, 5) == []


@pytest.mark.model
def test_a_part_that_is_killed_comes_back(start_stack: "StartStack") -> None:
    """After `kill -9` of each part the stack answers again by itself, and says what happened."""
    with start_stack() as stack:
        assert answers(stack)
        for role in ROLES:
            victim = stack.child(role)
            victim.kill()
            assert until(partial(_replaced, stack, role, victim)), role
            assert until(lambda: answers(stack)), role
            said = stack.output.read_text()
            assert f"{role} stopped (killed by SIGKILL); starting it again" in said


def _replaced(stack: "RunningStack", role: str, old: psutil.Process) -> bool:
    try:
        return stack.child(role) != old
    except (StopIteration, psutil.NoSuchProcess):
        return False


@pytest.mark.model
def test_a_restart_finds_the_library_as_it_was(start_stack: "StartStack") -> None:
    """Samples are loaded once; after a restart the same answer is there at once."""
    taken_in = re.compile(r"\d+/\d+ ready ")
    with start_stack() as stack:
        first = stack.ask(QUESTION)["citations"][0]["quote"]
        assert taken_in.search(stack.output.read_text())
    with start_stack() as stack:
        assert not taken_in.search(stack.output.read_text())
        assert stack.ask(QUESTION)["citations"][0]["quote"] == first


def test_a_second_up_on_the_same_data_is_refused(stack: "RunningStack") -> None:
    """The error names the folder, the process that holds it, and the ways out."""
    second = subprocess.run(
        [sys.executable, "-m", "info_assistant", "up"],
        env=dict(stack.environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert second.returncode == 1
    assert str(stack.data_dir) in second.stderr
    assert str(stack.process.pid) in second.stderr
    assert "DATA_DIR" in second.stderr
    assert stack.process.poll() is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("QDRANT_URL", "http://127.0.0.1:{port}"),
        ("BACKEND_PORT", "{port}"),
        ("FRONTEND_PORT", "{port}"),
    ],
)
def test_a_taken_port_is_an_error_that_names_the_setting(
    data_dir: Path, free_port: Callable[[], int], variable: str, value: str
) -> None:
    """Nothing is started, and the message says which variable to set."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = {
            **os.environ,  # noqa: TID251  Handed on to a process.
            "DATA_DIR": str(data_dir),
            "QDRANT_URL": f"http://127.0.0.1:{free_port()}",
            "BACKEND_PORT": str(free_port()),
            "FRONTEND_PORT": str(free_port()),
            variable: value.format(port=taken.getsockname()[1]),
        }
        done = subprocess.run(
            [sys.executable, "-m", "info_assistant", "up"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 1
    assert f"set {variable}" in done.stderr
    assert not (data_dir / "logs").exists()
