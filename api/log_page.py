"""One page of the event log from the database, ready to be sent."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from api.ring import Entry, Subject, make_entries
from shared.event_reader import read_since
from shared.incident_queries import incident_objects
from shared.models import Event
from shared.queries import build_objects
from shared.rows import Row

_READERS = {"build": build_objects, "incident": incident_objects}
"""By kind of subject, what reads the objects with some ids in one statement."""


class LogChanged(Exception):
    """The log does not go on where it should: its old end was dropped, or the database was restored."""


def read_page(session: Session, pos: int, limit: int) -> list[Entry]:
    """The entries after `pos` in order, at most `limit`; raises LogChanged if the next one is not there.

    One statement for the events and one for each kind of subject among them that is shown.
    """
    events = read_since(session, pos, limit)
    entries = make_entries(events, _subjects_of(session, events))
    if entries and entries[0].pos != pos + 1:
        raise LogChanged(f"after position {pos} comes {entries[0].pos}")
    return entries


def _subjects_of(session: Session, events: Sequence[Event]) -> dict[Subject, Row]:
    """Builds and incidents of these events as they stand; what was deleted since is absent."""
    found: dict[Subject, Row] = {}
    for kind, read in _READERS.items():
        ids = {event.subject_id for event in events if event.subject_kind == kind}
        if ids:
            found |= {(kind, subject_id): row for subject_id, row in read(session, ids).items()}
    return found
