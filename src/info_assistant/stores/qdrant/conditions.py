"""Conditions of Qdrant's filters that several of our requests make."""

from qdrant_client.http import models


def equals(key: str, value: str | int) -> models.FieldCondition:
    """Return the condition that a field has this value."""
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))
