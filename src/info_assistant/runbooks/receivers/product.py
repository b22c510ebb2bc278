"""The product itself: its banner and its page /status tell readers what is wrong."""

from collections.abc import Mapping

from info_assistant.runbooks.outbox.messages import Act
from info_assistant.runbooks.receivers.http import WebService
from info_assistant.runbooks.receivers.port import Attempt
from info_assistant.runbooks.telling import markup

_LONGEST_ID, _LONGEST_TITLE, _LONGEST_TEXT = 64, 200, 2000


class Product:
    """`PUT /v1/admin/incidents` of the backend; a repeated one changes nothing."""

    name = "product"
    acts = frozenset({Act.STATE})

    def __init__(self, service: WebService) -> None:
        """Tell this backend."""
        self._service = service

    def send(self, attempt: Attempt) -> Mapping[str, str]:
        """Tell readers where the incident stands. Raises DeliveryLater, DeliveryRefused."""
        content = attempt.message.content
        body = {
            "id": attempt.message.incident[:_LONGEST_ID],
            "title": content.title[:_LONGEST_TITLE],
            "status": content.status,
            "message": markup.plain(content.text)[:_LONGEST_TEXT],
            "started_at": content.started,
        }
        self._service.call("PUT", "/v1/admin/incidents", body)
        return {}
