"""PagerDuty's Events API v2: calls people; its own key makes a repeated event harmless."""

from collections.abc import Mapping
from typing import Any

from info_assistant.runbooks.outbox.messages import Act, Message
from info_assistant.runbooks.receivers.http import WebService
from info_assistant.runbooks.receivers.port import Attempt
from info_assistant.runbooks.telling import markup

EVENTS = "https://events.pagerduty.com"
_ACTIONS = {Act.PAGE: "trigger", Act.PAGE_TAKEN: "acknowledge", Act.PAGE_OVER: "resolve"}
_LONGEST_KEY, _LONGEST_SUMMARY = 255, 1024


class PagerDuty:
    """Services of PagerDuty, one a handle where they are told apart."""

    name = "pagerduty"
    acts = frozenset(_ACTIONS)

    def __init__(self, service: WebService, routing: Mapping[str, str]) -> None:
        """Send by the routing key of each handle; the empty handle's is for all others."""
        self._service = service
        self._routing = routing

    def send(self, attempt: Attempt) -> Mapping[str, str]:
        """Trigger, acknowledge or resolve. Raises DeliveryLater, DeliveryRefused."""
        message = attempt.message
        people = message.content.people
        if message.act is Act.PAGE:
            routes = {self._route(each) for each in people} or {self._routing[""]}
            calls = [(message.content.page, route) for route in sorted(routes)]
        else:  # Every call that was made for the incident is answered, or over.
            routes = set(self._routing.values())
            calls = [(page, route) for page in people for route in sorted(routes)]
        for page, route in calls:
            self._service.call("POST", "/v2/enqueue", self._event(message, page, route))
        return {}

    def _route(self, handle: str) -> str:
        return self._routing.get(handle) or self._routing[""]

    def _event(self, message: Message, page: str, route: str) -> dict[str, Any]:
        content = message.content
        event: dict[str, Any] = {
            "routing_key": route,
            "event_action": _ACTIONS[message.act],
            "dedup_key": f"{message.incident}/{page}"[:_LONGEST_KEY],
        }
        if message.act is Act.PAGE:
            event["payload"] = {
                "summary": content.title[:_LONGEST_SUMMARY],
                "source": "info-assistant incident",
                "severity": "info" if content.drill else "critical",
                "custom_details": {
                    "incident": message.incident,
                    "text": markup.plain(content.text),
                    "people": ", ".join(content.people),
                },
            }
        return event
