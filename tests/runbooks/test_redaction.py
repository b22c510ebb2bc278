"""Secrets never reach the record."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from info_assistant.runbooks.record.redaction import MASK, Redaction

SECRETS = [
    ("curl -H 'Authorization: OAuth abcdef123456' https://a", "abcdef123456"),
    ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("Bearer eyJhbGciOi.J9eyJzdWI.SflKxwRJ", "SflKxwRJ"),
    ("password=tops3cret&x=1", "tops3cret"),
    ('{"api_key": "k-123456"}', "k-123456"),
    ("OPENAI_API_KEY=sk-abcdefghijklmnop", "abcdefghijklmnop"),
    ("redis-cli -h cache -a s3cr3t! ping", "s3cr3t!"),
    ("redis://:s3cr3tpw@cache:6379/0", "s3cr3tpw"),
    ("postgres://app:pw12345@db/x", "pw12345"),
    ("curl -u admin:letmein http://a", "letmein"),
    ("key AKIAABCDEFGHIJKLMNOP used", "AKIAABCDEFGHIJKLMNOP"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIEow"),
    ("the value of hunter22 itself", "hunter22"),
    ("token: abc123xyz", "abc123xyz"),
]
HARMLESS = [
    "kubectl get pods -n pubsec-info-assistant -o wide",
    "kubectl set env deployment/backend LLM_PROVIDER=anthropic",
    "tokens read: 1234, answers: 5",
    "author: ada",
    "https://a.example/path?x=1",
    "HTTP/1.0 200 OK",
    "keyspace_hits:12",
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_secrets_are_masked(text: str, secret: str) -> None:
    """Headers, assignments, options, addresses, known shapes and known values are masked."""
    shown = Redaction(["hunter22"]).text(text)
    assert secret not in shown
    assert MASK in shown


@pytest.mark.parametrize("text", HARMLESS)
def test_the_rest_stays_readable(text: str) -> None:
    """A record in which everything is masked helps nobody."""
    assert Redaction().text(text) == text


def test_values_under_telling_keys_are_masked() -> None:
    """In data the name of a field is enough."""
    data = {"a": [{"api_key": "x y z", "n": 7}], "token_count": 3, "note": "fine"}
    assert Redaction().data(data) == {
        "a": [{"api_key": MASK, "n": 7}], "token_count": 3, "note": "fine",
    }  # fmt: skip


def test_secrets_of_the_environment() -> None:
    """Variables whose names say so are secret by value; short values and other names are not."""
    redaction = Redaction.of_environment(
        {"PAGER_TOKEN": "abcdefgh", "HOME": "/somewhere", "X_KEY": "ab"}
    )
    assert redaction.text("abcdefgh /somewhere ab") == f"{MASK} /somewhere ab"


@given(st.text(max_size=200))
@settings(deadline=None)
def test_masking_twice_changes_nothing_more(text: str) -> None:
    """What was masked stays as it is when it is masked again, as in an export."""
    once = Redaction(["hunter22"]).text(text)
    assert Redaction(["hunter22"]).text(once) == once
