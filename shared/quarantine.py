"""Rows of a provider's answer that could not be stored: which and why, counted, never their content."""

from sqlalchemy import text
from sqlalchemy.orm import Session

_NOTE = text("""
    INSERT INTO quarantine AS q (source_id, kind, external_id, reason)
    VALUES (:source, :kind, :external_id, :reason)
    ON CONFLICT (source_id, kind, external_id, reason) DO UPDATE SET seen = q.seen + 1, last_seen_at = clock_timestamp()
""")

LONGEST_REASON = 500


def note(session: Session, source_id: int, *, kind: str, external_id: str | None, reason: str) -> None:
    """Put one row aside; the same row for the same reason is counted, not repeated."""
    session.execute(
        _NOTE,
        {
            "source": source_id,
            "kind": kind,
            "external_id": _printable(external_id or "?")[:255],
            "reason": _printable(reason)[:LONGEST_REASON],
        },
    )


def _printable(words: str) -> str:
    """What is here because it could not be stored must itself be storable."""
    return words.encode("utf-8", "replace").decode().replace("\x00", "�")
