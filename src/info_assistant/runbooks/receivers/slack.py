"""Slack: one post an incident, edited as things change, and a thread of what happened below it."""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from info_assistant.runbooks.errors import DeliveryLater, DeliveryRefused
from info_assistant.runbooks.outbox.messages import Act, Message
from info_assistant.runbooks.receivers.http import WebService
from info_assistant.runbooks.receivers.port import Attempt
from info_assistant.runbooks.telling import markup

SLACK = "https://slack.com/api"
_LATER = {"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{6,}")
_EVENT = "info_assistant_incident"
_LONGEST = 3900
"""Characters of one post; Slack cuts longer ones."""


class Slack:
    """A channel of Slack, written to by a bot."""

    name = "slack"
    acts = frozenset({Act.STATE, Act.REMARK, Act.PAGE, Act.BRIEF})

    def __init__(
        self, service: WebService, channel: str, ids: Callable[[], Mapping[str, str]]
    ) -> None:
        """Write to `channel`, an id or a #name; `ids` returns Slack's ids of handles as of now."""
        self._service = service
        self._channel = channel
        self._ids = ids

    def send(self, attempt: Attempt) -> Mapping[str, str]:
        """Post or edit. Raises DeliveryLater, DeliveryRefused."""
        message, known = attempt.message, attempt.known
        if message.act is Act.STATE and "ts" in known:
            self._call("chat.update", self._post(message, known) | {"ts": known["ts"]})
            return {}
        found = self._look_up(message, known) if attempt.repeated else None
        if found is not None and message.act is Act.STATE:  # Its words may be old by now.
            self._call("chat.update", self._post(message, found) | {"ts": found["ts"]})
        if found is None:
            post = self._post(message, known)
            if message.act is not Act.STATE and "ts" in known:
                post["thread_ts"] = known["ts"]
                # Who is called sees it in the channel too, not only who follows the thread.
                post["reply_broadcast"] = message.act is Act.PAGE
            answer = self._call("chat.postMessage", post)
            found = {"channel": str(answer.get("channel", "")), "ts": str(answer.get("ts", ""))}
        return found if message.act is Act.STATE else {}

    def _post(self, message: Message, known: Mapping[str, str]) -> dict[str, Any]:
        content = message.content
        ids = self._ids()
        people = " ".join(markup.mention(each, ids) for each in content.people)
        text = markup.slack(content.text, ids)[:_LONGEST]
        return {
            "channel": known.get("channel") or self._channel,
            "text": f"{people}\n{text}" if people else text,
            "metadata": {
                "event_type": _EVENT,
                "event_payload": {
                    "incident": message.incident,
                    "message": message.id,
                    "act": message.act,
                },
            },
        }

    def _look_up(self, message: Message, known: Mapping[str, str]) -> dict[str, str] | None:
        """Return the post that an earlier attempt made, or None. Raises DeliveryLater."""
        channel = known.get("channel") or self._channel_id()
        if not channel:
            return None
        asked = {"channel": channel, "include_all_metadata": "true", "limit": "200"}
        method = "conversations.history"
        if message.act is not Act.STATE and "ts" in known:
            method, asked["ts"] = "conversations.replies", known["ts"]
        else:
            asked["oldest"] = f"{time.time() - 86400:.6f}"
        for post in self._call(method, asked, read=True).get("messages", ()):
            payload = (post.get("metadata") or {}).get("event_payload") or {}
            state = message.act is Act.STATE and payload.get("act") == Act.STATE
            if payload.get("message") == message.id or (
                state and payload.get("incident") == message.incident
            ):
                return {"channel": channel, "ts": str(post["ts"])}
        return None

    def _channel_id(self) -> str:
        """Return the id of our channel; empty where the bot may not look it up."""
        if _CHANNEL_ID.fullmatch(self._channel):
            return self._channel
        try:
            asked = {"limit": "1000", "exclude_archived": "true"}
            listed = self._call("conversations.list", asked, read=True).get("channels", ())
        except DeliveryRefused:
            return ""
        wanted = self._channel.lstrip("#")
        return next((str(each["id"]) for each in listed if each.get("name") == wanted), "")

    def _call(self, method: str, asked: Mapping[str, Any], *, read: bool = False) -> dict[str, Any]:
        if read:
            answer = self._service.call("GET", f"/{method}?{urlencode(asked)}")
        else:
            answer = self._service.call("POST", f"/{method}", dict(asked))
        if isinstance(answer, dict) and answer.get("ok") is True:
            return answer
        said = str(answer.get("error", answer)) if isinstance(answer, dict) else "nothing"
        kind = DeliveryLater if said in _LATER else DeliveryRefused
        raise kind(f"Slack answers {said} to {method}.")
