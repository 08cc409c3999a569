"""Everything that apprise can reach (github.com/caronc/apprise): one of its addresses, in plain text."""

import re
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from alerts.notice import Notice
from alerts.receiver import OpenableSettings, Reference
from alerts.receivers.apprise_process import ask, ask_once
from alerts.receivers.apprise_worker import NOT_UNDERSTOOD, SENT
from alerts.receivers.plain_text import as_text, titled
from shared.errors import ReceiverGone, RetryLater

DEADLINE_SECONDS = 8.0
"""For one message, from the start of its process to apprise's yes."""

# What services read as "wake everybody" when it stands in plain text; Slack and Discord write theirs with a `<`.
_MENTION = re.compile(r"@(?=(?:everyone|channel|here|all|group|room)\b)|<(?=[!@#])", re.IGNORECASE)


class AppriseSettings(OpenableSettings):
    """`[[receivers]] kind = "apprise"`: one address as apprise writes them."""

    url: SecretStr = Field(description="the address as apprise writes it, such as `tgram://token/chat`")

    @field_validator("url")
    @classmethod
    def _is_known(cls, value: SecretStr) -> SecretStr:
        if find_spec("apprise") is None:
            raise ValueError("needs apprise, which is not installed: pip install 'build-observatory[apprise]'")
        if ask_once({"url": value.get_secret_value()}, DEADLINE_SECONDS) == NOT_UNDERSTOOD:
            raise ValueError(
                "is no address that apprise understands; https://appriseit.com/services/ shows how each service's "
                "is written"
            )
        return value

    def open(self, base_url: str) -> "AppriseReceiver":
        """The receiver for this address."""
        return AppriseReceiver(self.url, base_url)


@dataclass(frozen=True, slots=True)
class AppriseReceiver:
    """Hands each message to apprise, which runs in a process of its own that is killed at the deadline."""

    has_threads: ClassVar[bool] = False

    url: SecretStr
    base_url: str
    deadline_seconds: float = DEADLINE_SECONDS

    def send(self, notice: Notice, *, is_possible_repeat: bool, thread: Reference | None = None) -> None:  # noqa: ARG002
        """Send title and text. Apprise says yes or no and never why, so every no is worth another try."""
        told = {
            "url": self.url.get_secret_value(),
            "title": _inert(titled(notice, is_possible_repeat=is_possible_repeat)),
            "body": _inert(as_text(notice, self.base_url)) or notice.title,
            "tone": str(notice.tone),
        }
        word = ask(told, self.deadline_seconds)
        if word == SENT:
            return
        if word == NOT_UNDERSTOOD:
            raise ReceiverGone("apprise does not understand url any more; check it")
        if word is None:
            raise RetryLater(f"{self._service} did not take the message within {self.deadline_seconds:.1f} s")
        raise RetryLater(f"{self._service} did not take the message, and apprise tells no reason; check url")

    @property
    def _service(self) -> str:
        """The kind of service; what follows it in the address is secret."""
        return f"{urlsplit(self.url.get_secret_value()).scheme} by apprise"


def _inert(text: str) -> str:
    return _MENTION.sub(lambda found: f"{found.group()}\u200b", text)
