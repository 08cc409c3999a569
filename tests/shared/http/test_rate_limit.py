"""Budgets and pauses, by the shapes GitHub and GitLab were seen to send."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.http.rate_limit import Budget, Limit, is_told, pause, read_budget, which_limit
from tests.factories import NOON

SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again"
RESET = str(int((NOON + timedelta(minutes=10)).timestamp()))


@pytest.mark.parametrize(
    ("status", "headers", "message", "seconds"),
    [
        pytest.param(403, {"retry-after": "2", "x-ratelimit-remaining": "4000"}, "", 2, id="told in seconds"),
        pytest.param(429, {"retry-after": "Fri, 20 Nov 2026 12:00:30 GMT"}, "", 30, id="told as a date"),
        pytest.param(
            429,
            {"retry-after": "Fri, 20 Nov 2026 14:00:30 GMT", "date": "Fri, 20 Nov 2026 14:00:00 GMT"},
            "",
            30,
            id="a provider whose clock is two hours ahead",
        ),
        pytest.param(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": RESET}, "", 600, id="budget used up"),
        pytest.param(429, {"ratelimit-remaining": "0", "ratelimit-reset": RESET}, "", 600, id="GitLab's names"),
        pytest.param(
            403, {"retry-after": "5", "x-ratelimit-remaining": "0", "x-ratelimit-reset": RESET}, "", 5, id="told first"
        ),
        pytest.param(403, {"x-ratelimit-remaining": "4000"}, SECONDARY, 60, id="only the words"),
        pytest.param(403, {"gh-limited-by": "search"}, "", 60, id="only the header that names the limiter"),
        pytest.param(429, {}, "", 60, id="only the status"),
        pytest.param(403, {"x-ratelimit-remaining": "0"}, "", 60, id="used up, until when untold"),
        pytest.param(403, {"retry-after": "soon"}, "", 60, id="told unreadably"),
        pytest.param(403, {"retry-after": "-5"}, "", 60, id="told below zero"),
        pytest.param(403, {"retry-after": "0"}, "", 1, id="told now: never at once"),
        pytest.param(403, {"retry-after": "9999999999"}, "", 86_400, id="told for ever: asked again tomorrow"),
        pytest.param(429, {"retry-after": "Fri, 20 Nov 2020 12:00:00 GMT"}, "", 1, id="told for the past"),
        pytest.param(
            403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "{{now}}"}, "", 60, id="a reset that is no number"
        ),
    ],
)
def test_a_rate_limit_says_when_to_come_back(
    status: int, headers: dict[str, str], message: str, seconds: float
) -> None:
    assert pause(status, headers, message, NOON) == NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (403, {"x-ratelimit-remaining": "4000"}, "Resource not accessible by personal access token"),
        (403, {}, "Must have push access to repository"),
        (401, {"retry-after": "5"}, "Bad credentials"),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": RESET}, ""),
        (404, {"x-ratelimit-remaining": "0"}, "Not Found"),
        (503, {"retry-after": "5"}, ""),
    ],
)
def test_what_is_no_rate_limit_asks_for_no_pause(status: int, headers: dict[str, str], message: str) -> None:
    assert pause(status, headers, message, NOON) is None


@pytest.mark.parametrize(
    ("headers", "message", "limit", "told"),
    [
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": RESET}, "API rate limit exceeded", Limit.PRIMARY, True),
        ({"x-ratelimit-remaining": "0"}, "API rate limit exceeded", Limit.PRIMARY, False),
        ({"ratelimit-remaining": "0", "retry-after": "7"}, "Retry later", Limit.PRIMARY, True),
        ({"x-ratelimit-remaining": "4000", "retry-after": "7"}, SECONDARY, Limit.SECONDARY, True),
        ({"gh-limited-by": "search"}, SECONDARY, Limit.SECONDARY, False),
        ({}, "You have triggered an abuse detection mechanism", Limit.ABUSE, False),
    ],
)
def test_the_three_limits_are_told_apart(headers: dict[str, str], message: str, limit: Limit, told: bool) -> None:
    assert (which_limit(headers, message), is_told(headers)) == (limit, told)


def test_github_counts_by_the_hour_and_gitlab_by_the_minute() -> None:
    hourly = read_budget({"x-ratelimit-limit": "60", "x-ratelimit-remaining": "1"}, NOON)
    by_the_minute = read_budget({"ratelimit-limit": "2000", "ratelimit-remaining": "1"}, NOON)

    assert hourly is not None
    assert by_the_minute is not None
    assert (hourly.limit_an_hour, by_the_minute.limit_an_hour) == (60, 120_000)


def test_a_budget_is_read_in_our_clock() -> None:
    headers = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "12", "x-ratelimit-reset": RESET}
    behind = headers | {"date": "Fri, 20 Nov 2026 11:00:00 GMT"}

    assert read_budget(headers, NOON) == Budget(60, 12, NOON + timedelta(minutes=10))
    assert read_budget(behind, NOON) == Budget(60, 12, NOON + timedelta(minutes=70))


@pytest.mark.parametrize(
    ("headers", "budget"),
    [
        ({}, None),
        ({"x-ratelimit-limit": "many"}, None),
        ({"x-ratelimit-remaining": "7"}, Budget(None, 7, None)),
        ({"x-ratelimit-remaining": "7", "x-ratelimit-reset": "99999999999"}, Budget(None, 7, None)),
        ({"x-ratelimit-remaining": "\u0667"}, None),
        ({"x-ratelimit-remaining": "-1"}, None),
    ],
)
def test_a_budget_that_is_not_told_is_not_invented(headers: dict[str, str], budget: Budget | None) -> None:
    assert read_budget(headers, datetime(2026, 1, 1, tzinfo=UTC)) == budget
