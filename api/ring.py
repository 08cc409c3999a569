"""The newest part of the event log in memory, serialised once, shared by every socket of the process."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from api.subscription import Facts
from shared.models import Event
from shared.queries import Row
from shared.status import FINISHED, Status
from shared.wire import encode

MAX_EVENTS = 10_000
MAX_BYTES = 24 * 1024 * 1024

# Rough weight of an entry beside its bytes: objects, the deque's slot, a share of its subject's dictionary.
OVERHEAD_BYTES = 1_000

Subject = tuple[str, int]
"""What an event is about: its kind and our id of it."""


@dataclass(slots=True)
class Shown:
    """A build or an incident as it stands: its JSON and what filters ask about. All its entries share the newest."""

    json: bytes
    facts: Facts
    subject: Subject | None = None
    entries: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One event, ready to be sent: only `prev_pos` and its subject as it stands are put in at the last moment."""

    pos: int
    is_backfill: bool
    head: bytes
    middle: bytes
    tail: bytes
    shown: Shown

    def message(self, prev_pos: int) -> bytes:
        """The JSON for a subscription whose last position was `prev_pos`."""
        return b"".join((self.head, b"%d" % prev_pos, self.middle, self.shown.json, self.tail))

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes, without what is shown of its subject."""
        return len(self.head) + len(self.middle) + len(self.tail) + OVERHEAD_BYTES


GONE = Shown(b"null", {})
"""For an event whose subject was deleted since."""

NOTHING = Shown(b"", {})
"""For an event about something of which nothing is shown: no filter passes it that asks for anything."""


def show(subject: Subject, row: Row) -> Shown:
    """A build or an incident as the stream shows it."""
    facts = {key: row[key] for key in ("provider", "instance", "project", "repository", "branch", "pipeline_id")}
    if subject[0] == "build":
        facts["build_id"] = row["id"]
    # A copy: orjson leaves its answer in a buffer of 4 KB, and this one is kept.
    return Shown(memoryview(encode(row)).tobytes(), facts, subject)


def make_build_entry(event: Event, row: Row | None, shown: Shown) -> Entry:
    """Serialise an event about a build."""
    about = {
        "subject_kind": event.subject_kind,
        "build_id": event.subject_id,
        "attempt": event.attempt,
        "is_superseded": event.is_superseded,
    }
    return _entry_showing("build", event, "complete" if _is_finished(event, row) else "status", about, shown)


def make_incident_entry(event: Event, shown: Shown) -> Entry:
    """Serialise an event about an incident."""
    about = {"subject_kind": event.subject_kind, "incident_id": event.subject_id}
    return _entry_showing("incident", event, "incident", about, shown)


def make_other_entry(event: Event) -> Entry:
    """Serialise an event about anything else, around the place of `prev_pos`."""
    data = {"from_status": event.from_status, "to_status": event.to_status, "at": event.at} | (event.data or {})
    middle = {"subject_kind": event.subject_kind, "subject_id": event.subject_id, "data": data}
    return Entry(
        pos=event.pos,
        is_backfill=event.is_backfill,
        head=b'{"type":"status","pos":%d,"prev_pos":' % event.pos,
        middle=b"," + encode(middle)[1:],
        tail=b"",
        shown=NOTHING,
    )


def _entry_showing(name: str, event: Event, kind: str, about: dict[str, object], shown: Shown) -> Entry:
    """Serialise an event around the places of `prev_pos` and of its subject, which `data` has under this name."""
    tail = {"from_status": event.from_status, "to_status": event.to_status, "at": event.at}
    return Entry(
        pos=event.pos,
        is_backfill=event.is_backfill,
        head=b'{"type":"%s","pos":%d,"prev_pos":' % (kind.encode(), event.pos),
        middle=b"," + encode(about)[1:-1] + b',"data":{"%s":' % name.encode(),
        tail=b"," + encode(tail)[1:] + b"}",
        shown=shown,
    )


def _is_finished(event: Event, row: Row | None) -> bool:
    """Whether the new status is a finished one; a word nobody has seen is finished if the build says so."""
    if event.to_status is None:
        return False
    if event.to_status != Status.UNKNOWN:
        return event.to_status in FINISHED
    return row is not None and row["attempt"] == event.attempt and row["finished_at"] is not None


def make_entries(events: Iterable[Event], rows: Mapping[Subject, Row]) -> list[Entry]:
    """Entries of a page of the log; entries of the same subject share what is shown of it."""
    shown = {subject: show(subject, row) for subject, row in rows.items()}
    return [_entry_of(event, rows, shown) for event in events]


def _entry_of(event: Event, rows: Mapping[Subject, Row], shown: Mapping[Subject, Shown]) -> Entry:
    subject = (event.subject_kind, event.subject_id)
    match event.subject_kind:
        case "build":
            return make_build_entry(event, rows.get(subject), shown.get(subject, GONE))
        case "incident":
            return make_incident_entry(event, shown.get(subject, GONE))
        case _:
            return make_other_entry(event)


@dataclass(slots=True)
class Ring:
    """The entries after `floor` up to `head`, without a hole: at most MAX_EVENTS and about MAX_BYTES."""

    head: int
    max_events: int = MAX_EVENTS
    max_bytes: int = MAX_BYTES
    bytes_held: int = 0
    _entries: deque[Entry] = field(default_factory=deque)
    _shown: dict[Subject, Shown] = field(default_factory=dict)

    @property
    def floor(self) -> int:
        """The lowest position a subscription can be served from here."""
        return self.head - len(self._entries)

    def append(self, entry: Entry) -> None:
        """Add the event at `head + 1`; the oldest go when there are too many or they are too heavy."""
        if entry.pos != self.head + 1:
            raise ValueError(f"event {entry.pos} cannot follow {self.head}: the log has no holes")
        self._entries.append(self._sharing(entry))
        self.head = entry.pos
        self.bytes_held += entry.weight
        while len(self._entries) > self.max_events or (self.bytes_held > self.max_bytes and len(self._entries) > 1):
            self._forget(self._entries.popleft())

    def after(self, pos: int) -> Iterator[Entry]:
        """The entries after `pos`, which must lie between `floor` and `head`."""
        for place in range(pos - self.floor, len(self._entries)):
            yield self._entries[place]

    def _sharing(self, entry: Entry) -> Entry:
        """Let all entries of this subject show the newest it is known to be."""
        subject = entry.shown.subject
        if subject is None:
            return entry
        shown = self._shown.setdefault(subject, entry.shown)
        self.bytes_held += len(entry.shown.json) - (len(shown.json) if shown.entries else 0)
        shown.json, shown.facts = entry.shown.json, entry.shown.facts
        shown.entries += 1
        if shown is entry.shown:
            return entry
        return replace(entry, shown=shown)

    def _forget(self, entry: Entry) -> None:
        self.bytes_held -= entry.weight
        subject = entry.shown.subject
        if subject is None:
            return
        entry.shown.entries -= 1
        if not entry.shown.entries:
            self.bytes_held -= len(entry.shown.json)
            del self._shown[subject]
