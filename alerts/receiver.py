"""What a receiver is: something a message is sent to, and the settings that open it."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Protocol

from alerts.message import Message
from shared.config.settings import ReceiverSettings


class Receiver(Protocol):
    """One place messages go to. May be used from several threads."""

    def send(self, message: Message, *, is_possible_repeat: bool) -> None:
        """Hand the message over within 8 s in all, marking it when it may have arrived before.

        Raises RetryLater when it may not have been taken, Rejected when sending it again cannot help; the words of
        neither carry a secret.
        """
        ...


class OpenableSettings(ReceiverSettings):
    """The settings of one receiver that know how to open it; each kind adds its own keys in its own file."""

    @abstractmethod
    def open(self, base_url: str) -> Receiver:
        """The receiver these settings describe; `base_url` is where our own pages are reached."""


def open_receivers(settings: Iterable[ReceiverSettings], base_url: str) -> dict[str, Receiver]:
    """The configured receivers by name."""
    return {each.name: each.open(base_url) for each in settings if isinstance(each, OpenableSettings)}
