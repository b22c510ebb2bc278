"""Mail by SMTP; a message that is repeated has the same Message-ID."""

import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

from info_assistant.runbooks.errors import DeliveryLater, DeliveryRefused, NotConfigured
from info_assistant.runbooks.outbox.messages import Act, Message
from info_assistant.runbooks.receivers.http import TIMEOUT_S
from info_assistant.runbooks.receivers.port import Attempt
from info_assistant.runbooks.telling import markup


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in; `smtps` speaks TLS at once, `smtp` where the server offers it."""

    host: str
    port: int
    secure: bool
    user: str = ""
    password: str = ""


def mail_server(url: str) -> MailServer:
    """Return the server of smtp://user:password@host:port. Raises NotConfigured."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or port == -1:
        raise NotConfigured("SMTP_URL is no smtp://user:password@host:port.")
    secure = parts.scheme == "smtps"
    port = port or (465 if secure else 587)
    return MailServer(
        parts.hostname, port, secure, unquote(parts.username or ""), unquote(parts.password or "")
    )


class Mail:
    """Writes to the people who are called, and to a list of addresses."""

    name = "mail"
    acts = frozenset({Act.PAGE, Act.BRIEF})

    def __init__(
        self,
        server: MailServer,
        sender: str,
        always: Sequence[str],
        addresses: Callable[[], Mapping[str, str]],
    ) -> None:
        """Write as `sender`, to `always` and to whoever is behind the handles that are called.

        `addresses` returns the address of each handle as of now.
        """
        self._server = server
        self._sender = sender
        self._always = always
        self._addresses = addresses

    def send(self, attempt: Attempt) -> Mapping[str, str]:
        """Hand in one mail. Raises DeliveryLater, DeliveryRefused."""
        mail = self._mail(attempt.message)
        if not mail["To"]:
            return {}
        try:
            self._hand_in(mail)
        except smtplib.SMTPResponseException as error:
            words = f"The mail server answers {error.smtp_code}"
            if 400 <= error.smtp_code < 500:  # noqa: PLR2004  SMTP's "later".
                raise DeliveryLater(words) from error
            raise DeliveryRefused(words) from error
        except smtplib.SMTPRecipientsRefused as error:
            raise DeliveryRefused("The mail server takes none of the addresses.") from error
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryLater(f"The mail server cannot be reached: {error}.") from error
        return {}

    def _hand_in(self, mail: EmailMessage) -> None:
        server = self._server
        context = ssl.create_default_context()
        connection = (
            smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=context)
            if server.secure
            else smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
        )
        with connection:
            connection.ehlo()
            if not server.secure and connection.has_extn("starttls"):
                connection.starttls(context=context)
                connection.ehlo()
            if server.user:
                connection.login(server.user, server.password)
            connection.send_message(mail)

    def _mail(self, message: Message) -> EmailMessage:
        content = message.content
        addresses = self._addresses()
        known = [addresses[each] for each in content.people if each in addresses]
        mail = EmailMessage()
        mail["Message-ID"] = f"<{message.id}@{self._sender.rpartition('@')[2] or 'localhost'}>"
        mail["From"] = self._sender
        mail["To"] = ", ".join(dict.fromkeys([*known, *self._always]))
        mail["Subject"] = " ".join(content.title.split())
        mail["Date"] = formatdate()
        mail["X-Incident"] = message.incident
        mail.set_content(markup.plain(content.text) + "\n")
        return mail
