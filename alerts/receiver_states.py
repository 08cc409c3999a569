"""How receivers stand: which have work, whose turn it is, who asked for peace, who is switched off; none commits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import text
from sqlalchemy.orm import Session

from alerts.rules import Rules
from shared.config.secrets import secret_prints
from shared.config.settings import ReceiverSettings

# One cheap question for all receivers, so that an idle second costs one statement. A conversation's turn is its
# thread's, everything else's is the receiver's. Off is off for all but a trial, until the settings differ.
_WITH_WORK = text("""
    SELECT w.name
    FROM unnest(CAST(:names AS text[]), CAST(:fingerprints AS text[])) AS w(name, fingerprint)
    LEFT JOIN receiver_states s ON s.receiver = w.name
    WHERE (s.paused_until IS NULL OR s.paused_until <= :now) AND (
        s.off_since IS NOT NULL AND s.off_settings <> w.fingerprint
        OR s.rules_version <> :version
        OR EXISTS (
            SELECT FROM deliveries d
            WHERE d.receiver = w.name AND d.state IN ('pending', 'sending') AND d.kind <> 'news'
              AND (d.kind = 'test' OR s.off_since IS NULL)
              AND (d.state = 'sending' AND d.lease_until < clock_timestamp()
                   OR d.state = 'pending' AND d.next_try_at <= :now))
        OR s.off_since IS NULL AND EXISTS (
            SELECT FROM tellings t LEFT JOIN threads c ON c.id = t.thread_id
            WHERE t.receiver = w.name AND t.wanted_at IS NOT NULL AND t.due_at <= :now
              AND coalesce(c.next_at, s.next_at, :now) <= :now)
        OR s.off_since IS NOT NULL AND EXISTS (
            SELECT FROM routings g WHERE g.receiver = w.name AND g.outcome = 'queued' AND g.kind <> 'transition'))
""")

_KNOW = text("""
    INSERT INTO receiver_states (receiver, next_at, rules_version) VALUES (:receiver, :now, :version)
    ON CONFLICT (receiver) DO NOTHING
""")

# Two workers meet here: one has the receiver, the other leaves it alone. Everything about a receiver's deliveries is
# changed under this lock, so that one message at a time is on its way to it.
_LOCK = """
    SELECT receiver, next_at, paused_until, last_sent_at, off_since, off_reason, off_settings, rules_version
    FROM receiver_states WHERE receiver = :receiver FOR UPDATE
"""
_TAKE = text(f"{_LOCK} SKIP LOCKED")
_AWAIT = text(_LOCK)

_SENT = text("UPDATE receiver_states SET last_sent_at = :now, paused_until = NULL WHERE receiver = :receiver")

_NEXT_TURN = text("UPDATE receiver_states SET next_at = :at WHERE receiver = :receiver")

_NEXT_TURN_OF_THREAD = text("UPDATE threads SET next_at = :at WHERE id = :thread_id")

_PAUSE = text("""
    UPDATE receiver_states SET paused_until = :until
    WHERE receiver = :receiver AND (paused_until IS NULL OR paused_until < :until)
""")

# Here and below all of the receiver's waiting rows are locked first, in the planner's order, of which some are changed
# and others may be later in the same transaction: so the two never wait for each other crosswise.
_FOLLOW_RULES = text("""
    WITH known AS (
        UPDATE receiver_states SET rules_version = :version WHERE receiver = :receiver
    ), waiting AS MATERIALIZED (
        SELECT incident_id, held IS NOT NULL AND due_at > :now AS is_held FROM tellings
        WHERE receiver = :receiver AND wanted_at IS NOT NULL ORDER BY incident_id FOR UPDATE
    )
    UPDATE tellings t SET due_at = :now
    FROM waiting w WHERE t.receiver = :receiver AND t.incident_id = w.incident_id AND w.is_held
""")

_OFF = text("""
    WITH outage AS (
        INSERT INTO outages (kind, subject, reason, began_at) VALUES ('receiver', :receiver, :reason, :now)
        ON CONFLICT (kind, subject) WHERE ended_at IS NULL DO NOTHING
    )
    UPDATE receiver_states SET off_since = :now, off_reason = :reason, off_settings = :fingerprint
    WHERE receiver = :receiver
""")

# What waited is news again from now on: it could not be told before.
_ON = text("""
    WITH outage AS (
        UPDATE outages SET ended_at = greatest(began_at, :now)
        WHERE kind = 'receiver' AND subject = :receiver AND ended_at IS NULL
    ), waiting AS MATERIALIZED (
        SELECT incident_id FROM tellings
        WHERE receiver = :receiver AND wanted_at IS NOT NULL ORDER BY incident_id FOR UPDATE
    ), again AS (
        UPDATE tellings t SET due_at = :now, held = coalesce(t.held, 'this receiver was switched off')
        FROM waiting w WHERE t.receiver = :receiver AND t.incident_id = w.incident_id
    )
    UPDATE receiver_states SET off_since = NULL, off_reason = NULL, off_settings = NULL, paused_until = NULL
    WHERE receiver = :receiver AND off_since IS NOT NULL
    RETURNING receiver
""")


@dataclass(frozen=True, slots=True)
class Standing:
    """A receiver's row while we hold its lock."""

    receiver: str
    next_at: datetime
    paused_until: datetime | None
    last_sent_at: datetime | None
    off_since: datetime | None
    off_reason: str | None
    off_settings: str | None
    rules_version: int


def with_work(session: Session, names: Iterable[str], rules: Rules, now: datetime) -> set[str]:
    """The receivers that there may be something to do for."""
    prints = fingerprints(names, rules)
    given = {"names": list(prints), "fingerprints": list(prints.values()), "version": rules.version, "now": now}
    return set(session.scalars(_WITH_WORK, given))


def take(session: Session, receiver: str, rules: Rules, now: datetime) -> Standing | None:
    """Lock the receiver until the transaction ends; None while another worker has it."""
    row = session.execute(_TAKE, {"receiver": receiver}).one_or_none()
    if row is None:
        session.execute(_KNOW, {"receiver": receiver, "now": now, "version": rules.version})
        row = session.execute(_TAKE, {"receiver": receiver}).one_or_none()
    return None if row is None else Standing(*row)


def wait_for(session: Session, receiver: str) -> None:
    """Lock a receiver that was taken before, for settling what was sent to it."""
    session.execute(_AWAIT, {"receiver": receiver})


def was_sent_to(session: Session, receiver: str, now: datetime) -> None:
    """It took a message."""
    session.execute(_SENT, {"receiver": receiver, "now": now})


def set_turn(session: Session, receiver: str, thread_id: int | None, at: datetime) -> None:
    """When the receiver, or one conversation of it, may hear more."""
    if thread_id is None:
        session.execute(_NEXT_TURN, {"receiver": receiver, "at": at})
    else:
        session.execute(_NEXT_TURN_OF_THREAD, {"thread_id": thread_id, "at": at})


def pause(session: Session, receiver: str, until: datetime) -> None:
    """Leave the receiver alone until then, whatever comes for it."""
    session.execute(_PAUSE, {"receiver": receiver, "until": until})


def follow_rules(session: Session, receiver: str, version: int, now: datetime) -> None:
    """Have everything looked at again that was held back by other rules than these."""
    session.execute(_FOLLOW_RULES, {"receiver": receiver, "version": version, "now": now})


def switch_off(session: Session, receiver: str, reason: str, settings: ReceiverSettings | None, now: datetime) -> None:
    """Send it nothing more, and have it told elsewhere, until its settings differ or a trial arrives."""
    given = {"receiver": receiver, "reason": reason, "fingerprint": fingerprint(settings), "now": now}
    session.execute(_OFF, given)


def switch_on(session: Session, receiver: str, now: datetime) -> bool:
    """Have everything told again that waited; False when the receiver was not off."""
    return session.scalar(_ON, {"receiver": receiver, "now": now}) is not None


def fingerprints(names: Iterable[str], rules: Rules) -> Mapping[str, str]:
    """The fingerprints of the receivers' settings by name."""
    return {name: fingerprint(rules.receivers.get(name)) for name in sorted(names)}


def fingerprint(settings: ReceiverSettings | None) -> str:
    """What settings say, in short; a new secret in the old place makes it another one, too."""
    return sha256(f"{settings!r} {secret_prints(settings)}".encode()).hexdigest()
