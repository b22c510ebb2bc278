"""The least that a FastAPI application can do for a question: read it, and send as much JSON back.

Started as `python -m benchmarks.harness.bare_server PORT FILE`; FILE holds the body of each answer.
Served as the product serves itself.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response

from info_assistant.api.wire import QueryRequest
from info_assistant.resilience.parentage import end_with_parent
from info_assistant.serving import Place, listen, serve


def create(body: bytes) -> FastAPI:
    """Return the application: at one address answers as values, at the other as ready bytes."""
    app = FastAPI(openapi_url=None, telemetry={"tracing": False, "metrics": False})
    values: dict[str, Any] = json.loads(body)

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/v1/query")
    async def from_values(asked: QueryRequest) -> dict[str, Any]:
        return {**values, "id": asked.question}

    @app.post("/ready-made")
    async def ready_made(asked: QueryRequest) -> Response:
        del asked
        return Response(body, media_type="application/json")

    return app


def main() -> None:
    """Serve until told to end."""
    end_with_parent(os.getppid())
    port, body = int(sys.argv[1]), Path(sys.argv[2]).read_bytes()
    with listen(Place("127.0.0.1", port, "bare server", "PORT")) as listener:
        serve(create(body), listener)


if __name__ == "__main__":
    main()
