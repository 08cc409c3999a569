"""How the fake GitHub refuses when a fault says so: its limits and errors in each shape that was seen."""

from datetime import datetime, timedelta

from simulator.exchange import Answer, json_answer, text_answer
from simulator.faults import Fault, FaultKind
from simulator.github import answers

_LIMIT = 5000


def refusal(fault: Fault, now: datetime) -> Answer:
    """The refusal that this fault asks for."""
    answer = _REFUSALS[fault.kind](fault, now)
    return Answer(answer.status, {"Server": "GitHub.com", "Date": answers.http_date(now)} | answer.headers, answer.body)


def _wait(fault: Fault, now: datetime) -> dict[str, str]:
    """`Retry-After` in seconds, as an HTTP date, or not at all."""
    if fault.retry_after == "seconds":
        return {"Retry-After": str(int(fault.seconds))}
    if fault.retry_after == "date":
        return {"Retry-After": answers.http_date(now + timedelta(seconds=fault.seconds))}
    return {}


def _limits(remaining: int, reset_at: datetime) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(_LIMIT),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Used": str(_LIMIT - remaining),
        "X-RateLimit-Reset": str(int(reset_at.timestamp())),
        "X-RateLimit-Resource": "core",
    }


def _too_many(fault: Fault, now: datetime) -> Answer:
    return json_answer(429, {"message": answers.SECONDARY}, _wait(fault, now))


def _secondary(fault: Fault, now: datetime) -> Answer:
    """403 with budget left: told by `Retry-After`, by `gh-limited-by`, or by the message alone."""
    limited_by = {"gh-limited-by": "search-elapsed-time-shared-grouped"} if fault.retry_after == "limited_by" else {}
    headers = _limits(4000, now + timedelta(hours=1)) | _wait(fault, now) | limited_by
    return json_answer(403, {"message": answers.SECONDARY}, headers)


def _primary(fault: Fault, now: datetime) -> Answer:
    answer = answers.primary_limit("user ID 4100011")
    return Answer(403, answer.headers | _limits(0, now + timedelta(seconds=fault.seconds)), answer.body)


def _server_error(fault: Fault, _now: datetime) -> Answer:
    status = fault.status or 502
    if status in {502, 503, 504}:
        return text_answer(status, "<html><body><h1>Unicorn!</h1></body></html>", "text/html; charset=utf-8")
    return answers.error(status, "Server Error")


def _forbidden(_fault: Fault, now: datetime) -> Answer:
    """403 for want of a permission: budget is left and no wait is named."""
    answer = answers.error(403, "Resource not accessible by personal access token", "/actions/workflow-runs")
    return Answer(403, answer.headers | _limits(4000, now + timedelta(hours=1)), answer.body)


_REFUSALS = {
    FaultKind.TOO_MANY_REQUESTS: _too_many,
    FaultKind.SECONDARY_LIMIT: _secondary,
    FaultKind.PRIMARY_LIMIT: _primary,
    FaultKind.SERVER_ERROR: _server_error,
    FaultKind.UNAUTHORIZED: lambda *_: answers.bad_credentials(),
    FaultKind.FORBIDDEN: _forbidden,
    FaultKind.NOT_FOUND: lambda *_: answers.not_found(),
}
