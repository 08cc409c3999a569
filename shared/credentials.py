"""What a provider said about a credential: requests left and pauses, by fingerprint, for every process to see."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.rate_limit import Budget

ANONYMOUS = "anonymous"

_NOTE = text("""
    INSERT INTO credentials (fingerprint, instance_id, request_limit, remaining, reset_at, updated_at)
    VALUES (:fingerprint, :instance, :limit, :remaining, :reset_at, clock_timestamp())
    ON CONFLICT (fingerprint) DO UPDATE
    SET request_limit = excluded.request_limit, remaining = excluded.remaining, reset_at = excluded.reset_at,
        updated_at = excluded.updated_at, is_rejected = false
""")

_BLOCK = text("""
    INSERT INTO credentials (fingerprint, instance_id, blocked_until, is_rejected, updated_at)
    VALUES (:fingerprint, :instance, :until, :is_rejected, clock_timestamp())
    ON CONFLICT (fingerprint) DO UPDATE
    SET blocked_until = greatest(credentials.blocked_until, excluded.blocked_until),
        is_rejected = excluded.is_rejected, updated_at = excluded.updated_at
""")

_STANDING = text("SELECT request_limit, remaining, reset_at, blocked_until FROM credentials WHERE fingerprint = :it")


def name_of(instance: str, fingerprint: str | None) -> str:
    """The key of a credential's row: secrets are told apart by fingerprint, their absence by instance."""
    return f"{instance}:{fingerprint or ANONYMOUS}"


def note_budget(session: Session, name: str, instance_id: int, budget: Budget) -> None:
    """Keep what the latest answer said is left."""
    given = {"limit": budget.limit, "remaining": budget.remaining, "reset_at": budget.reset_at}
    session.execute(_NOTE, given | {"fingerprint": name, "instance": instance_id})


def block(session: Session, name: str, instance_id: int, until: datetime, *, is_rejected: bool = False) -> None:
    """Let nobody use the credential before `until`: it is rate limited, or (`is_rejected`) was refused."""
    given = {"fingerprint": name, "instance": instance_id, "until": until, "is_rejected": is_rejected}
    session.execute(_BLOCK, given)


def standing(session: Session, name: str) -> tuple[Budget | None, datetime | None]:
    """The budget last told (None when never) and the instant before which the credential must rest."""
    row = session.execute(_STANDING, {"it": name}).one_or_none()
    if row is None:
        return None, None
    budget = None if row.remaining is None else Budget(row.request_limit, row.remaining, row.reset_at)
    return budget, row.blocked_until
