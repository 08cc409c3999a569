"""How much each group holds, and how long what succeeded there took: added up by the database, a row for each group.

Rankings look at all groups and show few: what decides who is shown is read here, the rest of those few by `read`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from sqlalchemy.orm import Session

from shared.metrics.cells import STATUS_CODE
from shared.metrics.cover import Cover
from shared.metrics.read import VERDICT_CODES, Detail, parameters_for, statement_of
from shared.metrics.subject import Subject
from shared.metrics.totals import Histogram
from shared.rows import Row, as_int, rows
from shared.status import Status

_SUCCEEDED = STATUS_CODE[Status.SUCCEEDED]

# As `read` has them, a row counts in one slot and is taken away from another.
_PLACES = """
    CROSS JOIN LATERAL (VALUES (f.slot, 1), (f.counted_in, -1)) AS p (slot, sign)
    WHERE p.slot BETWEEN 1 AND cardinality(CAST(:bounds AS timestamptz[])) - 1
"""

_TALLIES = f"""
    SELECT p.slot, key, sum(sign * builds)::bigint AS builds, sum(sign * flaky)::bigint AS flaky,
           coalesce(sum(sign * builds) FILTER (WHERE status IN ({VERDICT_CODES})), 0)::bigint AS verdicts,
           coalesce(sum(sign * builds) FILTER (WHERE status = {_SUCCEEDED}), 0)::bigint AS succeeded,
           coalesce(sum(sign * timed) FILTER (WHERE status = {_SUCCEEDED}), 0)::bigint AS timed,
           coalesce(sum(sign * duration_ms) FILTER (WHERE status = {_SUCCEEDED}), 0)::bigint AS duration_ms
    FROM ({{found}}) f {_PLACES} GROUP BY p.slot, key
"""

_SUCCESSES = f"""
    SELECT slot, key, array_agg(bin ORDER BY bin) AS bins, array_agg(builds ORDER BY bin) AS counts
    FROM (
        SELECT p.slot, f.key, u.bin, sum(p.sign * u.builds)::int AS builds
        FROM ({{found}}) f CROSS JOIN LATERAL unnest(f.duration_bins, f.duration_counts) AS u(bin, builds)
        {_PLACES} AND f.status = {_SUCCEEDED} GROUP BY 1, 2, 3
    ) one WHERE builds > 0 GROUP BY slot, key
"""


def tallies(session: Session, subject: Subject, cover: Cover) -> list[Row]:
    """Rows of `slot, key, builds, flaky, verdicts` and, of builds that succeeded, `succeeded, timed, duration_ms`.

    `slot` and `key` are as in `read`. One statement, which reads no histograms.
    """
    statement = _TALLIES.format(found=statement_of(subject, Detail(has_bins=False)))
    return rows(session, statement, parameters_for(subject, cover), is_binary=True)


def successes(session: Session, subject: Subject, cover: Cover) -> dict[tuple[int, int], Histogram]:
    """By key and slot (from 1) how long the builds that succeeded took, bins in order; nothing of none."""
    statement = _SUCCESSES.format(found=statement_of(subject, Detail()))
    found = rows(session, statement, parameters_for(subject, cover), is_binary=True)
    return {(as_int(row["key"]), as_int(row["slot"])): _histogram(row) for row in found if row["key"] is not None}


def among(subject: Subject, ids: Sequence[int], pipelines: Sequence[int]) -> Subject:
    """Some groups of a subject by their ids, and the pipelines that belong to them."""
    # A branch's builds are bounded as long as they are sought by the branch: by pipeline there may be any number.
    if not subject.has_cells:
        return subject.told_by(subject.scope, ids)
    return replace(subject, ids=tuple(ids), pipelines=tuple(pipelines), within=None)


def _histogram(row: Row) -> Histogram:
    bins, counts = cast("list[int]", row["bins"]), cast("list[int]", row["counts"])
    return dict(zip(bins, counts, strict=True))
