"""What the web page's process makes of the settings."""

from pathlib import Path

import pytest

from info_assistant.cli.roles import _hosts, _sign_in
from info_assistant.errors import Misconfigured
from info_assistant.settings import Settings

SECRET = "a-long-secret-of-many-characters-0123456789"
OIDC = {
    "AUTH": "oidc",
    "OIDC_ISSUER": "https://login.example/realm",
    "OIDC_AUDIENCE": "assistant",
    "OIDC_CLIENT_ID": "page",
    "SESSION_SECRET": SECRET,
}


def settings(tmp_path: Path, **given: str) -> Settings:
    """Return the settings of this environment."""
    return Settings.from_environment({"DATA_DIR": str(tmp_path)} | given)


def test_nobody_signs_in_without_auth(tmp_path: Path) -> None:
    """AUTH=none: no sign-in, and only this machine's names, which foreign websites cannot take."""
    plain = settings(tmp_path)

    assert _sign_in(plain) is None
    assert _hosts(plain) == ("127.0.0.1", "localhost", "[::1]")


def test_page_signs_in_as_the_settings_say(tmp_path: Path) -> None:
    """AUTH=oidc: issuer, client, scopes and the public address arrive; secrets are not printed."""
    given = settings(
        tmp_path,
        **OIDC,
        OIDC_CLIENT_SECRET="hush-hush-hush",
        OIDC_SCOPES="openid api://assistant/.default",
        FRONTEND_URL="https://ask.example/",
    )
    found = _sign_in(given)

    assert found is not None
    assert found.oidc is not None
    assert found.oidc.issuer == "https://login.example/realm"
    assert found.oidc.client_id == "page"
    assert found.oidc.scopes == "openid api://assistant/.default"
    assert found.public_url == "https://ask.example"
    assert found.is_secure
    assert "hush" not in repr(found)
    assert SECRET not in repr(found)
    assert _hosts(given)[-1] == "ask.example"


def test_page_takes_keys_where_there_is_no_provider(tmp_path: Path) -> None:
    """AUTH=keys: no provider; on one machine the page goes by the name that the browser uses."""
    found = _sign_in(settings(tmp_path, AUTH="keys", SESSION_SECRET=SECRET))

    assert found is not None
    assert found.oidc is None
    assert found.public_url == ""
    assert not found.is_secure


@pytest.mark.parametrize("missing", ["SESSION_SECRET", "OIDC_CLIENT_ID"])
def test_page_does_not_start_half_set_up(tmp_path: Path, missing: str) -> None:
    """What signing in needs and is not there is named before anything is served."""
    given = {name: value for name, value in OIDC.items() if name != missing}
    with pytest.raises(Misconfigured, match=missing):
        _sign_in(settings(tmp_path, **given))
