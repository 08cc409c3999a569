"""What somebody who wants a silence says, by API or by hand, and the silence it means: pure."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from shared.config.fields import Instant, Seconds, Settings
from shared.config.mistakes import Mistakes
from shared.config.routes import Matchers
from shared.rows import Row
from shared.silences import LONGEST, NewSilence, State, written

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
_LONGEST_SECONDS = LONGEST.total_seconds()
_FARTHEST = timedelta(days=366)


class MistakenSilence(ValueError):
    """A silence that cannot be meant: every mistake with its place."""

    def __init__(self, mistakes: Mistakes) -> None:
        super().__init__("; ".join(f"{path}: {words}" for path, words in mistakes))
        self.mistakes = mistakes


class SilenceEnd(Settings):
    """When a silence ends: at an instant, or so long after it begins or, if it has begun, after now."""

    ends_at: Instant | None = Field(None, description="until this instant")
    duration_seconds: Seconds | None = Field(
        None, ge=1, le=_LONGEST_SECONDS, description='in place of ends_at: so long, as a number or such as "2h"'
    )

    @model_validator(mode="after")
    def _ends_once(self) -> Self:
        if self.ends_at is not None and self.duration_seconds is not None:
            raise ValueError("ends_at and duration_seconds are both given; keep one of them")
        return self

    def end_from(self, begins_at: datetime) -> datetime | None:
        """The end of a silence that begins, or goes on, at this instant; None where neither key was given."""
        if self.duration_seconds is not None:
            return begins_at + timedelta(seconds=self.duration_seconds)
        return self.ends_at


class SilenceRequest(SilenceEnd):
    """A new silence."""

    matchers: Matchers = Field(description="patterns as of a route; all that are given have to fit, one at least")
    reason: Reason = Field(description="why, for those who wonder why nobody was told")
    starts_at: Instant | None = Field(None, description="from this instant on; from now unless said")


class SilenceChange(SilenceEnd):
    """What may change of a silence that is not over."""

    reason: Reason | None = Field(None, description="why")


def new_silence(request: SilenceRequest, author: str, now: datetime) -> NewSilence:
    """The silence that is asked for; raises MistakenSilence with everything that is wrong."""
    begins_at = max(request.starts_at or now, now)
    if begins_at - now > _FARTHEST:
        raise MistakenSilence([("starts_at", f"is too far away; at most {_FARTHEST.days} days from now")])
    ends_at = request.end_from(begins_at)
    mistakes: Mistakes = []
    if not written(request.matchers):
        keys = ", ".join(type(request.matchers).model_fields)
        mistakes.append(("matchers", f"must have at least one of {keys}, or nobody would hear anything"))
    if ends_at is None:
        mistakes.append(("ends_at", 'is missing; give it, or duration_seconds such as "2h"'))
    else:
        mistakes += _wrong_end(begins_at, ends_at)
    if mistakes or ends_at is None:
        raise MistakenSilence(mistakes)
    return NewSilence(
        matchers=request.matchers, reason=request.reason, author=author, starts_at=begins_at, ends_at=ends_at
    )


def changed(silence: Row, change: SilenceChange, now: datetime) -> dict[str, Any]:
    """The new end and reason of a silence that is not over; raises MistakenSilence with everything that is wrong."""
    starts_at = silence["starts_at"]
    begins_at = max(starts_at, now) if isinstance(starts_at, datetime) else now
    ends_at = change.end_from(begins_at)
    mistakes = [] if ends_at is None else _wrong_end(begins_at, ends_at)
    if ends_at is None and change.reason is None:
        mistakes = [("", "give ends_at, duration_seconds or reason: what is to change")]
    if mistakes:
        raise MistakenSilence(mistakes)
    return {"ends_at": ends_at, "reason": change.reason}


def is_over(silence: Row) -> bool:
    """Whether nothing can be changed of it any more."""
    return silence["state"] == State.OVER


def _wrong_end(begins_at: datetime, ends_at: datetime) -> Mistakes:
    if ends_at <= begins_at:
        return [("ends_at", "must be later than now and than starts_at")]
    if ends_at - begins_at > LONGEST:
        return [
            ("ends_at", f"must be at most {LONGEST.days} days later; what is never to be told has no place in a route")
        ]
    return []
