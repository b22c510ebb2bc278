"""Settings: defaults, the environment, and words for what cannot be used."""

from pathlib import Path

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
        ("AUTH", "oidc"),
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


def test_every_setting_is_described() -> None:
    """Each variable says what it means."""
    described = describe_variables()
    assert len(described) == 10
    assert all(name.isupper() and len(text) > 20 for name, text in described.items())
