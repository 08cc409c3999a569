"""GitLab's envelopes: the headers of every answer, the limit of a minute, and its refusals."""

from datetime import datetime
from email.utils import format_datetime
from hashlib import blake2b

from simulator.budget import Standing
from simulator.exchange import Answer, Request, json_answer, text_answer

THROTTLE = "throttle_authenticated_api"
ANONYMOUS_THROTTLE = "throttle_unauthenticated_api"


def http_date(instant: datetime) -> str:
    """An instant as HTTP headers write it."""
    return format_datetime(instant, usegmt=True)


def common_headers(request: Request, now: datetime) -> dict[str, str]:
    """What every answer carries."""
    number = blake2b(f"{request.target} {now.isoformat()}".encode(), digest_size=13).hexdigest().upper()
    return {
        "Server": "nginx",
        "Date": http_date(now),
        "Cache-Control": "max-age=0, private, must-revalidate",
        "Vary": "Origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "X-Gitlab-Meta": '{"correlation_id":"' + number + '","version":"1"}',
        "X-Request-Id": number,
        "X-Runtime": "0.041",
        "Strict-Transport-Security": "max-age=31536000",
        "Referrer-Policy": "strict-origin-when-cross-origin",
    }


def limit_headers(standing: Standing, name: str) -> dict[str, str]:
    """The headers of the limit, on every answer."""
    return {
        "RateLimit-Limit": str(standing.limit),
        "RateLimit-Name": name,
        "RateLimit-Observed": str(standing.used),
        "RateLimit-Remaining": str(standing.remaining),
        "RateLimit-Reset": str(int(standing.reset_at.timestamp())),
    }


def too_many(standing: Standing, name: str, now: datetime) -> Answer:
    """One request too many within a minute."""
    wait = max(1, int((standing.reset_at - now).total_seconds()))
    headers = limit_headers(standing, name) | {
        "Retry-After": str(wait),
        "RateLimit-ResetTime": http_date(standing.reset_at),
    }
    return retry_later(headers)


def retry_later(headers: dict[str, str]) -> Answer:
    """The body is plain text."""
    answer = text_answer(429, "Retry later\n", "text/plain")
    return Answer(429, answer.headers | headers, answer.body)


def message(status: int, text: str) -> Answer:
    """GitLab's error body: the status is repeated in the text."""
    return json_answer(status, {"message": f"{status} {text}"})


def not_found(what: str) -> Answer:
    """Not there, or not for this token: GitLab does not say which."""
    return message(404, f"{what} Not Found")


def unauthorized() -> Answer:
    """A token nobody issued."""
    return message(401, "Unauthorized")


def expired() -> Answer:
    """A token that has run out or was revoked."""
    said = "Token is expired. You can either do re-authorization or token refresh."
    return json_answer(401, {"error": "invalid_token", "error_description": said})


def insufficient_scope() -> Answer:
    """A token that lacks `read_api`."""
    said = "The request requires higher privileges than provided by the access token."
    return json_answer(403, {"error": "insufficient_scope", "error_description": said, "scope": "api read_api"})


def bad_parameter(text: str) -> Answer:
    """A parameter that cannot be."""
    return json_answer(400, {"error": text})


def moved(location: str) -> Answer:
    """The project is called otherwise now; the address given carries its id."""
    said = f"This resource has been moved permanently to {location}"
    return json_answer(301, said, {"Location": location})
