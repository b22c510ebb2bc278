"""What our layer costs on top of a vendor's SDK: deadlines, finish marker, breaker, failover.

The same short answer is streamed from a stand-in in another process, by turns through the SDK
alone and through the whole layer, on connections that stay open. Counted are the time of each call
and the processor time of this process.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

import anthropic as anthropic_sdk
import httpx2
import openai as openai_sdk
from benchmarks.harness.processes import unused_port
from benchmarks.harness.report import Figure, Floor, Options, Report, conclude, options, say

from info_assistant.model.prompt import Message, ModelFinished, Prompt
from info_assistant.model.spend import ModelCall
from info_assistant.providers import anthropic, openai
from info_assistant.providers.failover import FailoverModel, Route
from info_assistant.providers.streamed import StreamedModel
from info_assistant.providers.watch import ProviderWatch
from info_assistant.resilience.breaker import Breaker
from info_assistant.resilience.clock import SystemClock

P50_MS, CPU_MS = 1.0, 1.5
CALLS_IN_ROUND, WARM_UP = 100, 20
PASSAGE = "Records are kept for five years after the file is closed and then handed to the archive."
PROMPT = Prompt("1", "Quote.", (Message("user", f'<passage id="K1">\n{PASSAGE}\n</passage>'),), 200)
CALL = ModelCall("default", "benchmark")
READY_S = 30.0

Ask = Callable[[], Awaitable[None]]


@dataclass
class Spent:
    """Milliseconds of each round: the median time of a call, and processor time per call."""

    time_ms: list[float] = field(default_factory=list)
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


def openai_pair(port: int) -> tuple[Ask, Ask]:
    """Return how OpenAI's stand-in is asked by the SDK alone, and through our layer."""
    url = f"http://127.0.0.1:{port}/v1"
    client = openai_sdk.AsyncOpenAI(api_key="drill", base_url=url, max_retries=0)

    async def directly() -> None:
        stream = await client.chat.completions.create(
            model="drill",
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
    wire = openai.OpenAIWire("drill", api_key="drill", watch=watch, base_url=url)
    return directly, through(StreamedModel(wire, watch))


def anthropic_pair(port: int) -> tuple[Ask, Ask]:
    """Return the same for Anthropic's."""
    url = f"http://127.0.0.1:{port + 1}"
    client = anthropic_sdk.AsyncAnthropic(api_key="drill", base_url=url, max_retries=0)

    async def directly() -> None:
        stream = await client.messages.create(
            model="drill",
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
    wire = anthropic.AnthropicWire("drill", api_key="drill", watch=watch, base_url=url)
    return directly, through(StreamedModel(wire, watch))


def through(model: StreamedModel) -> Ask:
    """Return a call through the whole layer."""
    failover = FailoverModel([Route(model, Breaker(model.provider))])

    async def ask() -> None:
        finished = False
        async with aclosing(failover.stream(PROMPT, CALL)) as events:
            async for event in events:
                finished = isinstance(event, ModelFinished)
        assert finished

    return ask


async def spend(asks: Sequence[tuple[Ask, Spent]], calls: int) -> None:
    """Make the calls of one round, one by turns, so that what disturbs one disturbs both."""
    times: list[list[float]] = [[] for _ in asks]
    cpu = [0.0 for _ in asks]
    for number in range(calls):
        for index in range(len(asks))[:: 1 if number % 2 else -1]:
            began, before = time.perf_counter(), time.process_time()
            await asks[index][0]()
            cpu[index] += (time.process_time() - before) * 1000
            times[index].append((time.perf_counter() - began) * 1000)
    for (_, spent), taken, used in zip(asks, times, cpu, strict=True):
        spent.time_ms.append(statistics.median(taken))
        spent.cpu_ms.append(used / calls)


async def measured(given: Options, port: int) -> Report:
    """Ask by turns, round by round."""
    figures: list[Figure] = []
    floors: list[Floor] = []
    calls = 10 if given.quick else CALLS_IN_ROUND
    for name, pair in (("OpenAI", openai_pair(port)), ("Anthropic", anthropic_pair(port))):
        direct, layer = Spent(), Spent()
        await spend([(ask, Spent()) for ask in pair], WARM_UP)
        for _ in range(given.rounds):
            await spend([(pair[0], direct), (pair[1], layer)], calls)
        more_ms = [ours - its for ours, its in zip(layer.time_ms, direct.time_ms, strict=True)]
        more_cpu = [ours - its for ours, its in zip(layer.cpu_ms, direct.cpu_ms, strict=True)]
        say(f"{name}: {statistics.median(more_ms):.2f} ms more")
        figures += [
            Figure(f"{name}, SDK alone, p50", "ms", direct.time_ms),
            Figure(f"{name}, our layer, p50", "ms", layer.time_ms),
            Figure(f"{name}, SDK alone, processor time", "ms", direct.cpu_ms),
            Figure(f"{name}, our layer, processor time", "ms", layer.cpu_ms),
        ]
        floors += [
            Floor(f"{name}, more p50", "ms", statistics.median(more_ms), P50_MS, "at most"),
            Floor(f"{name}, more CPU", "ms", statistics.median(more_cpu), CPU_MS, "at most"),
        ]
    setting = {"calls in a round": calls, "rounds": given.rounds, "pieces of text": 17}
    return Report("provider_layer", setting, figures, floors)


def main() -> int:
    """Measure, and return the exit code."""
    given = options(__doc__ or "")
    with stand_ins() as port:
        return conclude(asyncio.run(measured(given, port)), given)


if __name__ == "__main__":
    sys.exit(main())
