"""One page of the event log from the database, ready to be sent."""

from sqlalchemy.orm import Session

from api.ring import Entry, make_entries
from shared.event_reader import read_since
from shared.queries import build_objects


class LogChanged(Exception):
    """The log does not go on where it should: its old end was dropped, or the database was restored."""


def read_page(session: Session, pos: int, limit: int) -> list[Entry]:
    """The entries after `pos` in order, at most `limit`; raises LogChanged if the next one is not there."""
    events = read_since(session, pos, limit)
    rows = build_objects(session, (event.subject_id for event in events if event.subject_kind == "build"))
    entries = make_entries(events, rows)
    if entries and entries[0].pos != pos + 1:
        raise LogChanged(f"after position {pos} comes {entries[0].pos}")
    return entries
