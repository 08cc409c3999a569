"""What a provider said about a credential: requests left and pauses, by fingerprint, for every process to see."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.http.rate_limit import Budget

ANONYMOUS = "anonymous"

_NOTE = text("""
    INSERT INTO credentials (fingerprint, instance_id, request_limit, remaining, reset_at, updated_at)
    VALUES (:fingerprint, :instance, :limit, :remaining, :reset_at, clock_timestamp())
    ON CONFLICT (fingerprint) DO UPDATE
    SET request_limit = excluded.request_limit, remaining = excluded.remaining, reset_at = excluded.reset_at,
        updated_at = excluded.updated_at, is_rejected = false
""")

_BLOCK = text("""
    INSERT INTO credentials (fingerprint, instance_id, blocked_until, updated_at)
    VALUES (:fingerprint, :instance, :until, clock_timestamp())
    ON CONFLICT (fingerprint) DO UPDATE
    SET blocked_until = greatest(credentials.blocked_until, excluded.blocked_until), updated_at = excluded.updated_at
""")

_REFUSE = text("""
    INSERT INTO credentials (fingerprint, instance_id, blocked_until, is_rejected, updated_at)
    VALUES (:fingerprint, :instance, clock_timestamp() + make_interval(secs => :seconds), true, clock_timestamp())
    ON CONFLICT (fingerprint) DO UPDATE
    SET blocked_until = excluded.blocked_until, is_rejected = true, updated_at = excluded.updated_at
""")

_STANDING = text("""
    SELECT request_limit, remaining, reset_at, blocked_until, is_rejected FROM credentials WHERE fingerprint = :it
""")


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a credential: the budget last told, and until when nobody may use it, for which reason."""

    budget: Budget | None = None
    blocked_until: datetime | None = None
    is_rejected: bool = False

    def resting_until(self, now: datetime) -> datetime | None:
        """When it may be used again; None when now: a pause was asked for, or its last request is spent."""
        if self.blocked_until is not None and self.blocked_until > now:
            return self.blocked_until
        budget = self.budget
        if budget is not None and budget.remaining == 0 and budget.reset_at is not None and budget.reset_at > now:
            return budget.reset_at
        return None


def name_of(instance: str, fingerprint: str | None) -> str:
    """The key of a credential's row: secrets are told apart by fingerprint, their absence by instance."""
    return f"{instance}:{fingerprint or ANONYMOUS}"


def note_budget(session: Session, name: str, instance_id: int, budget: Budget) -> None:
    """Keep what the latest answer said is left."""
    given = {"limit": budget.limit, "remaining": budget.remaining, "reset_at": budget.reset_at}
    session.execute(_NOTE, given | {"fingerprint": name, "instance": instance_id})


def block(session: Session, name: str, instance_id: int, until: datetime) -> None:
    """Let nobody use the credential before `until`: the provider's rate limit says so."""
    session.execute(_BLOCK, {"fingerprint": name, "instance": instance_id, "until": until})


def refuse(session: Session, name: str, instance_id: int, seconds: float) -> None:
    """The provider refused the credential: nobody tries it again for so long, lest it locks us out."""
    session.execute(_REFUSE, {"fingerprint": name, "instance": instance_id, "seconds": seconds})


def standing(session: Session, name: str) -> Standing:
    """How the credential stands; empty when it was never used."""
    row = session.execute(_STANDING, {"it": name}).one_or_none()
    if row is None:
        return Standing()
    budget = None if row.remaining is None else Budget(row.request_limit, row.remaining, row.reset_at)
    return Standing(budget, row.blocked_until, row.is_rejected)
