"""The process: starting, sharing a folder or a port, stopping, and surviving a crash."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException
from tests.conftest import allowed
from tests.local_qdrant.conftest import Process, Start

# A longer run: LOCAL_QDRANT_KILLS=20 pytest tests/local_qdrant/test_process.py -k crash
KILLS = int(os.environ.get("LOCAL_QDRANT_KILLS", "3"))  # noqa: TID251  (a test's own option)

Launch = Callable[..., "subprocess.Popen[bytes]"]
MakePassages = Callable[..., None]


def _point(number: int) -> models.PointStruct:
    return models.PointStruct(
        id=number,
        vector={"dense": [1.0, float(number % 7), 2.0, 3.0]},
        payload={"number": number, "text": "word " * 200},
    )


def _ids(client: QdrantClient, name: str = "passages") -> set[int]:
    records, following = client.scroll(name, limit=100_000, with_payload=False)
    assert following is None
    return {int(record.id) for record in records}


def test_points_survive_an_orderly_restart(
    start: Start, tmp_path: Path, make_passages: MakePassages
) -> None:
    """What was stored before SIGTERM is there after the next start, and the exit code is 0."""
    first = start(tmp_path)
    client = first.client()
    make_passages(client)
    client.create_payload_index("passages", "number", models.PayloadSchemaType.INTEGER)
    client.upsert("passages", [_point(n) for n in range(100)])
    client.update_collection_aliases(
        [
            models.CreateAliasOperation(
                create_alias=models.CreateAlias(collection_name="passages", alias_name="current")
            )
        ]
    )
    assert first.stop() == 0
    client = start(tmp_path).client()
    assert _ids(client, "current") == set(range(100))
    assert "number" in client.get_collection("passages").payload_schema


def test_a_crash_loses_nothing_that_was_acknowledged(
    start: Start, tmp_path: Path, make_passages: MakePassages
) -> None:
    """Killed at any moment of writing, the server has every acknowledged point after a restart."""
    running = start(tmp_path)
    make_passages(running.client())
    acknowledged: set[int] = set()
    following = 0
    for round_number in range(KILLS):
        client = running.client()
        # The moment of the kill wanders through the round's requests.
        threading.Timer(0.15 + 0.037 * (round_number % 10), running.popen.kill).start()
        while True:
            batch = list(range(following, following + 16))
            following += len(batch)
            try:
                client.upsert("passages", [_point(n) for n in batch])
            except ResponseHandlingException:
                break
            acknowledged.update(batch)
        running.kill()
        running = start(tmp_path)
        found = _ids(running.client())
        assert acknowledged <= found
        assert running.client().count("passages").count == len(found)
    assert acknowledged


def test_a_second_process_on_the_folder_is_told_so(
    shared_server: Process, launch_only: Launch, free_port: Callable[[], int]
) -> None:
    """The second process ends with exit code 2 and names the folder and the first process."""
    second = launch_only(shared_server.directory, "127.0.0.1", free_port())
    _, said = second.communicate(timeout=60)
    assert second.returncode == 2
    assert str(shared_server.directory) in said.decode()
    assert str(shared_server.popen.pid) in said.decode()


def test_a_taken_port_is_named(shared_server: Process, launch_only: Launch, tmp_path: Path) -> None:
    """A port that another program holds is a clear error, not a trace."""
    second = launch_only(tmp_path / "other", "127.0.0.1", shared_server.port)
    _, said = second.communicate(timeout=60)
    assert second.returncode == 2
    assert str(shared_server.port) in said.decode()
    assert "QDRANT_URL" in said.decode()
    assert "Traceback" not in said.decode()


def test_other_machines_are_never_served(
    launch_only: Launch, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """An address that other machines can reach is refused."""
    process = launch_only(tmp_path, "0.0.0.0", free_port())
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "this machine only" in said.decode()


def test_what_a_crash_left_half_made_does_not_disturb_the_next_start(
    start: Start, tmp_path: Path, make_passages: MakePassages
) -> None:
    """A folder that no catalogue names, as a crash amid creation leaves it, is swept."""
    first = start(tmp_path)
    make_passages(first.client())
    first.kill()
    half = tmp_path / "collections" / "half"
    (half / "shard").mkdir(parents=True)
    (half / "config.json.new").write_text("{")
    (tmp_path / "catalogue.json.new").write_text("{")
    client = start(tmp_path).client()
    assert [each.name for each in client.get_collections().collections] == ["passages"]
    assert not half.exists()


def test_a_request_in_flight_is_finished_before_it_ends(
    start: Start, tmp_path: Path, make_passages: MakePassages
) -> None:
    """A request half sent when SIGTERM arrives is answered and stored, and the exit code is 0."""
    running = start(tmp_path)
    make_passages(running.client())
    body = json.dumps({"points": [{"id": 7, "vector": {"dense": [1, 2, 3, 4]}}]}).encode()
    head = (
        f"PUT /collections/passages/points HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.sendall(head + body[:10])
        # A second request is answered, hence the first one's head has been read.
        assert running.client().count("passages").count == 0
        running.popen.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 5
        while _listens(running.port) and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        assert not _listens(running.port)
        connection.sendall(body[10:])
        connection.settimeout(10)
        assert connection.recv(64).startswith(b"HTTP/1.1 200 ")
    assert running.popen.wait(60) == 0
    assert _ids(start(tmp_path).client()) == {7}


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_it_is_ready_quickly_with_ten_thousand_points(
    start: Start, tmp_path: Path, make_passages: MakePassages
) -> None:
    """Collections open on first use: their size does not delay the start."""
    first = start(tmp_path)
    client = first.client()
    make_passages(client)
    for begin in range(0, 10_000, 500):
        points = [
            {"id": n, "vector": {"dense": [1, 2, 3, n % 9]}, "payload": {"n": n}}
            for n in range(begin, begin + 500)
        ]
        httpx.put(
            f"{first.url}/collections/passages/points", json={"points": points}
        ).raise_for_status()
    first.kill()
    second = start(tmp_path)
    assert second.client().count("passages").count == 10_000
    assert second.popen.poll() is None
    assert second.started_in_s < allowed(5.0)


def test_small_replies_on_a_kept_connection_do_not_wait(shared_server: Process) -> None:
    """A reply leaves at once: with Nagle's algorithm on, each would take 40 ms."""
    seconds = []
    with httpx.Client(base_url=shared_server.url) as client:
        for _ in range(31):
            started = time.perf_counter()
            client.post("/collections/passages/points/count", json={}).raise_for_status()
            seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.035
