"""Two of DORA's measures, where what is collected has them, and in words where it has not."""

from sqlalchemy.orm import Session

from shared.metrics.seek import narrowed, parameters_of
from shared.metrics.subject import Subject
from shared.metrics.window import Window
from shared.rows import Row, as_int, rows
from shared.status import BROKEN, VERDICTS

DEPLOYMENT = "deployment"
"""The event of a build that deploys, in the provider's word."""

_NO_DEPLOYMENTS = (
    "no deployments are collected: it needs builds whose event is deployment, and none was queued in the window"
)


def dora(session: Session, subject: Subject, frame: Window, recovery: Row) -> Row:
    """Recovery time from incidents, change failure rate from builds that deploy; one statement, by their own index."""
    where = " AND ".join(narrowed(subject, "b")) or "true"
    # OFFSET 0 keeps the inner query as it is: by the index of deployments, whatever else narrows them.
    statement = f"""
        SELECT b.status, count(*) AS builds FROM (
            SELECT * FROM builds d
            WHERE d.event = '{DEPLOYMENT}' AND d.queued_at >= :first AND d.queued_at < :last OFFSET 0
        ) b WHERE {where} GROUP BY b.status
    """
    parameters = parameters_of(subject) | {"first": frame.begins, "last": frame.ends}
    found = {str(row["status"]): as_int(row["builds"]) for row in rows(session, statement, parameters)}
    return {"recovery_time": _recovery_time(recovery), "change_failure_rate": _change_failure_rate(found)}


def _recovery_time(recovery: Row) -> Row:
    reason = None if recovery["fixed"] else "no incident of a default branch was fixed in the window"
    return {
        "seconds": recovery["average"],
        "p50": recovery["p50"],
        "incidents": recovery["fixed"],
        "reason": reason,
    }


def _change_failure_rate(found: dict[str, int]) -> Row:
    verdicts = sum(found.get(status, 0) for status in VERDICTS)
    failed = sum(found.get(status, 0) for status in BROKEN)
    reason = None
    if not verdicts:
        reason = "no deployment of the window has a verdict yet" if found else _NO_DEPLOYMENTS
    return {
        "rate": failed / verdicts if verdicts else None,
        "failed": failed,
        "deployments": verdicts,
        "reason": reason,
    }
