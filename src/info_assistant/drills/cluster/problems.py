"""What the API server refuses, in the words and codes of Kubernetes."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from info_assistant.drills.cluster.kinds import Kind


class Refused(Exception):
    """A request that ends with a `Status` of failure."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        about: tuple[Kind | None, str] = (None, ""),
        causes: Sequence[dict[str, str]] = (),
    ) -> None:
        """Refuse with an HTTP code, Kubernetes's word for it, and words for people."""
        super().__init__(message)
        self.code = int(code)
        self.reason = reason
        self._about = about
        self._causes = tuple(causes)

    @property
    def status(self) -> dict[str, Any]:
        """The reply's body."""
        kind, name = self._about
        details: dict[str, Any] = {"name": name} if name else {}
        if kind is not None:
            details |= {"kind": kind.plural, "group": kind.group}
        if self._causes:
            details["causes"] = list(self._causes)
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(self),
            "reason": self.reason,
            "details": details,
            "code": self.code,
        }


def not_found(kind: Kind, name: str) -> Refused:
    """Return what is said of a name that nothing has."""
    return Refused(
        HTTPStatus.NOT_FOUND, "NotFound", f'{kind.qualified} "{name}" not found', (kind, name)
    )


def no_such_path() -> Refused:
    """Return what is said of an address that is not served."""
    return Refused(
        HTTPStatus.NOT_FOUND, "NotFound", "the server could not find the requested resource"
    )


def already_exists(kind: Kind, name: str) -> Refused:
    """Return what is said of a name that is taken."""
    return Refused(
        HTTPStatus.CONFLICT,
        "AlreadyExists",
        f'{kind.qualified} "{name}" already exists',
        (kind, name),
    )


def conflict(kind: Kind, name: str, why: str = "") -> Refused:
    """Return what is said of a change that rests on an old version."""
    why = why or (
        "the object has been modified; please apply your changes to the latest version and try "
        "again"
    )
    return Refused(
        HTTPStatus.CONFLICT,
        "Conflict",
        f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}',
        (kind, name),
    )


def invalid(
    kind: Kind, name: str, field: str, why: str, reason: str = "FieldValueInvalid"
) -> Refused:
    """Return what is said of a value that cannot be."""
    full = f"{kind.name}.{kind.group}" if kind.group else kind.name
    return Refused(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Invalid",
        f'{full} "{name}" is invalid: {field}: {why}',
        (kind, name),
        [{"reason": reason, "message": why, "field": field}],
    )


def bad_request(message: str) -> Refused:
    """Return what is said of a request that cannot be understood."""
    return Refused(HTTPStatus.BAD_REQUEST, "BadRequest", message)
