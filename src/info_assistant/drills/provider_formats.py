"""The two providers' true formats: requests as they come, replies and streams as they are sent."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from info_assistant.drills.provider_faults import Behaviour

_PIECE = re.compile(r"\s*\S+\s*?")
_BYTES_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: the model, our instructions, the turns as (role, text), and the token limit."""

    model: str
    system: str
    turns: tuple[tuple[str, str], ...]
    most_tokens: int
    wants_usage: bool

    @property
    def text(self) -> str:
        """All that the model reads."""
        return "\n".join((self.system, *(text for _, text in self.turns)))


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error reply. `kind` and `code` are the provider's own words."""

    status: int
    kind: str
    code: str | None = None
    message: str = "This is a drill."
    headers: Mapping[str, str] | None = None


def pieces_of(text: str) -> Sequence[str]:
    """Return a text in the pieces in which it is sent."""
    return _PIECE.findall(text)


def tokens_of(text: str) -> int:
    """Return how many tokens the stand-ins count for a text."""
    return max(1, math.ceil(len(text.encode()) / _BYTES_A_TOKEN))


class Format(Protocol):
    """One provider's formats."""

    name: str
    path: str

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Read a request."""

    def key(self, headers: Mapping[str, str]) -> str:
        """Return the key that was sent."""

    def refusal(self, behaviour: Behaviour) -> Refusal:
        """Return how this provider words an error."""

    def error(self, refusal: Refusal) -> Mapping[str, Any]:
        """Return the body of an error."""

    def error_event(self) -> bytes:
        """Return an error in the midst of a stream."""

    def ping(self) -> bytes:
        """Return what keeps a stream alive and says nothing."""

    def start(self, asked: Asked, sent: int) -> bytes:
        """Return how a stream begins, with the number of tokens that were read."""

    def delta(self, asked: Asked, piece: str) -> bytes:
        """Return the next piece of text."""

    def end(self, asked: Asked, reason: str, sent: int, written: int) -> Iterator[bytes]:
        """Yield how a stream ends; `reason` is `stop`, `length` or `content_filter`."""

    def models(self) -> Mapping[str, Any]:
        """Return the list of models."""

    def limits(self) -> Mapping[str, str]:
        """Return the headers about rate limits."""


def _event(fields: Mapping[str, Any], name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(fields)}\n\n".encode()


class OpenAIFormat:
    """Chat completions."""

    name = "openai"
    path = "/chat/completions"

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Read a request."""
        turns = [(each["role"], each["content"]) for each in body["messages"]]
        system = "\n".join(text for role, text in turns if role == "system")
        most = body.get("max_completion_tokens") or body.get("max_tokens") or 100_000
        usage = bool((body.get("stream_options") or {}).get("include_usage"))
        rest = tuple(turn for turn in turns if turn[0] != "system")
        return Asked(body["model"], system, rest, most, usage)

    def key(self, headers: Mapping[str, str]) -> str:
        """Return the key that was sent."""
        return headers.get("authorization", "").removeprefix("Bearer ")

    def refusal(self, behaviour: Behaviour) -> Refusal:
        """Return how OpenAI words an error."""
        return _OPENAI_REFUSALS[behaviour]

    def error(self, refusal: Refusal) -> Mapping[str, Any]:
        """Return the body of an error."""
        words = {"message": refusal.message, "type": refusal.kind, "param": None}
        return {"error": {**words, "code": refusal.code}}

    def error_event(self) -> bytes:
        """Return an error in the midst of a stream."""
        return _event(self.error(Refusal(0, "server_error")))

    def ping(self) -> bytes:
        """Return a comment."""
        return b": ping\n\n"

    def start(self, asked: Asked, sent: int) -> bytes:
        """Return the first chunk."""
        del sent
        return self._chunk(asked, {"role": "assistant", "content": ""})

    def delta(self, asked: Asked, piece: str) -> bytes:
        """Return a chunk of text."""
        return self._chunk(asked, {"content": piece})

    def end(self, asked: Asked, reason: str, sent: int, written: int) -> Iterator[bytes]:
        """Yield the finish marker, the count, and the sentinel."""
        yield self._chunk(asked, {}, reason)
        if asked.wants_usage:
            usage = {
                "prompt_tokens": sent,
                "completion_tokens": written,
                "total_tokens": sent + written,
                "prompt_tokens_details": {"cached_tokens": 0},
            }
            yield _event({**_chunk_head(asked), "choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"

    def models(self) -> Mapping[str, Any]:
        """Return the list of models."""
        model = {"id": "drill", "object": "model", "created": 1, "owned_by": "drill"}
        return {"object": "list", "data": [model]}

    def limits(self) -> Mapping[str, str]:
        """Return the headers about rate limits."""
        return {"x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "499"}

    def _chunk(self, asked: Asked, delta: Mapping[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _event({**_chunk_head(asked), "choices": [choice]})


def _chunk_head(asked: Asked) -> Mapping[str, Any]:
    return {
        "id": "chatcmpl-drill",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": asked.model,
    }


class AnthropicFormat:
    """Messages."""

    name = "anthropic"
    path = "/messages"

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Read a request."""
        turns = tuple((each["role"], _plain(each["content"])) for each in body["messages"])
        system = _plain(body.get("system", ""))
        return Asked(body["model"], system, turns, body["max_tokens"], wants_usage=True)

    def key(self, headers: Mapping[str, str]) -> str:
        """Return the key that was sent; newer SDKs send it as a bearer's."""
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        return headers.get("x-api-key", bearer)

    def refusal(self, behaviour: Behaviour) -> Refusal:
        """Return how Anthropic words an error."""
        return _ANTHROPIC_REFUSALS[behaviour]

    def error(self, refusal: Refusal) -> Mapping[str, Any]:
        """Return the body of an error."""
        error = {"type": refusal.kind, "message": refusal.message}
        return {"type": "error", "error": error, "request_id": "req_drill"}

    def error_event(self) -> bytes:
        """Return an error in the midst of a stream."""
        return _event(self.error(Refusal(0, "overloaded_error", message="Overloaded")), "error")

    def ping(self) -> bytes:
        """Return a ping."""
        return _named({"type": "ping"})

    def start(self, asked: Asked, sent: int) -> bytes:
        """Return the events before the first text."""
        message: Mapping[str, Any] = {
            "id": "msg_drill",
            "type": "message",
            "role": "assistant",
            "model": asked.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {
                "input_tokens": sent,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 1,
            },
        }
        block = {"type": "text", "text": ""}
        return (
            _named({"type": "message_start", "message": message})
            + _named({"type": "content_block_start", "index": 0, "content_block": block})
            + self.ping()
        )

    def delta(self, asked: Asked, piece: str) -> bytes:
        """Return a piece of text."""
        del asked
        delta = {"type": "text_delta", "text": piece}
        return _named({"type": "content_block_delta", "index": 0, "delta": delta})

    def end(self, asked: Asked, reason: str, sent: int, written: int) -> Iterator[bytes]:
        """Yield the end of the block, reason and count, and the end of the message."""
        del asked, sent
        reasons = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}
        yield _named({"type": "content_block_stop", "index": 0})
        delta = {"stop_reason": reasons[reason], "stop_sequence": None}
        usage = {"output_tokens": written}
        yield _named({"type": "message_delta", "delta": delta, "usage": usage})
        yield _named({"type": "message_stop"})

    def models(self) -> Mapping[str, Any]:
        """Return the list of models."""
        model = {
            "type": "model",
            "id": "drill",
            "display_name": "Drill",
            "created_at": "2026-01-01T00:00:00Z",
        }
        return {"data": [model], "has_more": False, "first_id": "drill", "last_id": "drill"}

    def limits(self) -> Mapping[str, str]:
        """Return the headers about rate limits."""
        return {
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "49",
        }


def _named(fields: Mapping[str, Any]) -> bytes:
    return _event(fields, fields["type"])


def _plain(content: str | Sequence[Mapping[str, Any]]) -> str:
    """Return a text that may have been sent in blocks."""
    if isinstance(content, str):
        return content
    return "".join(str(block.get("text", "")) for block in content)


_DECADES = {"retry-after": "1000000000"}
_YESTERDAY = {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}
_MOMENT = {"retry-after": "0.2"}

_OPENAI_REFUSALS = {
    Behaviour.STATUS_400: Refusal(400, "invalid_request_error", "context_length_exceeded"),
    Behaviour.WRONG_KEY: Refusal(401, "invalid_request_error", "invalid_api_key"),
    Behaviour.NOT_PAID: Refusal(402, "billing_error"),
    Behaviour.FORBIDDEN: Refusal(403, "invalid_request_error", "unsupported_country"),
    Behaviour.UNKNOWN_MODEL: Refusal(404, "invalid_request_error", "model_not_found"),
    Behaviour.STATUS_408: Refusal(408, "invalid_request_error"),
    Behaviour.TOO_LARGE: Refusal(413, "invalid_request_error"),
    Behaviour.RATE_LIMITED: Refusal(429, "requests", "rate_limit_exceeded"),
    Behaviour.RATE_LIMITED_FOR_DECADES: Refusal(429, "tokens", None, headers=_DECADES),
    Behaviour.RATE_LIMITED_UNTIL_YESTERDAY: Refusal(429, "tokens", None, headers=_YESTERDAY),
    Behaviour.RATE_LIMITED_FOR_A_MOMENT: Refusal(429, "tokens", None, headers=_MOMENT),
    Behaviour.INSUFFICIENT_QUOTA: Refusal(
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    Behaviour.STATUS_500: Refusal(500, "server_error"),
    Behaviour.STATUS_503: Refusal(503, "server_error", headers={"retry-after": "30"}),
    Behaviour.STATUS_529: Refusal(529, "server_error"),
    Behaviour.ERROR_WITH_200: Refusal(200, "server_error"),
}
_ANTHROPIC_REFUSALS = {
    Behaviour.STATUS_400: Refusal(400, "invalid_request_error"),
    Behaviour.WRONG_KEY: Refusal(401, "authentication_error"),
    Behaviour.NOT_PAID: Refusal(402, "billing_error"),
    Behaviour.FORBIDDEN: Refusal(403, "permission_error"),
    Behaviour.UNKNOWN_MODEL: Refusal(404, "not_found_error"),
    Behaviour.STATUS_408: Refusal(408, "invalid_request_error"),
    Behaviour.TOO_LARGE: Refusal(413, "request_too_large"),
    Behaviour.RATE_LIMITED: Refusal(429, "rate_limit_error"),
    Behaviour.RATE_LIMITED_FOR_DECADES: Refusal(429, "rate_limit_error", headers=_DECADES),
    Behaviour.RATE_LIMITED_UNTIL_YESTERDAY: Refusal(429, "rate_limit_error", headers=_YESTERDAY),
    Behaviour.RATE_LIMITED_FOR_A_MOMENT: Refusal(429, "rate_limit_error", headers=_MOMENT),
    Behaviour.INSUFFICIENT_QUOTA: Refusal(
        400,
        "invalid_request_error",
        message="Your credit balance is too low to access the Anthropic API.",
    ),
    Behaviour.STATUS_500: Refusal(500, "api_error"),
    Behaviour.STATUS_503: Refusal(503, "api_error", headers={"retry-after": "30"}),
    Behaviour.STATUS_529: Refusal(529, "overloaded_error"),
    Behaviour.ERROR_WITH_200: Refusal(200, "overloaded_error"),
}
