"""This machine's own names."""

import pytest

from info_assistant.model.loopback import is_loopback


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *[("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True)],
        *[
            ("0.0.0.0", False),
            ("10.0.0.1", False),
            ("::", False),
            ("example.org", False),
            (None, False),
        ],
    ],
)
def test_loopback_is_known_by_every_name(host: str | None, *, expected: bool) -> None:
    """Only addresses that no other machine reaches are loopback."""
    assert is_loopback(host) is expected
