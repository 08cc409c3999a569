"""Open builds that nobody should believe to run: since when, as SQL. Derived from what is held, so it heals by itself.

The status is never touched: absence of data closes no build. What is learnt anew of the build, or its source that is
reached again, ends it; so does a provider that merely no longer denies it, after `GONE_DAYS`.
"""

LONGEST_DAYS = 36
"""GitHub cancels a run after 35 days and the others' do not live longer in earnest; a day of margin."""

UNCONFIRMED_DAYS = 1
"""Open builds are asked for by id until they end; a source that was not reached for so long confirms none of them."""

GONE_DAYS = 3
"""For so long the provider's "not there" counts; while it goes on, it is said anew about every day."""

STALE_SINCE = f"""
    CASE WHEN NOT b.is_finished THEN least(
        CASE WHEN b.queued_at < now() - interval '{LONGEST_DAYS} days'
             THEN b.queued_at + interval '{LONGEST_DAYS} days' END,
        (SELECT min(greatest(q.first_seen_at, b.recorded_at)) FROM quarantine q
         WHERE q.source_id = p.source_id AND q.kind = 'open' AND q.external_id = b.external_id
           AND q.last_seen_at > greatest(b.recorded_at, now() - interval '{GONE_DAYS} days')),
        (SELECT s.last_ok_at + interval '{UNCONFIRMED_DAYS} days' FROM sources s
         WHERE s.id = p.source_id AND s.last_ok_at < now() - interval '{UNCONFIRMED_DAYS} days')
    ) END
"""
"""Of `b` (builds) and `p` (pipelines): costs nothing for a finished build, two index entries for an open one."""

IS_LIVE = f"(NOT b.is_finished AND ({STALE_SINCE}) IS NULL)"
"""Whether a build is open and counts as such."""
