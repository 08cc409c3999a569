"""E-mail: where the mail server is, how a message is handed to it, what each of its answers means."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from smtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
)
from ssl import SSLContext
from typing import ClassVar, NoReturn

import httpcore
import structlog
from pydantic import Field, ValidationInfo, field_validator

from alerts.message import is_link, one_line
from alerts.notice import Notice
from alerts.receiver import OpenableSettings, Reference
from alerts.receivers.smtp_message import Letterhead, render
from alerts.receivers.smtp_wire import connected, encrypt
from shared.clock import utc_now
from shared.errors import CannotStart, ReceiverGone, Rejected, RetryLater
from shared.http.deadline import DeadlinePassedError, deadline
from shared.http.trust import trusted
from shared.log.redaction import redact
from shared.secret import SecretSource, SecretUnavailable

log = structlog.get_logger()

DEADLINE_SECONDS = 8.0
"""For one message, from the name's resolution to the server's yes."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=.{{3,254}}$){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|[0-9A-Fa-f:.]+")


class Security(StrEnum):
    """How the connection is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


class SmtpSettings(OpenableSettings):
    """`[[receivers]] kind = "smtp"`: some addresses, by one mail server."""

    host: str = Field(description="the name of the mail server, as its certificate has it")
    security: Security = Field(
        Security.STARTTLS, description="starttls and tls never send anything in the clear; none encrypts nothing"
    )
    port: int = Field(
        default_factory=lambda known: _PORTS[known.get("security", Security.STARTTLS)],
        ge=1,
        le=65_535,
        description="its port: 587 for starttls, 465 for tls, 25 for none",
    )
    username: str | None = Field(None, min_length=1, description="who logs in; none for a server that wants no login")
    password: SecretSource = Field(
        default_factory=SecretSource, validate_default=True, description="the password of `username`"
    )
    sender: str = Field(description="the address that messages come from")
    to: tuple[str, ...] = Field(min_length=1, max_length=100, description="the addresses that messages go to")
    ca_file: Path | None = Field(
        None, description="certificates (PEM) of a private authority, believed besides the well-known ones"
    )
    unsubscribe: str | None = Field(
        None,
        max_length=500,
        description="where mail programs ask to hear no more: a mailto: or https: address (https: is called by POST, "
        "without a question); none writes to `sender`",
    )

    @field_validator("host")
    @classmethod
    def _is_host(cls, value: str) -> str:
        if not _HOST.fullmatch(value):
            raise ValueError(
                f'"{one_line(value, 80)}" is no name of a host; write it like "smtp.example.com", and the port as port'
            )
        return value

    @field_validator("sender")
    @classmethod
    def _is_address(cls, value: str) -> str:
        return _address(value)

    @field_validator("to")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_address(each) for each in value)

    @field_validator("password")
    @classmethod
    def _logs_in_wholly_and_unheard(cls, value: SecretSource, info: ValidationInfo) -> SecretSource:
        has_password, known = value != SecretSource(), info.data
        if has_password != (known.get("username") is not None):
            raise ValueError("username and password_env (or password_file) belong together; set both or neither")
        if has_password and known.get("security") is Security.NONE and not _is_loopback(known.get("host", "")):
            raise ValueError('would be sent in the clear by security = "none"; set "starttls" or "tls"')
        return value

    @field_validator("unsubscribe")
    @classmethod
    def _is_way_out(cls, value: str | None) -> str | None:
        if value is not None and not _is_mailto(value) and not (value.startswith("https:") and is_link(value)):
            raise ValueError(
                f'"{one_line(value, 80)}" is no place to unsubscribe at; write it like '
                f'"mailto:builds@example.com?subject=unsubscribe" or "https://lists.example.com/unsubscribe"'
            )
        return value

    def open(self, base_url: str) -> "SmtpReceiver":
        """The receiver for these addresses."""
        return SmtpReceiver(self, base_url)


@dataclass(frozen=True, slots=True)
class SmtpReceiver:
    """Hands one e-mail for all addresses to one mail server, over a connection of its own."""

    has_threads: ClassVar[bool] = False  # mail finds together by its headers, and nothing has to be kept for it

    settings: SmtpSettings
    base_url: str
    deadline_seconds: float = DEADLINE_SECONDS
    clock: Callable[[], datetime] = field(default=utc_now, repr=False)

    def send(self, notice: Notice, *, is_possible_repeat: bool, thread: Reference | None = None) -> None:  # noqa: ARG002
        """Send the message; once the server has said yes to all of it, nothing can make it fail any more."""
        own = self.settings
        head = Letterhead(sender=own.sender, to=own.to, name=own.name, unsubscribe=own.unsubscribe)
        mail = render(notice, self.base_url, head, self.clock(), is_repeat=is_possible_repeat)
        try:
            with deadline(self.deadline_seconds):
                self._hand_over(mail.as_bytes())
        except SMTPException as error:
            _judge(error, self._server)
        except DeadlinePassedError:
            raise RetryLater(f"{self._server} did not take the message within {self.deadline_seconds:.1f} s") from None
        except (SecretUnavailable, CannotStart) as error:
            raise RetryLater(str(error)) from None
        except (httpcore.NetworkError, httpcore.TimeoutException, OSError) as error:
            raise RetryLater(f"{self._server} {_wire_words(error)}") from None

    def _hand_over(self, content: bytes) -> None:
        settings = self.settings
        # Read before the server is asked for anything, and anew each time: a rotated password needs no restart.
        password = settings.password.read()
        tls = None if settings.security is Security.NONE else trusted(settings.ca_file)
        with connected(settings.host, settings.port, tls if settings.security is Security.TLS else None) as server:
            if settings.security is Security.STARTTLS and tls is not None:
                self._encrypt(server, tls)
            if password is not None:
                self._log_in(server, password.get_secret_value())
            refused = server.sendmail(settings.sender, settings.to, content)
            _say_goodbye(server)
        if refused:
            reasons = {address: _said(*answer) for address, answer in refused.items()}
            log.warning("refused_addresses", receiver=settings.name, addresses=reasons)

    def _encrypt(self, server: SMTP, tls: SSLContext) -> None:
        try:
            encrypt(server, self.settings.host, tls)
        except (SMTPNotSupportedError, SMTPResponseException) as error:
            code = f" ({error.smtp_code})" if isinstance(error, SMTPResponseException) else ""
            raise RetryLater(
                f"{self._server} will not encrypt by STARTTLS{code}, and nothing is sent in the clear; check host and "
                f'port, or set security = "tls" if it is encrypted from the start'
            ) from None

    def _log_in(self, server: SMTP, password: str) -> None:
        try:
            server.login(self.settings.username or "", password)
        except UnicodeEncodeError:
            words = "the user name or the password has letters that no login by SMTP can carry"
            raise ReceiverGone(words) from None
        except (SMTPResponseException, SMTPServerDisconnected):
            raise
        except SMTPException:
            raise RetryLater(f"{self._server} offers no login that we know; check port and security") from None

    @property
    def _server(self) -> str:
        return f"{self.settings.host}:{self.settings.port}"


def _say_goodbye(server: SMTP) -> None:
    """Without waiting for an answer: the message is the server's now, whatever becomes of the connection."""
    with suppress(SMTPException, httpcore.NetworkError, httpcore.TimeoutException, DeadlinePassedError, OSError):
        server.putcmd("QUIT")


def _judge(error: SMTPException, server: str) -> NoReturn:
    """What becomes of the message, from what the mail server said: 5xx is final, everything else may pass.

    A refused login and addresses that are all refused end more than this message: the next one would fare no better.
    """
    if isinstance(error, SMTPServerDisconnected):
        raise RetryLater(f"{server} hung up before it said whether it took the message") from None
    if isinstance(error, SMTPRecipientsRefused):
        answers = error.recipients.values()
        words = f"{server} takes mail for none of the addresses: {', '.join({_said(*answer) for answer in answers})}"
        raise (ReceiverGone if _all_final(code for code, _ in answers) else RetryLater)(words) from None
    if isinstance(error, SMTPAuthenticationError):
        # Its words may repeat what was sent to it, encoded.
        words = f"{server} refused the login ({error.smtp_code}); check username and the password"
        raise (ReceiverGone if _all_final([error.smtp_code]) else RetryLater)(words) from None
    if isinstance(error, SMTPResponseException) and isinstance(error.smtp_error, bytes):
        words = f"{server} answered {_said(error.smtp_code, error.smtp_error)}"
        raise (Rejected if _all_final([error.smtp_code]) else RetryLater)(words) from None
    # smtplib's own words, such as for a line without end, are text; a server's are bytes.
    raise RetryLater(f"{server} does not talk like a mail server; check host and port") from None


def _all_final(codes: Iterable[int]) -> bool:
    return all(500 <= code < 600 for code in codes)


def _said(code: int, words: bytes) -> str:
    """An answer on one short line, secrets masked."""
    return redact(f"{code} {one_line(words.decode('utf-8', 'replace'), 200)}".strip())


def _wire_words(error: Exception) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return (
            f"has a certificate that is not trusted ({one_line(str(error), 200)}); host must be the name in it, and if "
            f"your company signs its own, set ca_file to its authority"
        )
    if "WRONG_VERSION_NUMBER" in str(error):
        return 'does not speak TLS from the start; check the port, or set security = "starttls"'
    return f"could not be reached or hung up ({type(error).__name__}); check host and port"


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError(
            f'"{one_line(value, 80)}" is no plain address; write it like "builds@example.com", without a name'
        )
    return value


def _is_mailto(value: str) -> bool:
    scheme, _, rest = value.partition(":")
    is_plain = re.fullmatch(r"[!-;=?-~]+", value) is not None
    return is_plain and scheme == "mailto" and _ADDRESS.fullmatch(rest.partition("?")[0]) is not None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
