"""Settings: defaults, the environment, and words for what cannot be used."""

from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from info_assistant.errors import Misconfigured
from info_assistant.settings import Settings, describe_variables


def test_defaults_are_one_machine(tmp_path: Path) -> None:
    """Unset variables, and those set to nothing, mean everything on this machine."""
    settings = Settings.from_environment({"DATA_DIR": str(tmp_path), "QDRANT_URL": " "})
    assert settings.qdrant_url == "http://127.0.0.1:6333"
    assert settings.backend_url == "http://127.0.0.1:8000"
    assert (settings.backend_port, settings.frontend_port) == (8000, 8080)
    assert settings.blob_url == (tmp_path / "objects").as_uri()
    assert (settings.ingestion_workers, settings.log_level) == (1, "INFO")
    assert settings.qdrant_api_key is None
    assert settings.bind_host == "127.0.0.1"


def test_checkout_keeps_its_data_inside() -> None:
    """In a checkout, data lies in `data` beside the sources, wherever one stands."""
    root = Path(__file__).parents[2]
    assert Settings.from_environment({}).data_dir == root / "data"


def test_backend_url_follows_the_port() -> None:
    """Another BACKEND_PORT moves the default address with it."""
    assert Settings.from_environment({"BACKEND_PORT": "9000"}).backend_url.endswith(":9000")


def test_local_key_is_for_this_machine_only(tmp_path: Path) -> None:
    """The key that `up` made is used for the local Qdrant and never sent elsewhere."""
    (tmp_path / "qdrant-api-key").write_text("local-key\n")
    here = {"DATA_DIR": str(tmp_path)}
    assert Settings.from_environment(here).qdrant_api_key == "local-key"
    away = {**here, "QDRANT_URL": "http://qdrant.example:6333"}
    assert Settings.from_environment(away).qdrant_api_key is None
    given = {**here, "QDRANT_API_KEY": "given"}
    assert Settings.from_environment(given).qdrant_api_key == "given"


def test_secrets_are_not_shown() -> None:
    """The key is not part of how settings print."""
    assert "hunter2" not in repr(Settings.from_environment({"QDRANT_API_KEY": "hunter2"}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKEND_PORT", "0"),
        ("BACKEND_PORT", "65536"),
        ("FRONTEND_PORT", "web"),
        ("BACKEND_PORT", "²"),
        ("QDRANT_URL", "qdrant:6333"),
        ("QDRANT_URL", "http://"),
        ("BACKEND_URL", "http://host:port"),
        ("AUTH", "magic"),
        ("BIND_ADDRESS", "0.0.0.0"),
        ("BIND_ADDRESS", "::"),
        ("BIND_ADDRESS", "example.org"),
        ("OIDC_ISSUER", "http://login.example.org"),
        ("OIDC_ISSUER", "https://user@login.example.org"),
        ("OIDC_ISSUER", "https://login.example.org/?a=b"),
        ("OIDC_ISSUER", "login.example.org"),
        ("FRONTEND_URL", "assistant.example.org"),
        ("MAINTENANCE_MODE", "maybe"),
        ("LLM_PROVIDER", "oracle"),
        ("INGESTION_WORKERS", "-1"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_unusable_value_names_variable_value_and_remedy(name: str, value: str) -> None:
    """Whoever set it wrong reads which variable, which value, and what would do."""
    with pytest.raises(Misconfigured) as caught:
        Settings.from_environment({name: value})
    assert caught.value.message.startswith(f"{name} is set to {value!r}")
    assert len(caught.value.message.split(": ", 1)[1]) > 10


def test_modes_are_read_as_they_are_set() -> None:
    """Only those that are set; in any case; a text as it stands."""
    given = {
        "CACHE_ONLY_MODE": "True",
        "LLM_PROVIDER": "Extractive",
        "MAINTENANCE_MESSAGE": "Soon.",
    }
    assert Settings.from_environment(given).modes == {
        "CACHE_ONLY_MODE": "true",
        "LLM_PROVIDER": "extractive",
        "MAINTENANCE_MESSAGE": "Soon.",
    }
    assert Settings.from_environment({}).modes == {}
    with pytest.raises(Misconfigured, match="500 characters"):
        Settings.from_environment({"MAINTENANCE_MESSAGE": "x" * 501})


def single_fields(group: type) -> Iterator[Field[Any]]:
    """Yield the fields of a group of settings and of the groups in it."""
    for each in fields(group):
        if isinstance(each.type, type) and is_dataclass(each.type):
            yield from single_fields(each.type)
        else:
            yield each


def test_every_setting_is_described() -> None:
    """Each variable says what it means."""
    described = describe_variables()
    declared = list(single_fields(Settings))
    assert all(each.metadata for each in declared)
    assert len(described) == sum(len(each.metadata) for each in declared)
    assert all(name.isupper() and len(text) > 20 for name, text in described.items())


GOOD_SECRET = "8J2-kQv0_pzR4mWn7XyLb3TfHs6GdUaE"
SIGN_IN = {
    "AUTH": "oidc",
    "OIDC_ISSUER": "https://login.example.org/realm/",
    "OIDC_AUDIENCE": "assistant",
}


def test_sign_in_is_read_as_given() -> None:
    """The issuer keeps its slash, claims have their usual names, other addresses may be bound."""
    settings = Settings.from_environment(
        {**SIGN_IN, "BIND_ADDRESS": "0.0.0.0", "SESSION_SECRET": GOOD_SECRET}
    )
    assert (settings.auth, settings.bind_host) == ("oidc", "0.0.0.0")
    assert settings.oidc_issuer == "https://login.example.org/realm/"
    assert (settings.oidc_roles_claim, settings.oidc_groups_claim) == ("roles", "groups")
    assert (settings.oidc_tenant_claim, settings.oidc_client_secret) == ("", None)
    assert settings.frontend_url == "http://127.0.0.1:8080"
    assert GOOD_SECRET not in repr(settings)


def test_an_issuer_on_this_machine_needs_no_tls() -> None:
    """For tests and demonstrations, keys may come over loopback in the clear."""
    issuer = "http://127.0.0.1:9999"
    assert Settings.from_environment({**SIGN_IN, "OIDC_ISSUER": issuer}).oidc_issuer == issuer


@pytest.mark.parametrize("missing", ["OIDC_ISSUER", "OIDC_AUDIENCE"])
def test_sign_in_without_what_it_needs_does_not_start(missing: str) -> None:
    """What is missing for AUTH=oidc is named, with the place that explains it."""
    with pytest.raises(Misconfigured, match=rf"^{missing} is not set.*docs/identity.md"):
        Settings.from_environment({**SIGN_IN, missing: ""})


@pytest.mark.parametrize(
    "value", ["changeme", "Change-Me!!", "secret", "password123", "your-secret-here", "admin"]
)
@pytest.mark.parametrize(
    "name", ["SESSION_SECRET", "OIDC_CLIENT_SECRET", "API_KEY", "QDRANT_API_KEY"]
)
def test_default_secrets_do_not_start(name: str, value: str) -> None:
    """A secret out of an example is refused by name and not repeated; the remedy is a command."""
    with pytest.raises(Misconfigured) as caught:
        Settings.from_environment({name: value})
    assert caught.value.message.startswith(f"{name} is set to a well-known default")
    assert "token_urlsafe(32)" in caught.value.message
    assert repr(value) not in caught.value.message


@pytest.mark.parametrize("value", ["8J2-kQv0_pzR4mWn7XyLb3TfHs6GdUa", "ab" * 40])
def test_short_and_monotonous_session_secrets_do_not_start(value: str) -> None:
    """31 characters are too few, and so are two that repeat."""
    with pytest.raises(Misconfigured, match=r"^SESSION_SECRET is too easy to guess") as caught:
        Settings.from_environment({"SESSION_SECRET": value})
    assert value not in caught.value.message


def test_the_page_needs_what_sign_in_needs() -> None:
    """The web page starts with sign-in only when it can protect cookies and name itself."""
    Settings.from_environment({}).require_page_sign_in()
    keys = Settings.from_environment({"AUTH": "keys"})
    with pytest.raises(Misconfigured, match=r"^SESSION_SECRET is not set"):
        keys.require_page_sign_in()
    protected = {"SESSION_SECRET": GOOD_SECRET}
    Settings.from_environment({"AUTH": "keys", **protected}).require_page_sign_in()
    with pytest.raises(Misconfigured, match=r"^OIDC_CLIENT_ID is not set"):
        Settings.from_environment({**SIGN_IN, **protected}).require_page_sign_in()
    named = {"OIDC_CLIENT_ID": "page"}
    Settings.from_environment({**SIGN_IN, **protected, **named}).require_page_sign_in()


def test_prices_of_models_are_read() -> None:
    """`model=input/output`, comma-separated; `*` is every other model, and names may hold signs."""
    given = {"LLM_PRICES": "gpt-4o-mini=0.15/0.60, org/model=x=1/2 ,*=0/0"}
    assert Settings.from_environment(given).spend.prices == {
        "gpt-4o-mini": (Decimal("0.15"), Decimal("0.60")),
        "org/model=x": (Decimal(1), Decimal(2)),
        "*": (Decimal(0), Decimal(0)),
    }
    assert Settings.from_environment({}).spend.prices == {}


@pytest.mark.parametrize(
    "text", ["m", "m=1", "m=1/", "m=a/b", "=1/2", "m=-1/2", "m=1/NaN", "m=1/1e9"]
)
def test_prices_that_make_no_sense_stop_the_start(text: str) -> None:
    """With the variable and an example."""
    with pytest.raises(Misconfigured, match="LLM_PRICES"):
        Settings.from_environment({"LLM_PRICES": text})
