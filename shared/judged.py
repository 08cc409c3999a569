"""How a build was judged, as SQL: by its latest attempt that has a verdict, so that a retry on its way hides none."""

from shared.status import VERDICTS

VERDICT_WORDS = ", ".join(repr(str(status)) for status in sorted(VERDICTS))

JUDGED = f"""
    CASE WHEN b.status IN ({VERDICT_WORDS}) THEN b.status WHEN b.attempt > 1 THEN (
        SELECT a.status FROM attempts a
        WHERE a.build_id = b.id AND a.number < b.attempt AND a.status IN ({VERDICT_WORDS})
        ORDER BY a.number DESC LIMIT 1
    ) END
"""
"""The verdict of a row `b` of builds; NULL where it has none yet."""
