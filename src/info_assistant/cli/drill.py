"""`drill`: stand-ins for what surrounds the product, for demonstrations on one machine."""
# ruff: noqa: PLC0415  Each drill loads only its own stand-in.

import secrets
import signal
import threading
from types import FrameType

import click

from info_assistant.errors import Misconfigured

ISSUER_PORT = 8090
"""Where the identity provider listens unless told otherwise."""


@click.group(short_help="Run stand-ins for demonstrations, such as an identity provider.")
def drill() -> None:
    """Run stand-ins for what surrounds the product, for demonstrations on one machine.

    \b
    Examples:
      info-assistant drill issuer
    """  # noqa: D301  For click, the mark keeps the lines.


@drill.command(short_help="Run an identity provider with invented people.")
@click.option("--port", default=ISSUER_PORT, show_default=True, help="Where it listens.")
def issuer(port: int) -> None:
    """Run an OpenID Connect provider with invented people, on loopback, without passwords.

    Prints the settings with which the product lets those people sign in.

    \b
    Examples:
      info-assistant drill issuer
      info-assistant drill issuer --port 9090
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.drills.issuer import running_issuer

    over = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        over.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        with running_issuer(port=port) as running:
            click.echo(_settings(running.url, running.tokens.audience, running.client.id))
            over.wait()
    except OSError as error:
        raise Misconfigured(
            f"The identity provider cannot listen on port {port} ({error.strerror}). Stop what "
            "uses that port, or choose another with --port."
        ) from error


def _settings(url: str, audience: str, client_id: str) -> str:
    """Return the lines to put before `info-assistant up`."""
    return "\n".join(
        (
            f"An identity provider with invented people answers at {url}. Press Ctrl-C to stop.",
            "In another terminal, set these and start the product:",
            "",
            "export AUTH=oidc",
            f"export OIDC_ISSUER={url}",
            f"export OIDC_AUDIENCE={audience}",
            f"export OIDC_CLIENT_ID={client_id}",
            f"export SESSION_SECRET={secrets.token_urlsafe(48)}",
            "export API_KEY=$(info-assistant keys create --role operator --name me)",
            "info-assistant up",
        )
    )
