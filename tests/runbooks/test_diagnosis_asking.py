"""How addresses are asked, against real servers."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
import pytest
from tests.redis_process import RedisProcess

from info_assistant.runbooks.diagnosis.asking import RedisAsker, fetch, metrics_of, sampled
from info_assistant.runbooks.diagnosis.looking import count_logged, without_secrets
from info_assistant.runbooks.diagnosis.observations import Outcome
from info_assistant.runbooks.diagnosis.places import Place, is_near, places_of


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    """A real Redis that wants a password."""
    process = RedisProcess(tmp_path / "redis", ("--requirepass", "opensesame"))
    process.start()
    yield process
    process.stop()


def test_redis_tells_its_role(redis: RedisProcess) -> None:
    """With the password of the address, over its own protocol."""
    place = Place(f"redis://:opensesame@127.0.0.1:{redis.port}/0")
    asker = RedisAsker(place, 10)
    assert sampled(asker.ping).outcome is Outcome.ANSWERED
    assert (asker.role, asker.error) == ("master", "")
    assert "opensesame" not in without_secrets(place.url)


def test_redis_that_wants_a_password_is_alive(redis: RedisProcess) -> None:
    """That we may not ask is no fault of it."""
    asker = RedisAsker(Place(redis.url), 10)
    assert sampled(asker.ping).outcome is Outcome.ANSWERED
    assert (asker.role, asker.error) == ("", "")


def test_redis_that_stands_still_or_is_gone(redis: RedisProcess) -> None:
    """Silence and refusal are told apart."""
    assert redis.process is not None
    place = Place(redis.url)
    psutil.Process(redis.process.pid).suspend()
    assert sampled(RedisAsker(place, 0.3).ping).outcome is Outcome.SILENT
    redis.stop()
    assert sampled(RedisAsker(place, 10).ping).outcome is Outcome.REFUSED


def test_what_is_no_redis_is_broken() -> None:
    """A server that speaks otherwise breaks the look, and nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        place = Place(f"redis://127.0.0.1:{server.getsockname()[1]}")
        found = sampled(RedisAsker(place, 10).ping)
        thread.join()
    assert found.outcome is Outcome.BROKEN


def test_keys_do_not_follow_a_redirect() -> None:
    """A redirect is an answer; the key is sent to the address that was meant alone."""
    asked: list[str] = []

    class Redirecting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Redirecting) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        place = Place(f"http://127.0.0.1:{server.server_port}", headers={"api-key": "k"})
        assert fetch(place, "/readyz", 10)[0] == 302
        thread.join()
    assert asked == ["/readyz"]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "nothing", "http://", "redis://"])
def test_what_is_no_address_is_asked_nothing(url: str) -> None:
    """A look at it fails; no file is read."""
    found = sampled(lambda: fetch(Place(url), "", 1)[0])
    assert found.outcome is Outcome.UNREACHABLE


def test_a_port_without_anybody_refuses(free_port: Callable[[], int]) -> None:
    """Refusal is told as such."""
    url = f"http://127.0.0.1:{free_port()}"
    assert sampled(lambda: fetch(Place(url), "", 10)[0]).outcome is Outcome.REFUSED


def test_metrics_are_read_by_name() -> None:
    """Comments, other metrics, broken lines and zeros are left out."""
    text = '# HELP a b\na_total{x="1"} 2.0\na_total 0.0\nb_total 3\na_total{x="2"} oops\n\n'
    assert metrics_of(text, {"a_total"}) == {'a_total{x="1"}': 2.0}


def test_only_the_last_minute_of_a_log_counts() -> None:
    """Lines of other events, of earlier times and of no form are passed over."""
    now = datetime(2026, 11, 26, 3, 12, tzinfo=UTC)
    text = """{"event": "Qdrant connection error", "timestamp": "2026-11-26T03:11:30Z"}
{"event": "Qdrant connection error", "timestamp": "2026-11-26T03:10:30Z"}
{"event": "Started", "timestamp": "2026-11-26T03:11:30Z"}
Qdrant connection error
[1]"""
    assert count_logged(text, now)["Qdrant connection error"] == 1


def test_places_are_what_variables_say(tmp_path: Path) -> None:
    """Options go before variables, and what neither says is assumed."""
    places = places_of(
        {
            "DATA_DIR": str(tmp_path),
            "BACKEND_PORT": "9000",
            "QDRANT_URL": "http://qdrant:6333",
            "REDIS_URL": "redis://a:1, redis://b:2",
            "ANTHROPIC_API_KEY": "k",
        },
        {"qdrant": "http://other:6333"},
    )
    assert (places.parts["backend"].url, places.parts["backend"].stated) == (
        "http://127.0.0.1:9000",
        False,
    )
    assert places.parts["qdrant"].url == "http://other:6333"
    assert [each.url for each in places.redis] == ["redis://a:1", "redis://b:2"]
    assert places.parts["anthropic"].headers["x-api-key"] == "k"
    assert "k'" not in repr(places.parts["anthropic"])
    assert "openai" not in places.parts
    assert is_near("unix:///tmp/redis.sock")
    assert not is_near("http://qdrant:6333")
