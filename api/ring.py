"""The newest part of the event log in memory, serialised once, shared by every socket of the process."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from api.subscription import Facts
from shared.models import Event
from shared.queries import Row
from shared.status import FINISHED, Status
from shared.wire import encode

MAX_EVENTS = 10_000
MAX_BYTES = 24 * 1024 * 1024

# Rough weight of an entry beside its bytes: objects, the deque's slot, a share of the build's dictionary.
OVERHEAD_BYTES = 1_000


@dataclass(slots=True)
class ShownBuild:
    """A build as it stands: its JSON and what filters ask about. All entries of one build share the newest."""

    json: bytes
    facts: Facts
    entries: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One event, ready to be sent: only `prev_pos` and the build as it stands are put in at the last moment."""

    pos: int
    is_backfill: bool
    head: bytes
    middle: bytes
    tail: bytes
    build: ShownBuild

    def message(self, prev_pos: int) -> bytes:
        """The JSON for a subscription whose last position was `prev_pos`."""
        return b"".join((self.head, b"%d" % prev_pos, self.middle, self.build.json, self.tail))

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes, without its build."""
        return len(self.head) + len(self.middle) + len(self.tail) + OVERHEAD_BYTES


NO_BUILD = ShownBuild(b"null", {})
"""For an event whose build was deleted since."""

NOT_A_BUILD = ShownBuild(b"", {})
"""For an event that is about something else: it shows none, and no filter passes it that asks for anything."""


def show(build: Row) -> ShownBuild:
    """A build object as the stream shows it."""
    facts = {key: build[key] for key in ("provider", "instance", "project", "repository", "branch", "pipeline_id")}
    # A copy: orjson leaves its answer in a buffer of 4 KB, and this one is kept.
    json = memoryview(encode(build)).tobytes()
    return ShownBuild(json, {**facts, "build_id": build["id"]})


def make_entry(event: Event, row: Row | None, build: ShownBuild) -> Entry:
    """Serialise an event about a build around the places of `prev_pos` and of the build."""
    kind = "complete" if _is_finished(event, row) else "status"
    middle = {
        "subject_kind": event.subject_kind,
        "build_id": event.subject_id,
        "attempt": event.attempt,
        "is_superseded": event.is_superseded,
    }
    tail = {"from_status": event.from_status, "to_status": event.to_status, "at": event.at}
    return Entry(
        pos=event.pos,
        is_backfill=event.is_backfill,
        head=b'{"type":"%s","pos":%d,"prev_pos":' % (kind.encode(), event.pos),
        middle=b"," + encode(middle)[1:-1] + b',"data":{"build":',
        tail=b"," + encode(tail)[1:] + b"}",
        build=build,
    )


def make_other_entry(event: Event) -> Entry:
    """Serialise an event that is not about a build, around the place of `prev_pos`."""
    data = {"from_status": event.from_status, "to_status": event.to_status, "at": event.at} | (event.data or {})
    middle = {"subject_kind": event.subject_kind, "subject_id": event.subject_id, "data": data}
    return Entry(
        pos=event.pos,
        is_backfill=event.is_backfill,
        head=b'{"type":"status","pos":%d,"prev_pos":' % event.pos,
        middle=b"," + encode(middle)[1:],
        tail=b"",
        build=NOT_A_BUILD,
    )


def _is_finished(event: Event, row: Row | None) -> bool:
    """Whether the new status is a finished one; a word nobody has seen is finished if the build says so."""
    if event.to_status is None:
        return False
    if event.to_status != Status.UNKNOWN:
        return event.to_status in FINISHED
    return row is not None and row["attempt"] == event.attempt and row["finished_at"] is not None


def make_entries(events: Iterable[Event], rows: Mapping[int, Row]) -> list[Entry]:
    """Entries of a page of the log; entries of the same build share what is shown of it."""
    shown = {build_id: show(row) for build_id, row in rows.items()}
    entries = []
    for event in events:
        if event.subject_kind == "build":
            build = shown.get(event.subject_id, NO_BUILD)
            entries.append(make_entry(event, rows.get(event.subject_id), build))
        else:
            entries.append(make_other_entry(event))
    return entries


@dataclass(slots=True)
class Ring:
    """The entries after `floor` up to `head`, without a hole: at most MAX_EVENTS and about MAX_BYTES."""

    head: int
    max_events: int = MAX_EVENTS
    max_bytes: int = MAX_BYTES
    bytes_held: int = 0
    _entries: deque[Entry] = field(default_factory=deque)
    _builds: dict[object, ShownBuild] = field(default_factory=dict)

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
        """Let all entries of this build show the newest it is known to be."""
        build_id = entry.build.facts.get("build_id")
        if build_id is None:
            return entry
        shown = self._builds.setdefault(build_id, entry.build)
        self.bytes_held += len(entry.build.json) - (len(shown.json) if shown.entries else 0)
        shown.json, shown.facts = entry.build.json, entry.build.facts
        shown.entries += 1
        if shown is entry.build:
            return entry
        return Entry(entry.pos, entry.is_backfill, entry.head, entry.middle, entry.tail, shown)

    def _forget(self, entry: Entry) -> None:
        self.bytes_held -= entry.weight
        build_id = entry.build.facts.get("build_id")
        if build_id is None:
            return
        entry.build.entries -= 1
        if not entry.build.entries:
            self.bytes_held -= len(entry.build.json)
            del self._builds[build_id]
