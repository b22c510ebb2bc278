"""`info-assistant worker`, as a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
from tests.conftest import await_true


def test_a_worker_serves_probes_and_ends_in_good_order(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """It is ready without Qdrant, shows its metrics from 0 on, and SIGTERM ends it with code 0."""
    port, log = free_port(), tmp_path / "log"
    environment = {
        **os.environ,  # noqa: TID251  Handed on, not read.
        "DATA_DIR": str(tmp_path / "data"),
        "QDRANT_URL": f"http://127.0.0.1:{free_port()}",
        "WORKER_PORT": str(port),
        "INGESTION_WORKERS": "0",
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "info_assistant", "worker"], env=environment, stderr=out
        )
    client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)

    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return client.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    try:
        await_true(is_ready, 60, "the worker is ready")
        assert client.get("/livez").json() == {"status": "ok"}
        shown = client.get("/metrics").text
        assert 'documents{state="ready"} 0.0' in shown
        assert "ingestion_duration_seconds_count 0.0" in shown
        await_true(lambda: b"ingestion waits" in log.read_bytes(), 30, "it waits for Qdrant")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        client.close()
        process.kill()
        process.wait()
