"""The columns of a waterfall: pipelines and their jobs, in the order they were first seen; pure."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from shared.rows import Row, as_int
from shared.waterfall_cells import JobCells

Column: TypeAlias = tuple[int, str]
"""A pipeline's place and a job's name."""

_LAST_BUILD = ("status", "commit_sha", "queued_at", "build_id", "web_url")
_LAST_JOB = ("status", "commit_sha", "queued_at", "build_id", "job_id")


def columns_of(
    pipelines: Sequence[Row], of_builds: Sequence[Row], of_jobs: JobCells, past: Sequence[Row], past_jobs: Sequence[Row]
) -> tuple[list[Row], list[int]]:
    """The pipelines with their jobs, and for each of the jobs' names its place among those of its pipeline.

    Who has no cell has what it last came to beside it, where `past` (newest first) and `past_jobs` know that.
    """
    busy = {as_int(cell["pipeline"]) for cell in of_builds}
    last = {as_int(row["pipeline"]): row for row in reversed(past)}
    first_ids, stages = _seen(of_jobs, past_jobs)
    last_of_jobs = {(as_int(row["pipeline"]), str(row["name"])): row for row in past_jobs}
    for name in of_jobs.names:
        last_of_jobs.pop((name.pipeline, name.name), None)
    jobs: dict[int, list[Row]] = {}
    places: dict[Column, int] = {}
    for column in sorted(first_ids, key=lambda column: (column[0], first_ids[column])):
        of_pipeline = jobs.setdefault(column[0], [])
        places[column] = len(of_pipeline)
        shown = _told(last_of_jobs.get(column), _LAST_JOB)
        of_pipeline.append({"name": column[1], "stage": stages[column], "last": shown})
    shown_pipelines = [
        row | {"jobs": jobs.get(place, []), "last": None if place in busy else _told(last.get(place), _LAST_BUILD)}
        for place, row in enumerate(pipelines)
    ]
    return shown_pipelines, [places[name.pipeline, name.name] for name in of_jobs.names]


def failures_of(of_jobs: JobCells) -> Mapping[tuple[object, object], list[str]]:
    """By commit and pipeline, which jobs failed there; in the same order wherever the same ones did."""
    found: dict[tuple[object, object], list[str]] = {}
    columns = of_jobs.columns
    for commit, pipeline, name, failure in zip(
        *(columns[word] for word in ("commit", "pipeline", "name", "failure")), strict=True
    ):
        if failure is not None:
            found.setdefault((commit, pipeline), []).append(of_jobs.names[as_int(name)].name)
    return found


def _seen(of_jobs: JobCells, past_jobs: Sequence[Row]) -> tuple[dict[Column, int], dict[Column, object]]:
    """When each job was first seen, and its stage; of what is shown rather than of the past."""
    first_ids = {(as_int(row["pipeline"]), str(row["name"])): as_int(row["first_id"]) for row in past_jobs}
    stages: dict[Column, object] = {(as_int(row["pipeline"]), str(row["name"])): row["stage"] for row in past_jobs}
    for job in of_jobs.names:
        column = (job.pipeline, job.name)
        first_ids[column] = min(job.first_id, first_ids.get(column, job.first_id))
        stages[column] = job.stage
    return first_ids, stages


def _told(row: Row | None, names: Sequence[str]) -> Row | None:
    return None if row is None else {name: row[name] for name in names}
