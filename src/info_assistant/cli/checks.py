"""What `doctor` looks at. Each check returns findings in words and changes nothing.

A check may not fail itself: whatever it meets is a finding.
"""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2

from info_assistant.cli.local import is_free
from info_assistant.cli.stack import Stack
from info_assistant.errors import (
    IdentityProviderUnavailable,
    InfoAssistantError,
    Misconfigured,
)
from info_assistant.local_qdrant import MEASURED_LIMIT_POINTS
from info_assistant.resilience.clock import SystemClock
from info_assistant.settings import Settings

_OLDEST_PYTHON = (3, 11)
_LITTLE_DISK, _TOO_LITTLE_DISK = 2_000_000_000, 200_000_000
_TIMEOUT_S = 5.0


class Health(StrEnum):
    """How a thing stands: `warning` works today, `wrong` does not."""

    GOOD = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it stands, and what to do about it where that is needed."""

    subject: str
    health: Health
    words: str
    remedy: str = ""


def check_python() -> Finding:
    """Whether this Python can run the product at all."""
    words = f"{platform.python_implementation()} {platform.python_version()}"
    if sys.version_info[:2] < _OLDEST_PYTHON:
        remedy = "Install Python 3.11 or newer."
        return Finding("Python", Health.WRONG, words, remedy)
    try:
        words += f", info-assistant {version('info-assistant')}"
    except PackageNotFoundError:
        remedy = "Run `make install`, or install the wheel."
        return Finding("Python", Health.WARNING, f"{words}, product not installed", remedy)
    return Finding("Python", Health.GOOD, words)


def check_data_dir(data_dir: Path) -> Finding:
    """Whether data can be kept, and for how much more there is room."""
    existing = next(folder for folder in (data_dir, *data_dir.parents) if folder.is_dir())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        words = f"{data_dir} cannot be written to ({error.strerror})"
        remedy = "Set DATA_DIR to a folder that you may write to."
        return Finding("Data folder", Health.WRONG, words, remedy)
    free = shutil.disk_usage(existing).free
    words = f"{data_dir}, {free / 1e9:.1f} GB free"
    remedy = "Make room on this disk, or set DATA_DIR to a folder on another one."
    if free < _TOO_LITTLE_DISK:
        return Finding("Data folder", Health.WRONG, words, remedy)
    if free < _LITTLE_DISK:
        return Finding("Data folder", Health.WARNING, words, remedy)
    return Finding("Data folder", Health.GOOD, words)


def check_model() -> Finding:
    """Whether the embedding model is there and is the one that was built."""
    from info_assistant.providers.minilm import verify_model  # noqa: PLC0415  Slow to import.

    try:
        files = verify_model()
    except Misconfigured as error:
        remedy = "Run `make install` again, or reinstall the wheel."
        return Finding("Embedding model", Health.WRONG, error.message, remedy)
    return Finding("Embedding model", Health.GOOD, f"{files.identity}, hashes as built")


async def check_ports(settings: Settings) -> Sequence[Finding]:
    """Whether each part answers at its address, or could be started there."""
    stack = Stack.of(settings, parent=os.getpid(), qdrant_key="")
    async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
        findings = []
        listening = [part for part in stack.parts if part.ready_url.startswith("http")]
        for part, address in zip(listening, stack.addresses, strict=True):
            where = f"{address.host}:{address.port}"
            subject = f"Port of the {address.part}"
            try:
                free = is_free(address)
            except Misconfigured as error:
                findings.append(Finding(subject, Health.WRONG, error.message))
                continue
            if free:
                findings.append(Finding(subject, Health.GOOD, f"{where} is free"))
            elif await _get(client, part.ready_url) is not None:
                findings.append(Finding(subject, Health.GOOD, f"{where} answers"))
            else:
                remedy = f"Stop that program, or set {address.variable} to a free port."
                words = f"{where} is taken by something that is not ours, or does not get ready"
                findings.append(Finding(subject, Health.WRONG, words, remedy))
        return findings


async def check_backend(url: str) -> Sequence[Finding]:
    """Whether the backend answers, and what it says about what it depends on."""
    async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
        try:
            health: dict[str, Any] = (await client.get(f"{url}/health")).json()
            dependencies = dict(health["dependencies"])
        except (httpx2.HTTPError, ValueError, KeyError, TypeError):
            remedy = "Start it with `info-assistant up`, or set BACKEND_URL to where it runs."
            return [Finding("Backend", Health.WARNING, f"{url} does not answer", remedy)]
    good = health["status"] == "ok"
    found = [Finding("Backend", _health(good=good), f"{url} says {health['status']}")]
    for name, dependency in dependencies.items():
        state = dependency["state"]
        good = state in {"ok", "off", "unknown"}
        detail = dependency.get("detail") or ""
        words = f"{state} since {dependency.get('since')}" + (f": {detail}" if detail else "")
        remedy = "" if good else f"See the log of the backend and the settings of {name}."
        found.append(Finding(f"Backend's {name}", _health(good=good), words, remedy))
    return found


async def check_sign_in(settings: Settings) -> Sequence[Finding]:
    """Whether people and programs can sign in as AUTH says."""
    if settings.auth == "none":
        words = "AUTH=none: whoever reaches this machine's loopback address is the operator"
        return [Finding("Sign-in", Health.GOOD, words)]
    found = [Finding("Sign-in", Health.GOOD, f"AUTH={settings.auth}")]
    try:
        settings.require_page_sign_in()
    except Misconfigured as error:
        remedy = "Needed where the web page runs; the backend alone does without."
        found.append(Finding("Sign-in on the page", Health.WARNING, error.message, remedy))
    if settings.auth == "oidc":
        found.append(await _check_issuer(settings.oidc_issuer))
    return found


async def _check_issuer(issuer: str) -> Finding:
    from info_assistant.providers.oidc_keys import IssuerKeys  # noqa: PLC0415  Slow to import.

    keys = IssuerKeys(issuer, SystemClock())
    try:
        known = await keys.published()
    except IdentityProviderUnavailable as error:
        remedy = "Check OIDC_ISSUER, to the letter, and the way from here to that address."
        return Finding("Identity provider", Health.WRONG, error.message, remedy)
    finally:
        await keys.close()
    return Finding("Identity provider", Health.GOOD, f"{issuer}, {len(known)} keys")


async def check_object_storage(settings: Settings) -> Finding:
    """Whether originals and the catalogue can be kept."""
    from info_assistant.stores.blobs import ObjectBlobs  # noqa: PLC0415  Slow to import.

    url = settings.blob_url
    if _is_not_made_yet(url):
        return Finding("Object storage", Health.GOOD, f"{url} is made at the first start")
    try:
        await ObjectBlobs(settings.blob_url, settings.s3).ping()
    except InfoAssistantError as error:
        remedy = "Check BLOB_URL and the credentials for it."
        return Finding("Object storage", Health.WRONG, error.message, remedy)
    return Finding("Object storage", Health.GOOD, settings.blob_url)


async def check_writers(settings: Settings) -> Sequence[Finding]:
    """Whether processes that keep records vanished with their disks."""
    from info_assistant.stores.blobs import ObjectBlobs  # noqa: PLC0415  Slow to import.
    from info_assistant.stores.writers import gaps_by_clock  # noqa: PLC0415  The same.

    if _is_not_made_yet(settings.blob_url):
        return []
    blobs = ObjectBlobs(settings.blob_url, settings.s3)
    try:
        gaps = await gaps_by_clock(blobs, SystemClock())
    except InfoAssistantError:
        return []  # Said of object storage already.
    remedy = "Start a process with that disk and what is missing is there; else this stays so."
    return [
        Finding(
            "Lost records",
            Health.WARNING,
            f"the writer {each.writer} vanished without an end: what it recorded from "
            f"{each.begin:%Y-%m-%d %H:%M:%S} to {each.end:%H:%M:%S} UTC may be missing, of model "
            f"calls at most {each.at_most_micro_usd / 1e6:.2f} USD for each tenant",
            remedy,
        )
        for each in gaps
    ]


def _is_not_made_yet(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "file" and not Path(unquote(parts.path)).exists()


async def check_vector_store(settings: Settings) -> Finding:
    """Whether Qdrant answers, and whether exact search was measured for so many passages."""
    headers = {"api-key": settings.qdrant_api_key} if settings.qdrant_api_key else {}
    url = f"{settings.qdrant_url}/collections/passages/points/count"
    try:
        async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
            response = await client.post(url, json={"exact": True}, headers=headers)
    except httpx2.HTTPError:
        remedy = "Start it with `info-assistant up`, or set QDRANT_URL to where it runs."
        words = f"{settings.qdrant_url} does not answer"
        return Finding("Vector store", Health.WARNING, words, remedy)
    return _judge_vector_store(settings, response)


def _judge_vector_store(settings: Settings, response: httpx2.Response) -> Finding:
    where = settings.qdrant_url
    if response.status_code in {401, 403}:
        remedy = "Set QDRANT_API_KEY to the key of that server."
        return Finding("Vector store", Health.WRONG, f"{where} refuses our key", remedy)
    if response.status_code == httpx2.codes.NOT_FOUND:
        return Finding("Vector store", Health.GOOD, f"{where}, no passages yet")
    try:
        count = int(response.json()["result"]["count"])
    except (ValueError, KeyError, TypeError):
        remedy = "Check QDRANT_URL: what answers there is not Qdrant."
        words = f"{where} answered {response.status_code}"
        return Finding("Vector store", Health.WRONG, words, remedy)
    words = f"{where}, {count:,} passages"
    if not settings.qdrant_is_local:
        return Finding("Vector store", Health.GOOD, words)
    words += f" (exact search is measured up to {MEASURED_LIMIT_POINTS:,})"
    if count > MEASURED_LIMIT_POINTS:
        remedy = "Answers stay right but become slower; a Qdrant server holds more: set QDRANT_URL."
        return Finding("Vector store", Health.WARNING, words, remedy)
    return Finding("Vector store", Health.GOOD, words)


async def _get(client: httpx2.AsyncClient, url: str) -> httpx2.Response | None:
    try:
        response = await client.get(url)
    except httpx2.HTTPError:
        return None
    return response if response.is_success else None


def _health(*, good: bool) -> Health:
    return Health.GOOD if good else Health.WRONG
