"""What the planner writes: incidents, verdicts, decisions, what is to be told, events; each table in one statement."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter

from pydantic import TypeAdapter
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from alerts.incidents import Change, Incident, Standing
from alerts.plan_read import SUBJECT, Key
from alerts.plan_routes import Decided, Routing, Wanted
from alerts.verdicts import Verdict
from shared import events
from shared.config.settings import ReceiverSettings
from shared.metrics.contributions import OF_INCIDENT
from shared.wire import encode

Ids = Mapping[int, int]
"""The ids that incidents have in the table, by those they have in the fold."""

# What figures knew of an incident is taken away, and what they are to know now is added; what stays cancels out.
_CHANGES = f"""
    changed AS (
        INSERT INTO metric_changes (build_id, pipeline_id, branch, queued_at, status, builds, first_tries, duration_ms,
                                    queued_ms)
        SELECT 0, pipeline_id, nullif(branch, ''), at, status, sum(sign), 0, duration_ms, queued_ms
        FROM (
            SELECT -1 AS sign, i.pipeline_id, i.branch, e.*
            FROM incidents i JOIN planned p ON p.real_id = i.id CROSS JOIN LATERAL {OF_INCIDENT.format("i")} e
            UNION ALL
            SELECT 1, p.pipeline_id, p.branch, e.* FROM planned p CROSS JOIN LATERAL {OF_INCIDENT.format("p")} e
        ) before_and_after
        GROUP BY pipeline_id, branch, at, status, duration_ms, queued_ms HAVING sum(sign) <> 0
    )
"""

# Known incidents come first and new ones as they were opened, because of one branch at most one may be open at any
# moment. The conflict is with the primary key alone: a known incident is changed, a new one has an id nobody had.
_INCIDENTS = text(f"""
    WITH planned AS MATERIALIZED (
        SELECT CASE WHEN id > 0 THEN id ELSE nextval(pg_get_serial_sequence('incidents', 'id')) END AS real_id, p.*
        FROM (
            SELECT * FROM jsonb_to_recordset(:rows) AS given(id bigint, pipeline_id bigint, branch text,
                project_id bigint, version integer, status text, opened_at timestamptz, last_failed_at timestamptz,
                fixed_at timestamptz, failures integer, flaps integer, first_bad_build_id bigint,
                first_bad_attempt integer, last_bad_build_id bigint, last_bad_attempt integer,
                last_good_build_id bigint, last_good_attempt integer, fixed_build_id bigint, fixed_attempt integer,
                is_flaky boolean, is_silent boolean)
            ORDER BY id DESC
        ) p
    ), written AS (
        INSERT INTO incidents (id, pipeline_id, branch, project_id, version, status, opened_at, last_failed_at,
            fixed_at, failures, flaps, first_bad_build_id, first_bad_attempt, last_bad_build_id, last_bad_attempt,
            last_good_build_id, last_good_attempt, fixed_build_id, fixed_attempt, is_flaky, is_silent)
        OVERRIDING SYSTEM VALUE
        SELECT real_id, pipeline_id, branch, project_id, version, status, opened_at, last_failed_at,
            fixed_at, failures, flaps, first_bad_build_id, first_bad_attempt, last_bad_build_id, last_bad_attempt,
            last_good_build_id, last_good_attempt, fixed_build_id, fixed_attempt, is_flaky, is_silent
        FROM planned ORDER BY planned.id DESC
        ON CONFLICT (id) DO UPDATE SET version = excluded.version, status = excluded.status,
            last_failed_at = excluded.last_failed_at, fixed_at = excluded.fixed_at, failures = excluded.failures,
            last_bad_build_id = excluded.last_bad_build_id, last_bad_attempt = excluded.last_bad_attempt,
            fixed_build_id = excluded.fixed_build_id, fixed_attempt = excluded.fixed_attempt,
            is_flaky = excluded.is_flaky, is_silent = excluded.is_silent
    ), {_CHANGES}
    SELECT id, real_id FROM planned
""").bindparams(bindparam("rows", type_=JSONB))

_VERDICTS = text("""
    INSERT INTO verdicts (pipeline_id, branch, status, build_id, attempt, queued_at, since, is_announced, passes,
                          incident_id, good_build_id, good_attempt)
    SELECT * FROM jsonb_to_recordset(:rows) AS planned(pipeline_id bigint, branch text, status text, build_id bigint,
        attempt integer, queued_at timestamptz, since timestamptz, is_announced boolean, passes integer,
        incident_id bigint, good_build_id bigint, good_attempt integer)
    ON CONFLICT (pipeline_id, branch) DO UPDATE SET status = excluded.status, build_id = excluded.build_id,
        attempt = excluded.attempt, queued_at = excluded.queued_at, since = excluded.since,
        is_announced = excluded.is_announced, passes = excluded.passes, incident_id = excluded.incident_id,
        good_build_id = excluded.good_build_id, good_attempt = excluded.good_attempt
""").bindparams(bindparam("rows", type_=JSONB))

# What is written down of an event, by its position: the planner's word, and why which routes did not fit.
_DECISIONS = text("""
    INSERT INTO decisions (event_pos, decision, incident_id, unmatched, decided_at)
    SELECT event_pos, decision, incident_id, unmatched, :now
    FROM jsonb_to_recordset(:rows) AS decided(event_pos bigint, decision text, incident_id bigint, unmatched jsonb)
    ORDER BY event_pos
    ON CONFLICT (event_pos) DO NOTHING
""").bindparams(bindparam("rows", type_=JSONB))

# One row an event, route and receiver, for ever. What the raw feed sends is a delivery already, planned just before.
_ROUTINGS = text("""
    INSERT INTO routings (event_pos, route, receiver, incident_id, kind, outcome, reason, delivery_id, decided_at,
                          settled_at)
    SELECT event_pos, route, receiver, incident_id, kind, outcome, reason,
           CASE WHEN incident_id IS NULL AND outcome = 'queued' THEN
               (SELECT d.id FROM deliveries d WHERE d.receiver = asked.receiver AND d.event_pos = asked.event_pos)
           END,
           :now, CASE WHEN outcome = 'suppressed' THEN CAST(:now AS timestamptz) END
    FROM jsonb_to_recordset(:rows) AS asked(event_pos bigint, route text, receiver text, incident_id bigint, kind text,
        outcome text, reason text)
    ORDER BY event_pos, route, receiver
    ON CONFLICT (event_pos, route, receiver) DO NOTHING
""").bindparams(bindparam("rows", type_=JSONB))

# News joins what waits already and never puts it off. What is held is looked at again: the news may be that nothing is
# left to tell. Receivers come in one order, so that planner and senders meet the rows in the same one.
_TELLINGS = text("""
    INSERT INTO tellings AS t (receiver, incident_id, route, asked_by, wanted_at, wanted_pos, wants, news_at, due_at,
                               why)
    SELECT receiver, incident_id, route, asked_by, :now, wanted_pos, wants, news_at, due_at, why
    FROM jsonb_to_recordset(:rows) AS asked(receiver text, incident_id bigint, route text, asked_by text[],
        wanted_pos bigint, wants text[], news_at timestamptz, due_at timestamptz, why text)
    ORDER BY receiver, incident_id
    ON CONFLICT (receiver, incident_id) DO UPDATE SET
        route = excluded.route,
        asked_by = ARRAY(SELECT DISTINCT name FROM unnest(t.asked_by || excluded.asked_by) name ORDER BY name),
        wanted_at = coalesce(t.wanted_at, excluded.wanted_at),
        wanted_pos = excluded.wanted_pos,
        wants = ARRAY(SELECT DISTINCT word FROM unnest(t.wants || excluded.wants) word ORDER BY word),
        news_at = excluded.news_at,
        due_at = least(CASE WHEN t.wanted_at IS NOT NULL AND t.held IS NULL THEN t.due_at END, excluded.due_at),
        why = CASE WHEN t.wanted_at IS NULL THEN excluded.why ELSE coalesce(excluded.why, t.why) END
""").bindparams(bindparam("rows", type_=JSONB))

_STORED_INCIDENTS = TypeAdapter(list[Incident])
_STORED_VERDICT = TypeAdapter(Verdict)


def write_incidents(session: Session, incidents: Collection[Incident]) -> Ids:
    """Store the incidents as they stand now; the new ones among them, whose ids are negative, get their real ids.

    Of two new ones the smaller id is the younger incident's.
    """
    rows = _STORED_INCIDENTS.dump_python(list(incidents), mode="json")
    return {row.id: row.real_id for row in session.execute(_INCIDENTS, {"rows": rows})}


def write_verdicts(session: Session, standings: Mapping[Key, Standing], ids: Ids) -> None:
    """Store how the branches stand now."""
    rows = [
        {"pipeline_id": key[0], "branch": key[1]}
        | _STORED_VERDICT.dump_python(standing.verdict, mode="json")
        | {"passes": standing.passes, "incident_id": _real_id(standing.incident, ids)}
        | dict(zip(("good_build_id", "good_attempt"), standing.good or (None, None), strict=True))
        for key, standing in sorted(standings.items(), key=itemgetter(0))
    ]
    session.execute(_VERDICTS, {"rows": rows})


def write_decisions(
    session: Session,
    decided: Iterable[Decided],
    unmatched: Mapping[int, Mapping[str, str]],
    ids: Ids,
    now: datetime,
) -> None:
    """One row for each event that says something."""
    rows = [
        {
            "event_pos": each.logged.pos,
            "decision": each.decision,
            "incident_id": _real_id(each.incident, ids),
            "unmatched": unmatched.get(each.logged.pos),
        }
        for each in decided
    ]
    session.execute(_DECISIONS, {"rows": rows, "now": now})


def write_routings(session: Session, routings: Iterable[Routing], ids: Ids, now: datetime) -> None:
    """What every route that fitted made of an event, for each of its receivers."""
    rows = [
        {
            "event_pos": each.event_pos,
            "route": each.route,
            "receiver": each.receiver,
            "incident_id": None if each.incident_id is None else ids.get(each.incident_id, each.incident_id),
            "kind": each.kind,
            "outcome": each.outcome,
            "reason": each.reason,
        }
        for each in routings
    ]
    session.execute(_ROUTINGS, {"rows": rows, "now": now})


def write_tellings(
    session: Session,
    wanted: Mapping[tuple[str, int], Wanted],
    receivers: Mapping[str, ReceiverSettings],
    ids: Ids,
    now: datetime,
) -> None:
    """What receivers are to hear of incidents, each after the wait of its group at the soonest."""
    rows = [
        {
            "receiver": receiver,
            "incident_id": ids.get(incident_id, incident_id),
            "route": each.route,
            "asked_by": sorted(each.asked_by),
            "wanted_pos": each.pos,
            "wants": sorted(each.wants),
            "news_at": each.news_at.isoformat(),
            "due_at": (now + timedelta(seconds=receivers[receiver].group_wait)).isoformat(),
            "why": each.why,
        }
        for (receiver, incident_id), each in wanted.items()
    ]
    session.execute(_TELLINGS, {"rows": rows, "now": now})


def append_changes(session: Session, changes: Iterable[tuple[int, Change]], ids: Ids) -> Sequence[int]:
    """Tell the event log what became of the incidents, by the positions of their causes; returns the new positions.

    Takes the log's lock, so it comes last.
    """
    rows = [_event(ordinal, cause_pos, change, ids) for ordinal, (cause_pos, change) in enumerate(changes, 1)]
    return events.append_about(session, SUBJECT, encode(rows).decode())


def _event(ordinal: int, cause_pos: int, change: Change, ids: Ids) -> dict[str, object]:
    incident, cause = change.incident, change.cause
    return {
        "ordinal": ordinal,
        "subject_id": _real_id(incident, ids),
        "project_id": incident.project_id,
        "version": incident.version,
        "from_status": change.from_status,
        "to_status": incident.status,
        "is_backfill": cause.is_backfill,
        "at": cause.finished_at,
        "data": {
            "pipeline_id": incident.pipeline_id,
            "branch": incident.branch,
            "build_id": cause.build_id,
            "attempt": cause.attempt,
            "failures": incident.failures,
            "cause_pos": cause_pos,
        },
    }


def _real_id(incident: Incident | None, ids: Ids) -> int | None:
    """An incident's id in the table; one that the batch did not change was read with it."""
    return None if incident is None else ids.get(incident.id, incident.id)
