"""What went wrong while collecting, counted by source and kind, with the latest example in words."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.errors import (
    CredentialRefused,
    MalformedPayload,
    NotFound,
    ProviderError,
    RateLimited,
    Unauthorized,
    Unavailable,
    Unprocessable,
)
from shared.freshness import narrowed
from shared.log.redaction import redact
from shared.rows import Row, rows
from shared.scope import Scope

LONGEST_EXAMPLE = 500


class ErrorKind(StrEnum):
    """The words errors are counted under; few and fixed, because every one is a label for ever."""

    RATE_LIMITED = "rate_limited"
    CREDENTIAL_REFUSED = "credential_refused"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not_found"
    UNAVAILABLE = "unavailable"
    UNPROCESSABLE = "unprocessable"
    MALFORMED_PAYLOAD = "malformed_payload"
    SECRET_UNAVAILABLE = "secret_unavailable"  # noqa: S105 (a word, no secret)
    BROKE_OFF = "broke_off"
    QUARANTINED_BUILD = "quarantined_build"
    QUARANTINED_JOB = "quarantined_job"
    QUARANTINED_OTHER = "quarantined_other"
    GIVEN_UP = "given_up"
    OTHER = "other"


# The narrower class stands before the wider one.
_OF_ERRORS: tuple[tuple[type[ProviderError], ErrorKind], ...] = (
    (RateLimited, ErrorKind.RATE_LIMITED),
    (CredentialRefused, ErrorKind.CREDENTIAL_REFUSED),
    (Unauthorized, ErrorKind.UNAUTHORIZED),
    (NotFound, ErrorKind.NOT_FOUND),
    (Unavailable, ErrorKind.UNAVAILABLE),
    (Unprocessable, ErrorKind.UNPROCESSABLE),
    (MalformedPayload, ErrorKind.MALFORMED_PAYLOAD),
)

# A run, a pipeline and a queue item are what GitHub, GitLab and Jenkins call a build.
_OF_ROWS = {
    **dict.fromkeys(("build", "run", "pipeline", "queue item"), ErrorKind.QUARANTINED_BUILD),
    "job": ErrorKind.QUARANTINED_JOB,
    **dict.fromkeys(("open", "attempt", "jobs"), ErrorKind.GIVEN_UP),
}

_NOTE = text("""
    INSERT INTO collector_errors AS e (source_id, kind, example) VALUES (:source, :kind, :example)
    ON CONFLICT (source_id, kind) DO UPDATE
    SET seen = e.seen + 1, example = excluded.example, last_seen_at = clock_timestamp()
""")

# What belongs to no source: a pattern is looked through for all that it finds, so its oldest source stands for it.
_NOTE_ELSEWHERE = text("""
    INSERT INTO collector_errors AS e (source_id, kind, example)
    SELECT s.id, :kind, :example FROM sources s WHERE s.instance_id = :instance
    ORDER BY s.pattern IS NOT DISTINCT FROM :pattern DESC, s.is_active DESC, s.id LIMIT 1
    ON CONFLICT (source_id, kind) DO UPDATE
    SET seen = e.seen + 1, example = excluded.example, last_seen_at = clock_timestamp()
""")

# `place` tells rows of one instant apart, for the pages.
_LIST = """
    SELECT s.id AS source_id, i.provider, i.name AS instance, s.scope, e.kind, e.seen AS count, e.example,
           e.first_seen_at, e.last_seen_at, s.id || '/' || e.kind AS place
    FROM collector_errors e JOIN sources s ON s.id = e.source_id JOIN instances i ON i.id = s.instance_id
    JOIN projects j ON j.id = s.project_id
"""


def kind_of(error: ProviderError) -> ErrorKind:
    """The word an error of a provider is counted under. Pure."""
    return next((kind for error_class, kind in _OF_ERRORS if isinstance(error, error_class)), ErrorKind.OTHER)


def kind_of_row(kind: str) -> ErrorKind:
    """The word a row in quarantine is counted under. Pure."""
    return _OF_ROWS.get(kind, ErrorKind.QUARANTINED_OTHER)


def note(session: Session, source_id: int, kind: ErrorKind, example: str) -> None:
    """Count one error of a source; of the sentences the latest is kept, without what looks like a secret."""
    session.execute(_NOTE, {"source": source_id, "kind": kind, "example": _printable(example)})


def note_elsewhere(
    session: Session, instance_id: int, kind: ErrorKind, example: str, *, pattern: str | None = None
) -> None:
    """Count an error that belongs to no source, with the oldest one that the pattern found, else of the installation.

    An installation that never had a source has nowhere to count it.
    """
    given = {"instance": instance_id, "pattern": pattern, "kind": kind, "example": _printable(example)}
    session.execute(_NOTE_ELSEWHERE, given)


def errors(
    session: Session,
    scope: Scope,
    *,
    limit: int,
    since: datetime | None = None,
    after: tuple[datetime, str] | None = None,
) -> list[Row]:
    """Errors by source and kind, the one seen last first; `since` leaves out what was last seen before.

    `after` is the (last_seen_at, place) of the row before; counts are of all time.
    """
    where, parameters = narrowed(scope)
    conditions = ["e.last_seen_at >= :since"] * (since is not None)
    conditions += ["(e.last_seen_at, s.id || '/' || e.kind) < (:last_seen_at, :place)"] * (after is not None)
    last_seen_at, place = after or (None, None)
    statement = f"""
        {_LIST} WHERE {" AND ".join(["true", *conditions])} {where}
        ORDER BY e.last_seen_at DESC, s.id || '/' || e.kind DESC LIMIT :limit
    """
    given = {"since": since, "last_seen_at": last_seen_at, "place": place, "limit": limit}
    return rows(session, statement, parameters | given)


def _printable(example: str) -> str:
    """A sentence without what looks like a secret, and which Postgres takes."""
    return redact(example).encode("utf-8", "replace").decode().replace("\x00", "�")[:LONGEST_EXAMPLE]
