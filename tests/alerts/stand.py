"""What the contract test needs of each receiver kind: a real server on loopback, good or bad on demand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from alerts.receiver import Receiver


@dataclass(frozen=True)
class Said:
    """One way the far side answers; `at` is the step where, if the conversation has several and it is not the last."""

    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    at: str = ""


class Stand(Protocol):
    """The far side of one receiver kind; `tests/alerts/receivers/<kind>.py` has one, called `STAND`.

    `later` are answers that pass, `never` those that refuse one message for good (each as many as one send hears, such
    as the refusal of blocks and then of plain text), `gone` those after which nothing can be delivered there any more.
    `pauses` may carry a Retry-After (none where the channel has no such thing), `live` would be more than text in this
    channel.
    """

    secret: str
    later: Sequence[Said]
    never: Sequence[Sequence[Said]]
    gone: Sequence[Said]
    pauses: Sequence[Said]
    live: Sequence[str]

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def receiver(self, deadline_seconds: float | None = None) -> Receiver:
        """The receiver as its settings open it, or with a shorter deadline."""

    def say(self, *answers: Said) -> None:
        """Answer the next requests so, then well again."""

    def hang(self) -> None:
        """Take the next request's bytes and never answer."""

    def drip(self) -> None:
        """Answer the next request a byte at a time, without end."""

    def take_and_reset(self) -> None:
        """Take the next message, then reset the connection instead of answering."""

    @property
    def taken(self) -> Sequence[str]:
        """Everything of each message that was taken, as text."""
