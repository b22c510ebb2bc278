"""An event loop in a thread of its own, beside whatever a drill or a test does."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

_Result = TypeVar("_Result")

PATIENCE_S = 30.0


class LoopThread:
    """Runs coroutines until it is stopped."""

    def __init__(self, name: str) -> None:
        """Start the thread."""
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.loop.run_forever()
        self.loop.run_until_complete(_end_all_others())
        self.loop.close()

    def do(self, work: Coroutine[Any, Any, _Result], within_s: float = PATIENCE_S) -> _Result:
        """Return what a coroutine returns. Raises what it raises, and TimeoutError."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(within_s)

    def start(self, work: Coroutine[Any, Any, None]) -> "Future[None]":
        """Let a coroutine run beside us until it ends or is cancelled."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def stop(self) -> None:
        """Cancel what still runs, and end the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE_S)


async def _end_all_others() -> None:
    """End connections that were being accepted just now, and let go of their sockets."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left)
    await asyncio.sleep(0)
