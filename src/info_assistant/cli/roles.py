"""The processes of the stack, each run alone: `serve`, `worker`, `frontend`, `local-qdrant`.

`up` starts the same commands; whoever looks at the process list sees the role in the command line.
"""
# ruff: noqa: PLC0415  Each role loads only its own part of the product.

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from info_assistant.cli.local import local_key, make_private
from info_assistant.cli.parentage import with_parent_option
from info_assistant.cli.stack import DEFAULT_QDRANT_PORT
from info_assistant.settings import LOCAL_KEY_NAME, Settings

if TYPE_CHECKING:
    from info_assistant.settings.site import SiteSettings
    from info_assistant.web.rendering import Look
    from info_assistant.web.sign_in import SignInConfig

_LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")


@click.command(short_help="Run the backend alone.")
@with_parent_option
def serve() -> None:
    """Run the backend alone: the API, and the worker that takes documents in.

    \b
    Examples:
      info-assistant serve
      BACKEND_PORT=9000 QDRANT_URL=http://qdrant:6333 info-assistant serve
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.wiring.processes import run_backend

    run_backend(Settings.from_environment())


@click.command(short_help="Take documents in, without an API.")
@with_parent_option
def worker() -> None:
    """Take documents in, beside or instead of the backends: same stores, no API.

    INGESTION_WORKERS says how many documents go in side by side. Probes and metrics are at
    WORKER_PORT.

    \b
    Examples:
      info-assistant worker
      INGESTION_WORKERS=4 BLOB_URL=s3://bucket QDRANT_URL=http://qdrant:6333 info-assistant worker
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.wiring.processes import run_worker

    run_worker(Settings.from_environment())


@click.command(short_help="Run the web page alone.")
@with_parent_option
def frontend() -> None:
    """Run the web page alone; it asks the backend at BACKEND_URL.

    \b
    Examples:
      info-assistant frontend
      FRONTEND_PORT=9090 BACKEND_URL=http://backend:8000 info-assistant frontend
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.observability.log import configure_logging
    from info_assistant.observability.tracing import tracing_of
    from info_assistant.serving import Ending, Place, listen
    from info_assistant.serving import serve as serve_http
    from info_assistant.web.app import create_frontend

    settings = Settings.from_environment()
    sign_in = _sign_in(settings)
    configure_logging(settings.log_level)
    place = Place(settings.bind_host, settings.frontend_port, "web page", "FRONTEND_PORT")
    with listen(place) as listener:
        tracing = tracing_of(settings.otlp_endpoint, "frontend")
        app = create_frontend(
            settings.backend_url,
            allowed_hosts=_hosts(settings),
            sign_in=sign_in,
            look=_look(settings.site),
        )
        served = app if tracing is None else tracing.around(app)
        ending = Ending(settings.drain_delay_s, settings.drain_grace_s)
        serve_http(served, listener, ending, app.state.traffic.drain)


def _sign_in(settings: Settings) -> "SignInConfig | None":
    """Return how people sign in on the page. Raises Misconfigured."""
    from info_assistant.web.provider import OidcClient
    from info_assistant.web.sign_in import SignInConfig

    settings.require_page_sign_in()
    if settings.auth == "none":
        return None
    client = None
    if settings.auth == "oidc":
        client = OidcClient(
            settings.oidc_issuer,
            settings.oidc_client_id,
            settings.oidc_client_secret or "",
            settings.oidc_scopes,
        )
    # On one machine the page has several names, such as localhost, and each has its own cookies.
    public_url = "" if settings.frontend_is_local else settings.frontend_url
    return SignInConfig(settings.session_secret or "", client, public_url)


def _look(site: "SiteSettings") -> "Look":
    """Return how the operator presents the page."""
    from info_assistant.web.brand import Brand
    from info_assistant.web.rendering import Look

    return Look(Brand(site.name, site.colour, site.footer, site.contact, site.statements))


def _hosts(settings: Settings) -> tuple[str, ...]:
    """Return the names under which browsers may ask for the page."""
    return tuple(dict.fromkeys((*_LOCAL_HOSTS, urlsplit(settings.frontend_url).hostname or "")))


@click.command("local-qdrant", short_help="Run the one-machine vector store alone.")
@with_parent_option
def local_qdrant() -> None:
    """Run the one-machine vector store alone: a subset of Qdrant's REST API, on loopback only.

    Its key is QDRANT_API_KEY, or else one that is made once and kept in DATA_DIR.

    \b
    Examples:
      info-assistant local-qdrant
      QDRANT_URL=http://127.0.0.1:7333 info-assistant local-qdrant
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.local_qdrant.server import serve as serve_qdrant
    from info_assistant.observability.log import configure_logging
    from info_assistant.serving import Ending

    settings = Settings.from_environment()
    configure_logging(settings.log_level)
    make_private(settings.data_dir)
    key = settings.qdrant_api_key or local_key(settings.data_dir / LOCAL_KEY_NAME)
    url = urlsplit(settings.qdrant_url)
    host = url.hostname or settings.bind_host
    ending = Ending(settings.drain_delay_s, settings.drain_grace_s)
    port = url.port or DEFAULT_QDRANT_PORT
    serve_qdrant(settings.data_dir / "qdrant", host, port, key, ending)
