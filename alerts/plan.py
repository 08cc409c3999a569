"""Events -> incidents and deliveries, each event exactly once: read past the cursor, fold, write, one commit."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from alerts.incidents import Change, Incident, Standing, follow
from alerts.message import Kind
from alerts.plan_read import Key, Logged, message_of, read_events, read_standings, usual_seconds
from alerts.plan_write import Ids, News, append_changes, write_deliveries, write_incidents, write_verdicts
from alerts.verdicts import STALE, Decision, Transition, Verdict, fold
from shared.database import limit_waiting
from shared.incident_status import IncidentStatus
from shared.reading import plan_by_values

log = structlog.get_logger()

BATCH = 500
"""Events read in one transaction."""

_TOO_LATE = f"recorded more than {STALE.total_seconds() / 3600:.0f} h after the build finished"

_BREAKS = (Decision.BROKE, Decision.BROKE_TOO_LONG_AGO)
_FIXES = (Decision.FIXED, Decision.FIXED_TOO_LONG_AGO)
_LATE = (Decision.BROKE_TOO_LONG_AGO, Decision.FIXED_TOO_LONG_AGO)

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
    """What a batch of events comes to.

    What is told, how the branches stand whose verdict changed, the incidents as they are at the end (by id, new ones
    negative), every change of theirs in order, and how often each decision was taken.
    """

    news: list[News] = field(default_factory=list)
    changed: dict[Key, Standing] = field(default_factory=dict)
    incidents: dict[int, Incident] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    decisions: Counter[Decision] = field(default_factory=Counter)


def catch_up(engine: Engine, receivers: Collection[str], now: datetime) -> int:
    """Plan up to the end of the log, a commit a batch; returns how many events were read."""
    total = 0
    while True:
        with Session(engine) as session, session.begin():
            limit_waiting(session)
            events = plan_deliveries(session, receivers, now)
        total += events
        if events < BATCH:
            return total


def plan_deliveries(session: Session, receivers: Collection[str], now: datetime) -> int:
    """Plan what the next events of the log mean for the incidents and for the receivers of these names.

    The caller commits at once: the last thing done here may be an event of the log. Returns how many events were read;
    fewer than BATCH means that the end of the log is reached. The number of statements does not depend on what the
    batch holds. Without receivers verdicts and incidents are kept all the same, as told to nobody.
    """
    after = session.scalar(_LOCK_CURSOR)
    if after is None:
        session.execute(_START_CURSOR)
        return 0
    logged, events, head = read_events(session, after, BATCH)
    if head <= after:
        return 0
    # A plan made while there were few incidents would be kept, and would read all of them once there are many.
    plan_by_values(session)
    folded = fold_all(read_standings(session, logged), logged, now, is_anyone_told=bool(receivers))
    ids = _write(session, folded, receivers, now)
    # Said before the event log's lock is taken: whoever takes our lines may be slow, and all recorders would wait.
    _log_plan(folded, events, head)
    written = append_changes(session, folded.changes, ids) if folded.changes else []
    session.execute(_MOVE_CURSOR, {"pos": _past_own(head, written)})
    return events


def _write(session: Session, folded: Folded, receivers: Collection[str], now: datetime) -> Ids:
    """Store what was folded, all but the events that tell of it; returns the incidents' ids."""
    ids = write_incidents(session, folded.incidents.values()) if folded.incidents else {}
    if folded.changed:
        write_verdicts(session, folded.changed, ids)
    if folded.news and receivers:
        write_deliveries(session, _with_usual(session, folded.news), receivers, ids, now)
    return ids


def _with_usual(session: Session, news: Sequence[News]) -> list[News]:
    """The news with what their pipelines usually take, as it is known now."""
    usual = usual_seconds(session, (each.pipeline_id for each in news))
    return [replace(each, message=replace(each.message, usual_seconds=usual.get(each.pipeline_id))) for each in news]


def _past_own(head: int, written: Sequence[int]) -> int:
    """How far the log is read: over our own events, too, where nobody's stand between what we read and them."""
    return max(written) if written and min(written) == head + 1 else head


def fold_all(
    standings: Mapping[Key, Standing], logged: Iterable[Logged], now: datetime, *, is_anyone_told: bool
) -> Folded:
    """Fold every event in the log's order over what is known of the branches so far."""
    folded, current = Folded(), dict(standings)
    for each in logged:
        before = current.get(each.key)
        last = None if before is None else before.verdict
        verdict, decision = fold(last, each.transition, now)
        folded.decisions[decision] += 1
        if verdict is None or verdict == last:
            continue
        if not is_anyone_told:
            verdict = replace(verdict, is_announced=False)
        after, change = follow(before, each.transition, verdict, each.place, new_id=-1 - len(folded.incidents))
        current[each.key] = folded.changed[each.key] = after
        if change is not None:
            folded.incidents[change.incident.id] = change.incident
            folded.changes.append(change)
        kind = _kind(each.transition, decision, None if before is None else before.incident, after.incident)
        if kind is not None:
            folded.news.append(_news(each, kind, decision, last, after))
    return folded


def _kind(event: Transition, decision: Decision, before: Incident | None, after: Incident | None) -> Kind | None:
    """What is told of an event that left this incident: a break, a recovery, or once that the branch flaps."""
    is_same = before is not None and after is not None and before.id == after.id
    if decision in _BREAKS:
        if after is None or after.status is not IncidentStatus.FLAPPING:
            return Kind.BROKE
        return None if is_same and before is not None and not before.is_silent else Kind.FLAPPING
    if decision in _FIXES:
        return None if after is not None and after.is_open else Kind.FIXED
    # One that flapped is over with the last of some good verdicts, which as such is no news.
    is_over = is_same and before is not None and before.is_open and after is not None and not after.is_open
    is_told = is_over and after is not None and not after.is_silent and not event.is_backfill
    return Kind.FIXED if is_told and decision is Decision.STILL_WORKING else None


def _news(each: Logged, kind: Kind, decision: Decision, last: Verdict | None, after: Standing) -> News:
    """The message about an event: broken since its incident began, so that all messages of one say the same."""
    incident = after.incident
    # Without one it broke when an older version looked, which knew none.
    broken_since = (last or after.verdict).since if incident is None else incident.opened_at
    breaks = 1 if incident is None else incident.flaps + 1
    message = message_of(each, kind, broken_since, breaks)
    return News(each.pos, each.key[0], message, incident, _TOO_LATE if decision in _LATE else None)


def _log_plan(folded: Folded, events: int, head: int) -> None:
    for each in folded.news:
        if each.too_late is not None:
            log.warning("expired", event_pos=each.pos, build_id=each.message.build_id, reason=each.too_late)
    if folded.decisions:
        counts = {decision.value: count for decision, count in folded.decisions.items()}
        log.info("planned", events=events, head=head, incidents=len(folded.incidents), **counts)
