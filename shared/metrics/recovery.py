"""How long branches were red, and how long it took to make them green: from incidents, of default branches."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from shared.metrics.seek import narrowed, parameters_of
from shared.metrics.subject import Subject
from shared.metrics.window import Window
from shared.rows import Row, rows

# As the default branch is known now; a build that knows no branch is of the default one.
_IS_DEFAULT = "n.branch IN ('', coalesce(p.default_branch, r.default_branch, ''))"

# Three ways that no incident goes twice. Bounds on both sides keep a plan that is made for any window at the index:
# of an open span Postgres expects a third of the table. `date_part` is a float at once, `extract` an exact number.
_NEAR = """
    SELECT n.opened_at, n.fixed_at,
           date_part('epoch', greatest(n.fixed_at - n.opened_at, interval '0')) AS seconds
    FROM (
        SELECT pipeline_id, branch, opened_at, fixed_at FROM incidents
        WHERE fixed_at >= :first AND fixed_at < :last AND opened_at < :last
        UNION ALL
        SELECT pipeline_id, branch, opened_at, fixed_at FROM incidents
        WHERE fixed_at >= :last AND fixed_at < 'infinity' AND opened_at < :last
        UNION ALL
        SELECT pipeline_id, branch, opened_at, fixed_at FROM incidents WHERE fixed_at IS NULL AND opened_at < :last
    ) n JOIN pipelines p ON p.id = n.pipeline_id LEFT JOIN repositories r ON r.id = p.repository_id
    WHERE {which}
"""

_FIXED_WITHIN = "n.fixed_at >= t.starts_at AND n.fixed_at < t.ends_at"
_OVERLAP = """
    date_part('epoch', greatest(
        least(coalesce(n.fixed_at, t.ends_at), t.ends_at) - greatest(n.opened_at, t.starts_at), interval '0'))
"""

_RECOVERY = f"""
    WITH near AS MATERIALIZED ({{near}})
    SELECT count(*) FILTER (WHERE {_FIXED_WITHIN}) AS fixed,
           avg(n.seconds) FILTER (WHERE {_FIXED_WITHIN}) AS average,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY n.seconds) FILTER (WHERE {_FIXED_WITHIN}) AS p50,
           coalesce(sum({_OVERLAP}), 0) AS red_seconds,
           count(*) FILTER (WHERE n.opened_at IS NOT NULL AND n.fixed_at IS NULL) AS open
    FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
        WITH ORDINALITY AS t(starts_at, ends_at, slot)
    LEFT JOIN near n ON n.opened_at < t.ends_at AND coalesce(n.fixed_at >= t.starts_at, true)
    GROUP BY t.slot ORDER BY t.slot
"""


def recoveries(session: Session, subject: Subject, frames: Sequence[Window]) -> list[Row]:
    """Of each window `fixed` (incidents that ended in it), `average` and `p50` of how long these had lasted (seconds),
    `red_seconds` (how long incidents were open in it, summed up) and `open` (those that are not over now).

    One statement. Windows that go on end at `as_of`.
    """
    which = [*narrowed(subject, "n"), *([] if subject.branch else [_IS_DEFAULT])]
    parameters = parameters_of(subject) | {
        "starts": [frame.begins for frame in frames],
        "ends": [frame.elapsed_until for frame in frames],
        "first": min(frame.begins for frame in frames),
        "last": max(frame.elapsed_until for frame in frames),
    }
    return rows(session, _RECOVERY.format(near=_NEAR.format(which=" AND ".join(which))), parameters)
