"""E-mail's far side: a real SMTP server with STARTTLS and a login, behind a certificate, with bad habits on demand."""
# ruff: noqa: N802 (aiosmtpd finds its handlers by the names of the commands)

import asyncio
import logging
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from alerts.receivers.smtp import SmtpReceiver, SmtpSettings
from shared.secret import SecretSource
from tests.alerts.stand import Said
from tests.shared.http.stand import CERTIFICATES

BASE_URL = "https://builds.example.com"
CERTIFICATE = CERTIFICATES / "localhost.pem"
USER = "observatory"

# The server is in this process, and at DEBUG it logs every line it hears, the password's too.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)

Habit = Callable[[SMTP], Awaitable[str | None]]


class _Server(SMTP):
    """One connection; the stand says how it behaves."""

    def __init__(self, stand: "SmtpStand", **options: Any) -> None:
        super().__init__(stand, hostname="mail.test", authenticator=stand.authenticate, **options)
        self.stand = stand
        self.refusal: str | None = None

    async def smtp_STARTTLS(self, arg: str) -> None:
        self.stand.steps.append("STARTTLS")
        refusal = self.stand.answer_at("STARTTLS")
        await (self.push(refusal) if refusal else super().smtp_STARTTLS(arg))

    async def smtp_AUTH(self, arg: str) -> None:
        self.stand.steps.append("AUTH")
        self.refusal = self.refusal or self.stand.answer_at("AUTH")  # the same to each mechanism that is tried
        await (self.push(self.refusal) if self.refusal else super().smtp_AUTH(arg))

    async def smtp_QUIT(self, arg: str) -> None:
        self.stand.steps.append("QUIT")
        await super().smtp_QUIT(arg)

    def reset(self) -> None:
        transport: Any = self.transport
        # Lingering for no time at all is what turns the close into a reset.
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()


class SmtpStand:
    """A mail server for everybody who logs in; `security` is what it speaks, as the receiver's settings say it."""

    later: Sequence[Said] = (
        Said(451, "4.3.0 try again"),
        Said(452, "4.2.2 mailbox full", at="RCPT"),
        Said(421, "4.3.2 going down", at="MAIL"),
        Said(450, "4.7.1 greylisted", at="RCPT"),
        Said(454, "TLS not available", at="STARTTLS"),
        Said(502, "what is STARTTLS?", at="STARTTLS"),
        Said(454, "4.7.0 too busy to check", at="AUTH"),
    )
    never: Sequence[Sequence[Said]] = (
        [Said(554, "5.7.1 looks like spam")],
        [Said(553, "5.1.8 no such sender", at="MAIL")],
    )
    gone: Sequence[Said] = (
        Said(550, "5.1.1 no such user", at="RCPT"),
        Said(535, "5.7.8 wrong password", at="AUTH"),
    )
    pauses: Sequence[Said] = ()
    live: Sequence[str] = ("<script", "\nBcc:", '<a href="https://evil', "=?")

    def __init__(self, security: str = "starttls") -> None:
        self.security = security
        self.secret = "canary-Pa55word"
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.were_encrypted: list[bool] = []
        self.steps: list[str] = []
        self.does_offer_starttls = security == "starttls"
        self._said: deque[Said] = deque()
        self._habits: deque[Habit] = deque()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(5)
        self.port: int = self._listening.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(5)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)
            self._loop.close()

    def receiver(self, deadline_seconds: float | None = None, **settings: Any) -> SmtpReceiver:
        told: dict[str, Any] = {
            "host": "localhost",
            "port": self.port,
            "security": self.security,
            "username": USER,
            "password": SecretSource(env="SMTP_PASSWORD", environ={"SMTP_PASSWORD": self.secret}),
            "sender": "builds@example.com",
            "to": ("ops@example.com", "ada@example.com"),
            "ca_file": CERTIFICATE,
        }
        opened = SmtpSettings(kind="smtp", name="mail", **(told | settings)).open(BASE_URL)
        return opened if deadline_seconds is None else SmtpReceiver(opened.settings, BASE_URL, deadline_seconds)

    def say(self, *answers: Said) -> None:
        self._said.extend(answers)

    def hang(self) -> None:
        self._habits.append(self._hang)

    def drip(self) -> None:
        self._habits.append(self._drip)

    def take_and_reset(self) -> None:
        self._habits.append(self._take_and_reset)

    @property
    def taken(self) -> Sequence[str]:
        return [_everything_of(mail) for mail in self.mails]

    def answer_at(self, step: str) -> str | None:
        """What to answer at this step instead of going on."""
        if not self._said or self._said[0].at != step:
            return None
        said = self._said.popleft()
        return f"{said.status} {said.body}".strip()

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, told: Any) -> AuthResult:
        is_right = (told.login, told.password) == (USER.encode(), self.secret.encode())
        return AuthResult(success=is_right, handled=is_right)  # `handled` leaves the refusal's words to the server

    async def handle_MAIL(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _: Any) -> str:
        self.steps.append("MAIL")
        envelope.mail_from = address
        return self.answer_at("MAIL") or "250 OK"

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _: Any) -> str:
        said = self._said[0] if self._said else None
        if said is not None and said.at == "RCPT":
            # For every address, or for the one named.
            only = said.headers.get("only")
            if only in (None, address):
                if only or address == "ada@example.com":
                    self._said.popleft()
                return f"{said.status} {said.body}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: "_Server", session: Session, envelope: Envelope) -> str:
        habit = self._habits.popleft() if self._habits else None
        refusal = self.answer_at("")
        if habit in (self._hang, self._drip) or refusal:
            return (await habit(server) if habit else None) or refusal or "421 gone"
        mail = message_from_bytes(envelope.original_content or b"", policy=default)
        self.mails.append(mail)
        self.envelopes.append(envelope)
        self.were_encrypted.append(session.ssl is not None or self.security == "tls")
        return (await habit(server) if habit else None) or "250 2.0.0 taken"

    async def _hang(self, _server: SMTP) -> str | None:
        await asyncio.sleep(60)
        return None

    async def _drip(self, server: SMTP) -> str | None:
        transport: Any = server.transport
        while not transport.is_closing():
            transport.write(b"250-2.0.0 still thinking\r\n")
            await asyncio.sleep(0.05)
        return None

    async def _take_and_reset(self, server: SMTP) -> str | None:
        assert isinstance(server, _Server)
        server.reset()
        return None

    async def _listen(self) -> asyncio.Server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, CERTIFICATES / "key.pem")
        options: dict[str, Any] = {"auth_require_tls": False} if self.security != "starttls" else {}
        if self.does_offer_starttls:
            options |= {"tls_context": context, "require_starttls": True}

        def connection() -> SMTP:
            return _Server(self, loop=self._loop, **options)

        encrypted = context if self.security == "tls" else None
        return await self._loop.create_server(connection, "127.0.0.1", 0, ssl=encrypted)

    async def _close(self) -> None:
        self._listening.close()
        ours = asyncio.current_task()
        waiting = [task for task in asyncio.all_tasks() if task is not ours]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def _everything_of(mail: EmailMessage) -> str:
    """Headers as a reader shows them, then both parts."""
    headers = [f"{name}: {text}" for name, text in mail.items()]
    parts = [part.get_content() for part in mail.walk() if not part.is_multipart()]
    return "\n".join([*headers, *parts]).replace("\r\n", "\n")


STAND = SmtpStand
