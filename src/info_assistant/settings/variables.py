"""How a setting is declared and described."""

from collections.abc import Mapping


def named(name: str, description: str) -> Mapping[str, str]:
    """Describe the environment variable behind a setting."""
    return {name: description}
