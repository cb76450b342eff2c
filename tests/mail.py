"""A real SMTP server on loopback that keeps what it got and can be told to misbehave."""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class MailServer:
    """What it got, and how it answers: `rcpt` and `data` are SMTP replies, `hang` and `reset` name the step."""

    port: int = 0
    rcpt: str = "250 OK"
    answer: str = "250 OK"
    hang: str = ""
    reset: str = ""
    utf8: bool = True
    """Whether it takes addresses with letters beyond ASCII (SMTPUTF8)."""
    per_connection: int = 0
    """Mails after which a connection is ended at the next one's first word; 0: never."""
    ends_with: str = "421 Too many for one connection"
    """Its last word; empty: none."""
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    connections: int = 0
    by_connection: Counter[object] = field(default_factory=Counter)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._misbehave(server, "mail")
        if self.per_connection and self.by_connection[session.peer] >= self.per_connection:
            if self.ends_with:
                return self.ends_with
            assert server.transport is not None
            server.transport.abort()  # type: ignore[attr-defined]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._misbehave(server, "rcpt")
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await self._misbehave(server, "data")
        if self.answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            mail = message_from_bytes(content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
            self.by_connection[session.peer] += 1
            self.recipients += envelope.rcpt_tos
        return self.answer

    async def _misbehave(self, server: SMTP, step: str) -> None:
        if self.hang == step:
            await asyncio.Event().wait()
        if self.reset == step:
            assert server.transport is not None
            server.transport.abort()  # type: ignore[attr-defined]
            await asyncio.Event().wait()

    def keys(self) -> list[str]:
        return [mail["X-Doorbell-Idempotency-Key"] for mail in self.mails]


@contextlib.contextmanager
def serving(server: MailServer | None = None) -> Iterator[MailServer]:
    """Run it for the length of the block, on a free port."""
    server = server or MailServer()
    server.port = server.port or free_port()
    controller = Controller(server, hostname="127.0.0.1", port=server.port, enable_SMTPUTF8=server.utf8)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
