"""Events -> deliveries, each event exactly once: read past the cursor, fold, write, move the cursor, one commit."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from alerts.message import Kind
from alerts.plan_read import Key, Logged, message_of, read_events, read_verdicts
from alerts.plan_write import News, write_deliveries, write_verdicts
from alerts.verdicts import STALE, Decision, Verdict, fold

log = structlog.get_logger()

BATCH = 500
"""Events read in one transaction."""

_TOO_LATE = f"recorded more than {STALE.total_seconds() / 3600:.0f} h after the build finished"

_TOLD = {
    Decision.BROKE: (Kind.BROKE, None),
    Decision.FIXED: (Kind.FIXED, None),
    Decision.BROKE_TOO_LONG_AGO: (Kind.BROKE, _TOO_LATE),
    Decision.FIXED_TOO_LONG_AGO: (Kind.FIXED, _TOO_LATE),
}

# Two planners meet here: the second waits for the first one's commit and reads on where that one stopped.
_LOCK_CURSOR = text("SELECT pos FROM cursors WHERE name = 'alerts' FOR UPDATE")

# The very first planner starts at the log's head: what happened before anyone could be told is no news.
_START_CURSOR = text("""
    INSERT INTO cursors (name, pos) SELECT 'alerts', coalesce(max(pos), 0) FROM events
    ON CONFLICT (name) DO NOTHING
""")

_MOVE_CURSOR = text("UPDATE cursors SET pos = :pos WHERE name = 'alerts'")


@dataclass(frozen=True)
class Folded:
    """What a batch of events comes to: what is told, which verdicts changed, how often each decision was taken."""

    news: list[News] = field(default_factory=list)
    changed: dict[Key, Verdict] = field(default_factory=dict)
    decisions: Counter[Decision] = field(default_factory=Counter)


def catch_up(engine: Engine, receivers: Collection[str], now: datetime) -> int:
    """Plan up to the end of the log, a commit a batch; returns how many events were read."""
    total = 0
    while True:
        with Session(engine) as session, session.begin():
            events = plan_deliveries(session, receivers, now)
        total += events
        if events < BATCH:
            return total


def plan_deliveries(session: Session, receivers: Collection[str], now: datetime) -> int:
    """Plan what the next events of the log mean for the receivers of these names; the caller commits.

    Returns how many events were read; fewer than BATCH means that the end of the log is reached. The number of
    statements does not depend on what the batch holds. Without receivers the verdicts are kept all the same, as told
    to nobody.
    """
    after = session.scalar(_LOCK_CURSOR)
    if after is None:
        session.execute(_START_CURSOR)
        return 0
    logged, events, head = read_events(session, after, BATCH)
    if not events:
        return 0
    verdicts = read_verdicts(session, (each.key for each in logged))
    folded = fold_all(verdicts, logged, now, is_anyone_told=bool(receivers))
    if folded.changed:
        write_verdicts(session, folded.changed)
    if folded.news and receivers:
        write_deliveries(session, folded.news, receivers, now)
    session.execute(_MOVE_CURSOR, {"pos": head})
    _log_plan(folded, events, head)
    return events


def fold_all(verdicts: dict[Key, Verdict], logged: Iterable[Logged], now: datetime, *, is_anyone_told: bool) -> Folded:
    """Fold every event in the log's order over the verdicts known so far."""
    folded, current = Folded(), dict(verdicts)
    for each in logged:
        before = current.get(each.key)
        after, decision = fold(before, each.transition, now)
        folded.decisions[decision] += 1
        if after is None or after == before:
            continue
        current[each.key] = folded.changed[each.key] = after if is_anyone_told else replace(after, is_announced=False)
        if decision in _TOLD:
            kind, too_late = _TOLD[decision]
            broken_since = before.since if kind is Kind.FIXED and before is not None else after.since
            folded.news.append(News(each.pos, message_of(each, kind, broken_since), too_late))
    return folded


def _log_plan(folded: Folded, events: int, head: int) -> None:
    for each in folded.news:
        if each.too_late is not None:
            log.warning("expired", event_pos=each.pos, build_id=each.message.build_id, reason=each.too_late)
    if folded.decisions:
        counts = {decision.value: count for decision, count in folded.decisions.items()}
        log.info("planned", events=events, head=head, **counts)
