"""The waterfall: what each commit of a branch came to in each pipeline and each of its jobs."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from shared.branch_commits import BranchOf, CommitPage, CommitPosition, branch_commits, named_commits
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
    pipelines, has_all = _pipelines(session, scope)
    branch = _branch(pipelines, named)
    commits = branch_commits(session, branch, limit=limit, after=after)
    past = last_builds(session, branch, _shas(commits), after)
    columns = _Columns(pipelines, has_all, past, last_jobs(session, past))
    return Waterfall(_parts(session, branch, columns, commits), commits.next)


def waterfall_of(session: Session, scope: Scope, named: Sequence[str], shas: Sequence[str]) -> Waterfall:
    """These commits alone, where they were built there: of jobs those they have, without what came before them.

    Four statements. For whoever has the rest already and heard that these changed.
    """
    pipelines, has_all = _pipelines(session, scope)
    branch = _branch(pipelines, named)
    commits = named_commits(session, branch, shas)
    return Waterfall(_parts(session, branch, _Columns(pipelines, has_all), commits), None)


@dataclass(frozen=True, slots=True)
class _Columns:
    """The pipelines that are shown, whether these are all, and what came before: builds, newest first, and jobs."""

    pipelines: list[Row]
    has_all: bool
    past: Sequence[Row] = ()
    past_jobs: Sequence[Row] = ()


def _parts(session: Session, branch: BranchOf, columns: _Columns, commits: CommitPage) -> Row:
    """What commits came to, as an answer shows it."""
    shas = _shas(commits)
    of_builds = cells(session, branch, shas)
    of_jobs = job_cells(session, branch, shas)
    pipelines, places = columns_of(columns.pipelines, of_builds, of_jobs, columns.past, columns.past_jobs)
    failed_jobs = failures_of(of_jobs)
    return {
        "commits": commits.rows,
        "pipelines": pipelines,
        "has_all_pipelines": columns.has_all,
        "cells": [_cell(cell, failed_jobs.get((cell["commit"], cell["pipeline"]), [])) for cell in of_builds],
        "job_cells": {
            "commit": of_jobs.columns["commit"],
            "pipeline": of_jobs.columns["pipeline"],
            "job": [places[as_int(name)] for name in of_jobs.columns["name"]],
        }
        | {name: column for name, column in of_jobs.columns.items() if name not in ("commit", "pipeline", "name")},
        "has_all_jobs": of_jobs.has_all,
    }


def _shas(commits: CommitPage) -> list[str]:
    return [str(row["sha"]) for row in commits.rows]


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
