"""What each finished build and each incident adds to the figures: the one form in which they are added up.

Every row has the columns `build_id, pipeline_id, branch, queued_at, status, cancel_reason, builds, first_tries, flaky,
duration_ms, queued_ms`: the first seven say where it counts, the rest how much. `builds` and `first_tries` go to the
status of the latest and of the first attempt, `flaky` to the succeeded; durations go with `builds`.

An incident is a row with the status `opened`, at the instant it opened, and once it is over another one with the
status `fixed`, at that instant: `builds` then counts incidents, `queued_ms` is the instant itself, in milliseconds from
2020 on, and `duration_ms` how long the incident lasted. One that ended before it opened lasted no time, where it ended.
How long incidents were open before some instant is a matter of these sums alone: see `shared.metrics.recovery`.
"""

from datetime import UTC, datetime

from shared.metrics.cells import INCIDENT_WORDS

ORIGIN = datetime(2020, 1, 1, tzinfo=UTC)
"""From where on incidents' instants are counted: a sum of ten million of them still fits into 64 bits in 2040."""

OF_BUILDS = """
    SELECT b.id AS build_id, b.pipeline_id, b.branch, b.queued_at, b.status, b.cancel_reason,
           1 AS builds, 0 AS first_tries, 0 AS flaky,
           round(b.duration_seconds * 1000)::bigint AS duration_ms, round(b.queued_seconds * 1000)::bigint AS queued_ms
    FROM builds b WHERE b.is_finished AND {where}
    UNION ALL
    SELECT b.id, b.pipeline_id, b.branch, b.queued_at, a.status, a.cancel_reason, 0, 1, 0, NULL, NULL
    FROM builds b JOIN attempts a ON a.build_id = b.id AND a.number = 1 WHERE a.is_finished AND {where}
    UNION ALL
    SELECT b.build_id, b.pipeline_id, b.branch, b.queued_at, 'succeeded', NULL, 0, 0, 1, NULL, NULL
    FROM flakes b WHERE {where}
"""
"""From the builds themselves; `where` narrows `b` by pipeline_id, branch and queued_at alone, which flakes have too."""

_MS = f"round(extract(epoch FROM {{0}}) * 1000)::bigint - {int(ORIGIN.timestamp() * 1000)}"

OF_INCIDENT = f"""(
    SELECT 'opened' AS status, o.at, NULL::bigint AS duration_ms, {_MS.format("o.at")} AS queued_ms
    FROM (SELECT least({{0}}.opened_at, {{0}}.fixed_at) AS at) o
    UNION ALL
    SELECT 'fixed', {{0}}.fixed_at, {_MS.format("{0}.fixed_at")} - ({_MS.format("least({0}.opened_at, {0}.fixed_at)")}),
           {_MS.format("{0}.fixed_at")}
    WHERE {{0}}.fixed_at IS NOT NULL
)"""
"""The one or two rows of an incident, to be formatted with the name of the table that has it."""

OF_INCIDENTS = f"""
    SELECT 0::bigint AS build_id, b.pipeline_id, nullif(b.branch, '') AS branch, e.at AS queued_at, e.status,
           NULL::text AS cancel_reason, 1 AS builds, 0 AS first_tries, 0 AS flaky, e.duration_ms, e.queued_ms
    FROM incidents b CROSS JOIN LATERAL {OF_INCIDENT.format("b")} e WHERE {{where}}
"""
"""From the incidents themselves; `where` narrows `b`, the table."""

ON_RECORD = f"{OF_BUILDS} UNION ALL {OF_INCIDENTS}"
"""All there is to count; `where` narrows `b` by its pipeline_id."""

_CHANGES = """
    SELECT c.build_id, c.pipeline_id, c.branch, c.queued_at, c.status, c.cancel_reason,
           c.builds, c.first_tries, 0 AS flaky, c.duration_ms, c.queued_ms
    FROM metric_changes c
    WHERE c.pipeline_id NOT IN (SELECT pipeline_id FROM metric_members WHERE NOT is_counted)
      AND c.status {kind} ({words})
"""
OF_CHANGES = _CHANGES.format(kind="NOT IN", words=INCIDENT_WORDS)
OF_INCIDENT_CHANGES = _CHANGES.format(kind="IN", words=INCIDENT_WORDS)
"""What was recorded since the scheduler last added up, of builds and of incidents; but for pipelines that are in no
figure yet: what is taken away there was never added. Durations count as often as `builds` says: once, or -1 times."""
