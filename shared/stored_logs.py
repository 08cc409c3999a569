"""Logs as they are kept: text in blocks compressed each by itself, so that any piece of it can be read alone."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.log_blocks import BLOCK_BYTES, inflate


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLog:
    """A log about to be stored, masked and compressed. `part` is the job's external id, or "~", a number and a name."""

    part: str
    name: str
    place: int
    content: bytes
    block_ends: tuple[int, ...]
    text_bytes: int
    sha256: bytes
    is_complete: bool
    is_truncated: bool
    masked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLog:
    """What is known of a stored log without reading its text."""

    build_id: int
    attempt: int
    part: str
    name: str
    text_bytes: int
    sha256: bytes
    is_complete: bool
    is_truncated: bool
    masked: int


class LogReplaced(Exception):
    """The text that was being read is not there any more: a newer one took its place."""


_STORE = text("""
    INSERT INTO logs (build_id, attempt, part, name, place, content, block_ends, text_bytes, sha256, is_complete,
                      is_truncated, masked)
    VALUES (:build_id, :attempt, :part, :name, :place, :content, :block_ends, :text_bytes, :sha256, :is_complete,
            :is_truncated, :masked)
    ON CONFLICT (build_id, attempt, part) DO UPDATE
    SET name = excluded.name, place = excluded.place, content = excluded.content, block_ends = excluded.block_ends,
        text_bytes = excluded.text_bytes, sha256 = excluded.sha256, is_complete = excluded.is_complete,
        is_truncated = excluded.is_truncated, masked = excluded.masked, stored_at = excluded.stored_at
""")

_LIST = text("""
    SELECT build_id, attempt, part, name, text_bytes, sha256, is_complete, is_truncated, masked FROM logs
    WHERE build_id = :build_id AND attempt = :attempt AND (CAST(:part AS text) IS NULL OR part = :part)
    ORDER BY place, part
""")

# The blocks from number :first to number :last, cut out by the server: the column is stored without compression of its
# own, so nothing else of it is read.
_BLOCKS = text("""
    SELECT substring(content FROM begins + 1 FOR ends - begins) AS content
    FROM (SELECT content, (CASE WHEN :first = 0 THEN 0 ELSE block_ends[:first] END)::int AS begins,
                 block_ends[least(:last + 1, cardinality(block_ends))]::int AS ends
          FROM logs WHERE build_id = :build_id AND attempt = :attempt AND part = :part AND sha256 = :sha256) l
""")


# An attempt's logs go together, and the requests that they answered go with them: one that says "stored" beside half of
# an attempt, or beside nothing, would be believed. An attempt that is being fetched is left alone, and what is locked
# is passed over, so nobody is waited for.
_PURGE = text("""
    WITH old AS (
        SELECT DISTINCT build_id, attempt FROM (
            SELECT l.build_id, l.attempt FROM logs l
            WHERE l.stored_at < now() - make_interval(days => :days) AND NOT EXISTS (
                SELECT FROM log_requests r WHERE r.build_id = l.build_id AND r.attempt = l.attempt
                                             AND r.state IN ('requested', 'fetching'))
            ORDER BY l.stored_at LIMIT :most) found
    ), answered AS (
        SELECT r.id FROM log_requests r JOIN old o ON o.build_id = r.build_id AND o.attempt = r.attempt
        WHERE r.state = 'stored' FOR UPDATE OF r SKIP LOCKED
    ), forgotten AS (
        DELETE FROM log_requests r USING answered a WHERE r.id = a.id
    ), free AS (
        SELECT l.build_id, l.attempt, l.part FROM logs l
        JOIN old o ON o.build_id = l.build_id AND o.attempt = l.attempt FOR UPDATE OF l SKIP LOCKED
    )
    DELETE FROM logs l USING free f WHERE l.build_id = f.build_id AND l.attempt = f.attempt AND l.part = f.part
    RETURNING l.part
""")

_CLEAR = text("DELETE FROM logs WHERE build_id = :build_id AND attempt = :attempt")


def clear(session: Session, build_id: int, attempt: int) -> None:
    """Forget what is kept of an attempt, because all of it follows."""
    session.execute(_CLEAR, {"build_id": build_id, "attempt": attempt})


def store(session: Session, build_id: int, attempt: int, logs: Iterable[NewLog]) -> None:
    """Keep logs of an attempt; one that was kept before is replaced."""
    for log in logs:
        values = {field.name: getattr(log, field.name) for field in fields(log)}
        given = {"build_id": build_id, "attempt": attempt, "block_ends": list(log.block_ends)}
        session.execute(_STORE, values | given)


def purge(session: Session, *, days: int, most: int) -> int:
    """Delete the attempts' logs of which something was stored more than `days` ago, and the requests they answered.

    At most `most` old logs are looked for, and all others of the same attempts go with them. Returns how many were
    deleted. Whoever reads such a log afterwards asks for it anew.
    """
    return len(session.scalars(_PURGE, {"days": days, "most": most}).all())


def list_logs(session: Session, build_id: int, attempt: int, part: str | None = None) -> list[StoredLog]:
    """The logs that are kept of an attempt (or of one part of it), in the order of its jobs."""
    found = session.execute(_LIST, {"build_id": build_id, "attempt": attempt, "part": part})
    return [StoredLog(**row) for row in found.mappings()]


def read_piece(session: Session, log: StoredLog, start: int, end: int) -> bytes:
    """The bytes of the text from `start` to before `end`; raises LogReplaced when a newer text took its place."""
    if start >= end:
        return b""
    first, last = start // BLOCK_BYTES, (end - 1) // BLOCK_BYTES
    given = {"build_id": log.build_id, "attempt": log.attempt, "part": log.part, "sha256": log.sha256}
    blocks = session.scalar(_BLOCKS, given | {"first": first, "last": last})
    if blocks is None:
        raise LogReplaced
    offset = first * BLOCK_BYTES
    return b"".join(inflate(blocks))[start - offset : end - offset]
