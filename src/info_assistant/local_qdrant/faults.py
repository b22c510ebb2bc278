"""Errors of the local server beyond the product's common ones, and their HTTP status."""

from info_assistant.errors import (
    Conflict,
    DeadlineExceeded,
    InfoAssistantError,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    StoredDataInvalid,
)


class NotSupported(InvalidRequest):
    """The real server may do this; the local one does not, and says so instead of guessing."""

    code = "not_supported"


class EngineFailed(InfoAssistantError):
    """The engine gave up for a reason that the caller cannot mend."""

    code = "engine_failed"


class DiskFull(EngineFailed):
    """There is too little room for the engine, which must not meet a full disk.

    It writes through memory maps, and a page that finds no room ends the whole process.
    """

    code = "disk_full"


# The first class that fits decides, so that special cases stand before their parents.
_STATUSES: tuple[tuple[type[InfoAssistantError], int], ...] = (
    (NotSupported, 501),
    (PayloadTooLarge, 413),
    (InvalidRequest, 400),
    (NotFound, 404),
    (Conflict, 409),
    (DeadlineExceeded, 408),
    (StoredDataInvalid, 500),
)


def status_of(error: InfoAssistantError) -> int:
    """Return the HTTP status that a Qdrant server answers such an error with."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
