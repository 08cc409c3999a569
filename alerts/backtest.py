"""What rules would have told of what happened, and what the rules in force would have; nothing is written or sent.

`python -m alerts.backtest` reads a question as JSON on stdin and answers with JSON on stdout, so that a server can have
it worked out beside itself; the database's address is in DATABASE_URL.
"""

import gc
import os
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.orm import Session

from alerts.backtest_read import read_batches, read_outages, read_rules, read_span
from alerts.incidents import Standing, follow
from alerts.novelty import read_novelties
from alerts.outages import Outage
from alerts.plan_read import Key, Logged, transition_message
from alerts.plan_routes import Decided
from alerts.raw_feed import feed, is_wanted
from alerts.routes import Outcome
from alerts.rules import Rules, with_default
from alerts.simulation import Outlook, Sent, Simulation
from alerts.verdicts import fold
from shared.config.routes import RouteSettings
from shared.config.settings import ReceiverSettings
from shared.database import make_engine
from shared.reading import reading
from shared.wire import encode

MOST_EVENTS = 500_000
"""More are not read; the answer then says up to when it goes."""

MOST_EXAMPLES = 20

_MOST_OPENINGS = 100
"""So many breaks of a branch are remembered, as the planner reads them; only those of the last hour count."""

BUSY = 75
"""The exit code that says that another back-test runs (`EX_TEMPFAIL`)."""

# One at a time for a database, whoever asks: each takes a processor to itself for seconds.
_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtext('observatory back-test'))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: a span, and the rules to try; None leaves those in force.

    `receivers` are what all kinds have in common; those in force stay known. `most_sent` bounds the messages that are
    shown of each receiver, all of which are counted.
    """

    since: datetime
    until: datetime
    routes: tuple[RouteSettings, ...] | None = None
    receivers: tuple[ReceiverSettings, ...] | None = None
    is_with_silences: bool = False
    most_sent: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """How often something was not told, or had to wait, for a reason."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What other rules would have changed for a receiver; of the incidents' titles at most 20 are shown."""

    messages_in_force: int
    incidents_in_force: int
    newly_told: int
    newly_told_examples: tuple[str, ...]
    no_longer_told: int
    no_longer_told_examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What one receiver would have got; `feed` messages of the raw feed are among `messages`."""

    receiver: str
    messages: int
    messages_per_day: float
    feed: int
    incidents: int
    kinds: dict[str, int]
    hidden: tuple[Reason, ...]
    held: tuple[Reason, ...]
    sent: tuple[Sent, ...]
    difference: Difference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`until` is where the events that were read end; `is_complete` says that this is all that was asked for."""

    since: datetime
    until: datetime
    is_complete: bool
    events: int
    receivers: tuple[Received, ...]


class Busy(Exception):
    """Another back-test runs on this database."""


def back_test(session: Session, question: Question, now: datetime) -> Answer:
    """Work the question out within this read-only transaction; raises Busy while another one is at it."""
    if not session.scalar(_ALONE):
        raise Busy
    in_force = read_rules(session, now)
    tried = rules_to_try(in_force, question)
    if not question.is_with_silences:
        in_force = replace(in_force, silences=())
    outages = read_outages(session, question.since)
    run = _Run(question, [tried] if tried == in_force else [tried, in_force], outages)
    with _no_collector():
        run.read(session)
    return run.answer()


@contextmanager
def _no_collector() -> Iterator[None]:
    """Without the garbage collector: nothing here is in a circle, and it would go through every row again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def rules_to_try(in_force: Rules, question: Question) -> Rules:
    """The rules in force with what the question puts in their place."""
    receivers = dict(in_force.receivers) | {each.name: each for each in question.receivers or ()}
    given = question.routes
    routes = dict(in_force.routes) if given is None else {each.name: each for each in given}
    silences = in_force.silences if question.is_with_silences else ()
    return Rules(routes=with_default(routes, receivers), receivers=receivers, silences=silences)


class _Run:
    """The events of the span, folded once, at work in one simulation for each set of rules."""

    def __init__(self, question: Question, rules: Sequence[Rules], outages: Iterable[Outage]) -> None:
        self._question = question
        self._feeds = [is_wanted(each) for each in rules]
        self._rules = rules
        self._simulations = [Simulation(each, tuple(outages), most_sent=question.most_sent) for each in rules]
        self._standings: dict[Key, Standing] = {}
        self._unseen: dict[Key, Standing] = {}
        self._logged: dict[int, Logged] = {}
        self._clock = question.since
        self._new_id = 0
        self._events = 0
        self._is_complete = True

    def read(self, session: Session) -> None:
        """Take every event of the span in, then let the rest of the time pass."""
        span = read_span(session, self._question.since, self._question.until, most=MOST_EVENTS)
        self._standings, self._unseen = dict(span.standings), dict(span.standings)
        self._events, self._is_complete = span.events, span.is_complete
        for logged in read_batches(session, span, has_transitions=any(self._feeds)):
            self._take(session, logged)
        if span.is_complete:
            self._clock = self._question.until
        for simulation in self._simulations:
            simulation.pass_time(self._clock)

    def _take(self, session: Session, logged: Sequence[Logged]) -> None:
        """A batch of events: folded, asked how new they are, told to the simulations in the log's order."""
        decided = [(each, self._fold(each)) for each in logged]
        choosy = [each for each in self._simulations if each.is_novelty_asked]
        asked = chain.from_iterable(
            simulation.fitting.asks_for_novelty([found], each.transition.recorded_at)
            for each, found in decided
            if found.change is not None
            for simulation in choosy
        )
        by_pos = {each.pos: each for each in asked}
        novelties = read_novelties(session, list(by_pos.values())) if by_pos else {}
        for each, found in decided:
            self._clock = max(self._clock, each.transition.recorded_at)
            before = self._unseen.pop(each.key, None)
            for rules, simulation, has_feed in zip(self._rules, self._simulations, self._feeds, strict=True):
                if before is not None and before.incident is not None:
                    simulation.assume_told(before.incident, each)
                if found.change is not None:
                    simulation.take(found, novelties, self._clock)
                if has_feed:
                    _feed(simulation, rules, each, self._clock)

    def _fold(self, logged: Logged) -> Decided:
        """What the event does to its branch, decided at the instant it was recorded, as the planner would have."""
        before = self._standings.get(logged.key)
        last = None if before is None else before.verdict
        verdict, decision = fold(last, logged.transition, logged.transition.recorded_at)
        if verdict is None or verdict == last:
            return Decided(logged, decision)
        after, change = follow(before, logged.transition, verdict, logged.place, new_id=self._new_id - 1)
        if len(after.openings) > 2 * _MOST_OPENINGS:
            after = replace(after, openings=after.openings[-_MOST_OPENINGS:])
        self._standings[logged.key] = after
        if change is not None:
            self._new_id = min(self._new_id, change.incident.id)
            self._logged.setdefault(change.incident.id, logged)
        return Decided(logged, decision, after.incident, change)

    def answer(self) -> Answer:
        """What the rules to try came to, beside those in force where they are others."""
        tried, *others = (simulation.outlooks for simulation in self._simulations)
        days = max((self._clock - self._question.since).total_seconds() / 86_400, 1 / 24)
        return Answer(
            since=self._question.since,
            until=self._clock,
            is_complete=self._is_complete,
            events=self._events,
            receivers=tuple(self._received(name, tried[name], days, others) for name in tried),
        )

    def _received(self, name: str, outlook: Outlook, days: float, others: Sequence[Mapping[str, Outlook]]) -> Received:
        return Received(
            receiver=name,
            messages=len(outlook.noted),
            messages_per_day=round(len(outlook.noted) / days, 2),
            feed=outlook.feed,
            incidents=len(outlook.incidents),
            kinds=dict(outlook.kinds),
            hidden=_reasons(outlook.hidden),
            held=_reasons(outlook.held),
            sent=outlook.sent(self._question.most_sent),
            difference=self._difference(outlook, others[0].get(name, Outlook())) if others else None,
        )

    def _difference(self, tried: Outlook, in_force: Outlook) -> Difference:
        new, gone = tried.incidents - in_force.incidents, in_force.incidents - tried.incidents
        return Difference(
            messages_in_force=len(in_force.noted),
            incidents_in_force=len(in_force.incidents),
            newly_told=len(new),
            newly_told_examples=self._examples(new),
            no_longer_told=len(gone),
            no_longer_told_examples=self._examples(gone),
        )

    def _examples(self, incidents: Collection[int]) -> tuple[str, ...]:
        """What the youngest of them are about, in the words of a line."""
        known = (self._logged[each] for each in sorted(incidents) if each in self._logged)
        return tuple(transition_message(each, None).brief for each in islice(known, MOST_EXAMPLES))


def _feed(simulation: Simulation, rules: Rules, logged: Logged, at: datetime) -> None:
    """One event in the raw feed: to each receiver once, or counted as not sent."""
    reached: set[str] = set()
    for fed in feed(rules, [logged], at):
        for routing in fed.routings:
            if routing.receiver in reached:
                continue
            reached.add(routing.receiver)
            if routing.outcome is Outcome.QUEUED:
                simulation.feed(routing.receiver, transition_message(logged, None).title, at)
            else:
                simulation.hide(routing.receiver, routing.reason or "")


def _reasons(counted: Counter[str]) -> tuple[Reason, ...]:
    """The most frequent first."""
    return tuple(Reason(reason=reason, count=count) for reason, count in counted.most_common())


def main() -> int:
    """Answer the question on stdin."""
    question = TypeAdapter(Question).validate_json(sys.stdin.buffer.read())
    engine = make_engine(os.environ["DATABASE_URL"], application="back-test", pool_size=1)
    try:
        with reading(engine) as opened:
            answer = back_test(opened.session, question, opened.as_of)
    except Busy:
        return BUSY
    finally:
        engine.dispose()
    sys.stdout.buffer.write(encode(answer))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
