"""How long some branches were red, and how long it took to make them green: from their incidents, one by one."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from shared.metrics.seek import narrowed, parameters_of
from shared.metrics.subject import Subject
from shared.metrics.window import Window
from shared.rows import Row, rows

# Two ways that no incident goes twice. Bounds on both sides keep a plan that is made for any window at the index:
# of an open span Postgres expects a third of the table. `date_part` is a float at once, `extract` an exact number.
_NEAR = """
    SELECT least(n.opened_at, n.fixed_at) AS opened_at, n.fixed_at,
           date_part('epoch', greatest(n.fixed_at - n.opened_at, interval '0')) AS seconds
    FROM (
        SELECT pipeline_id, branch, opened_at, fixed_at FROM incidents
        WHERE branch = ANY(:branch) AND fixed_at >= :first AND fixed_at < 'infinity'
        UNION ALL
        SELECT pipeline_id, branch, opened_at, fixed_at FROM incidents
        WHERE branch = ANY(:branch) AND fixed_at IS NULL
    ) n
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
           coalesce(sum({_OVERLAP}) FILTER (WHERE n.opened_at IS NOT NULL), 0) AS red_seconds,
           count(*) FILTER (WHERE n.opened_at IS NOT NULL AND coalesce(n.fixed_at >= t.ends_at, true)) AS open
    FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
        WITH ORDINALITY AS t(starts_at, ends_at, slot)
    LEFT JOIN near n ON n.opened_at < t.ends_at AND coalesce(n.fixed_at >= t.starts_at, true)
    GROUP BY t.slot ORDER BY t.slot
"""


def recoveries_of_branches(session: Session, subject: Subject, frames: Sequence[Window]) -> list[Row]:
    """What `shared.metrics.recovery.recoveries` returns, for a subject of some branches. One statement."""
    parameters = parameters_of(subject) | {
        "starts": [frame.begins for frame in frames],
        "ends": [frame.elapsed_until for frame in frames],
        "first": min(frame.begins for frame in frames),
        "last": max(frame.elapsed_until for frame in frames),
    }
    which = " AND ".join(["least(n.opened_at, n.fixed_at) < :last", *narrowed(subject, "n")])
    return rows(session, _RECOVERY.format(near=_NEAR.format(which=which)), parameters)
