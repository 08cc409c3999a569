"""What a webhook asks of us, whichever provider sent it: a build it tells, one to fetch, a branch that moved."""

from dataclasses import dataclass, field
from datetime import datetime

from shared.branches import BranchChange
from shared.observation import Observation


@dataclass(frozen=True, slots=True)
class Subject:
    """Which source a webhook is about: by the provider's own id, else by the first of the scopes that is watched."""

    scopes: tuple[str, ...]
    external_id: str | None = None

    @property
    def name(self) -> str:
        """What to call it in words."""
        return self.scopes[0] if self.scopes else f"id {self.external_id}"


@dataclass(frozen=True, slots=True)
class Told:
    """A build as the provider saw it, complete enough to be recorded as it is."""

    subject: Subject
    build: Observation
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Fetch:
    """A build to fetch by id, because the webhook does not say enough to be believed.

    `is_over` is what the webhook thinks of it, None where it only speaks of a part of it.
    """

    subject: Subject
    external_id: str
    at: datetime | None
    is_over: bool | None = None


@dataclass(frozen=True, slots=True)
class LookSoon:
    """A part of a build changed: its source is polled at once if we do not know the build yet."""

    subject: Subject
    external_id: str
    attempt: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Moved:
    """A branch was pushed, made or deleted."""

    subject: Subject
    change: BranchChange = field(repr=False)

    @property
    def at(self) -> datetime:
        return self.change.at


@dataclass(frozen=True, slots=True)
class Nothing:
    """Not for us, and why."""

    reason: str


Task = Told | Fetch | LookSoon | Moved | Nothing
