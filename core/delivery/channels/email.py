"""E-mail by SMTP: composed with `emails`, sent over connections that are kept and checked.

An idle connection may have died. That shows while sender and recipient are named, and then another is taken: nothing was
handed over. From DATA on, a lost connection is a failed try and goes through the ordinary retry.
"""

import hashlib
import json
import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.policy import compat32
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from emails.message import Message as Mail

from core.delivery import phrases, rendering
from core.delivery.channel import ACCOUNT_EMAIL, Accepted, Channel, DeliveryFailed
from core.delivery.content import Message, one_line
from core.delivery.providers import Pace
from core.delivery.retry import smtp_status_is_retryable
from core.settings import Settings
from core.words import Priority

SENDGRID = "smtp.sendgrid.net"
UNIQUE_ARG = "doorbell_id"
"""Under this name SendGrid's events carry our Message-ID: not all of them carry its own field for it."""
FAILING = 60.0
"""Seconds for which a server that failed is tried last."""
_OK, _CLOSING = 250, 421
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_ADDRESS = re.compile(r"[^\s<>\",;:@()\[\]\\]{1,64}@[^\s<>\",;:@()\[\]\\]{1,253}")
KEY_HEADER = "X-Doorbell-Idempotency-Key"
_UNFOLDED = compat32.clone(max_line_length=900)
"""A key has no spaces: folded at 78 characters its header would start with an empty line, which few programs read well."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where mail goes out, from DOORBELL_SMTP_URL."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    timeout: float = 8.0
    """Seconds for each step; a dead server must not hold a sender for minutes."""

    @classmethod
    def parse(cls, url: str) -> "Server":
        parts = urlsplit(url)
        return cls(
            scheme=parts.scheme,
            host=parts.hostname or "localhost",
            port=parts.port or _PORTS[parts.scheme],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )


class MaybeTaken(DeliveryFailed):
    """The connection was lost while the mail was handed over: the server may have it."""


class Mailer:
    """Sends messages by one server over pooled connections; `keep` is how many idle ones are held."""

    def __init__(
        self, server: Server, *, mail_from: str, per_second: float = 0.0, keep: int = 4, sendgrid: bool = False
    ) -> None:
        """`sendgrid` adds what its event webhook names a mail by."""
        self._server = server
        self._sendgrid = sendgrid or server.host == SENDGRID
        self._pace = Pace.steady(per_second) if per_second else None
        self._from = parseaddr(mail_from)
        self._keep = keep
        self._idle: list[smtplib.SMTP] = []
        self._lock = threading.Lock()

    @property
    def pace(self) -> Pace | None:
        return self._pace

    def send(self, message: Message) -> Accepted:
        if not is_address(message.to):
            raise DeliveryFailed("the address is not an e-mail address", retryable=False)
        mail = compose(message, mail_from=self._from)
        named = message_id(message.key, domain=_domain(self._from))
        content = mail.as_bytes()
        if self._sendgrid:
            arguments = json.dumps({"unique_args": {UNIQUE_ARG: named}})
            content = f"X-SMTPAPI: {arguments}\r\n".encode() + content
        self._hand_over(content, to=message.to)
        return Accepted(provider_id=named, provider=self._server.host)

    def _hand_over(self, mail: bytes, *, to: str) -> None:
        failed: type[DeliveryFailed] = DeliveryFailed
        try:
            connection = self._begin(to, len(mail))
            failed = MaybeTaken
            try:
                _refuse_unless(smtplib.SMTPDataError, connection.data(mail))
            except BaseException:
                connection.close()
                raise
        except smtplib.SMTPRecipientsRefused as refusal:
            status, text = next(iter(refusal.recipients.values()))
            # A mailbox that is full or slow speaks against nobody else's; 421 is the server on its way down.
            raise _refused(status, text, at_fault=status == 421, answered=_is_about_mailbox(status, text)) from refusal
        except smtplib.SMTPAuthenticationError as refusal:
            # The password may be put right while the message waits: losing it for that would be wrong.
            raise DeliveryFailed(
                f"the mail server refused our sign-in ({refusal.smtp_code})", retryable=True
            ) from refusal
        except smtplib.SMTPResponseException as refusal:
            raise _refused(refusal.smtp_code, refusal.smtp_error) from refusal
        except smtplib.SMTPNotSupportedError as refusal:
            raise DeliveryFailed(one_line(str(refusal)), retryable=False) from refusal
        except ssl.SSLError as error:
            raise failed(f"no secure connection: {one_line(error.reason or str(error))}", retryable=True) from error
        except (OSError, smtplib.SMTPException) as error:
            if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
                raise failed("the mail server did not answer in time", retryable=True) from error
            raise failed(f"no connection to the mail server: {one_line(str(error))}", retryable=True) from error
        with self._lock:
            if len(self._idle) < self._keep:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _begin(self, to: str, size: int) -> smtplib.SMTP:
        """A connection whose server has accepted sender and recipient; the mail itself is all that is left."""
        while True:
            with self._lock:
                idle = self._idle.pop() if self._idle else None
            connection = idle or _connect(self._server)
            try:
                options = [f"size={size}"] if connection.has_extn("size") else []
                if not to.isascii():  # RFC 6531
                    if not connection.has_extn("smtputf8"):
                        raise DeliveryFailed(
                            "the mail server takes no address with letters like these", retryable=False
                        )
                    options.append("SMTPUTF8")
                _refuse_unless(smtplib.SMTPSenderRefused, connection.mail(self._from[1], options), self._from[1])
                code, said = connection.rcpt(to)
                if code not in (250, 251):
                    raise smtplib.SMTPRecipientsRefused({to: (code, said)})
            except BaseException as error:
                connection.close()
                if idle is None or not _had_died(error):
                    raise
            else:
                return connection


class Chain:
    """Several servers, tried in order: the next one only where the one before surely did not take the mail.

    One that fails is tried last for a minute, so that a dead server does not cost every mail its timeout.
    """

    def __init__(self, mailers: Sequence[Mailer], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._mailers = mailers
        self._clock = clock
        self._failing: dict[int, float] = {}
        """Place in the order to when it counts as well again."""

    @property
    def pace(self) -> Pace | None:
        return self._mailers[0].pace

    def send(self, message: Message) -> Accepted:
        now = self._clock()
        failures: list[DeliveryFailed] = []
        for place in sorted(range(len(self._mailers)), key=lambda one: self._failing.get(one, 0.0) > now):
            try:
                accepted = self._mailers[place].send(message)
            except DeliveryFailed as failure:
                if failure.provider_at_fault:
                    self._failing[place] = self._clock() + FAILING
                if isinstance(failure, MaybeTaken):
                    raise
                failures.append(failure)
            else:
                self._failing.pop(place, None)
                return accepted
        raise next((one for one in failures if one.retryable), failures[0])

    def close(self) -> None:
        for mailer in self._mailers:
            mailer.close()


def is_address(text: str) -> bool:
    return _ADDRESS.fullmatch(text) is not None


def compose(message: Message, *, mail_from: tuple[str, str]) -> Mail:
    """The mail: HTML and text, headers that cannot be broken out of, a Message-ID that stays the same over retries."""
    domain = _domain(mail_from)
    headers = {KEY_HEADER: message.key, "Auto-Submitted": "auto-generated"}
    if message.story:
        headers["References"] = f"<alert.{message.story.alert_id}@{domain}>"  # one thread an alert in the mail program
    if message.priority == Priority.CRITICAL:
        headers |= {"X-Priority": "1", "Importance": "high"}
    if message.unsubscribe:
        headers["List-Unsubscribe"] = f"<{message.unsubscribe}>"
        if message.unsubscribe.startswith("https:"):  # RFC 8058, section 3.1: one click is for https only
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    said = parts(message)
    mail = Mail(
        subject=said["subject"],
        mail_from=mail_from,
        mail_to=(message.recipient_name, message.to),
        message_id=message_id(message.key, domain=domain),
        headers=headers,
        html=said["html"],
        text=said["text"],
    )
    setattr(mail, "policy", _UNFOLDED)  # noqa: B010  the library declares it None
    return mail


def parts(message: Message) -> dict[str, str]:
    form = _form(message)
    return {
        "subject": subject(message),
        "html": render(f"{form}.html.j2", message),
        "text": render(f"{form}.txt.j2", message),
    }


def subject(message: Message) -> str:
    """As in "Critical: Rosa Diaz is likely to sell (now yours)"."""
    story, said = message.story, message.title
    if story is not None and story.alert_type:
        news = phrases.what(story.alert_type, story.contact, type_name=story.type_name, language=message.language)
        said = phrases.subject(message.kind, news, language=message.language)
    return one_line(f"{phrases.priority(message.priority, language=message.language)}: {said}", 220)


def render(template: str, message: Message) -> str:
    return rendering.render(template, language=message.language, message=message, story=message.story)


def _form(message: Message) -> str:
    if message.items:
        return "digest"
    return "alert" if message.story else "notice"


def message_id(key: str, *, domain: str) -> str:
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{domain}>"


def _domain(mail_from: tuple[str, str]) -> str:
    return mail_from[1].rpartition("@")[2] or "localhost"


def _refuse_unless(refusal: type[smtplib.SMTPResponseException], answer: tuple[int, bytes], *more: str) -> None:
    if answer[0] != _OK:
        raise refusal(*answer, *more)


def _had_died(error: BaseException) -> bool:
    """Whether a connection was closed while it was idle, or closes at its first word (421)."""
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code == _CLOSING
    return isinstance(error, smtplib.SMTPServerDisconnected) and not isinstance(error.__context__, TimeoutError)


def _refused(status: int, text: bytes | str, *, at_fault: bool | None = None, answered: bool = False) -> DeliveryFailed:
    said = one_line(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)
    return DeliveryFailed(
        f"the mail server said {status} {said}".strip(),
        retryable=smtp_status_is_retryable(status),
        provider_at_fault=at_fault,
        answered=answered,
    )


def _is_about_mailbox(status: int, text: bytes | str) -> bool:
    """Whether a refused recipient is all that is wrong. Not with 421 (on its way down), 53z (sign in first) and 5.7.z (RFC
    3463: we may not send by this server), which every other message would hear too."""
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return status != 421 and status // 10 != 53 and not re.match(r"[45]\.7\.", said)


def _connect(server: Server) -> smtplib.SMTP:
    """A connection, ready to send. TLS is verified; a password never goes in the clear to a server that offers TLS."""
    name = socket.gethostname()
    if server.scheme == "smtps":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, local_hostname=name, timeout=server.timeout, context=ssl.create_default_context()
        )
    else:
        connection = smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=server.timeout)
    try:
        connection.ehlo_or_helo_if_needed()
        if server.scheme == "smtp+starttls" or (
            server.scheme == "smtp" and server.user and connection.has_extn("starttls")
        ):
            connection.starttls(context=ssl.create_default_context())
            connection.ehlo()
        if server.user:
            connection.login(server.user, server.password)
    except BaseException:
        connection.close()
        raise
    return connection


def _open(settings: Settings) -> Chain | None:
    urls = settings.smtp_url.get_secret_value().split()
    if not urls:
        return None
    return Chain(
        [
            Mailer(
                Server.parse(url),
                mail_from=settings.mail_from,
                per_second=settings.email_per_second,
                sendgrid=bool(settings.sendgrid_webhook_key),
            )
            for url in urls
        ]
    )


CHANNEL = Channel(
    name="email",
    label="e-mail",
    setup="Set DOORBELL_SMTP_URL, as in smtp+starttls://user:password@smtp.example.com:587, and DOORBELL_MAIL_FROM.",
    priorities=frozenset({Priority.CRITICAL, Priority.HIGH}),
    address=ACCOUNT_EMAIL,
    open=_open,
    preview=parts,
)
