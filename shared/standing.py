"""How the installation stands: its processes, today's builds, what nobody understood. Read by `status` and `doctor`."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.ghosts import IS_LIVE
from shared.jobs import Trouble, trouble_from

ALIVE_WITHIN = timedelta(seconds=30)
"""A heartbeat comes every few seconds; one older than this is of a process that is gone or stands still."""

FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process that told of itself within the last day.

    `mistakes` are those of a file it did not take, `troubles` the jobs of it that fail each time.
    """

    kind: str
    host: str
    pid: int
    version: str
    started_at: datetime
    heartbeat_at: datetime
    is_alive: bool
    mistakes: int = 0
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildCounts:
    """Builds by status: the open ones as they stand now, the others those queued since the beginning of the window."""

    running: int
    queued: int
    blocked: int
    succeeded: int
    failed: int
    timed_out: int
    cancelled: int
    skipped: int
    unknown: int


OPEN_STATES = ("running", "queued", "blocked")
"""What `BuildCounts` counts whenever it began."""


@dataclass(frozen=True, slots=True)
class UnknownWord:
    """A word of a provider's that we do not know, and how many builds of the window carry it."""

    provider: str
    word: str
    builds: int


GIVEN_UP = ("open", "attempt", "jobs")
"""The kinds of quarantine that are no fault: builds asked for by id that the provider no longer shows."""

CUT_LIST = "list"
"""The kind of quarantine that tells of builds which were never read, because a list was too long."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """One reason for rows of one source and kind to be set aside, and how many rows it holds."""

    source: str
    kind: str
    reason: str
    rows: int
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Quarantine:
    """What is set aside: rows that could not be used, what is no longer asked for, lists that were not read whole."""

    unusable: int
    newest: tuple[SetAside, ...]
    given_up: int
    cut_lists: tuple[SetAside, ...]


_ASIDE = """
    SELECT coalesce(i.name || ':' || s.scope, 'a source that is gone'), q.kind, q.reason, count(*), max(q.last_seen_at)
    FROM quarantine q LEFT JOIN sources s ON s.id = q.source_id LEFT JOIN instances i ON i.id = s.instance_id
    WHERE {} GROUP BY 1, 2, 3 ORDER BY max(q.last_seen_at) DESC, 1, 2, 3 LIMIT :most
"""


@dataclass(frozen=True, slots=True)
class ParkedReceipts:
    """Webhooks of one installation that nobody could process, for one reason."""

    instance: str
    reason: str
    receipts: int
    last_received_at: datetime


def parked_receipts(session: Session, *, most: int) -> tuple[ParkedReceipts, ...]:
    """Webhooks that were given up, by installation and reason, the latest first; `most` reasons."""
    rows = session.execute(
        text("""
            SELECT i.name, coalesce(r.reason, 'no reason was noted'), count(*), max(r.last_received_at)
            FROM receipts r JOIN instances i ON i.id = r.instance_id WHERE r.state = 'parked'
            GROUP BY 1, 2 ORDER BY max(r.last_received_at) DESC, 1, 2 LIMIT :most
        """),
        {"most": most},
    )
    return tuple(ParkedReceipts(*row) for row in rows)


def processes(session: Session, now: datetime) -> tuple[ProcessState, ...]:
    """Every process with a heartbeat of the last day, by kind; the newest first."""
    rows = session.execute(
        text("""
            SELECT kind, host, pid, version, started_at, heartbeat_at, heartbeat_at > :alive_since AS is_alive,
                   coalesce(jsonb_array_length(reload_outcome -> 'mistakes'), 0) AS mistakes, troubles
            FROM processes WHERE heartbeat_at > :since
            ORDER BY kind, heartbeat_at DESC, id
        """),
        {"alive_since": now - ALIVE_WITHIN, "since": now - FORGOTTEN_AFTER},
    )
    return tuple(ProcessState(**{**row, "troubles": trouble_from(row["troubles"])}) for row in rows.mappings())


def build_counts(session: Session, since: datetime) -> BuildCounts:
    """How many builds run and wait now, whenever they began, and how those queued since then ended."""
    rows = session.execute(
        text(f"""
            SELECT b.status, count(*) FROM builds b JOIN pipelines p ON p.id = b.pipeline_id
            WHERE {IS_LIVE} AND b.status = ANY(:open) GROUP BY b.status
            UNION ALL
            SELECT status, count(*) FROM builds
            WHERE queued_at >= :since AND NOT status = ANY(:open) GROUP BY status
        """),
        {"since": since, "open": list(OPEN_STATES)},
    )
    counts = dict.fromkeys(BuildCounts.__dataclass_fields__, 0) | {row[0]: row[1] for row in rows}
    return BuildCounts(**counts)


def unknown_words(session: Session, since: datetime) -> tuple[UnknownWord, ...]:
    """The words behind `unknown` builds queued since then, most frequent first."""
    rows = session.execute(
        text("""
            SELECT instances.provider, builds.raw_status, count(*) AS builds
            FROM builds
            JOIN pipelines ON pipelines.id = builds.pipeline_id
            JOIN instances ON instances.id = pipelines.instance_id
            WHERE builds.status = 'unknown' AND builds.queued_at >= :since
            GROUP BY instances.provider, builds.raw_status
            ORDER BY builds DESC, instances.provider, builds.raw_status
            LIMIT 50
        """),
        {"since": since},
    )
    return tuple(UnknownWord(*row) for row in rows)


def quarantined(session: Session, *, most: int) -> Quarantine:
    """What is set aside, told apart by why; of the reasons for unusable rows the `most` newest."""
    counts = session.execute(
        text("""
            SELECT count(*) FILTER (WHERE NOT kind = ANY(:other)) AS unusable,
                   count(*) FILTER (WHERE kind = ANY(:given_up)) AS given_up
            FROM quarantine
        """),
        {"other": [*GIVEN_UP, CUT_LIST], "given_up": list(GIVEN_UP)},
    ).one()
    reasons = session.execute(
        text(_ASIDE.format("NOT q.kind = ANY(:other)")), {"other": [*GIVEN_UP, CUT_LIST], "most": most}
    )
    cut_lists = session.execute(text(_ASIDE.format("q.kind = :cut")), {"cut": CUT_LIST, "most": most})
    return Quarantine(
        counts.unusable,
        tuple(SetAside(*row) for row in reasons),
        counts.given_up,
        tuple(SetAside(*row) for row in cut_lists),
    )
