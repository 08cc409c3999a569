"""Digests whose hour has come, each once: what one sums up is moved on and the message planned in one transaction."""

from datetime import datetime

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from alerts.digest import Period, Reach, compose, due_period, last_slot
from alerts.digest_rankings import read_rankings
from alerts.digest_read import read_material
from alerts.planned import Planned, plan_all
from alerts.rules import Rules
from shared.config.settings import ReceiverSettings
from shared.reading import plan_by_values

log = structlog.get_logger()

# One that is off gets none; when it is on again the next one tells of all that time.
_STANDINGS = text("""
    SELECT receiver, digested_until, off_since IS NOT NULL AS is_off FROM receiver_states
    WHERE receiver = ANY(:receivers)
""")

# A receiver's first digest comes at its hour, not when it is first seen: it begins with the hour before.
_KNOW = text("""
    INSERT INTO receiver_states (receiver, next_at, digested_until) VALUES (:receiver, :now, :until)
    ON CONFLICT (receiver) DO NOTHING
""")

# Of several schedulers the one that moves it on writes the digest. A receiver that is being told something is left for
# the next second: whoever holds it may wait for a row of ours.
_MOVE_ON = text("""
    UPDATE receiver_states SET digested_until = :until
    WHERE receiver = (
        SELECT receiver FROM receiver_states
        WHERE receiver = :receiver AND digested_until IS NOT DISTINCT FROM CAST(:before AS timestamptz)
        FOR UPDATE SKIP LOCKED)
    RETURNING receiver
""")


def plan(session: Session, rules: Rules, now: datetime) -> None:
    """Plan the digests that are due; most calls find none, in one statement."""
    receivers = {name: each for name, each in rules.receivers.items() if last_slot(each, now) is not None}
    if not receivers:
        return
    found = session.execute(_STANDINGS, {"receivers": sorted(receivers)})
    standings = {row.receiver: row for row in found}
    for name, settings in receivers.items():
        standing = standings.get(name)
        if standing is None:
            session.execute(_KNOW, {"receiver": name, "now": now, "until": last_slot(settings, now)})
        elif standing.digested_until is None:
            _move_on(session, name, None, last_slot(settings, now))
        elif not standing.is_off:
            period = due_period(settings, standing.digested_until, now)
            if period is not None and _move_on(session, name, standing.digested_until, period.ended_at):
                _try_one(session, rules, settings, period, now)


def _move_on(session: Session, receiver: str, before: datetime | None, until: datetime | None) -> bool:
    """Whether it was us who moved the end of what is digested from `before` to `until`."""
    given = {"receiver": receiver, "before": before, "until": until}
    return session.execute(_MOVE_ON, given).first() is not None


def _try_one(session: Session, rules: Rules, settings: ReceiverSettings, period: Period, now: datetime) -> None:
    """One receiver's digest; what goes wrong there costs that one digest, not what others wait for."""
    try:
        with session.begin_nested():
            _plan_one(session, rules, settings, period, now)
    except Exception:
        log.exception("digest failed", receiver=settings.name)


def _plan_one(session: Session, rules: Rules, settings: ReceiverSettings, period: Period, now: datetime) -> None:
    plan_by_values(session)
    reach = Reach.of(rules.routes.values(), settings.name)
    material = read_material(session, settings.name, reach, period)
    rankings = read_rankings(session, reach, period, settings.timezone)
    notice = compose(
        settings, period, material.incidents, material.untold, now, rankings=rankings, is_cut=material.is_cut
    )
    if notice is None:
        log.info("nothing to digest", receiver=settings.name)
        return
    if material.is_cut:
        log.warning("digest is cut", receiver=settings.name, incidents=len(material.incidents))
    key = f"digest:{settings.name}:{period.ended_at:%Y-%m-%dT%H:%MZ}"
    plan_all(session, [Planned(receiver=settings.name, key=key, notice=notice)], now)
