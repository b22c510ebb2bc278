"""The only place where ports meet adapters."""

from info_assistant.wiring.application import Application, build
from info_assistant.wiring.processes import (
    administration,
    create_backend,
    inspect,
    run_backend,
    run_conversation_lists,
    run_rebuild,
    run_redis_rebuild,
    run_reindex,
    run_worker,
)

__all__ = [
    "Application",
    "administration",
    "build",
    "create_backend",
    "inspect",
    "run_backend",
    "run_conversation_lists",
    "run_rebuild",
    "run_redis_rebuild",
    "run_reindex",
    "run_worker",
]
