"""One build with all that belongs to it: its attempts, its pipeline, its parent and its children."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from shared.build_objects import BUILD_COLUMNS, BUILD_JOINS
from shared.rows import Row, rows

_PIPELINE = ("external_id", "name", "url", "default_branch", "source_id")
"""What a pipeline has besides what its builds say of it."""

_ATTEMPT = (
    "number",
    "status",
    "raw_status",
    "is_unstable",
    "cancel_reason",
    "started_at",
    "finished_at",
    "duration_seconds",
    "queued_seconds",
    "web_url",
    "has_jobs",
    "recorded_at",
)

_RELATIVE = ("id", "pipeline_id", "pipeline_name", "status", "web_url", "external_id")


def _named(what: str, columns: Sequence[str], value: str) -> str:
    """The columns under names that tell whose they are."""
    return ", ".join(f"{value.format(column=column)} AS {what}_{column}" for column in columns)


# Which build a parent's ids mean is settled by the constraints on them. What is not recorded stays null.
# `ix_builds_parent` holds a build's children newest first. Other instances may use the same ids; theirs are left out.
# What there may be several of comes as one array a column.
_ONE = f"""
    SELECT {BUILD_COLUMNS}, {_named("definition", _PIPELINE, "p.{column}")},
           {_named("parent", _RELATIVE, "parent.{column}")}, tries.*, started.*
    FROM builds b {BUILD_JOINS}
    LEFT JOIN LATERAL (
        SELECT k.id, o.id AS pipeline_id, coalesce(k.pipeline_name, o.name) AS pipeline_name, k.status, k.web_url,
               b.metadata -> 'parent' ->> 'external_id' AS external_id
        FROM (SELECT) one
        LEFT JOIN pipelines o ON o.instance_id = p.instance_id
                             AND o.external_id = b.metadata -> 'parent' ->> 'pipeline_external_id'
        LEFT JOIN builds k ON k.pipeline_id = o.id AND k.external_id = b.metadata -> 'parent' ->> 'external_id'
    ) parent ON true
    CROSS JOIN LATERAL (
        SELECT {_named("attempt", _ATTEMPT, "array_agg(a.{column} ORDER BY a.number)")}
        FROM attempts a WHERE a.build_id = b.id
    ) tries
    CROSS JOIN LATERAL (
        SELECT {_named("child", _RELATIVE, "array_agg(c.{column} ORDER BY c.queued_at DESC, c.id DESC)")}
        FROM (
            SELECT k.* FROM builds k JOIN pipelines o ON o.id = k.pipeline_id
            WHERE k.metadata -> 'parent' ->> 'external_id' = b.external_id
              AND k.metadata -> 'parent' ->> 'pipeline_external_id' = p.external_id
              AND o.instance_id = p.instance_id
            ORDER BY k.queued_at DESC, k.id DESC LIMIT :most_children
        ) c
    ) started
    WHERE b.id = :build_id
"""


def one_build(session: Session, build_id: int, *, most_children: int) -> Row | None:
    """The build object with `attempts` (first to latest), `pipeline`, `parent`, `children` inside; None: no such build.

    `parent` is the build that started it, in short, None when nothing says that one did; where it is not recorded only
    `external_id` is sure to be known. `children` are those of its instance that it started, in the same form, newest
    first, `most_children` at most. One statement, to be planned once for any values: that takes longer than executing.
    """
    found = rows(session, _ONE, {"build_id": build_id, "most_children": most_children})
    if not found:
        return None
    (row,) = found
    tries, started = _several(row, "attempt", _ATTEMPT), _several(row, "child", _RELATIVE)
    parent, pipeline = _taken(row, "parent", _RELATIVE), _taken(row, "definition", _PIPELINE)
    return row | {
        "attempts": tries,
        "pipeline": _pipeline_of(row, pipeline),
        "parent": None if parent["external_id"] is None else parent,
        "children": started,
    }


def _pipeline_of(build: Row, others: Row) -> Row:
    shared = {name: build[name] for name in ("provider", "instance", "project", "repository")}
    return {"id": build["pipeline_id"]} | shared | others


def _taken(row: Row, what: str, columns: Sequence[str]) -> Row:
    """These columns as an object of their own; they leave the row."""
    return {column: row.pop(f"{what}_{column}") for column in columns}


def _several(row: Row, what: str, columns: Sequence[str]) -> list[Row]:
    """The same of columns that are arrays, NULL where there is nothing: one object for each place."""
    arrays = [found if isinstance(found := row.pop(f"{what}_{column}"), list) else [] for column in columns]
    return [dict(zip(columns, values, strict=True)) for values in zip(*arrays, strict=True)]
