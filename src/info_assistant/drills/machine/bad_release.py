"""A release of the backend that is broken: it says that it is ready, and answers all else with 500.

`bad_release PARENT PORT` runs it until it is told to end.
"""

import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType

from info_assistant.resilience.parentage import end_with_parent

_PROBES = ("/readyz", "/livez")


class _Broken(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(200 if self.path in _PROBES else 500)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(500)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> None:
    """Answer until told to end."""
    end_with_parent(int(sys.argv[1]))
    signal.signal(signal.SIGTERM, _end)
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), _Broken).serve_forever()


if __name__ == "__main__":
    main()
