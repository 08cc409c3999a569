"""Events -> incidents and what is told of them, each event exactly once: read past the cursor, fold, write, commit."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from alerts.incidents import Change, Incident, Standing, decision_beside, follow
from alerts.novelty import Novelty, read_novelties
from alerts.plan_read import Heard, Key, Logged, read_events, read_standings
from alerts.plan_routes import Decided, Fitting, Routed, ask_routes
from alerts.plan_write import (
    Ids,
    append_changes,
    write_decisions,
    write_incidents,
    write_routings,
    write_tellings,
    write_verdicts,
)
from alerts.raw_feed import add_feed, feed, is_wanted, write_feed
from alerts.rules import Rules
from alerts.verdicts import Decision, fold
from shared.database import limit_waiting
from shared.reading import plan_by_values

log = structlog.get_logger()

BATCH = 500
"""Events read in one transaction."""

_SAYS_NO_VERDICT = (
    Decision.NO_VERDICT,
    Decision.IS_SUPERSEDED,
    Decision.PULL_REQUEST,
    Decision.CHILD_PIPELINE,
    Decision.OLDER_BUILD,
)
"""What leaves the verdict of its branch as it is, and so the incident."""

_SAYS_NOTHING = (Decision.NO_VERDICT, Decision.STILL_WORKING)
"""What is not written down: most events, and anybody can see it from the event itself."""

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

    What became of each event that says something, in order; how the branches stand whose verdict changed; the incidents
    as they are at the end (by id, new ones negative); and how often each decision was taken.
    """

    decided: list[Decided] = field(default_factory=list)
    changed: dict[Key, Standing] = field(default_factory=dict)
    incidents: dict[int, Incident] = field(default_factory=dict)
    counts: Counter[Decision] = field(default_factory=Counter)


def catch_up(engine: Engine, rules: Rules, now: datetime) -> int:
    """Plan up to the end of the log, a commit a batch; returns how many events were read."""
    total = 0
    while True:
        with Session(engine) as session, session.begin():
            limit_waiting(session)
            events = plan_events(session, rules, now)
        total += events
        if events < BATCH:
            return total


def plan_events(session: Session, rules: Rules, now: datetime) -> int:
    """Plan what the next events of the log mean for the incidents and, by these rules, for the receivers.

    The caller commits at once: the last thing done here may be an event of the log. Returns how many events were read;
    fewer than BATCH means that the end of the log is reached. The number of statements does not depend on what the
    batch holds. Without receivers incidents and decisions are kept all the same.
    """
    after = session.scalar(_LOCK_CURSOR)
    if after is None:
        session.execute(_START_CURSOR)
        return 0
    has_feed = is_wanted(rules)
    logged, events, head = read_events(session, after, BATCH, has_transitions=has_feed)
    if head <= after:
        return 0
    # A plan made while there were few incidents would be kept, and would read all of them once there are many.
    plan_by_values(session)
    standings, heard = read_standings(session, logged)
    folded = fold_all(standings, logged, now)
    routed = _route(session, rules, folded, heard, now)
    if has_feed:
        fed = feed(rules, logged, now)
        add_feed(routed, fed)
        write_feed(session, fed, rules, now)
    ids = _write(session, rules, folded, routed, now)
    # Said before the event log's lock is taken: whoever takes our lines may be slow, and all recorders would wait.
    _log_plan(folded, routed, events, head)
    changes = [(each.logged.pos, each.change) for each in folded.decided if each.change is not None]
    written = append_changes(session, changes, ids) if changes else []
    session.execute(_MOVE_CURSOR, {"pos": _past_own(head, written)})
    return events


def _route(session: Session, rules: Rules, folded: Folded, heard: Heard, now: datetime) -> Routed:
    """What the routes make of the batch; how new its failures are is read only if one of them asks."""
    fitting = Fitting(rules)
    asked = fitting.asks_for_novelty(folded.decided, now)
    novelties: Mapping[int, Novelty] = read_novelties(session, asked) if asked else {}
    return ask_routes(folded.decided, fitting, heard, novelties, now)


def _write(session: Session, rules: Rules, folded: Folded, routed: Routed, now: datetime) -> Ids:
    """Store what was folded and routed, all but the events that tell of it; returns the incidents' ids."""
    ids = write_incidents(session, folded.incidents.values()) if folded.incidents else {}
    if folded.changed:
        write_verdicts(session, folded.changed, ids)
    if folded.decided:
        write_decisions(session, folded.decided, routed.unmatched, ids, now)
    if routed.routings:
        write_routings(session, routed.routings, ids, now)
    if routed.wanted:
        write_tellings(session, routed.wanted, rules.receivers, ids, now)
    return ids


def _past_own(head: int, written: Sequence[int]) -> int:
    """How far the log is read: over our own events, too, where nobody's stand between what we read and them."""
    return max(written) if written and min(written) == head + 1 else head


def fold_all(standings: Mapping[Key, Standing], logged: Iterable[Logged], now: datetime) -> Folded:
    """Fold every event in the log's order over what is known of the branches so far."""
    folded, current = Folded(), dict(standings)
    for each in logged:
        before = after = current.get(each.key)
        last, change = None if before is None else before.verdict, None
        verdict, decision = fold(last, each.transition, now)
        if verdict is not None and verdict != last:
            after, change = follow(before, each.transition, verdict, each.place, new_id=-1 - len(folded.incidents))
            current[each.key] = folded.changed[each.key] = after
        if change is not None:
            folded.incidents[change.incident.id] = change.incident
        incident = None if after is None else after.incident
        was = None if before is None else before.incident
        decision = decision_beside(decision, each.transition, was, incident, now)
        folded.counts[decision] += 1
        if change is not None or decision not in _SAYS_NOTHING:
            folded.decided.append(_decided(each, decision, incident, change))
    return folded


def _decided(logged: Logged, decision: Decision, incident: Incident | None, change: Change | None) -> Decided:
    """What is written down of an event: one that says nothing about its branch says nothing about an incident."""
    is_about_it = incident is not None and (change is not None or incident.is_open) and decision not in _SAYS_NO_VERDICT
    return Decided(logged, decision, incident if is_about_it else None, change)


def _log_plan(folded: Folded, routed: Routed, events: int, head: int) -> None:
    if not folded.counts:
        return
    outcomes = Counter(each.outcome.value for each in routed.routings)
    counts = {decision.value: count for decision, count in folded.counts.items()}
    log.info("planned", events=events, head=head, incidents=len(folded.incidents), **counts, **outcomes)
