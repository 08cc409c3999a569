"""Numbers over a window of time: rates with what they count and leave out, durations, what runs now, what came last."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from shared.ghosts import IS_LIVE
from shared.queries import BuildFilter, build_conditions, list_builds
from shared.reading import plan_by_values
from shared.rows import Row, as_int, rows
from shared.scope import pipelines_in
from shared.status import VERDICTS, Status

DEFAULT_WINDOW = timedelta(hours=24)

FORMULA = {
    "success_rate": "succeeded / (succeeded + failed + timed_out)",
    "failure_rate": "(failed + timed_out) / (succeeded + failed + timed_out)",
    "duration_seconds": "over the builds of the window that succeeded, failed or timed out and have a duration",
    "window": "builds whose queued_at is at or after since and before until, each by its latest attempt",
    "active": "builds that are not finished now, whenever they were queued; stale are open ones not to be believed",
    "last_build": "the build with the newest queued_at, whether in the window or not",
}
"""How each figure comes about, in words; an answer carries it."""

# Statuses outside the rates come as counts too: an answer says what it left out.
_COUNTS = ", ".join(f"count(*) FILTER (WHERE b.status = '{status}') AS {status}" for status in Status)
_VERDICT = f"b.status IN ({', '.join(repr(str(status)) for status in sorted(VERDICTS))})"
_FIGURES = f"""
    count(*) AS builds, {_COUNTS},
    count(b.duration_seconds) FILTER (WHERE {_VERDICT}) AS timed,
    avg(b.duration_seconds) FILTER (WHERE {_VERDICT}) AS average,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY b.duration_seconds) FILTER (WHERE {_VERDICT}) AS p50,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY b.duration_seconds) FILTER (WHERE {_VERDICT}) AS p95
"""


class Grouping(StrEnum):
    """What figures can be told apart by."""

    PROVIDER = "provider"
    INSTANCE = "instance"
    PROJECT = "project"
    REPOSITORY = "repository"
    BRANCH = "branch"
    PIPELINE = "pipeline"


_GROUPS = {
    Grouping.PROVIDER: "i.provider AS provider",
    Grouping.INSTANCE: "i.name AS instance",
    Grouping.PROJECT: "j.key AS project",
    Grouping.REPOSITORY: "r.name AS repository",
    Grouping.BRANCH: "r.name AS repository, b.branch AS branch",
    Grouping.PIPELINE: "p.id AS pipeline_id, p.name AS pipeline_name, r.name AS repository",
}
_GROUP_COLUMNS = {
    Grouping.BRANCH: "repository, branch",
    Grouping.PIPELINE: "p.id, p.name, r.name",
}


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` (included) to `until` (excluded); without `until` up to whatever is newest."""

    since: datetime
    until: datetime | None = None

    @property
    def as_row(self) -> Row:
        return {"since": self.since, "until": self.until}


def window(as_of: datetime, since: datetime | None, until: datetime | None) -> Window:
    """The window asked for; by default the last 24 hours, begun on a full minute so that an answer can stay equal."""
    if since is None:
        since = (until or as_of) - DEFAULT_WINDOW
        since = since.replace(second=0, microsecond=0) if until is None else since
    return Window(since, until)


def overview(session: Session, wanted: BuildFilter, frame: Window) -> Row:
    """All figures over the builds that `wanted` names; its own since and until are not looked at.

    Three statements: the window's sums, what is open, what came last; two more to find a narrowed scope's pipelines.
    """
    conditions, parameters = _conditions(session, wanted)
    (sums,) = rows(session, _sums(conditions, frame), parameters | frame.as_row)
    last = list_builds(session, _timeless(wanted), limit=1)
    return {
        "window": frame.as_row,
        **_figures(sums),
        "active": _active(session, conditions, parameters),
        "last_build": last[0] if last else None,
        "formula": FORMULA,
    }


def groups(session: Session, wanted: BuildFilter, frame: Window, by: Grouping, *, limit: int) -> tuple[list[Row], int]:
    """The window's figures of each group, the ones with most builds first; and how many groups there are in all."""
    conditions, parameters = _conditions(session, wanted)
    columns = _GROUPS[by]
    key = _GROUP_COLUMNS.get(by, columns.partition(" AS ")[0])
    statement = f"""
        SELECT {columns}, {_FIGURES}, count(*) OVER () AS group_count
        FROM builds b JOIN pipelines p ON p.id = b.pipeline_id JOIN instances i ON i.id = p.instance_id
        JOIN projects j ON j.id = p.project_id LEFT JOIN repositories r ON r.id = p.repository_id
        WHERE {_framed(conditions, frame)} GROUP BY {key} ORDER BY builds DESC, {key} LIMIT :limit
    """
    sums = rows(session, statement, parameters | frame.as_row | {"limit": limit})
    names = [column.rpartition(" AS ")[2].strip() for column in columns.split(",")]
    found = [{name: row[name] for name in names} | _figures(row) for row in sums]
    return found, as_int(sums[0]["group_count"]) if sums else 0


def _conditions(session: Session, wanted: BuildFilter) -> tuple[list[str], dict[str, object]]:
    plan_by_values(session)
    pipelines = pipelines_in(session, wanted.scope)
    conditions, parameters = build_conditions(_timeless(wanted))
    if pipelines is not None:
        conditions.append("b.pipeline_id = ANY(:pipelines)")
        parameters["pipelines"] = pipelines
    return conditions, parameters


def _timeless(wanted: BuildFilter) -> BuildFilter:
    return replace(wanted, since=None, until=None)


def _framed(conditions: list[str], frame: Window) -> str:
    until = [] if frame.until is None else ["b.queued_at < :until"]
    return " AND ".join(["b.queued_at >= :since", *until, *conditions])


def _sums(conditions: list[str], frame: Window) -> str:
    return f"SELECT {_FIGURES} FROM builds b WHERE {_framed(conditions, frame)}"


def _active(session: Session, conditions: list[str], parameters: dict[str, object]) -> Row:
    where = " AND ".join(["NOT b.is_finished", *conditions])
    statement = f"""
        SELECT b.status, count(*) FILTER (WHERE {IS_LIVE}) AS live, count(*) AS builds
        FROM builds b JOIN pipelines p ON p.id = b.pipeline_id WHERE {where} GROUP BY b.status
    """
    found = rows(session, statement, parameters)
    by_status = {str(row["status"]): as_int(row["live"]) for row in found if row["live"]}
    active = sum(by_status.values())
    stale = sum(as_int(row["builds"]) for row in found) - active
    return {"builds": active, "by_status": dict(sorted(by_status.items())), "stale": stale}


def _figures(row: Row) -> Row:
    """The answer's figures from one row of sums: rates are null where nothing has a verdict."""
    counts = {str(status): as_int(row[status]) for status in Status}
    succeeded = counts[Status.SUCCEEDED]
    broken = counts[Status.FAILED] + counts[Status.TIMED_OUT]
    verdicts = succeeded + broken
    return {
        "builds": row["builds"],
        "counts": counts,
        "verdicts": verdicts,
        "left_out": {word: count for word, count in counts.items() if word not in VERDICTS},
        "success_rate": succeeded / verdicts if verdicts else None,
        "failure_rate": broken / verdicts if verdicts else None,
        "duration_seconds": {
            "average": row["average"],
            "p50": row["p50"],
            "p95": row["p95"],
            "builds": row["timed"],
        },
    }
