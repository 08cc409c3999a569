"""What the planner writes: incidents, verdicts, deliveries and events, each table in one statement."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from pydantic import TypeAdapter
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from alerts.incidents import Change, Incident, Standing
from alerts.message import Message, to_row
from alerts.plan_read import SUBJECT, Key
from alerts.verdicts import Verdict
from shared import events
from shared.wire import encode

Ids = Mapping[int, int]
"""The ids that incidents have in the table, by those they have in the fold."""

# Known incidents come first and new ones as they were opened, because of one branch at most one may be open at any
# moment. The conflict is with the primary key alone: a known incident is changed, a new one has an id nobody had.
_INCIDENTS = text("""
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
    )
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

# One row a receiver and event, for ever: the unique key makes planning the same event again a no-op.
_DELIVERIES = text("""
    INSERT INTO deliveries (receiver, kind, event_pos, incident_id, build_id, attempt, state, message, last_error,
                            next_try_at, created_at, settled_at)
    SELECT receiver, kind, event_pos, incident_id, build_id, attempt,
           CASE WHEN too_late IS NULL THEN 'pending' ELSE 'expired' END, message, too_late, :now, :now,
           CASE WHEN too_late IS NOT NULL THEN CAST(:now AS timestamptz) END
    FROM unnest(CAST(:receivers AS text[])) AS receiver
    CROSS JOIN jsonb_to_recordset(:rows) AS planned(kind text, event_pos bigint, incident_id bigint, build_id bigint,
        attempt integer, message jsonb, too_late text)
    ORDER BY event_pos, receiver
    ON CONFLICT (receiver, event_pos) DO NOTHING
""").bindparams(bindparam("rows", type_=JSONB))

_STORED_INCIDENTS = TypeAdapter(list[Incident])
_STORED_VERDICT = TypeAdapter(Verdict)


@dataclass(frozen=True, slots=True)
class News:
    """A message about the event at `pos`; `too_late` says in words why it is recorded as expired instead of sent."""

    pos: int
    pipeline_id: int
    message: Message
    incident: Incident | None
    too_late: str | None = None


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


def write_deliveries(
    session: Session, news: Iterable[News], receivers: Collection[str], ids: Ids, now: datetime
) -> None:
    """One delivery for each piece of news and each receiver."""
    rows = [
        {
            "kind": each.message.kind,
            "event_pos": each.pos,
            "incident_id": _real_id(each.incident, ids),
            "build_id": each.message.build_id,
            "attempt": each.message.attempt,
            "message": to_row(each.message),
            "too_late": each.too_late,
        }
        for each in news
    ]
    session.execute(_DELIVERIES, {"rows": rows, "receivers": sorted(set(receivers)), "now": now})


def append_changes(session: Session, changes: Iterable[Change], ids: Ids) -> Sequence[int]:
    """Tell the event log what became of the incidents; returns the positions.

    Takes the log's lock, so it comes last.
    """
    rows = [_event(ordinal, change, ids) for ordinal, change in enumerate(changes, 1)]
    return events.append_about(session, SUBJECT, encode(rows).decode())


def _event(ordinal: int, change: Change, ids: Ids) -> dict[str, object]:
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
        },
    }


def _real_id(incident: Incident | None, ids: Ids) -> int | None:
    """An incident's id in the table; one that the batch did not change was read with it."""
    return None if incident is None else ids.get(incident.id, incident.id)
