"""Back up, lose everything, restore; killed at a random moment of backup or restore.

A real backend takes documents in and gives answers with a model (a stand-in), so that there are
originals, answer records and spend events. Then, again and again: a backup or a restore is killed
with SIGKILL at a random moment of its life and done once more; the restore goes into an empty place
with an empty Qdrant. What an interrupted backup left must not count as one, and every object, every
record and every passage must be back. At the end one byte of the backup is flipped, 200 times:
each time the check must say so. `python -m benchmarks.backup_kills [--kills N]`
"""

import asyncio
import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.processes import KEY, await_ready, local_qdrant, running
from benchmarks.harness.report import say
from benchmarks.harness.trials import run_kills
from benchmarks.harness.wiped import CountingProvider

from info_assistant.drills.ports import unused_port
from info_assistant.drills.providers import running_providers
from info_assistant.evaluation.verify_backup import BackupVerifier
from info_assistant.resilience.clock import SystemClock
from info_assistant.settings import Settings
from info_assistant.stores.backup.shelf import Shelf
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.wiring.backup import grounded

RESULT = Path(__file__).parent / "results" / "backup-kills.json"
DOCUMENTS, QUESTIONS, FLIPS = 40, 12, 200
_QUESTION = "What is the allowance of desk {}?"


def main() -> int:
    """Run the trial, print what became of it and keep it."""
    return run_kills(__doc__, 20, lambda folder, kills: asyncio.run(trial(folder, kills)), RESULT)


@dataclass(frozen=True, slots=True)
class Place:
    """An installation in a folder, and where its backups are."""

    folder: Path
    backups: Path
    qdrant_url: str

    @property
    def variables(self) -> dict[str, str]:
        """Its environment."""
        return {
            "DATA_DIR": str(self.folder),
            "BACKUP_URL": str(self.backups),
            "QDRANT_URL": self.qdrant_url,
            "QDRANT_API_KEY": KEY,
            "LOG_LEVEL": "WARNING",
        }

    def objects(self) -> dict[str, str]:
        """Return the SHA-256 of every object, but the mark of a restore."""
        root = self.folder / "objects"
        return {
            path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in root.rglob("*")
            if path.is_file() and "system/restore/" not in path.as_posix() and "#" not in path.name
        }

    async def passages(self) -> Mapping[str, int]:
        """Return the number of passages by document."""
        async with grounded(Settings.from_environment(self.variables)) as base:
            return await base.stores.passages.counts()


async def trial(folder: Path, kills: int) -> dict[str, Any]:
    """Kill `kills` times, every other time a restore."""
    backups = folder / "backups"
    with local_qdrant(folder / "source") as qdrant:
        source = Place(folder / "source", backups, qdrant.url)
        await _fill(source)
        objects, passages = source.objects(), await source.passages()
        usual = await _usual(source)
        found: Counter[str] = Counter()
        troubles: list[str] = []
        for number in range(kills):
            what = "restore" if number % 2 else "backup"
            problems = await _once(source, what, usual[what], (objects, passages), found)
            troubles += [f"{number + 1} ({what}): {each}" for each in problems]
            say(f"kill {number + 1} of {kills}, in a {what}: {problems or 'all is back'}")
        flips = await _flips(backups)
    outcome = {
        "kills": kills,
        "in_a_backup": found["backup"],
        "in_a_restore": found["restore"],
        "done_before_the_kill_and_tried_again": found["done_before_the_kill"],
        "objects": len(objects),
        "records": _records(source),
        "documents": len(passages),
        "passages": sum(passages.values()),
        "usual_s": {name: round(seconds, 1) for name, seconds in usual.items()},
        "troubles": troubles,
        "flipped_bytes": FLIPS,
        "flipped_bytes_found": flips,
    }
    return outcome | {"holds": not troubles and flips == FLIPS}


async def _once(
    source: Place,
    what: str,
    usual_s: float,
    expected: tuple[Mapping[str, str], Mapping[str, int]],
    found: "Counter[str]",
) -> list[str]:
    """Kill once and do it again, restore into an empty place; return what is not as it was."""
    problems = []
    seconds = random.uniform(0.2, 0.95) * usual_s  # noqa: S311  When is random.
    if what == "backup":
        before = await _complete(source.backups)
        killed = await _run(source, "backup", "create", "--no-verify", kill_after_s=seconds)
        while not killed:
            found["done_before_the_kill"] += 1
            seconds *= 0.7
            killed = await _run(source, "backup", "create", "--no-verify", kill_after_s=seconds)
        found["backup"] += 1
        # One that was complete at that moment must be whole.
        new = await _complete(source.backups) - before
        problems += [
            f"{name} counts, and is not whole" for name in new if await _wrong(source.backups, name)
        ]
    await _run(source, "backup", "create", "--no-verify")
    folder = source.folder.parent / "target"
    shutil.rmtree(folder, ignore_errors=True)
    with local_qdrant(folder) as qdrant:
        target = Place(folder, source.backups, qdrant.url)
        if what == "restore":
            while not await _run(target, "restore", "--yes", kill_after_s=seconds):
                found["done_before_the_kill"] += 1
                seconds *= 0.7
                shutil.rmtree(folder / "objects")
            found["restore"] += 1
        await _run(target, "restore", "--yes")
        if target.objects() != expected[0]:
            problems.append("objects differ")
        if await target.passages() != expected[1]:
            problems.append("passages differ")
    return problems


async def _fill(place: Place) -> None:
    """Let a backend take documents in and answer, and end it in good order."""
    provider, port = CountingProvider(), unused_port()
    url = f"http://127.0.0.1:{port}"
    log = place.folder / "backend.log"
    with running_providers(provider.stand_in):
        settings = place.variables | {
            "BACKEND_PORT": str(port),
            "OPENAI_API_KEY": "drill",
            "OPENAI_BASE_URL": provider.stand_in.url,
        }
        with running(["-m", "info_assistant", "serve"], settings, log) as process:
            await asyncio.to_thread(await_ready, process, f"{url}/readyz", log)
            async with httpx2.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
                for number in range(DOCUMENTS):
                    text = f"# Desk {number}\n\nThe allowance of desk {number} is {number} euros.\n"
                    files = {"file": (f"desk-{number}.md", text)}
                    (await client.post("/v1/documents", files=files)).raise_for_status()
                async with asyncio.timeout(300):
                    while await _unready(client):  # noqa: ASYNC110  It tells nobody.
                        await asyncio.sleep(0.5)
                for number in range(QUESTIONS):
                    body = {"question": _QUESTION.format(number)}
                    (await client.post("/v1/query", json=body)).raise_for_status()


async def _unready(client: httpx2.AsyncClient) -> int:
    page = (await client.get("/v1/documents", params={"limit": 1000})).json()
    ready = [each for each in page["documents"] if each["state"] == "ready"]
    return DOCUMENTS - len(ready)


async def _usual(source: Place) -> dict[str, float]:
    """Return how long a backup and a restore take when nobody kills them."""
    began = time.monotonic()
    await _run(source, "backup", "create")
    backup_s = time.monotonic() - began
    folder = source.folder.parent / "target"
    with local_qdrant(folder) as qdrant:
        began = time.monotonic()
        await _run(Place(folder, source.backups, qdrant.url), "restore", "--yes")
        return {"backup": backup_s / 2, "restore": time.monotonic() - began}


async def _run(place: Place, *command: str, kill_after_s: float | None = None) -> bool:
    """Run a command of the product; return whether it was killed. Raises if it failed itself."""
    log = place.folder.parent / "commands.log"
    with running(["-m", "info_assistant", *command], place.variables, log) as process:
        try:
            code = await asyncio.to_thread(process.wait, kill_after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            code = await asyncio.to_thread(process.wait)
    if code == -signal.SIGKILL:
        return True
    if code:
        raise RuntimeError(f"{command} ended with {code}:\n{log.read_text()[-2000:]}")
    return False


def _shelf(backups: Path) -> Shelf:
    return Shelf(ObjectBlobs(str(backups)), SystemClock())


async def _complete(backups: Path) -> set[str]:
    return {each.id for each in await _shelf(backups).all() if each.manifest}


async def _wrong(backups: Path, name: str) -> list[str]:
    verifier = BackupVerifier(_shelf(backups), lambda _stage, _done, _total: None)
    return list(await verifier.check(name))


async def _flips(backups: Path) -> int:
    """Flip a byte of the newest good backup, again and again; return how often it was found."""
    newest = next(each for each in await _shelf(backups).all() if each.good and each.manifest)
    assert newest.manifest
    own = [path for path in (backups / newest.id).rglob("*") if path.is_file()]
    packs = [backups / "packs" / pack[:2] / pack for pack in newest.manifest.packs]
    files = [path for path in (*own, *packs) if path.stat().st_size]
    found = 0
    for _ in range(FLIPS):
        path = random.choice(files)  # noqa: S311  Any file as likely as another.
        whole = path.read_bytes()
        at = random.randrange(len(whole))  # noqa: S311  The same.
        damaged = bytearray(whole)
        damaged[at] ^= 1 << random.randrange(8)  # noqa: S311  The same.
        path.write_bytes(damaged)
        found += bool(await _wrong(backups, newest.id))
        path.write_bytes(whole)
    return found


def _records(place: Place) -> dict[str, int]:
    """Return how many records there are of each kind."""
    counted: Counter[str] = Counter()
    for path in (place.folder / "objects").rglob("*.jsonl"):
        lines = [line for line in path.read_text().splitlines() if json.loads(line)]
        counted[path.parts[path.parts.index("segments") + 1]] += len(lines)
    return dict(counted)


if __name__ == "__main__":
    sys.exit(main())
