"""What of a request is honoured; the rest is refused, never passed over."""

from pydantic import BaseModel

from info_assistant.local_qdrant.faults import NotSupported


def only(model: BaseModel, *supported: str) -> None:
    """Raise NotSupported if a field outside `supported` carries a value."""
    for name in model.model_fields_set.difference(supported):
        if getattr(model, name) is not None:
            raise unsupported(f"field `{name}` of {type(model).__name__}")


def unsupported(what: str) -> NotSupported:
    """Return the error for a part of Qdrant's API that is not here."""
    return NotSupported(
        f"local-qdrant does not implement the {what}. It speaks the part of Qdrant's API that "
        "Information Assistant uses; point QDRANT_URL at a real Qdrant server for the rest."
    )
