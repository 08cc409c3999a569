"""The newest build of a subject, whatever the window: looked for where it is likely, then wherever it can be."""

from dataclasses import replace

from sqlalchemy.orm import Session

from shared.build_page import plain_page
from shared.metrics.cut import newest_of_branches
from shared.metrics.seek import EACH_PIPELINE, parameters_of
from shared.metrics.subject import KEY_COLUMN, Subject
from shared.queries import BuildFilter, list_builds
from shared.rows import Row

_OF_EACH = """
    SELECT b.id FROM {each} CROSS JOIN LATERAL (
        SELECT x.id, x.queued_at FROM builds x WHERE x.pipeline_id = s.value
        ORDER BY x.queued_at DESC, x.id DESC LIMIT 1
    ) b ORDER BY b.queued_at DESC, b.id DESC LIMIT 1
"""


def last_build(session: Session, subject: Subject, wanted: BuildFilter) -> Row | None:
    """The newest build of the filter's scope and branches, which `subject` is made of.

    Usually it is among the newest builds of all, so those are looked at first. One statement more where it is not: each
    pipeline's newest. Of branches (then it may be two) it is None where it is older than `cut.MOST_LOOKED_AT` others.
    """
    page = list_builds(session, replace(wanted, since=None, until=None), limit=1)
    if not page.rows and page.next is not None:
        if subject.branch:
            ids, given = newest_of_branches(session, subject)
        else:
            ids, given = _OF_EACH.format(each=_each(subject)), parameters_of(subject)
        page = plain_page(session, ids, given, 1)
    return page.rows[0] if page.rows else None


def _each(subject: Subject) -> str:
    if subject.within is None:
        return EACH_PIPELINE.each
    return f"(SELECT id FROM pipelines WHERE {KEY_COLUMN[subject.within[0]]} = ANY(:within)) AS s(value)"
