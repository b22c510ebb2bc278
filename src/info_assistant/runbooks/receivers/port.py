"""What a receiver is to the outbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from info_assistant.runbooks.outbox.messages import Act, Message


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver a message."""

    message: Message
    known: Mapping[str, str]
    """What this receiver calls the incident, from deliveries before."""
    repeated: bool
    """Whether an earlier attempt may have arrived, so that the receiver is asked first."""


class Receiver(Protocol):
    """Somebody who takes messages. Used by one thread at a time."""

    name: str
    acts: frozenset[Act]
    """What it can be asked for."""

    def send(self, attempt: Attempt) -> Mapping[str, str]:
        """Deliver a message and return what is now known of the incident there.

        Raises DeliveryLater, DeliveryRefused.
        """
        ...
