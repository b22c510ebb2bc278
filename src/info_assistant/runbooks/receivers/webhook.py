"""A web address of your own that takes every message; the same message has the same id."""

from collections.abc import Mapping
from dataclasses import asdict

from info_assistant.runbooks.outbox.messages import Act
from info_assistant.runbooks.receivers.http import WebService
from info_assistant.runbooks.receivers.port import Attempt


class Webhook:
    """Sends all there is as JSON: `{id, incident, act, state, title, message, …}`.

    A message that may have arrived is repeated under its id, which is the header Idempotency-Key as
    well. `alert_uid`, `title`, `state` and `message` are the names that OnCall's webhook reads.
    """

    name = "webhook"
    acts = frozenset(Act)

    def __init__(self, service: WebService) -> None:
        """Send to this address."""
        self._service = service

    def send(self, attempt: Attempt) -> Mapping[str, str]:
        """Deliver one message. Raises DeliveryLater, DeliveryRefused."""
        message = attempt.message
        over = message.act is Act.PAGE_OVER or message.content.status == "resolved"
        body = {
            **asdict(message.content),
            "id": message.id,
            "incident": message.incident,
            "alert_uid": message.incident,
            "act": message.act,
            "state": "ok" if over else "alerting",
            "message": message.content.text,
        }
        self._service.call("POST", "", body, {"idempotency-key": message.id})
        return {}
