"""A stand-in for a mail server on loopback: takes mail by SMTP and keeps it."""

import contextlib
import email
import email.policy
import socketserver
import threading
from collections.abc import Iterator
from email.message import EmailMessage


class Mailbox:
    """Takes mail; the next ones are lost after they were taken, or refused, where told so."""

    def __init__(self) -> None:
        """Start listening."""
        self.mails: list[EmailMessage] = []
        self.die_after = 0
        """So many of the next mails are taken without a word in answer."""
        self.fail = 0
        """So many of the next mails are put off with 451."""
        mailbox = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                mailbox.converse(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()
        self.url = f"smtp://127.0.0.1:{self._server.server_address[1]}"

    def converse(self, line: socketserver.StreamRequestHandler) -> None:
        """Speak SMTP with one sender."""
        line.wfile.write(b"220 mailbox\r\n")
        while command := line.rfile.readline().strip().upper():
            if command.startswith(b"DATA"):
                line.wfile.write(b"354 go on\r\n")
                if not self._take(line):
                    return
            elif command.startswith(b"QUIT"):
                line.wfile.write(b"221 bye\r\n")
                return
            else:
                line.wfile.write(b"250 ok\r\n")

    def _take(self, line: socketserver.StreamRequestHandler) -> bool:
        """Take one mail and answer; return whether the conversation goes on."""
        data = b""
        while (part := line.rfile.readline()) not in {b".\r\n", b""}:
            data += part.removeprefix(b".") if part.startswith(b"..") else part
        if self.fail:
            self.fail -= 1
            line.wfile.write(b"451 later\r\n")
            return True
        self.mails.append(email.message_from_bytes(data, policy=email.policy.default))
        if self.die_after:
            self.die_after -= 1
            return False
        line.wfile.write(b"250 taken\r\n")
        return True

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@contextlib.contextmanager
def running_mailbox() -> Iterator[Mailbox]:
    """Run a mailbox for the duration of the context."""
    mailbox = Mailbox()
    try:
        yield mailbox
    finally:
        mailbox.close()
