"""The process: binds the port, runs the application until a signal, leaves everything on disk."""

import logging
from pathlib import Path

from info_assistant.errors import Misconfigured
from info_assistant.local_qdrant.app import create_app
from info_assistant.local_qdrant.directory import Directory
from info_assistant.model.loopback import is_loopback
from info_assistant.resilience.garbage import set_aside_what_stays
from info_assistant.serving import Ending, Place, listen
from info_assistant.serving import serve as serve_http

_LOG = logging.getLogger(__name__)


def serve(
    directory: Path, host: str, port: int, api_key: str | None, ending: Ending | None = None
) -> None:
    """Serve the folder `directory` until SIGTERM or SIGINT, then return.

    Requests in flight are finished, changes flushed and files closed before this returns. Raises
    Misconfigured if the address is not of this machine, the port is taken or another process holds
    the folder; StoredDataInvalid if the folder's catalogue cannot be read.
    """
    if not is_loopback(host):
        raise Misconfigured(
            f"local-qdrant serves this machine only and cannot listen on {host}. Use 127.0.0.1, or "
            "a real Qdrant server if other machines need it."
        )
    with listen(Place(host, port, "local vector store", "QDRANT_URL")) as listener:
        app = create_app(Directory.open(directory), api_key)
        set_aside_what_stays()
        _LOG.info("local-qdrant listens on %s:%d", host, port)
        serve_http(app, listener, ending)
