"""Kill the local Qdrant while documents go in: `python benchmarks/kills.py [--kills N]`.

A real `info-assistant up`, a real ingestion, `kill -9` at random moments. Afterwards every document
must be ready and every passage that was acknowledged must be counted. Nothing is started by hand:
`up` restarts what died.
"""

import argparse
import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import psutil
from scripts.trial import running

from info_assistant.settings import LOCAL_KEY_NAME

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT.parent / "shared" / "library"
RESULT = Path(__file__).parent / "results" / "kills.json"
RECOVERY_S = 60.0
END_S = 900.0


def main() -> int:
    """Run the trial, print what became of it and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    kills: int = parser.parse_args().kills
    library = LIBRARY if LIBRARY.is_dir() else ROOT / "samples" / "documents"
    with tempfile.TemporaryDirectory() as folder:
        environment = stack_environment(folder)
        up = [sys.executable, "-m", "info_assistant", "up", "--no-samples"]
        with running(up, environment):
            outcome = asyncio.run(trial(environment, library, kills))
    outcome |= {"kills": kills, "library": library.name, "date": time.strftime("%Y-%m-%d")}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(outcome, indent=1) + "\n")
    print(json.dumps(outcome, indent=1))
    return 0 if outcome["holds"] else 1


def stack_environment(folder: str) -> dict[str, str]:
    """Return the environment of a stack of its own, on free ports."""
    with socket.socket() as a, socket.socket() as b, socket.socket() as c:
        for each in (a, b, c):
            each.bind(("127.0.0.1", 0))
        backend, page, qdrant = (str(each.getsockname()[1]) for each in (a, b, c))
    return {
        **os.environ,  # noqa: TID251 - Handed on, not read.
        "DATA_DIR": folder,
        "BACKEND_PORT": backend,
        "FRONTEND_PORT": page,
        "BACKEND_URL": f"http://127.0.0.1:{backend}",
        "QDRANT_URL": f"http://127.0.0.1:{qdrant}",
    }


async def trial(environment: Mapping[str, str], library: Path, kills: int) -> dict[str, Any]:
    """Ingest the library again and again under new names until the kills are done."""
    key = (Path(environment["DATA_DIR"]) / LOCAL_KEY_NAME).read_text().strip()
    async with (
        httpx2.AsyncClient(base_url=environment["BACKEND_URL"], timeout=30) as backend,
        httpx2.AsyncClient(
            base_url=environment["QDRANT_URL"], headers={"api-key": key}, timeout=30
        ) as qdrant,
    ):
        ingestion = start_ingestion(environment, library, 0)
        recoveries, rounds = [], 0
        for number in range(kills):
            await asyncio.sleep(random.uniform(0.5, 4.0))  # noqa: S311 - When is what is random.
            if ingestion.poll() is not None:
                rounds += 1
                ingestion = start_ingestion(environment, library, rounds)
                await asyncio.sleep(2)
            recoveries.append(await kill_and_wait(environment, qdrant))
            print(f"Kill {number + 1}: answering again after {recoveries[-1]:.1f} s")
        await asyncio.to_thread(ingestion.wait, END_S)
        documents = await settled(backend)
        return await compared(documents, qdrant) | {
            "slowest_recovery_s": round(max(recoveries), 1),
            "ingestions": rounds + 1,
        }


def start_ingestion(
    environment: Mapping[str, str], library: Path, number: int
) -> "subprocess.Popen[bytes]":
    """Start the ordinary command; each round gives the documents other names."""
    command = [sys.executable, "-m", "info_assistant", "ingest", str(library)]
    command += ["--prefix", f"round-{number}/"]
    return subprocess.Popen(command, env=dict(environment), stdout=subprocess.DEVNULL)


async def kill_and_wait(environment: Mapping[str, str], qdrant: httpx2.AsyncClient) -> float:
    """Kill this stack's local Qdrant; return the seconds until it answers again."""
    victims = [process for process in psutil.process_iter() if is_qdrant_of(process, environment)]
    if len(victims) != 1:
        raise RuntimeError(f"expected one local Qdrant, found {len(victims)}")
    victims[0].kill()
    victims[0].wait(10)
    began = time.monotonic()
    while True:
        try:
            await qdrant.get("/readyz")
        except httpx2.HTTPError:
            if time.monotonic() - began > RECOVERY_S:
                raise
            await asyncio.sleep(0.1)
        else:
            return time.monotonic() - began


def is_qdrant_of(process: psutil.Process, environment: Mapping[str, str]) -> bool:
    """Whether a process is the local Qdrant of the stack on this folder."""
    try:
        return (
            "local-qdrant" in process.cmdline()
            and process.environ().get("DATA_DIR") == environment["DATA_DIR"]
        )
    except psutil.Error:
        return False


async def settled(backend: httpx2.AsyncClient) -> list[dict[str, Any]]:
    """Return all documents once nothing more happens to any."""
    deadline = time.monotonic() + END_S
    while True:
        documents: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            parameters = {"limit": "1000", **({"after": after} if after else {})}
            page = (await backend.get("/v1/documents", params=parameters)).json()
            documents += page["documents"]
            after = page["next"]
            if after is None:
                break
        if all(each["state"] in {"ready", "failed"} for each in documents):
            return documents
        if time.monotonic() > deadline:
            raise RuntimeError("some documents never settled")
        await asyncio.sleep(1)


async def compared(documents: list[dict[str, Any]], qdrant: httpx2.AsyncClient) -> dict[str, Any]:
    """Compare what the documents say they have with what Qdrant counts."""
    missing = []
    for document in documents:
        condition = {"key": "document_id", "match": {"value": document["id"]}}
        reply = await qdrant.post(
            "/collections/passages/points/count",
            json={"filter": {"must": [condition]}, "exact": True},
        )
        counted = reply.json()["result"]["count"]
        if document["state"] == "ready" and counted != document["passages"]:
            missing.append(f"{document['source']}: {counted} of {document['passages']}")
    failed = [each for each in documents if each["state"] == "failed"]
    unexpected = [each["source"] for each in failed if "holds no text" not in each["detail"]]
    return {
        "documents": len(documents),
        "ready": len(documents) - len(failed),
        "passages": sum(each["passages"] for each in documents),
        "failed_for_another_reason_than_being_empty": unexpected,
        "passages_missing": missing,
        "holds": not missing and not unexpected,
    }


if __name__ == "__main__":
    sys.exit(main())
