"""Every error that the incident engine raises on purpose; a tree of its own, as it stands alone.

EngineError
├── RunbookUnreadable      the file is missing, or is no text
├── RecordError            the record of an incident cannot be used
│   ├── NoSuchIncident     … because there is none of that name
│   ├── RecordBroken       … because it is not what was written
│   └── RecordBusy         … because another process writes it right now
├── NotAllowed             the incident, or the runbook, is in no state for that
├── NotConfigured          a setting of the incident service cannot be used
├── NotDelivered           a message did not reach its receiver
│   ├── DeliveryLater      … it may on another attempt, after some time
│   └── DeliveryRefused    … the receiver does not want it as it is
├── DiagnosisUnreadable    a record of what a diagnosis saw is none
└── StepRefused            a step does not run: unresolved, not confirmed, contradictory
"""


class EngineError(Exception):
    """Root of the tree. The message says what happened, what it means and what to do."""

    def __init__(self, message: str) -> None:
        """Carry a message for the person on call."""
        super().__init__(message)
        self.message = message


class RunbookUnreadable(EngineError):
    """The runbook's file is missing, or is no text."""


class RecordError(EngineError):
    """The record of an incident cannot be used."""


class NoSuchIncident(RecordError):
    """There is no record of an incident of that name."""


class RecordBroken(RecordError):
    """The record is not what was written: edited, cut short, or mixed up."""


class RecordBusy(RecordError):
    """Another process writes this record right now."""


class NotAllowed(EngineError):
    """The incident, or the runbook, is in no state for that."""


class StepRefused(EngineError):
    """A step does not run: a value is missing, nobody agreed to it, or it would do harm."""


class DiagnosisUnreadable(EngineError):
    """What is to be judged is no record of what a diagnosis saw."""


class NotConfigured(EngineError):
    """A setting of the incident service, or its file of people, cannot be used."""


class NotDelivered(EngineError):
    """A message did not reach its receiver, or nobody knows whether it did."""


class DeliveryLater(NotDelivered):
    """Another attempt may succeed. `after_s` is what the receiver asks to wait, if it does."""

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        """Carry the reason and the seconds to wait at least."""
        super().__init__(message)
        self.after_s = after_s


class DeliveryRefused(NotDelivered):
    """The receiver does not want the message as it is; the setting or the text is wrong."""
