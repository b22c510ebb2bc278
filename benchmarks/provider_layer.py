"""What our layer costs on top of a vendor's SDK: deadlines, finish marker, ledger, failover.

The same short answer is streamed from a stand-in in another process, by turns through the SDK
alone, through the layer, and through the layer with a ledger that notes each call in a journal on
this disk before it is made. Connections stay open. Counted are how much longer a call takes than
the one through the SDK beside it, and the processor time of this process.
"""

import asyncio
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

import anthropic as anthropic_sdk
import httpx2
import openai as openai_sdk
from benchmarks.harness.report import ROOT, Figure, Floor, Options, Report, conclude, options, say

from info_assistant.drills.ports import unused_port
from info_assistant.model.prompt import Message, ModelFinished, Prompt
from info_assistant.model.spend import ModelCall
from info_assistant.ports import TextModel
from info_assistant.providers import anthropic, openai
from info_assistant.providers.accounted import AccountedModel
from info_assistant.providers.failover import FailoverModel, Route
from info_assistant.providers.prices import TablePrices
from info_assistant.providers.streamed import StreamedModel
from info_assistant.providers.watch import ProviderWatch
from info_assistant.resilience.breaker import Breaker
from info_assistant.resilience.budgets import NoBudgets
from info_assistant.resilience.clock import SystemClock
from info_assistant.settings.providers import ANTHROPIC_MODEL, OPENAI_MODEL
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.ledger import RecordedLedger
from info_assistant.stores.record_log import RecordLog

P50_MS, CPU_MS = 1.0, 1.5
CALLS_IN_ROUND, WARM_UP = 100, 20
PASSAGE = "Records are kept for five years after the file is closed and then handed to the archive."
PROMPT = Prompt("1", "Quote.", (Message("user", f'<passage id="K1">\n{PASSAGE}\n</passage>'),), 200)
CALL = ModelCall("default", "benchmark")
READY_S = 30.0

Ask = Callable[[], Awaitable[None]]
Ways = Mapping[str, Ask]
"""How a provider is asked: by the SDK alone first."""

ALONE = "SDK alone"
LAYER = "our layer"
WHOLE = "our layer with its ledger"


@dataclass
class Spent:
    """Milliseconds of each round: the median time of a call, and processor time per call.

    `more_ms` is the median of how much longer each took than the SDK's beside it.
    """

    time_ms: list[float] = field(default_factory=list)
    more_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


@contextmanager
def stand_ins() -> Iterator[int]:
    """Run both stand-ins in a process of their own; their first port is returned."""
    port = unused_port()
    command = [sys.executable, "-m", "info_assistant", "drill", "providers", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + READY_S
        while not _answers(port):
            if time.monotonic() > deadline:
                raise TimeoutError("The stand-ins did not start.")
        yield port
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/v1/models").is_success
    except httpx2.HTTPError:
        return False


def openai_ways(port: int, ledger: RecordedLedger) -> Ways:
    """Return how OpenAI's stand-in is asked."""
    url = f"http://127.0.0.1:{port}/v1"
    client = openai_sdk.AsyncOpenAI(api_key="drill", base_url=url, max_retries=0)

    async def directly() -> None:
        stream = await client.chat.completions.create(
            model=OPENAI_MODEL,
            messages=[
                {"role": "system", "content": PROMPT.system},
                {"role": "user", "content": PROMPT.messages[0].text},
            ],
            stream=True,
            stream_options={"include_usage": True},
            max_tokens=PROMPT.most_tokens,
        )
        said = ""
        async for chunk in stream:
            for choice in chunk.choices:
                said += choice.delta.content or ""
        assert said.endswith("[K1].")

    watch = ProviderWatch(openai.LOG_EVENT, now=SystemClock().now)
    wire = openai.OpenAIWire(OPENAI_MODEL, api_key="drill", watch=watch, base_url=url)
    return _ways(directly, StreamedModel(wire, watch), ledger)


def anthropic_ways(port: int, ledger: RecordedLedger) -> Ways:
    """Return the same for Anthropic's."""
    url = f"http://127.0.0.1:{port + 1}"
    client = anthropic_sdk.AsyncAnthropic(api_key="drill", base_url=url, max_retries=0)

    async def directly() -> None:
        stream = await client.messages.create(
            model=ANTHROPIC_MODEL,
            system=PROMPT.system,
            messages=[{"role": "user", "content": PROMPT.messages[0].text}],
            max_tokens=PROMPT.most_tokens,
            stream=True,
        )
        said = ""
        async for event in stream:
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                said += event.delta.text
        assert said.endswith("[K1].")

    watch = ProviderWatch(anthropic.LOG_EVENT, now=SystemClock().now)
    wire = anthropic.AnthropicWire(ANTHROPIC_MODEL, api_key="drill", watch=watch, base_url=url)
    return _ways(directly, StreamedModel(wire, watch), ledger)


def _ways(directly: Ask, model: StreamedModel, ledger: RecordedLedger) -> Ways:
    return {
        ALONE: directly,
        LAYER: through(model),
        WHOLE: through(AccountedModel(model, ledger)),
    }


def through(model: TextModel) -> Ask:
    """Return a call through our layer."""
    failover = FailoverModel([Route(model, Breaker(model.provider))])

    async def ask() -> None:
        finished = False
        async with aclosing(failover.stream(PROMPT, CALL)) as events:
            async for event in events:
                finished = isinstance(event, ModelFinished)
        assert finished

    return ask


async def spend(ways: Ways, spent: Mapping[str, Spent], calls: int) -> None:
    """Make the calls of one round, one of each by turns: what disturbs one disturbs the others."""
    times: dict[str, list[float]] = {way: [] for way in ways}
    cpu = dict.fromkeys(ways, 0.0)
    for _ in range(calls):
        for way in random.sample(list(ways), len(ways)):
            began, before = time.perf_counter(), time.process_time()
            await ways[way]()
            cpu[way] += (time.process_time() - before) * 1000
            times[way].append((time.perf_counter() - began) * 1000)
    for way, each in spent.items():
        each.time_ms.append(statistics.median(times[way]))
        pairs = zip(times[way], times[ALONE], strict=True)
        each.more_ms.append(statistics.median(ours - its for ours, its in pairs))
        each.cpu_ms.append(cpu[way] / calls)


async def measured(given: Options, port: int, folder: Path) -> Report:
    """Ask by turns, round by round."""
    log = RecordLog(ObjectBlobs(str(folder / "objects")), folder / "journals")
    await log.open()
    prices = TablePrices()
    await prices.load()
    ledger = RecordedLedger(log, prices, NoBudgets())
    try:
        return await _compared(given, port, ledger)
    finally:
        await log.close()


async def _compared(given: Options, port: int, ledger: RecordedLedger) -> Report:
    figures: list[Figure] = []
    floors: list[Floor] = []
    calls = 10 if given.quick else CALLS_IN_ROUND
    for name, ways in (
        ("OpenAI", openai_ways(port, ledger)),
        ("Anthropic", anthropic_ways(port, ledger)),
    ):
        spent = {way: Spent() for way in ways}
        await spend(ways, {}, WARM_UP)
        for _ in range(given.rounds):
            await spend(ways, spent, calls)
        for way, each in spent.items():
            figures += [
                Figure(f"{name}, {way}, p50", "ms", each.time_ms),
                Figure(f"{name}, {way}, processor time", "ms", each.cpu_ms),
            ]
            if way != ALONE:
                figures.append(Figure(f"{name}, {way}, more", "ms", each.more_ms))
                floors += _floors(f"{name}, {way}", each, spent[ALONE], timed=way == LAYER)
                say(f"{name}, {way}: {statistics.median(each.more_ms):.2f} ms more")
    setting = {"calls in a round": calls, "rounds": given.rounds, "pieces of text": 17}
    return Report("provider_layer", setting, figures, floors)


def _floors(name: str, ours: Spent, alone: Spent, *, timed: bool) -> list[Floor]:
    """Return what is promised of a way: how much it adds.

    How long the ledger's commit takes is its disk's and its neighbours' matter, and only told.
    """
    more_cpu = [ours - its for ours, its in zip(ours.cpu_ms, alone.cpu_ms, strict=True)]
    more_ms = statistics.median(ours.more_ms)
    in_time = [Floor(f"{name}, more p50", "ms", more_ms, P50_MS, "at most")] if timed else []
    cpu = Floor(f"{name}, more CPU", "ms", statistics.median(more_cpu), CPU_MS, "at most")
    return [*in_time, cpu]


def main() -> int:
    """Measure, and return the exit code."""
    given = options(__doc__ or "")
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    # On the disk of the checkout: elsewhere a folder may be in memory.
    with stand_ins() as port, tempfile.TemporaryDirectory(dir=build) as folder:
        return conclude(asyncio.run(measured(given, port, Path(folder))), given)


if __name__ == "__main__":
    sys.exit(main())
