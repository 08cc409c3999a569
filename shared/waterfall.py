"""The waterfall: what each commit of a branch came to in each pipeline and each of its jobs."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from shared.branch_commits import BranchOf, CommitPosition, branch_commits
from shared.rows import Row, as_int, rows
from shared.scope import Scope, scope_conditions
from shared.waterfall_cells import cells, job_cells
from shared.waterfall_columns import columns_of, failures_of
from shared.waterfall_past import last_builds, last_jobs

MOST_PIPELINES = 60
"""So many columns are shown: the pipelines that were built most recently."""

_PIPELINES = f"""
    SELECT p.id, p.name, r.name AS repository, i.provider,
           coalesce(p.default_branch, r.default_branch) AS default_branch
    FROM pipelines p
    JOIN instances i ON i.id = p.instance_id
    JOIN projects j ON j.id = p.project_id
    LEFT JOIN repositories r ON r.id = p.repository_id
    LEFT JOIN LATERAL (
        SELECT b.queued_at FROM builds b WHERE b.pipeline_id = p.id ORDER BY b.queued_at DESC, b.id DESC LIMIT 1
    ) newest ON true
    WHERE {{where}} ORDER BY newest.queued_at DESC NULLS LAST, p.id LIMIT {MOST_PIPELINES + 1}
"""


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Its parts as an answer shows them, and from below where the commits go on; None: the end."""

    parts: Row
    next: CommitPosition | None


def waterfall(
    session: Session, scope: Scope, named: Sequence[str], *, limit: int, after: CommitPosition | None = None
) -> Waterfall:
    """The newest commits from below `after` on, on the branches named (none: on each pipeline's default branch).

    Six statements, however many commits, pipelines and jobs there are.
    """
    pipelines, has_all_pipelines = _pipelines(session, scope)
    branch = _branch(pipelines, named)
    commits = branch_commits(session, branch, limit=limit, after=after)
    shas = [str(row["sha"]) for row in commits.rows]
    of_builds = cells(session, branch, shas)
    of_jobs = job_cells(session, branch, shas)
    past = last_builds(session, branch, shas, after)
    columns, places = columns_of(pipelines, of_builds, of_jobs, past, last_jobs(session, past))
    failed_jobs = failures_of(of_jobs)
    return Waterfall(
        {
            "commits": commits.rows,
            "pipelines": columns,
            "has_all_pipelines": has_all_pipelines,
            "cells": [_cell(cell, failed_jobs.get((cell["commit"], cell["pipeline"]), [])) for cell in of_builds],
            "job_cells": {
                "commit": of_jobs.columns["commit"],
                "pipeline": of_jobs.columns["pipeline"],
                "job": [places[as_int(name)] for name in of_jobs.columns["name"]],
            }
            | {name: column for name, column in of_jobs.columns.items() if name not in ("commit", "pipeline", "name")},
            "has_all_jobs": of_jobs.has_all,
        },
        commits.next,
    )


def _pipelines(session: Session, scope: Scope) -> tuple[list[Row], bool]:
    """The pipelines that are shown, in their order, and whether these are all in scope."""
    conditions, parameters = scope_conditions(scope)
    found = rows(session, _PIPELINES.format(where=" AND ".join(conditions) or "true"), parameters)
    shown = sorted(found[:MOST_PIPELINES], key=lambda row: (str(row["repository"]), str(row["name"]), row["id"]))
    return shown, len(found) <= MOST_PIPELINES


def _branch(pipelines: Sequence[Row], named: Sequence[str]) -> BranchOf:
    defaults = (row["default_branch"] for row in pipelines)
    return BranchOf(
        tuple(as_int(row["id"]) for row in pipelines),
        tuple(None if default is None else str(default) for default in defaults),
        tuple(named),
    )


def _cell(cell: Row, failed_jobs: Sequence[str]) -> Row:
    """A cell with what its failure is known by: the jobs that failed, else the provider's word."""
    shown = {name: value for name, value in cell.items() if name != "is_broken"}
    if not cell["is_broken"]:
        return shown | {"failure": None}
    return shown | {"failure": ", ".join(failed_jobs) if failed_jobs else cell["failure"]}
