"""Without sign-in, programs on this machine are the operator, and pages of websites are nobody."""

import pytest

from info_assistant.errors import Forbidden
from info_assistant.identity.local_operator import LocalOperatorAuthenticator
from info_assistant.model.identity import LOCAL_OPERATOR
from info_assistant.ports import Credentials


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("", ""),
        ("127.0.0.1:8000", ""),
        ("LOCALHOST:8000", ""),
        ("[::1]:8000", ""),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
    ],
)
async def test_programs_on_this_machine_are_its_operator(host: str, origin: str) -> None:
    """They ask by a name of this machine, or by none; a page of our own may ask too."""
    caller = await LocalOperatorAuthenticator().caller(Credentials(host=host, origin=origin))
    assert caller == LOCAL_OPERATOR


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("evil.example:8000", ""),
        ("127.0.0.1.evil.example", ""),
        ("localhost@evil.example", ""),
        ("[::1", ""),
        ("10.0.0.1", ""),
        ("127.0.0.1:8000", "https://evil.example"),
        ("127.0.0.1:8000", "http://127.0.0.1:3000"),
        ("127.0.0.1:8000", "null"),
    ],
)
async def test_pages_of_websites_are_nobody(host: str, origin: str) -> None:
    """Neither a name turned into our address nor a form sent across sites gets in."""
    with pytest.raises(Forbidden):
        await LocalOperatorAuthenticator().caller(Credentials(host=host, origin=origin))
