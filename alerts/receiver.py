"""What a receiver is: something a message is sent to, and the settings that open it."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Protocol

from alerts.notice import Notice
from shared.config.settings import ReceiverSettings

Reference = Mapping[str, str]
"""A receiver's own name for a conversation, such as Slack's channel and timestamp."""


class Receiver(Protocol):
    """One place messages go to. May be used from several threads."""

    @property
    def has_threads(self) -> bool:
        """Whether it keeps conversations: news about incidents told together before goes below that message."""
        ...

    def send(self, notice: Notice, *, is_possible_repeat: bool, thread: Reference | None = None) -> Reference | None:
        """Hand the notice over within 8 s in all, marking it when it may have arrived before.

        With `thread` it is a reply, and `notice.board` is what the conversation's first message says from now on.
        Returns what to call the conversation that this message began, None where there is no such thing.

        Raises RetryLater when it may not have been taken, Rejected when sending this message again cannot help,
        ReceiverGone when no message can be delivered there any more; the words of none carry a secret.
        """
        ...


class OpenableSettings(ReceiverSettings):
    """The settings of one receiver that know how to open it; each kind adds its own keys in its own file."""

    @abstractmethod
    def open(self, base_url: str) -> Receiver:
        """The receiver these settings describe; `base_url` is where our own pages are reached."""
