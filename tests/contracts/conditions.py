"""Conditions of Qdrant's filters, in few words."""

from typing import Any

from qdrant_client import models


def field(key: str, **clauses: Any) -> models.FieldCondition:  # noqa: ANN401  (as the model has it)
    """Return a condition on a field."""
    return models.FieldCondition(key=key, **clauses)


def equal(key: str, value: str | int) -> models.FieldCondition:
    """Return the condition that a field has this value."""
    return field(key, match=models.MatchValue(value=value))


def among(key: str, *values: Any) -> models.FieldCondition:  # noqa: ANN401  (texts or integers)
    """Return the condition that a field has one of these values."""
    return field(key, match=models.MatchAny(any=list(values)))
