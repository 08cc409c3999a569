"""What one filter lets through of a piece of the log: worked out once for all sockets that stand at the same place."""

from collections.abc import Iterable
from dataclasses import dataclass

from api.peer import text_frame
from api.ring import Entry, Ring
from api.subscription import Filter

CHUNK_BYTES = 48 * 1024
MAX_HELD_BYTES = 4 * 1024 * 1024

# A key, its tuple and its slot, beside the bytes.
OVERHEAD_BYTES = 400


@dataclass(frozen=True, slots=True)
class Portion:
    """The entries that pass, as frames. Only the first one names what came before it, which is each socket's own."""

    cursor: int
    last_pos: int
    first: Entry | None
    rest: bytes

    def frames(self, prev_pos: int) -> bytes:
        """The frames for a subscription whose last position was `prev_pos`."""
        if self.first is None:
            return b""
        return text_frame(self.first.message(prev_pos)) + self.rest


@dataclass(slots=True)
class Place:
    """How far one subscription has come: all events up to `cursor` were looked at, `prev_pos` was the last to pass.

    `is_live` once it reached the head: from then on, falling off the ring means that the client is too slow.
    """

    filter: Filter
    include_backfill: bool
    cursor: int
    prev_pos: int
    is_live: bool = False

    def take(self, entries: Iterable[Entry], max_bytes: int = CHUNK_BYTES) -> bytes:
        """Move over these entries and return the frames of those that pass; stops once `max_bytes` are together."""
        portion = cut(self, entries, max_bytes)
        frames = portion.frames(self.prev_pos)
        self.cursor = portion.cursor
        if frames:
            self.prev_pos = portion.last_pos
        return frames


def cut(place: Place, entries: Iterable[Entry], max_bytes: int = CHUNK_BYTES) -> Portion:
    """What passes of the entries after this place, whatever passed before it; stops at about `max_bytes`."""
    first, rest = None, list[bytes]()
    cursor = last_pos = place.cursor
    size = 0
    for entry in entries:
        cursor = entry.pos
        if (entry.is_backfill and not place.include_backfill) or not place.filter.passes(entry.shown.facts):
            continue
        frame = text_frame(entry.message(last_pos))
        if first is None:
            first = entry
        else:
            rest.append(frame)
        last_pos = entry.pos
        size += len(frame)
        if size >= max_bytes:
            break
    return Portion(cursor, last_pos, first, b"".join(rest))


class Portions:
    """The portions of one ring as it is now, shared by its sockets; forgotten when it grows or they take too much."""

    __slots__ = ("_head", "_held", "_portions", "_ring", "_steps")

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._head = ring.head
        self._held = 0
        self._portions: dict[tuple[object, ...], Portion] = {}
        self._steps: dict[tuple[object, ...], tuple[bytes, int, int]] = {}

    @property
    def held_bytes(self) -> int:
        """About how many bytes of frames are kept: at most MAX_HELD_BYTES and those of one place."""
        return self._held

    def take(self, place: Place) -> bytes:
        """The next frames for whoever stands here, between the ring's floor and its head, and move it on."""
        if self._head != self._ring.head or self._held > MAX_HELD_BYTES:
            self._forget()
        # The filter's bare terms: a tuple is hashed in C, and this runs for every socket at every event.
        key = (place.filter.terms, place.include_backfill, place.cursor, place.prev_pos)
        step = self._steps.get(key)
        if step is None:
            step = self._steps[key] = self._step(place)
        frames, place.cursor, place.prev_pos = step
        return frames

    def _step(self, place: Place) -> tuple[bytes, int, int]:
        """The frames, and where they lead."""
        key = (place.filter.terms, place.include_backfill, place.cursor)
        portion = self._portions.get(key)
        if portion is None:
            entries = self._ring.after(place.cursor)
            portion = self._portions[key] = cut(place, entries)
            self._held += len(portion.rest) + OVERHEAD_BYTES
        frames = portion.frames(place.prev_pos)
        self._held += len(frames) + OVERHEAD_BYTES
        return frames, portion.cursor, portion.last_pos if frames else place.prev_pos

    def _forget(self) -> None:
        self._head, self._held = self._ring.head, 0
        self._portions.clear()
        self._steps.clear()
