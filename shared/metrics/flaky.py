"""Which pipelines are flaky for certain: a commit passed there right after it had failed."""

from collections.abc import Sequence
from typing import cast

from sqlalchemy.orm import Session

from shared.metrics.cells import CellScope
from shared.metrics.flaky_rate import flaky_rate
from shared.metrics.links import builds_link, of_pipeline
from shared.metrics.periods import periods
from shared.metrics.ranking import Ranking
from shared.metrics.subject import Subject, pipelines_of, subject_among
from shared.metrics.tallies import tallies
from shared.metrics.window import Window
from shared.queries import BuildFilter
from shared.rows import Row, as_int, rows

NAMES = ("pipeline_id", "pipeline_name", "provider", "instance", "project", "repository")
"""How a ranked pipeline is named."""

_LAST = """
    SELECT s.id AS pipeline_id, f.build_id, f.branch, f.commit_sha, f.queued_at, f.passed_attempt,
           f.failed_build_id, f.failed_attempt
    FROM unnest(CAST(:ids AS bigint[])) AS s(id) CROSS JOIN LATERAL (
        SELECT * FROM flakes x WHERE x.pipeline_id = s.id AND x.queued_at >= :since AND x.queued_at < :until {branch}
        ORDER BY x.queued_at DESC, x.build_id DESC LIMIT 1
    ) f
"""


def ranking(session: Session, wanted: BuildFilter, frame: Window, *, limit: int) -> Ranking:
    """The pipelines whose builds of the window are flaky, by the lower bound of the rate: `limit` at most.

    Each row names its pipeline and has `builds` (those that passed right after a failure of the same commit),
    `verdicts`, `rate`, `lower`, `upper` (of the 95 % Wilson interval), `last_flake` and `link`.
    """
    pipelines = pipelines_of(session, wanted)
    subject = told_by_pipeline(pipelines, wanted)
    span = periods(session, subject, frame, has_before=False)
    subject, frame = span.subject, span.read_frame
    flaky = {
        as_int(row["key"]): flaky_rate(as_int(row["flaky"]), as_int(row["verdicts"]))
        for row in tallies(session, subject, span.cover)
        if row["key"] is not None and min(as_int(row["flaky"]), as_int(row["verdicts"])) > 0
    }
    ranked = sorted(flaky, key=lambda key: (-cast("float", flaky[key]["lower"] or 0), key))[:limit]
    last = _last_flakes(session, subject, ranked, frame)
    named = {as_int(row["pipeline_id"]): row for row in pipelines}
    found = [
        {name: named[key][name] for name in NAMES}
        | flaky[key]
        | {"last_flake": last.get(key), "link": builds_link(of_pipeline(wanted, key), frame, is_flaky="true")}
        for key in ranked
        if key in named
    ]
    return Ranking(found, len(flaky), span.as_row)


def told_by_pipeline(pipelines: Sequence[Row], wanted: BuildFilter) -> Subject:
    """The builds of these pipelines, each pipeline's by itself."""
    return subject_among(pipelines, wanted).told_by(
        CellScope.PIPELINE, [as_int(row["pipeline_id"]) for row in pipelines]
    )


def _last_flakes(session: Session, subject: Subject, ids: Sequence[int], frame: Window) -> dict[int, Row]:
    statement = _LAST.format(branch="AND x.branch = ANY(:branch)" if subject.branch else "")
    parameters = {"ids": list(ids), "branch": list(subject.branch), "since": frame.begins, "until": frame.ends}
    return {as_int(row.pop("pipeline_id")): row for row in rows(session, statement, parameters)}
