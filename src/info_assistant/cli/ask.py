"""`ask`: one question, its answer, and the evidence for each sentence."""

import asyncio
import json
import sys
from typing import Any

import click

from info_assistant.cli.answers import show_answer, show_passages
from info_assistant.cli.backend import Refused, connect
from info_assistant.settings import Settings

_TIMEOUT_S = 60.0


@click.command(short_help="Ask a question and read the answer with its citations.")
@click.argument("question", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print the backend's reply as it is.")
@click.option(
    "--document", "documents", multiple=True, metavar="ID", help="Search only this document."
)
def ask(question: tuple[str, ...], documents: tuple[str, ...], *, as_json: bool) -> None:
    """Ask a question and read the answer with its citations.

    Every sentence carries the number of the quote that supports it. Where the documents hold no
    answer, you are told so.

    \b
    Examples:
      info-assistant ask "How do I request records under access to information?"
      info-assistant ask --json "Who approves travel?" | jq .citations
      echo "Who approves travel?" | info-assistant ask -

    \b
    Exit code: 0 a reply (also "not in these documents"), 1 the question was refused,
    2 the backend cannot answer now.
    """  # noqa: D301  For click, the mark keeps the lines.
    words = sys.stdin.read().strip() if question == ("-",) else " ".join(question)
    try:
        reply = asyncio.run(_ask(Settings.from_environment(), words, documents))
    except Refused as refused:
        if refused.passages and not as_json:
            show_passages(refused.passages)
        raise
    if as_json:
        click.echo(json.dumps(reply, ensure_ascii=False, indent=2))
    else:
        show_answer(reply)


async def _ask(settings: Settings, question: str, documents: tuple[str, ...]) -> Any:  # noqa: ANN401  JSON.
    body: dict[str, Any] = {"question": question}
    if documents:
        body["filters"] = {"document_ids": list(documents)}
    target = settings.backend_url, settings.api_key
    async with connect(*target, timeout_s=_TIMEOUT_S) as backend:
        return await backend.call("POST", "/v1/query", json=body)
