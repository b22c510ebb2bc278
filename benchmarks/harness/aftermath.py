"""What is left after a trial, compared with what clients were promised."""

import asyncio
import hashlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from benchmarks.harness.processes import KEY, environment
from benchmarks.harness.report import ROOT
from benchmarks.harness.workload import Promised

_SETTLE_S = 300.0
_TIMEOUT_S = 30.0
_DOCTOR_S = 300
_SETTLED = frozenset({"ready", "failed", "withdrawn"})


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What was found, and whether it is what was promised."""

    found: Mapping[str, Any]
    holds: bool


async def aftermath(url: str, promised: Promised, settings: Mapping[str, str]) -> Aftermath:
    """Wait until nothing more happens, then look at every document and let `doctor` look."""
    async with httpx2.AsyncClient(base_url=url, timeout=_TIMEOUT_S, trust_env=False) as client:
        began = time.monotonic()
        documents = await _settled(client)
        settled_s = time.monotonic() - began
        sources = Counter(each["source"] for each in documents)
        ready = {each["source"] for each in documents if each["state"] == "ready"}
        altered = await _altered(client, promised)
        miscounted = await _miscounted(settings, documents)
    doctor = await asyncio.to_thread(_doctor, settings)
    wrong = {
        "not_ready": sorted(promised.hashes.keys() - ready)[:20],
        "twice": [source for source, count in sources.items() if count > 1][:20],
        "risen": sorted(promised.deleted.keys() & sources.keys())[:20],
        "other_bytes": altered[:20],
        "passages_miscounted": miscounted[:20],
        "doctor": doctor,
    }
    found = {"ready": len(ready & promised.hashes.keys()), "settled_s": round(settled_s, 1)} | wrong
    return Aftermath(found, not any(wrong.values()))


async def _settled(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
    deadline = time.monotonic() + _SETTLE_S
    while True:
        documents = await _documents(client)
        moving = [each for each in documents if each["state"] not in _SETTLED]
        if not moving or time.monotonic() > deadline:
            return documents
        await asyncio.sleep(0.5)


async def _documents(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        parameters = {"limit": "1000", **({"after": after} if after else {})}
        page = (await client.get("/v1/documents", params=parameters)).json()
        documents += page["documents"]
        after = page["next"]
        if after is None:
            return documents


async def _altered(client: httpx2.AsyncClient, promised: Promised) -> list[str]:
    """Return the names of documents whose bytes are not those acknowledged last."""
    altered = []
    for name, sha256 in promised.hashes.items():
        reply = await client.get(f"/v1/documents/{promised.ids[name]}/original")
        if not reply.is_success or hashlib.sha256(reply.content).hexdigest() != sha256:
            altered.append(f"{name}: {reply.status_code}")
    return altered


async def _miscounted(settings: Mapping[str, str], documents: list[dict[str, Any]]) -> list[str]:
    """Return the documents of which Qdrant holds more or fewer passages than they say."""
    wrong = []
    async with httpx2.AsyncClient(
        base_url=settings["QDRANT_URL"], headers={"api-key": KEY}, timeout=_TIMEOUT_S
    ) as qdrant:
        for each in documents:
            condition = {"key": "document_id", "match": {"value": each["id"]}}
            reply = await qdrant.post(
                "/collections/passages/points/count",
                json={"filter": {"must": [condition]}, "exact": True},
            )
            count = reply.json()["result"]["count"]
            if each["state"] == "ready" and count != each["passages"]:
                wrong.append(f"{each['source']}: {count} of {each['passages']}")
    return wrong


def _doctor(settings: Mapping[str, str]) -> str:
    """Return what `doctor` complains of; nothing where it is content."""
    done = subprocess.run(
        [sys.executable, "-m", "info_assistant", "doctor", "--json"],
        env=environment(settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_DOCTOR_S,
        check=False,
    )
    if done.returncode == 0:
        return ""
    try:
        return json.dumps(json.loads(done.stdout))[:4000]
    except ValueError:
        return f"exit code {done.returncode}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
