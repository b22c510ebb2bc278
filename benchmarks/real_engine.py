"""The whole path against a real engine: `python -m benchmarks.real_engine ENGINE_PYTHON`.

A llama.cpp server with weights of 135 million parameters, the backend and local Qdrant, each a
process of its own; the sample library in, questions asked whole, streamed and as chat completions.
Such small weights write badly and name no passages, so hardly a sentence passes the check: what is
shown is that the path holds with a server that is not ours. Asked for a true sentence word for word
with an id, they would be supported; that is what the stand-ins of `drills/` are for.
"""

import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai
from benchmarks.harness.processes import await_true, stop
from benchmarks.kills import stack_environment

from info_assistant.answering.compose import ContextBudget, compose
from info_assistant.drills.ports import unused_port
from info_assistant.model.identity import LOCAL_OPERATOR
from info_assistant.model.question import Question

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "real_engine.json"
SERVER = Path(__file__).parent / "harness" / "engine_server.py"
QUESTIONS = 6
READY_S = 60.0
KNOWN_ENDS = frozenset(
    {
        *("answered", "partial", "unanswerable_not_supported", "unanswerable_no_evidence"),
        "generation_unavailable",
    }
)


def main() -> int:
    """Run the trial, print what became of it and keep it."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        environment = stack_environment(folder)
        port = str(unused_port())
        environment |= {
            "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
            "OPENAI_MODEL": "smollm2",
            "LLM_PROVIDER": "openai",
            "LLM_PRICES": "*=1/2",
            # It reads some eighty tokens a second, and a first word has to come within ten.
            "ANSWER_CONTEXT_TOKENS": "500",
            "ANSWER_TOKENS": "200",
            "LOG_LEVEL": "ERROR",
            "QDRANT_API_KEY": secrets.token_urlsafe(32),
        }
        product = [sys.executable, "-m", "info_assistant"]
        stack.enter_context(running([sys.argv[1], str(SERVER), port], environment))
        stack.enter_context(running([*product, "local-qdrant"], environment))
        stack.enter_context(running([*product, "serve"], environment))
        client = stack.enter_context(
            httpx2.Client(base_url=environment["BACKEND_URL"], timeout=60, trust_env=False)
        )
        await_true(lambda: all_there(client), READY_S, "backend and engine answer", 0.2)
        ingest = [*product, "ingest", str(ROOT / "samples" / "documents")]
        subprocess.run(ingest, env=environment, check=True, stdout=subprocess.DEVNULL)
        warm_up(environment["OPENAI_BASE_URL"])
        outcome = trial(client, environment["BACKEND_URL"])
    outcome["date"] = time.strftime("%Y-%m-%d")
    RESULT.write_text(json.dumps(outcome, indent=1) + "\n")
    print(json.dumps(outcome, indent=1))
    return 0 if outcome["holds"] else 1


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[None]:
    """Run a process until the block is left."""
    process = subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if command[0] == sys.argv[1] else sys.stderr,
    )
    try:
        yield
    finally:
        stop(process)


def all_there(client: httpx2.Client) -> bool:
    """Whether the backend, its Qdrant and the engine answer."""
    try:
        health = client.get("/health").json()["dependencies"]
    except httpx2.TransportError:
        return False
    return all(health[name]["state"] == "ok" for name in ("openai", "qdrant"))


def warm_up(url: str) -> None:
    """Let the engine read our instructions once, which it keeps for every question after that."""
    asked = Question("warm-up", "Ready?", LOCAL_OPERATOR)
    prompt = compose(asked, (), ContextBudget()).prompt
    with openai.OpenAI(api_key="any", base_url=url, max_retries=0, timeout=120) as engine:
        engine.chat.completions.create(
            model="smollm2",
            max_tokens=1,
            messages=[
                {"role": "system", "content": prompt.system},
                {"role": "user", "content": prompt.messages[0].text},
            ],
        )


def trial(client: httpx2.Client, url: str) -> dict[str, Any]:
    """Ask the first questions of the samples in each way; return what came of it."""
    lines = (ROOT / "samples" / "questions.jsonl").read_text().splitlines()
    questions = [json.loads(line)["question"] for line in lines[:QUESTIONS]]
    ends: list[str] = []
    sentences: list[dict[str, Any]] = []
    took: list[float] = []
    for question in questions:
        began = time.monotonic()
        response = client.post("/v1/query", json={"question": question})
        took.append(round(time.monotonic() - began, 2))
        body = response.json()
        ends.append(body.get("status") if response.is_success else body["code"])
        sentences += body.get("sentences", [])
    streamed = client.post(
        "/v1/query", json={"question": questions[0]}, headers={"Accept": "text/event-stream"}
    ).text
    finish = chat_end(url, questions[0])
    total = client.get("/v1/usage").json()["total"]
    checked = all(each["citations"] for each in sentences)
    ended = "event: final" in streamed or "event: error" in streamed
    wrote = any(end not in {"generation_unavailable", "unanswerable_no_evidence"} for end in ends)
    return {
        "engine": "llama.cpp (xllamacpp) with SmolLM2-135M-Instruct Q4_1",
        "questions": len(questions),
        "ends": ends,
        "seconds": took,
        "sentences_shown": len(sentences),
        "supports": sorted({each["support"] for each in sentences}),
        "chat_end": finish,
        "usage": total,
        "holds": (
            set(ends) <= KNOWN_ENDS
            and wrote
            and checked
            and ended
            and finish in {"stop", "generation_unavailable"}
            and total["calls"] >= QUESTIONS
            and total["output_tokens"] > 0
        ),
    }


def chat_end(url: str, question: str) -> str:
    """Return how OpenAI's own client sees a question end."""
    with openai.OpenAI(api_key="any", base_url=f"{url}/v1", max_retries=0) as chat:
        try:
            reply = chat.chat.completions.create(
                model="info-assistant", messages=[{"role": "user", "content": question}]
            )
        except openai.APIStatusError as error:
            return str(error.code)
        return reply.choices[0].finish_reason


if __name__ == "__main__":
    sys.exit(main())
