"""How the fake GitLab refuses when a fault says so: its limits and errors in each shape that was seen."""

from datetime import datetime, timedelta

from simulator.exchange import Answer, text_answer
from simulator.faults import Fault, FaultKind
from simulator.gitlab import answers


def refusal(fault: Fault, now: datetime) -> Answer:
    """The refusal that this fault asks for."""
    answer = _REFUSALS[fault.kind](fault, now)
    return Answer(answer.status, {"Server": "nginx", "Date": answers.http_date(now)} | answer.headers, answer.body)


def _limited(remaining: int, fault: Fault, now: datetime) -> Answer:
    """429; `remaining` may be high: the headers know only some of the limits."""
    reset_at = now + timedelta(seconds=fault.seconds)
    headers = {
        "RateLimit-Limit": "2000",
        "RateLimit-Name": answers.THROTTLE,
        "RateLimit-Observed": str(2000 - remaining),
        "RateLimit-Remaining": str(remaining),
        "RateLimit-Reset": str(int(reset_at.timestamp())),
        "RateLimit-ResetTime": answers.http_date(reset_at),
    }
    if fault.retry_after == "seconds":
        headers["Retry-After"] = str(int(fault.seconds))
    if fault.retry_after == "date":
        headers["Retry-After"] = answers.http_date(reset_at)
    return answers.retry_later(headers)


def _server_error(fault: Fault, _now: datetime) -> Answer:
    status = fault.status or 502
    if status in {502, 503, 504}:
        page = "<html><head><title>GitLab is not responding</title></head></html>"
        return text_answer(status, page, "text/html; charset=utf-8")
    return answers.message(status, "Internal Server Error")


_REFUSALS = {
    FaultKind.TOO_MANY_REQUESTS: lambda fault, now: _limited(0, fault, now),
    FaultKind.PRIMARY_LIMIT: lambda fault, now: _limited(0, fault, now),
    FaultKind.SECONDARY_LIMIT: lambda fault, now: _limited(1500, fault, now),
    FaultKind.SERVER_ERROR: _server_error,
    FaultKind.UNAUTHORIZED: lambda *_: answers.expired(),
    FaultKind.FORBIDDEN: lambda *_: answers.insufficient_scope(),
    FaultKind.NOT_FOUND: lambda *_: answers.not_found("Project"),
}
