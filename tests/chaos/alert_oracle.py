"""What must hold of the alerts when everything has settled: what was told against the incidents, by other means.

It reads the incidents, the events and what the far sides took; of the planner's and the sender's own tables only which
message held which incident.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, text

from tests.chaos import oracle
from tests.chaos.endpoints import Endpoints, Taken

# Whether the attempt with which an incident began happened while its source was watched, from the log itself: no
# backfill, recorded after the baseline, and finished after it unless it had been seen unfinished.
_INCIDENTS = text("""
    SELECT i.id, l.name || ' on ' || i.branch AS name, i.fixed_at IS NULL AS is_open,
           coalesce((
               SELECT NOT e.is_backfill AND s.baseline_at IS NOT NULL AND e.recorded_at > s.baseline_at
                      AND (e.from_status IN ('queued', 'blocked', 'running', 'unknown')
                           OR coalesce(a.finished_at, e.at) > s.baseline_at)
               FROM events e LEFT JOIN attempts a ON a.build_id = e.subject_id AND a.number = e.attempt
               WHERE e.subject_kind = 'build' AND e.subject_id = i.first_bad_build_id
                 AND e.attempt = i.first_bad_attempt AND e.to_status IN ('failed', 'timed_out')
               ORDER BY e.pos LIMIT 1), false) AS is_news
    FROM incidents i JOIN pipelines l ON l.id = i.pipeline_id LEFT JOIN sources s ON s.id = l.source_id
    ORDER BY i.id
""")

_TOLD = text("""
    SELECT t.incident_id, t.kind, t.place FROM delivery_items t JOIN deliveries d ON d.id = t.delivery_id
    WHERE d.receiver = :receiver AND d.state = 'sent' ORDER BY d.settled_at, d.id, t.place
""")

_SENT = text("""
    SELECT message->>'title' FROM deliveries WHERE receiver = :receiver AND state = 'sent' ORDER BY id
""")

_GIVEN_UP = text("""
    SELECT count(*) FROM deliveries WHERE receiver = :receiver AND state IN ('dead', 'expired') AND tries > 0
""")

_LEFT = text("""
    SELECT (SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending')) AS deliveries,
           (SELECT count(*) FROM tellings WHERE wanted_at IS NOT NULL AND held IS NULL) AS tellings,
           (SELECT count(*) FROM events e JOIN cursors c ON c.name = 'alerts' AND e.pos > c.pos
            WHERE e.subject_kind <> 'incident') AS events
""")

VIOLATIONS = {
    "messages left on their way": "SELECT 1 FROM deliveries WHERE state IN ('pending', 'sending')",
    "routings left without a cause": """
        SELECT 1 FROM routings WHERE outcome = 'queued' OR outcome = 'held' AND coalesce(reason, '') = ''""",
    "not told, and no reason why": """
        SELECT 1 FROM routings WHERE outcome IN ('suppressed', 'dropped') AND coalesce(reason, '') = ''""",
    "told by a message that was never sent": """
        SELECT 1 FROM routings r LEFT JOIN deliveries d ON d.id = r.delivery_id
        WHERE r.outcome = 'told' AND d.state IS DISTINCT FROM 'sent'""",
    "a receiver believed to know what it was never told": """
        SELECT 1 FROM tellings t WHERE t.told IS NOT NULL AND NOT EXISTS (
            SELECT FROM delivery_items x JOIN deliveries d ON d.id = x.delivery_id
            WHERE x.incident_id = t.incident_id AND d.receiver = t.receiver AND d.state = 'sent')""",
}

MOST_LINES = 20
"""Lines of one message; the others stand behind its link."""

STILL_FAILING = "still_failing"
"""What may be said of one incident again and again."""

_OVER = frozenset({"fixed", "recovered"})


@dataclass(frozen=True, slots=True)
class Told:
    """Of one receiver: what each incident's messages said, in order, which of that they showed, the sent ones' titles.

    `given_up` is how many were begun and then not needed any more; they may have been taken all the same.
    """

    kinds: Mapping[int, Sequence[str]]
    shown: frozenset[tuple[int, str]]
    titles: Sequence[str]
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident as the log has it: of which branch, whether it is open, whether its beginning is news."""

    id: int
    name: str
    is_open: bool
    is_news: bool


def is_quiet(database: Engine) -> bool:
    """Whether nothing is left to plan or to send."""
    with database.connect() as connection:
        left = connection.execute(_LEFT).one()
    return not (left.deliveries or left.tellings or left.events)


def told(database: Engine, receiver: str) -> Told:
    """What a receiver was told, by our own account."""
    kinds: dict[int, list[str]] = defaultdict(list)
    with database.connect() as connection:
        lines = connection.execute(_TOLD, {"receiver": receiver}).all()
        titles = connection.scalars(_SENT, {"receiver": receiver}).all()
        given_up = connection.execute(_GIVEN_UP, {"receiver": receiver}).scalar_one()
    for line in lines:
        kinds[line.incident_id].append(line.kind)
    shown = frozenset((line.incident_id, line.kind) for line in lines if line.place < MOST_LINES)
    return Told(kinds, shown, titles, given_up)


def breaches(database: Engine, ends: Endpoints, *, excuses: int, has_all: bool) -> Iterator[str]:
    """Every promise about alerts that does not hold, in words.

    `excuses` are kills and claims that ran out, each of which may cost a receiver one message said twice; `has_all`:
    whatever breaks is told to every receiver.
    """
    with database.connect() as connection:
        incidents = [Incident(*row) for row in connection.execute(_INCIDENTS)]
        for promise, statement in VIOLATIONS.items():
            if rows := len(connection.execute(text(statement)).all()):
                yield f"{promise}: {rows}"
    for receiver in ends.alerts.receivers:
        account, taken = told(database, receiver), ends.taken(receiver)
        words = [
            *of_incidents(incidents, account, has_all=has_all),
            *of_arrivals(account, taken),
            *of_repeats(account, taken, excuses + ends.doubtful(receiver)),
        ]
        yield from (f"{receiver}: {each}" for each in words)


def secrets_told(database: Engine, ends: Endpoints, logs: Iterable[Any]) -> Iterator[str]:
    """Where a receiver's secret stands that may stand nowhere."""
    said = [(log.name, log.read_text(errors="replace")) for log in logs]
    said += [(f"a message to {name}", each.text) for name in ends.alerts.receivers for each in ends.taken(name)]
    for owner, secret in ends.secrets.items():
        yield from (f"{owner} stands in {table}" for table in oracle.places_of(database, secret))
        yield from (f"{owner} stands in {place}" for place in sorted({name for name, words in said if secret in words}))


def of_incidents(incidents: Sequence[Incident], account: Told, *, has_all: bool) -> Iterator[str]:
    """Every incident that is news is told, none that is not, and what was said last is how it stands."""
    lost, invented, outdated, baseless, twice = [], [], [], [], []
    for each in incidents:
        kinds = account.kinds.get(each.id, ())
        if not kinds:
            lost += [each.name] if each.is_news and has_all else []
            continue
        once = [kind for kind in kinds if kind != STILL_FAILING]
        invented += [] if each.is_news else [each.name]
        outdated += [f"{each.name} ({kinds[-1]})"] if (kinds[-1] in _OVER) == each.is_open else []
        baseless += [each.name] if kinds[0] == "fixed" else []
        twice += [each.name] if len(set(once)) < len(once) else []
    for words, found in (
        ("incidents were never told", lost),
        ("incidents were told that are no news", invented),
        ("incidents stand otherwise than was told last", outdated),
        ("recoveries were told of what was never told to be broken", baseless),
        ("incidents were told twice by messages that count as sent", twice),
    ):
        if found:
            yield f"{len(found)} {words}, such as {found[0]}"


def of_arrivals(account: Told, taken: Sequence[Taken]) -> Iterator[str]:
    """What counts as sent was taken: as many of each title, and each line that a machine can read."""
    arrived = Counter(_plain(each.title) for each in taken)
    missing = Counter(map(_plain, account.titles)) - arrived
    if missing:
        yield f"{missing.total()} messages count as sent and never arrived, such as {next(iter(missing))!r}"
    unsaid = account.shown - {item for each in taken for item in each.items or ()}
    if unsaid and all(each.items is not None for each in taken):
        yield f"{len(unsaid)} lines count as told and stood in no message, such as {min(unsaid)}"


def of_repeats(account: Told, taken: Sequence[Taken], excuses: int) -> Iterator[str]:
    """More messages than were meant come only from kills and doubtful answers, and each of them says so."""
    surplus = len(taken) - len(account.titles)
    if surplus > excuses:
        yield f"{surplus} messages more than were meant, and only {excuses} kills and doubtful answers to excuse them"
    labelled = sum(each.is_repeat for each in taken)
    if surplus - account.given_up > labelled:
        yield f"{surplus} messages more than were meant, of which {labelled} say that they may be a repeat"
    seen: set[tuple[int, str]] = set()
    for each in taken:
        items = {item for item in each.items or () if item[1] != STILL_FAILING}
        if seen & items and not each.is_repeat:
            yield f"said again and not as a possible repeat: {each.title}"
        seen |= items


def _plain(title: str) -> str:
    """A title's letters and digits: channels escape and fold the rest each in its own way."""
    return re.sub(r"\W+", "", title)
