"""What does not work: a provider, a credential, our own schedulers; seen in what collecting knows, and muting news.

A rate limit is no outage: the provider said when it goes on. Nor is one source that fails among others that do not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from alerts.message import clock_time
from alerts.rules import Rules
from shared.collector_errors import ErrorKind
from shared.health import SUBJECT, Life

log = structlog.get_logger()

FAILED_POLLS = 3
"""So many polls of a source fail in a row before it says anything about its provider,"""

SILENT_FOR = timedelta(minutes=2)
"""and so long ago is the last one that did not: a restart over there is no news."""

LOOKED_BACK = timedelta(hours=1)
"""What was not polled for so long says nothing about now."""

JUST_OVER = timedelta(minutes=10)
"""A silence of the schedulers that was over before is of a time when nobody told of any."""


class OutageKind(StrEnum):
    """What is out of order.

    `provider`: nothing can be collected from an instance; `credential`: an instance refuses ours; `collector`: no
    scheduler runs; `receiver`: it takes no messages any more.
    """

    PROVIDER = "provider"
    CREDENTIAL = "credential"
    COLLECTOR = "collector"
    RECEIVER = "receiver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """From `began_at` until `ended_at` (None: still) something did not work; `instance` is whose, None if ours."""

    id: int
    kind: OutageKind
    instance: str | None
    began_at: datetime
    ended_at: datetime | None = None
    reason: str = ""

    def words(self, timezone: str = "UTC") -> str:
        """Why news of a build waits while it lasts: `github.com was away from 2026-11-20 10:02 UTC`."""
        since = clock_time(self.began_at, timezone)
        if self.kind is OutageKind.COLLECTOR:
            return f"no scheduler ran from {since}"
        return f"{self.instance} {'refused us' if self.kind is OutageKind.CREDENTIAL else 'was away'} from {since}"


def muted_by(outages: Iterable[Outage], instance: str, finished_at: datetime) -> Outage | None:
    """The open outage that news of a build waits for, because the build finished within it: the one that began first.

    A build of another instance waits only where our own schedulers are away.
    """
    muting = (
        outage
        for outage in outages
        if outage.ended_at is None and outage.began_at <= finished_at and _concerns(outage, instance)
    )
    return min(muting, key=lambda outage: (outage.began_at, outage.id), default=None)


def _concerns(outage: Outage, instance: str) -> bool:
    if outage.kind is OutageKind.COLLECTOR:
        return True
    return outage.kind is not OutageKind.RECEIVER and outage.instance == instance


_OPEN = text("""
    SELECT o.id, o.kind, i.name AS instance, o.began_at, o.ended_at, o.reason
    FROM outages o LEFT JOIN instances i ON i.id = o.instance_id
    WHERE o.ended_at IS NULL AND o.kind IN ('provider', 'credential', 'collector')
    ORDER BY o.began_at, o.id
""")

# Of several schedulers one looks at a time; the others have nothing to add. Ends with the transaction.
_GUARD = text("SELECT pg_try_advisory_xact_lock(hashtext('observatory outages'))")

# An instance refuses our credential if that is the last it said of the one used last, and no poll that began after the
# refusal has come through. (A refusal in the middle of a poll lets that poll end well.)
_REFUSED = """
    SELECT c.instance_id, c.updated_at AS refused_at, coalesce((
        SELECT e.example FROM collector_errors e JOIN sources s ON s.id = e.source_id
        WHERE s.instance_id = c.instance_id AND e.kind = 'credential_refused' ORDER BY e.last_seen_at DESC LIMIT 1
    ), 'it was refused') AS reason
    FROM credentials c
    WHERE c.is_rejected
      AND NOT EXISTS (SELECT FROM credentials n WHERE n.instance_id = c.instance_id AND n.updated_at > c.updated_at)
      AND EXISTS (SELECT FROM sources s WHERE s.instance_id = c.instance_id AND s.is_active)
      AND NOT EXISTS (
          SELECT FROM sources s WHERE s.instance_id = c.instance_id AND s.is_active
            AND s.last_poll_at > c.updated_at AND s.last_ok_at > s.last_poll_at)
"""

_CREDENTIALS_BEGIN = text(f"""
    INSERT INTO outages (kind, subject, instance_id, reason, began_at)
    SELECT 'credential', i.name, i.id, r.reason, least(r.refused_at, :now)
    FROM ({_REFUSED}) r JOIN instances i ON i.id = r.instance_id
    ON CONFLICT (kind, subject) WHERE ended_at IS NULL DO NOTHING
    RETURNING kind, subject, reason
""")

_CREDENTIALS_END = text(f"""
    UPDATE outages o SET ended_at = greatest(o.began_at, :now)
    WHERE o.kind = 'credential' AND o.ended_at IS NULL
      AND o.instance_id NOT IN (SELECT r.instance_id FROM ({_REFUSED}) r)
    RETURNING o.kind, o.subject, o.reason
""")

# A source counts if it was polled lately and does not rest by the provider's wish (a failure with a reason for its
# interval). One whose repository is not there was answered, so its provider is.
_COUNTS = """
    s.is_active AND s.last_poll_at > CAST(:now AS timestamptz) - CAST(:looked_back AS interval)
    AND (s.failures = 0 OR s.interval_reason IS NULL)
"""
_IS_MISSING = f"""
    (s.failures > 0 AND coalesce('{ErrorKind.NOT_FOUND}' = (
        SELECT e.kind FROM collector_errors e WHERE e.source_id = s.id ORDER BY e.last_seen_at DESC LIMIT 1), false))
"""

# It begins with the last poll that came through, whichever source's that was; nobody knows more about its beginning.
# Where a credential is refused, the provider is there.
_PROVIDERS_BEGIN = text(f"""
    INSERT INTO outages (kind, subject, instance_id, reason, began_at)
    SELECT 'provider', i.name, i.id, away.reason, least(away.began_at, :now)
    FROM (
        SELECT s.instance_id,
               (array_agg(s.last_error ORDER BY s.last_error_at DESC NULLS LAST) FILTER (WHERE {_COUNTS}))[1] AS reason,
               coalesce(max(s.last_ok_at), min(s.created_at)) AS began_at
        FROM sources s WHERE s.is_active
          AND s.instance_id IN (SELECT f.instance_id FROM sources f WHERE f.is_active AND f.failures >= :failed_polls)
          AND NOT EXISTS (
              SELECT FROM sources w WHERE w.instance_id = s.instance_id AND w.is_active
                AND w.last_ok_at >= CAST(:now AS timestamptz) - CAST(:silent_for AS interval))
        GROUP BY s.instance_id
        HAVING bool_and(s.failures >= :failed_polls AND NOT {_IS_MISSING}) FILTER (WHERE {_COUNTS})
    ) away
    JOIN instances i ON i.id = away.instance_id
    WHERE away.reason IS NOT NULL AND NOT EXISTS (
        SELECT FROM outages c WHERE c.kind = 'credential' AND c.instance_id = i.id AND c.ended_at IS NULL)
    ON CONFLICT (kind, subject) WHERE ended_at IS NULL DO NOTHING
    RETURNING kind, subject, reason
""")

_PROVIDERS_END = text(f"""
    UPDATE outages o
    SET ended_at = greatest(o.began_at, least(:now, (
        SELECT min(s.last_ok_at) FROM sources s
        WHERE s.instance_id = o.instance_id AND s.is_active AND s.last_ok_at > o.began_at)))
    WHERE o.kind = 'provider' AND o.ended_at IS NULL AND (
        NOT EXISTS (SELECT FROM sources s WHERE s.instance_id = o.instance_id AND s.is_active)
        OR EXISTS (SELECT FROM sources s WHERE s.instance_id = o.instance_id AND s.is_active
                     AND (s.last_ok_at > o.began_at OR {_COUNTS} AND {_IS_MISSING}))
        OR EXISTS (SELECT FROM outages c
                   WHERE c.kind = 'credential' AND c.instance_id = o.instance_id AND c.ended_at IS NULL))
    RETURNING o.kind, o.subject, o.reason
""")

# What the log says of the schedulers' silences; each is an outage once. Old ones are the past.
_SILENCES = f"""
    SELECT t.at AS began_at, t.ended_at, t.reason FROM (
        SELECT n.to_status, n.at, n.data->>'reason' AS reason, lead(n.at) OVER (ORDER BY n.pos) AS ended_at
        FROM (SELECT e.pos, e.to_status, e.at, e.data FROM events e JOIN health h ON h.id = e.subject_id
              WHERE e.subject_kind = '{SUBJECT}' AND h.subject = '{SUBJECT}' ORDER BY e.pos DESC LIMIT 20) n
    ) t
    WHERE t.to_status = '{Life.SILENT}'
      AND coalesce(t.ended_at, :now) > CAST(:now AS timestamptz) - CAST(:old AS interval)
"""

_SILENCES_BEGIN = text(f"""
    INSERT INTO outages (kind, subject, reason, began_at, ended_at)
    SELECT 'collector', '{SUBJECT}', coalesce(s.reason, 'no scheduler was heard of'), s.began_at, s.ended_at
    FROM ({_SILENCES}) s
    WHERE NOT EXISTS (SELECT FROM outages o WHERE o.kind = 'collector' AND o.began_at = s.began_at)
    ON CONFLICT (kind, subject) WHERE ended_at IS NULL DO NOTHING
    RETURNING kind, subject, reason
""")

_SILENCES_END = text(f"""
    UPDATE outages o SET ended_at = s.ended_at FROM ({_SILENCES}) s
    WHERE o.kind = 'collector' AND o.ended_at IS NULL AND o.began_at = s.began_at AND s.ended_at IS NOT NULL
    RETURNING o.kind, o.subject, o.reason
""")

# A receiver that nobody configures any more is not off, it is gone.
_RECEIVERS_END = text("""
    UPDATE outages o SET ended_at = greatest(o.began_at, :now)
    WHERE o.kind = 'receiver' AND o.ended_at IS NULL AND o.subject <> ALL(:receivers)
    RETURNING o.kind, o.subject, o.reason
""")

# Endings first, so that what is over makes room for what is not; credentials before the providers they explain.
_WATCHES = (
    (_SILENCES_END, _SILENCES_BEGIN),
    (_CREDENTIALS_END, _CREDENTIALS_BEGIN),
    (_PROVIDERS_END, _PROVIDERS_BEGIN),
    (_RECEIVERS_END, None),
)


def open_outages(session: Session) -> tuple[Outage, ...]:
    """The outages that mute news now, the one that began first first."""
    return tuple(Outage(**{**row, "kind": OutageKind(row["kind"])}) for row in session.execute(_OPEN).mappings())


def watch(session: Session, rules: Rules, now: datetime) -> None:
    """Open an outage for what does not work any more, end those of what works again; a repeat changes nothing.

    The receivers' own begin and end with their deliveries; here only those end that no rule knows any more.
    """
    if not session.scalar(_GUARD):
        return
    given = {
        "now": now,
        "failed_polls": FAILED_POLLS,
        "silent_for": SILENT_FOR,
        "looked_back": LOOKED_BACK,
        "old": JUST_OVER,
        "receivers": sorted(rules.receivers),
    }
    for end, begin in _WATCHES:
        for row in session.execute(end, given):
            log.info("outage over", kind=row.kind, subject=row.subject)
        for row in () if begin is None else session.execute(begin, given):
            log.warning("outage", kind=row.kind, subject=row.subject, reason=row.reason)
