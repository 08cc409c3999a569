"""Messages about ourselves: each outage's beginning and end, to those who want to know, never to what is off itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote

from sqlalchemy import text
from sqlalchemy.orm import Session

from alerts.message import clock_span, clock_time, in_words, one_line
from alerts.notice import Notice, NoticeKind, Tone
from alerts.outages import OutageKind
from alerts.planned import Planned, plan_all
from alerts.rules import Rules
from alerts.verdicts import STALE
from shared.config.settings import ReceiverSettings

LEAST = timedelta(minutes=2)
"""What was over sooner, before anybody was told, is not told at all."""

BEGAN, ENDED = "began", "ended"

# Of an outage that nobody has been told of, `told` is empty; what is over is told for as long as it is news.
_OUTAGES = text("""
    SELECT o.id, o.kind, o.subject, o.reason, o.began_at, o.ended_at,
           (SELECT count(*) FROM sources s
            WHERE s.is_active AND (s.instance_id = o.instance_id OR o.kind = 'collector')) AS sources,
           (SELECT coalesce(jsonb_object_agg(d.receiver || ' ' || w.what, d.state), '{}')
            FROM (VALUES ('began'), ('ended')) w(what)
            JOIN deliveries d ON d.receiver = ANY(:receivers) AND d.key = 'outage:' || o.id || ':' || w.what) AS told
    FROM outages o
    WHERE o.ended_at IS NULL OR o.ended_at > :old
    ORDER BY o.began_at, o.id
""")

_OFF = text("SELECT receiver FROM receiver_states WHERE off_since IS NOT NULL")

# What was not begun to be sent is taken back; a claim that comes first wins, and then both are told.
_TAKE_BACK = text("""
    UPDATE deliveries SET state = 'expired', settled_at = :now, last_error = 'it was over before this was told'
    WHERE key = ANY(:keys) AND state = 'pending' AND tries = 0
    RETURNING receiver, key
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An outage as it is told.

    `subject` is what is out of order, `sources` how many sources that concerns. `told` are the deliveries about it, by
    (receiver, `began` or `ended`), with their state.
    """

    id: int
    kind: OutageKind
    subject: str
    reason: str
    began_at: datetime
    ended_at: datetime | None
    sources: int = 0
    told: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def key(self, what: str) -> str:
        return f"outage:{self.id}:{what}"

    @property
    def is_begin_waiting(self) -> bool:
        """Whether a message that it began may not have been begun to be sent."""
        return any(what == BEGAN and state == "pending" for (_, what), state in self.told.items())

    def was_told(self, receiver: str, what: str) -> bool:
        """Whether the receiver has had this message, or has it coming."""
        return self.told.get((receiver, what)) not in (None, "expired", "dead")


def plan(session: Session, rules: Rules, now: datetime) -> None:
    """Plan what is to be told of outages that began or ended; whoever does it again plans nothing more."""
    if not rules.receivers:
        return
    troubles = _troubles(session, rules, now)
    waiting = [each.key(BEGAN) for each in troubles if each.ended_at is not None and each.is_begin_waiting]
    if waiting and session.execute(_TAKE_BACK, {"keys": waiting, "now": now}).first() is not None:
        troubles = _troubles(session, rules, now)
    if not troubles:
        return
    chosen = listeners(rules.receivers, frozenset(session.scalars(_OFF)))
    told = (each for each in troubles if not _is_forgotten(each, rules))
    plan_all(session, (message for each in told for message in messages_about(each, chosen)), now)


def _is_forgotten(trouble: Trouble, rules: Rules) -> bool:
    """Whether it is about a receiver that nobody configures any more: it is neither off nor on."""
    return trouble.kind is OutageKind.RECEIVER and trouble.subject not in rules.receivers


def listeners(receivers: Mapping[str, ReceiverSettings], off: frozenset[str]) -> Mapping[str, ReceiverSettings]:
    """Who hears what is wrong with us.

    Those that say they do; where none of them is on, all that do not say they do not.
    """
    on = {name: settings for name, settings in receivers.items() if name not in off}
    asked = {name: settings for name, settings in on.items() if settings.operations}
    return asked or {name: settings for name, settings in on.items() if settings.operations is None}


def messages_about(trouble: Trouble, receivers: Mapping[str, ReceiverSettings]) -> Iterable[Planned]:
    """What each of these receivers is still to be told of an outage; pure.

    One that was over before anybody was told of it is one message, or none where it was short.
    """
    was_anyone_told = any(trouble.was_told(receiver, what) for receiver, what in trouble.told)
    for name, settings in receivers.items():
        begin, end = (name, BEGAN), (name, ENDED)
        if trouble.ended_at is None:
            is_itself = trouble.kind is OutageKind.RECEIVER and trouble.subject == name
            if begin not in trouble.told and not is_itself:
                yield Planned(receiver=name, key=trouble.key(BEGAN), notice=began(trouble, settings.timezone))
        elif end in trouble.told:
            continue
        elif trouble.was_told(*begin):
            yield Planned(receiver=name, key=trouble.key(ENDED), notice=ended(trouble, settings.timezone))
        elif trouble.ended_at - trouble.began_at >= LEAST and (begin in trouble.told or not was_anyone_told):
            yield Planned(receiver=name, key=trouble.key(ENDED), notice=was(trouble, settings.timezone))


def began(trouble: Trouble, timezone: str) -> Notice:
    """Something does not work."""
    since = clock_time(trouble.began_at, timezone)
    name = one_line(trouble.subject, 60)
    titles = {
        OutageKind.PROVIDER: f"Nothing is collected from {name} since {since}",
        OutageKind.CREDENTIAL: f"{name} refuses our credential since {since}",
        OutageKind.COLLECTOR: f"No scheduler runs since {since}",
        OutageKind.RECEIVER: f"{name} is switched off: {one_line(trouble.reason, 80)}",
    }
    return _notice(trouble, titles[trouble.kind], Tone.BAD, (("Since", since), *_meaning(trouble)))


def ended(trouble: Trouble, timezone: str) -> Notice:
    """It works again."""
    name = one_line(trouble.subject, 60)
    titles = {
        OutageKind.PROVIDER: f"{name} is collected again",
        OutageKind.CREDENTIAL: f"{name} takes our credential again",
        OutageKind.COLLECTOR: "A scheduler runs again",
        OutageKind.RECEIVER: f"{name} is no longer switched off",
    }
    return _notice(trouble, titles[trouble.kind], Tone.GOOD, (("Lasted", _lasted(trouble, timezone)),))


def was(trouble: Trouble, timezone: str) -> Notice:
    """It did not work and does again, and nobody has been told so far."""
    lasted = _lasted(trouble, timezone)
    name, span = one_line(trouble.subject, 60), lasted.partition(",")[0]
    titles = {
        OutageKind.PROVIDER: f"Nothing was collected from {name} {span}",
        OutageKind.CREDENTIAL: f"{name} refused our credential {span}",
        OutageKind.COLLECTOR: f"No scheduler ran {span}",
        OutageKind.RECEIVER: f"{name} was switched off {span}",
    }
    return _notice(trouble, titles[trouble.kind], Tone.GOOD, (("Lasted", lasted),))


def _notice(trouble: Trouble, title: str, tone: Tone, facts: tuple[tuple[str, str], ...]) -> Notice:
    return Notice(
        kind=NoticeKind.OPERATIONS,
        id=0,
        title=title,
        tone=tone,
        facts=(("Reason", one_line(trouble.reason, 300)), *facts),
        links=_links(trouble),
        thread=f"outage-{trouble.id}",
    )


def _lasted(trouble: Trouble, timezone: str) -> str:
    """`2026-11-20 10:02-10:40 UTC, 38 min`; raises nothing, because only what ended comes here."""
    ended_at = trouble.ended_at or trouble.began_at
    seconds = (ended_at - trouble.began_at).total_seconds()
    return f"{clock_span(trouble.began_at, ended_at, timezone)}, {in_words(seconds)}"


def _meaning(trouble: Trouble) -> tuple[tuple[str, str], ...]:
    """What follows from it, and what can be done."""
    doctor = ("What to do", "run `observatory doctor`")
    affected = ("Sources", f"{trouble.sources:,} affected")
    held = ("Until it is over", "news of what finished since then waits, and what is still broken is told afterwards")
    match trouble.kind:
        case OutageKind.RECEIVER:
            cure = "put its settings right, or run `observatory alerts test` with its name once it takes messages again"
            return (("Until it is on", "what it would be told waits"), ("What to do", cure))
        case OutageKind.CREDENTIAL:
            return (affected, held, ("What to do", "give it a new token, then run `observatory doctor`"))
        case OutageKind.COLLECTOR:
            return (affected, doctor)
        case _:
            return (affected, held, doctor)


def _links(trouble: Trouble) -> tuple[tuple[str, str], ...]:
    name = quote(trouble.subject, safe="")
    match trouble.kind:
        case OutageKind.RECEIVER:
            return ((f"Receiver {one_line(trouble.subject, 50)}", f"/api/receivers/{name}"),)
        case OutageKind.COLLECTOR:
            return (("Sources", "/api/sources"),)
        case _:
            return ((f"Sources of {one_line(trouble.subject, 50)}", f"/api/sources?instance={name}"),)


def _troubles(session: Session, rules: Rules, now: datetime) -> list[Trouble]:
    given = {"old": now - STALE, "receivers": sorted(rules.receivers)}
    return [
        Trouble(**{**row, "kind": OutageKind(row["kind"]), "told": _by_receiver(row["told"])})
        for row in session.execute(_OUTAGES, given).mappings()
    ]


def _by_receiver(told: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """The states by receiver and message; a receiver's name has no space."""
    return {(name, what): state for key, state in told.items() for name, _, what in (key.partition(" "),)}
