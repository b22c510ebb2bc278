"""An S3 server that others have written, as a process of its own: `make suites` installs moto."""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness.processes import await_ready, environment, stop

from info_assistant.drills.ports import unused_port

_BUCKET = "documents"


@contextmanager
def moto_s3(log: Path) -> Iterator[Mapping[str, str]]:
    """Run it with a bucket until the block is left; give the settings that point there."""
    port = unused_port()
    endpoint = f"http://127.0.0.1:{port}"
    command = ["-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, *command], stdout=out, stderr=out, env=environment({})
        )
    try:
        await_ready(process, f"{endpoint}/moto-api/", log)
        # Making a bucket is a plain PUT; the server checks no signature.
        request = urllib.request.Request(f"{endpoint}/{_BUCKET}", method="PUT")  # noqa: S310
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310  Loopback.
            pass
        yield {
            "BLOB_URL": f"s3://{_BUCKET}/objects",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
    finally:
        stop(process)
