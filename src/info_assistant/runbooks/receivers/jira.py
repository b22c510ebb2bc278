"""Jira: one ticket an incident, found again by its label, with the story as comments."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from info_assistant.runbooks.errors import DeliveryRefused
from info_assistant.runbooks.outbox.messages import Act, Message
from info_assistant.runbooks.receivers.http import WebService
from info_assistant.runbooks.receivers.port import Attempt
from info_assistant.runbooks.telling import markup

_LONGEST_SUMMARY = 250


class Jira:
    """A project of Jira, by version 2 of its REST interface."""

    name = "jira"
    acts = frozenset({Act.TICKET, Act.REMARK, Act.POSTMORTEM})

    def __init__(self, service: WebService, project: str, kind: str = "Task") -> None:
        """Make tickets of `kind` in the project of that key."""
        self._service = service
        self._project = project
        self._kind = kind

    def send(self, attempt: Attempt) -> Mapping[str, str]:
        """Make the ticket or comment on it. Raises DeliveryLater, DeliveryRefused."""
        message = attempt.message
        ticket = attempt.known.get("ticket") or self._look_up(message.incident)
        if not ticket:
            answer = self._service.call("POST", "/rest/api/2/issue", self._issue(message))
            ticket = str(answer["key"])
            if message.act is Act.TICKET:
                return {"ticket": ticket}
        elif message.act is Act.TICKET:
            return {"ticket": ticket}
        mark = f"(message {message.id})"
        if not (attempt.repeated and self._has(ticket, mark)):
            body = {"body": f"{markup.plain(message.content.text)}\n\n{mark}"}
            self._service.call("POST", f"/rest/api/2/issue/{ticket}/comment", body)
        return {"ticket": ticket}

    def _look_up(self, incident: str) -> str:
        asked = urlencode(
            {"jql": f'labels = "{_label(incident)}"', "fields": "key", "maxResults": 1}
        )
        try:
            # Jira Cloud has moved the search; servers of one's own have the old one.
            found = self._service.call("GET", f"/rest/api/2/search?{asked}")
        except DeliveryRefused:
            found = self._service.call("GET", f"/rest/api/2/search/jql?{asked}")
        issues = found.get("issues", ()) if isinstance(found, dict) else ()
        return str(issues[0]["key"]) if issues else ""

    def _has(self, ticket: str, mark: str) -> bool:
        found = self._service.call("GET", f"/rest/api/2/issue/{ticket}/comment?maxResults=1000")
        return any(mark in str(each.get("body", "")) for each in found.get("comments", ()))

    def _issue(self, message: Message) -> dict[str, Any]:
        content = message.content
        started = content.started[:10].replace("-", "")
        return {
            "fields": {
                "project": {"key": self._project},
                "issuetype": {"name": self._kind},
                "summary": content.title[:_LONGEST_SUMMARY],
                "description": markup.plain(content.text),
                "labels": [_label(message.incident), "sev1", f"sev1_{started}"],
            }
        }


def _label(incident: str) -> str:
    """Return an incident's name as a label, which has no spaces."""
    return re.sub(r"\s+", "-", incident)
