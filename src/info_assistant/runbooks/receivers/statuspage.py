"""Statuspage: one incident on the public page for one of ours, whatever happens in between."""

from collections.abc import Mapping, Sequence
from typing import Any

from info_assistant.runbooks.outbox.messages import Act, Message
from info_assistant.runbooks.receivers.http import WebService
from info_assistant.runbooks.receivers.port import Attempt
from info_assistant.runbooks.telling import markup

STATUSPAGE = "https://api.statuspage.io/v1"
_LONGEST_NAME, _LONGEST_BODY = 255, 25_000
_OURS = "info_assistant"


class Statuspage:
    """A page of Statuspage.

    It takes no key that would make a repeated call harmless, so it is asked first: our own id is in
    each incident's metadata. An id is kept before anything else is done with it.
    """

    name = "statuspage"
    acts = frozenset({Act.STATE, Act.POSTMORTEM})

    def __init__(self, service: WebService, page: str, components: Sequence[str] = ()) -> None:
        """Write to the page of that id; `components` are the ids of what an incident breaks."""
        self._service = service
        self._page = f"/pages/{page}/incidents"
        self._components = components

    def send(self, attempt: Attempt) -> Mapping[str, str]:
        """Create, update or resolve. Raises DeliveryLater, DeliveryRefused."""
        message = attempt.message
        there = attempt.known.get("id") or self._look_up(message)
        if message.act is Act.POSTMORTEM:
            return self._publish(there, message) if there else {}
        body = self._body(message)
        if not there:
            created = self._service.call("POST", self._page, {"incident": body})
            return {"id": str(created["id"])}
        if not (attempt.repeated and self._has(there, body["body"], body["status"])):
            body.pop("metadata")
            self._service.call("PATCH", f"{self._page}/{there}", {"incident": body})
        return {"id": there}

    def _look_up(self, message: Message) -> str:
        """Return the id of the page's incident that is ours; empty if there is none."""
        # Newest first; one that was resolved within minutes is no longer among the unresolved.
        listed = self._service.call("GET", f"{self._page}?limit=100")
        for each in listed if isinstance(listed, list) else ():
            ours = (each.get("metadata") or {}).get(_OURS) or {}
            if ours.get("incident") == message.incident:
                return str(each["id"])
        return ""

    def _has(self, there: str, body: str, status: str) -> bool:
        """Whether the page shows this very update already."""
        shown = self._service.call("GET", f"{self._page}/{there}") or {}
        return any(
            each.get("body") == body and each.get("status") == status
            for each in shown.get("incident_updates", ())
        )

    def _body(self, message: Message) -> dict[str, Any]:
        content = message.content
        body: dict[str, Any] = {
            "name": content.title[:_LONGEST_NAME],
            "status": content.status,
            "impact_override": "critical",
            "body": markup.plain(content.text)[:_LONGEST_BODY],
            "deliver_notifications": not content.drill,
            "metadata": {_OURS: {"incident": message.incident}},
        }
        if self._components and content.effect:  # What nobody knows stays as the page has it.
            body["components"] = dict.fromkeys(self._components, content.effect)
            body["component_ids"] = list(self._components)
        return body

    def _publish(self, there: str, message: Message) -> Mapping[str, str]:
        text = {"postmortem": {"body_draft": message.content.text[:_LONGEST_BODY]}}
        self._service.call("PUT", f"{self._page}/{there}/postmortem", text)
        told = {"postmortem": {"notify_subscribers": not message.content.drill}}
        self._service.call("PUT", f"{self._page}/{there}/postmortem/publish", told)
        return {"id": there}
