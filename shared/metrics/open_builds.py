"""Builds that are not finished, counted live: they are few, and no cell holds them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from shared.ghosts import IS_LIVE
from shared.metrics.seek import narrowed, parameters_of
from shared.metrics.subject import KEY_COLUMN, Subject
from shared.rows import Row, as_int, rows
from shared.status import Status


@dataclass(slots=True)
class OpenBuilds:
    """Those of each slot by status; those that are to be believed, whenever queued; and how many are not."""

    by_slot: list[dict[Status, int]] = field(default_factory=list)
    live: dict[Status, int] = field(default_factory=dict)
    stale: int = 0

    def of_slots(self, first: int) -> dict[Status, int]:
        """Those of a slot (from 0) and all after it, by status."""
        return {status: sum(slot.get(status, 0) for slot in self.by_slot[first:]) for status in Status}

    @property
    def as_row(self) -> Row:
        by_status = {str(status): count for status, count in sorted(self.live.items())}
        return {"builds": sum(by_status.values()), "by_status": by_status, "stale": self.stale}


def open_builds(session: Session, subject: Subject, bounds: tuple[datetime, ...]) -> OpenBuilds:
    """What is not finished; one statement, which reads the small index of open builds."""
    return added_up(open_rows(session, subject, bounds), len(bounds) - 1)


def open_rows(session: Session, subject: Subject, bounds: tuple[datetime, ...], *, has_keys: bool = False) -> list[Row]:
    """Rows of `slot, key, branch, status, live, builds`; slot 0 and the one after the last lie outside the bounds.

    `has_keys`: told apart by the id in the subject's scope and by branch; else both are NULL.
    """
    keys = f"p.{KEY_COLUMN[subject.scope]}" if has_keys else "NULL"
    where = " AND ".join(["NOT b.is_finished", *narrowed(subject, "b")])
    statement = f"""
        SELECT width_bucket(b.queued_at, CAST(:bounds AS timestamptz[])) AS slot, {keys} AS key,
               {"b.branch" if has_keys else "NULL"} AS branch, b.status,
               count(*) FILTER (WHERE {IS_LIVE}) AS live, count(*) AS builds
        FROM builds b JOIN pipelines p ON p.id = b.pipeline_id WHERE {where} GROUP BY 1, 2, 3, 4
    """
    return rows(session, statement, parameters_of(subject) | {"bounds": list(bounds)})


def added_up(found: Iterable[Row], slots: int) -> OpenBuilds:
    """The rows by slot and as a whole."""
    counted = OpenBuilds([{} for _ in range(slots)])
    for row in found:
        status, live, builds = Status(str(row["status"])), as_int(row["live"]), as_int(row["builds"])
        if live:
            counted.live[status] = counted.live.get(status, 0) + live
        counted.stale += builds - live
        if 1 <= (slot := as_int(row["slot"])) <= slots:
            here = counted.by_slot[slot - 1]
            here[status] = here.get(status, 0) + builds
    return counted
