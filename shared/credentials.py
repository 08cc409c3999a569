"""What a provider said about a credential: requests left and pauses, by fingerprint, for every process to see."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.errors import LeaseLost
from shared.http.rate_limit import Budget
from shared.rows import rows

ANONYMOUS = "anonymous"
LEASE_SECONDS = 60

_UNTOLD_SECONDS = 60
_LONGEST_UNTOLD_SECONDS = 3600
_REPEATED_SECONDS = 600

_NOTE = text("""
    INSERT INTO credentials (fingerprint, instance_id, request_limit, remaining, reset_at, window_seconds, updated_at)
    VALUES (:fingerprint, :instance, :limit, :remaining, :reset_at, :window, clock_timestamp())
    ON CONFLICT (fingerprint) DO UPDATE
    SET request_limit = excluded.request_limit, remaining = excluded.remaining, reset_at = excluded.reset_at,
        window_seconds = excluded.window_seconds, updated_at = excluded.updated_at, is_rejected = false
""")

_BLOCK = text("""
    INSERT INTO credentials (fingerprint, instance_id, blocked_until, updated_at)
    VALUES (:fingerprint, :instance, :until, clock_timestamp())
    ON CONFLICT (fingerprint) DO UPDATE
    SET blocked_until = greatest(credentials.blocked_until, excluded.blocked_until), updated_at = excluded.updated_at
""")

# Nobody said how long: a minute, and twice as long each time that it happens again soon after the last pause. A second
# poll that met the same refusal while the pause already holds does not count as another one.
_BLOCK_LONGER = text(f"""
    INSERT INTO credentials (fingerprint, instance_id, blocked_until, strikes, updated_at)
    VALUES (:fingerprint, :instance, clock_timestamp() + interval '{_UNTOLD_SECONDS} seconds', 1, clock_timestamp())
    ON CONFLICT (fingerprint) DO UPDATE
    SET (strikes, blocked_until) = (
            SELECT s.strikes, clock_timestamp() + make_interval(
                secs => least({_LONGEST_UNTOLD_SECONDS}, {_UNTOLD_SECONDS} * 2 ^ (s.strikes - 1)))
            FROM (SELECT CASE
                WHEN credentials.blocked_until > clock_timestamp() - interval '{_REPEATED_SECONDS} seconds'
                THEN least(credentials.strikes + 1, 20) ELSE 1 END AS strikes) s
        ),
        updated_at = excluded.updated_at
    WHERE credentials.blocked_until IS NULL OR credentials.blocked_until <= clock_timestamp()
""")

_REFUSE = text("""
    INSERT INTO credentials (fingerprint, instance_id, blocked_until, is_rejected, updated_at)
    VALUES (:fingerprint, :instance, clock_timestamp() + make_interval(secs => :seconds), true, clock_timestamp())
    ON CONFLICT (fingerprint) DO UPDATE
    SET blocked_until = excluded.blocked_until, is_rejected = true, updated_at = excluded.updated_at
""")

STANDING_COLUMNS = "c.request_limit, c.remaining, c.reset_at, c.window_seconds, c.blocked_until, c.is_rejected"

_STANDING = f"SELECT {STANDING_COLUMNS} FROM credentials c WHERE c.fingerprint = :it"

_IS_A_POLL_DUE = """
    EXISTS (
        SELECT FROM sources s
        WHERE s.instance_id = i.id AND s.is_active AND s.next_poll_at <= clock_timestamp()
          AND (s.lease_until IS NULL OR s.lease_until < clock_timestamp()))
"""

# Polls write nothing unless a source of the instance is due: every tick of every process asks. Others leave the turn to
# a poll that is due where they had it last.
_HOLD = text(f"""
    INSERT INTO credentials (fingerprint, instance_id, lease_owner, lease_until)
    SELECT :fingerprint, i.id, :owner, clock_timestamp() + make_interval(secs => :seconds)
    FROM instances i
    WHERE i.name = :instance
      AND (CAST(:is_poll_due AS bool) IS NULL OR :is_poll_due = {_IS_A_POLL_DUE})
    ON CONFLICT (fingerprint) DO UPDATE SET lease_owner = excluded.lease_owner, lease_until = excluded.lease_until
    WHERE credentials.lease_owner IS NULL OR credentials.lease_owner = excluded.lease_owner
       OR credentials.lease_until < clock_timestamp()
    RETURNING fingerprint
""")

_KEEP = text("""
    UPDATE credentials SET lease_until = clock_timestamp() + make_interval(secs => :seconds)
    WHERE fingerprint = :fingerprint AND lease_owner = :owner
    RETURNING fingerprint
""")

_LET_GO = text("""
    UPDATE credentials SET lease_owner = NULL, lease_until = NULL
    WHERE lease_owner = :owner AND (CAST(:fingerprint AS text) IS NULL OR fingerprint = :fingerprint)
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
    window = {"window": budget.window_seconds}
    session.execute(_NOTE, given | window | {"fingerprint": name, "instance": instance_id})


def block(session: Session, name: str, instance_id: int, until: datetime, *, is_told: bool = True) -> None:
    """Let nobody use the credential before `until`: the provider's rate limit says so.

    Where it does not say how long (`is_told` False), a minute, doubled each time that it repeats.
    """
    given = {"fingerprint": name, "instance": instance_id}
    if is_told:
        session.execute(_BLOCK, given | {"until": until})
    else:
        session.execute(_BLOCK_LONGER, given)


def hold(session: Session, name: str, instance: str, owner: str) -> bool:
    """Take a credential that answers one request at a time, if a source of its instance is due and nobody else has it.

    The lease runs out by itself; `keep` renews it.
    """
    return _take(session, name, instance, owner, is_poll_due=True)


def borrow(session: Session, name: str, instance: str, owner: str, *, is_polls_turn: bool) -> bool:
    """Take such a credential between polls, if nobody has it; where it is their turn, only while none of them is due.

    The owner who has it already keeps it for another minute.
    """
    return _take(session, name, instance, owner, is_poll_due=False if is_polls_turn else None)


def _take(session: Session, name: str, instance: str, owner: str, *, is_poll_due: bool | None) -> bool:
    """`is_poll_due` is what has to be so for it; None when it does not matter."""
    given = {"fingerprint": name, "instance": instance, "owner": owner, "seconds": LEASE_SECONDS}
    return session.scalar(_HOLD, given | {"is_poll_due": is_poll_due}) is not None


def keep(session: Session, name: str, owner: str) -> None:
    """Hold the credential for another minute; raises LeaseLost when another process took it."""
    if session.scalar(_KEEP, {"fingerprint": name, "owner": owner, "seconds": LEASE_SECONDS}) is None:
        raise LeaseLost(f"the credential {name} is used by another process now")


def let_go(session: Session, owner: str, name: str | None = None) -> None:
    """Give a credential back, or all that this process holds."""
    session.execute(_LET_GO, {"fingerprint": name, "owner": owner})


def refuse(session: Session, name: str, instance_id: int, seconds: float) -> None:
    """The provider refused the credential: nobody tries it again for so long, lest it locks us out."""
    session.execute(_REFUSE, {"fingerprint": name, "instance": instance_id, "seconds": seconds})


def standing(session: Session, name: str) -> Standing:
    """How the credential stands; empty when it was never used."""
    found = rows(session, _STANDING, {"it": name})
    return standing_in(found[0]) if found else Standing()


def standing_in(row: Mapping[str, Any]) -> Standing:
    """How a credential stands by a row of `STANDING_COLUMNS`; all of them are null where it was never used."""
    budget = None
    if row["remaining"] is not None:
        budget = Budget(row["request_limit"], row["remaining"], row["reset_at"], row["window_seconds"] or 3600)
    return Standing(budget, row["blocked_until"], bool(row["is_rejected"]))
