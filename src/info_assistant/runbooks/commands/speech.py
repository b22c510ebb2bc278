"""What a service that goes on says on stderr: faults come back each second, words do not."""

import threading
import time
from collections.abc import Callable

AGAIN_S = 3600.0
_MOST = 1000


class Speech:
    """Says words; the same ones again only after an hour. May be used by several threads."""

    def __init__(
        self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Pass on what is new to `say`."""
        self._say = say
        self._clock = clock
        self._said: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, words: str) -> None:
        """Say it, unless it was said within the last hour."""
        with self._lock:
            now = self._clock()
            if now - self._said.get(words, float("-inf")) < AGAIN_S:
                return
            if len(self._said) >= _MOST:
                self._said.clear()
            self._said[words] = now
        self._say(words)
