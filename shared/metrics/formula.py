"""How each figure comes about, in words; every answer with figures carries it."""

from collections.abc import Mapping

FORMULA: Mapping[str, str] = {
    "window": "builds whose queued_at is at or after since and before until, each by its latest attempt",
    "builds": "all of them, finished or not",
    "verdicts": "succeeded + failed + timed_out",
    "success_rate": "succeeded / (succeeded + failed + timed_out)",
    "failure_rate": "(failed + timed_out) / (succeeded + failed + timed_out)",
    "error_rate": "(failed + timed_out) / all builds of the window that are finished, cancelled and skipped ones too",
    "exclusions": "what the rates leave out, and why: cancelled (superseded by a newer build, by a person, for its "
    "time, or nobody says), skipped, with an unknown status, and open: queued, blocked or running",
    "builds_per_hour": "builds / hours of the window that have passed",
    "duration_seconds": "over the builds of the window that succeeded, failed or timed out and have a duration; the "
    "average is exact, the percentiles are within 2 %",
    "queued_seconds": "how long a runner was waited for, over the builds of the window that succeeded, failed or timed "
    "out and whose wait is known; the average is exact, the percentiles are within 2 %",
    "first_try": "by each build's first attempt alone: succeeded / (succeeded + failed + timed_out); success_rate is "
    "by the latest attempt, so what lies between the two was gained by running again",
    "flaky": "builds in which a commit passed right after it had failed, in the attempt or in the build before / "
    "verdicts; lower and upper are the 95 % Wilson interval of the rate",
    "recovery": "incidents of default branches (of the branch asked for, if one is): time to green of those that were "
    "fixed in the window, from the first failure to the pass (the median within 2 %); "
    "red_seconds sums up how long each was open in it; open are those that were at its end",
    "dora": "recovery time is the time to green; change failure rate is (failed + timed_out) / verdicts of builds "
    "whose event is deployment",
    "trend": "the same figures over the period before: as long, and ended where the window begins (of a window that "
    "goes on: as many full hours as have passed of it); change is now minus before",
    "slowdown": "builds that succeeded, against the period before: slower where a Mann-Whitney test gives p < 0.01, "
    "both have at least 10 builds, and the median grew by at least 10 %",
    "active": "builds that are not finished now, whenever they were queued; stale are open ones not to be believed",
    "last_build": "the build with the newest queued_at, whether in the window or not",
    "counting": "pipelines whose builds on record are still being counted, after an upgrade: figures lack them so far",
}
