"""Reads the event log: where it begins and ends, and what comes after a position."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.models import Event, Stream


@dataclass(frozen=True, slots=True)
class Bounds:
    """One life of the log (`epoch`), the lowest position it can be resumed from, and its last position."""

    epoch: UUID
    tail: int
    head: int

    def holds(self, epoch: UUID, since: int) -> bool:
        """Whether a reader that stands at `(epoch, since)` can go on without missing anything."""
        return epoch == self.epoch and self.tail <= since <= self.head


def bounds(session: Session) -> Bounds:
    """The log's bounds now; an empty log begins and ends at 0."""
    first = select(func.min(Event.pos)).scalar_subquery()
    last = select(func.max(Event.pos)).scalar_subquery()
    epoch, tail, head = session.execute(select(Stream.epoch, func.coalesce(first - 1, 0), func.coalesce(last, 0))).one()
    return Bounds(epoch, tail, head)


def read_since(session: Session, pos: int, limit: int) -> Sequence[Event]:
    """The events after `pos` in order, at most `limit`. Positions are dense: the first one is `pos + 1` or missing."""
    return session.scalars(select(Event).where(Event.pos > pos).order_by(Event.pos).limit(limit)).all()
