"""What a back-test reads: where the log begins for it, how the branches stood then, and the rules in force."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from alerts.incidents import FLAPPING_WITHIN, Incident, Standing
from alerts.outages import Outage, OutageKind
from alerts.plan_read import Key, Logged, read_events
from alerts.receiver_tables import common_part
from alerts.rules import Rules, Silence, with_default
from alerts.verdicts import Verdict
from shared.alert_rules import Origin, Table, in_force
from shared.config.routes import Matchers, RouteSettings
from shared.config.settings import ReceiverSettings
from shared.incident_status import IncidentStatus
from shared.reading import plan_by_values
from shared.silences import list_silences
from shared.status import VERDICTS, Status, literals

BATCH = 5_000
"""Events read at a time."""

LOOKED_AT = 50
"""So many builds of each pipeline before the beginning say how its branches stood; what was broken then is known."""

_MOST_SILENCES = 10_000

_WORDS = literals(VERDICTS)

# The log's index by instant knows only roughly where: without the fence the planner would walk the whole log by
# position instead, in the hope of meeting the instant soon.
_LAST_BEFORE = text("""
    SELECT coalesce(min(pos) - 1, (SELECT coalesce(max(pos), 0) FROM events))
    FROM (SELECT pos FROM events WHERE recorded_at >= :instant OFFSET 0) later
""")

_COUNT = text("SELECT count(*) FROM events WHERE pos > :after AND pos <= :until AND subject_kind <> 'incident'")

_INCIDENT = tuple(field.name for field in fields(Incident) if field.name not in ("status", "version", "failures"))

_OPENINGS = """
    ARRAY(SELECT o.opened_at FROM incidents o
          WHERE o.pipeline_id = {0}.pipeline_id AND o.branch = {0}.branch
            AND o.opened_at >= :flapping_since AND o.opened_at < :since
          ORDER BY o.opened_at DESC LIMIT 100)
"""

# As of a position of the log an incident stands as its last event up to there says.
_OPEN = text(f"""
    SELECT {", ".join(f"n.{name}" for name in _INCIDENT)}, ev.to_status AS status, ev.version,
           coalesce((ev.data->>'failures')::int, 1) AS failures, coalesce(b.id, n.last_bad_build_id) AS build_id,
           coalesce((ev.data->>'attempt')::int, n.last_bad_attempt) AS attempt,
           coalesce(b.queued_at, n.opened_at) AS queued_at, {_OPENINGS.format("n")} AS openings
    FROM incidents n
    JOIN LATERAL (
        SELECT e.to_status, e.version, e.data FROM events e
        WHERE e.subject_kind = 'incident' AND e.subject_id = n.id AND e.pos <= :after ORDER BY e.pos DESC LIMIT 1
    ) ev ON ev.to_status <> 'fixed'
    LEFT JOIN builds b ON b.id = (ev.data->>'build_id')::bigint
    WHERE n.opened_at < :since AND (n.fixed_at IS NULL OR n.fixed_at >= CAST(:since AS timestamptz) - interval '1 day')
""")

# Of every branch among a pipeline's newest builds before the beginning, the last verdict of its newest build by then.
_VERDICTS = text(f"""
    WITH newest AS (
        SELECT DISTINCT ON (p.id, branch) p.id AS pipeline_id,
               coalesce(b.branch, p.default_branch, r.default_branch, '') AS branch, b.id AS build_id, b.queued_at,
               e.attempt, e.to_status AS status, e.at
        FROM pipelines p
        LEFT JOIN repositories r ON r.id = p.repository_id
        CROSS JOIN LATERAL (
            SELECT id, branch, queued_at, event FROM builds WHERE pipeline_id = p.id AND queued_at < :since
            ORDER BY queued_at DESC, id DESC LIMIT {LOOKED_AT}
        ) b
        CROSS JOIN LATERAL (
            SELECT attempt, to_status, at FROM events
            WHERE subject_kind = 'build' AND subject_id = b.id AND pos <= :after AND NOT is_superseded
              AND to_status IN ({_WORDS})
            ORDER BY pos DESC LIMIT 1
        ) e
        WHERE coalesce(b.event, '') !~ '^(pull_request|merge_request|external_pull_request|parent_pipeline$)'
        ORDER BY p.id, branch, b.queued_at DESC, b.id DESC
    )
    SELECT newest.*, {_OPENINGS.format("newest")} AS openings FROM newest
""")

_OUTAGES = text("""
    SELECT o.id, o.kind, i.name AS instance, o.began_at, o.ended_at, o.reason
    FROM outages o LEFT JOIN instances i ON i.id = o.instance_id
    WHERE o.kind <> 'receiver' AND coalesce(o.ended_at > :since, true) ORDER BY o.id
""")


@dataclass(frozen=True, slots=True)
class Span:
    """The log after one position up to another: how many events it has besides our own, and whether that is all.

    `standings` tells how the branches stood where it begins.
    """

    after: int
    until: int
    events: int
    is_complete: bool
    standings: dict[Key, Standing]


def read_span(session: Session, since: datetime, until: datetime, *, most: int) -> Span:
    """Where the log stood at two instants, at most so many events apart, and the branches at the first one."""
    plan_by_values(session)
    after, last = (int(session.execute(_LAST_BEFORE, {"instant": each}).scalar_one()) for each in (since, until))
    end = min(last, after + most)
    events = int(session.execute(_COUNT, {"after": after, "until": end}).scalar_one())
    given = {"since": since, "flapping_since": since - FLAPPING_WITHIN, "after": after}
    standings = {(row.pipeline_id, row.branch): _standing(row) for row in session.execute(_VERDICTS, given)}
    standings |= {(row.pipeline_id, row.branch): _broken(row) for row in session.execute(_OPEN, given)}
    return Span(after, end, events, end == last, standings)


def read_batches(session: Session, span: Span, *, has_transitions: bool) -> Iterator[list[Logged]]:
    """The events of the span that say something, in batches, in the log's order."""
    after = span.after
    while after < span.until:
        logged, events, after = read_events(session, after, BATCH, has_transitions=has_transitions)
        yield [each for each in logged if each.pos <= span.until]
        if events < BATCH:
            return


def read_rules(session: Session, now: datetime) -> Rules:
    """The rules in force with every silence there was; nothing is opened, and what no longer parses is left out."""
    stored = in_force(session, Table.RECEIVERS)
    receivers = {rule.name: common for rule in stored if (common := _common(rule.settings)) is not None}
    asked = in_force(session, Table.ROUTES)
    routes = {rule.name: route for rule in asked if (route := _route(rule.settings)) is not None}
    silences = list_silences(session, (), now, limit=_MOST_SILENCES)
    return Rules(
        routes=with_default(routes, receivers),
        receivers=receivers,
        silences=tuple(silence for row in silences if (silence := _silence(row)) is not None),
    )


def routes_of_api(session: Session) -> list[RouteSettings]:
    """The routes made by API, which stay when another file is taken."""
    stored = [rule for rule in in_force(session, Table.ROUTES) if rule.origin is Origin.API]
    return [route for rule in stored if (route := _route(rule.settings)) is not None]


def read_outages(session: Session, since: datetime) -> list[Outage]:
    """What was out of order since then, besides receivers."""
    rows = session.execute(_OUTAGES, {"since": since})
    return [Outage(**dict(row._mapping) | {"kind": OutageKind(row.kind)}) for row in rows]  # noqa: SLF001


def _standing(row: Row[Any]) -> Standing:
    verdict = Verdict(Status(row.status), row.build_id, row.attempt, row.queued_at, row.at)
    return Standing(verdict, 0 if verdict.is_broken else 1, None, tuple(row.openings))


def _broken(row: Row[Any]) -> Standing:
    values = {name: getattr(row, name) for name in _INCIDENT}
    then = {"status": IncidentStatus(row.status), "version": row.version, "failures": row.failures}
    # Whatever closed it since had not happened.
    incident = Incident(**values | then | {"fixed_at": None, "fixed_build_id": None, "fixed_attempt": None})
    is_announced = not incident.is_silent
    verdict = Verdict(Status.FAILED, row.build_id, row.attempt, row.queued_at, incident.opened_at, is_announced)
    return Standing(verdict, 0, incident, tuple(row.openings))


def _common(settings: Any) -> ReceiverSettings | None:
    try:
        return common_part(settings)
    except ValidationError:
        return None


def _route(settings: Any) -> RouteSettings | None:
    try:
        return RouteSettings.model_validate(settings)
    except ValidationError:
        return None


def _silence(row: Any) -> Silence | None:
    try:
        matchers = Matchers.model_validate(row["matchers"])
    except ValidationError:
        return None
    names = ("id", "reason", "author", "starts_at", "ends_at")
    return Silence(matchers=matchers, **{name: row[name] for name in names})
