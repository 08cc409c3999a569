"""GitHub's envelopes: the headers of every answer, entity tags, and its refusals in all the shapes that were seen."""

from datetime import datetime
from email.utils import format_datetime
from hashlib import blake2b

from simulator.budget import Standing
from simulator.exchange import Answer, Request, json_answer
from simulator.github.payloads import request_id

DOCS = "https://docs.github.com/rest"
API_VERSIONS = ("2022-11-28", "2026-03-10")
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again"

_FIXED = {
    "Server": "GitHub.com",
    "Vary": "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding, Accept, X-Requested-With",
    "X-GitHub-Media-Type": "github.v3; format=json",
    "Access-Control-Expose-Headers": (
        "ETag, Link, Location, Retry-After, X-GitHub-OTP, X-RateLimit-Limit, X-RateLimit-Remaining, "
        "X-RateLimit-Used, X-RateLimit-Resource, X-RateLimit-Reset, X-OAuth-Scopes, X-Accepted-OAuth-Scopes, "
        "X-Poll-Interval, X-GitHub-Media-Type, X-GitHub-SSO, X-GitHub-Request-Id, Deprecation, Sunset"
    ),
    "Access-Control-Allow-Origin": "*",
    "Strict-Transport-Security": "max-age=31536000; includeSubdomains; preload",
    "X-Frame-Options": "deny",
    "X-Content-Type-Options": "nosniff",
    "X-XSS-Protection": "0",
    "Referrer-Policy": "origin-when-cross-origin, strict-origin-when-cross-origin",
    "Content-Security-Policy": "default-src 'none'",
}


def http_date(instant: datetime) -> str:
    """An instant as HTTP headers write it."""
    return format_datetime(instant, usegmt=True)


def common_headers(request: Request, now: datetime, *, is_private: bool) -> dict[str, str]:
    """What every answer carries; `is_private` when a token asked."""
    version = request.headers.get("x-github-api-version", API_VERSIONS[0])
    scopes = {"X-OAuth-Scopes": "repo, workflow", "X-Accepted-OAuth-Scopes": ""} if is_private else {}
    return {
        **_FIXED,
        **scopes,
        "Date": http_date(now),
        "Cache-Control": f"{'private' if is_private else 'public'}, max-age=60, s-maxage=60",
        "x-github-api-version-selected": version,
        "X-GitHub-Request-Id": request_id(request.target, now),
    }


def limit_headers(standing: Standing) -> dict[str, str]:
    """The five headers of the primary limit."""
    return {
        "X-RateLimit-Limit": str(standing.limit),
        "X-RateLimit-Remaining": str(standing.remaining),
        "X-RateLimit-Reset": str(int(standing.reset_at.timestamp())),
        "X-RateLimit-Used": str(standing.used),
        "X-RateLimit-Resource": "core",
    }


def entity_tag(body: bytes, credential: str | None) -> str:
    """A weak tag: another token gets another one for the same bytes."""
    return f'W/"{blake2b(body + b"|" + (credential or "").encode(), digest_size=32).hexdigest()}"'


def is_known_tag(request: Request, tag: str) -> bool:
    """Whether the client already holds what this tag names."""
    held = request.headers.get("if-none-match", "")
    return held.strip() == "*" or tag in (part.strip() for part in held.split(","))


def error(status: int, message: str, page: str = "") -> Answer:
    """GitHub's error body: message, documentation, and the status as text."""
    return json_answer(status, {"message": message, "documentation_url": f"{DOCS}{page}", "status": str(status)})


def not_found(page: str = "/actions/workflow-runs") -> Answer:
    """Not there, or not for this token: GitHub does not say which."""
    return error(404, "Not Found", page)


def bad_credentials() -> Answer:
    """A token nobody issued, or one that was revoked."""
    return error(401, "Bad credentials")


def primary_limit(who: str) -> Answer:
    """The hour's budget is spent."""
    message = f"API rate limit exceeded for {who}."
    return error(403, message, "/overview/resources-in-the-rest-api#rate-limiting")


def secondary_limit(status: int) -> Answer:
    """Too much at once; the recorded body has the message only, without documentation or status."""
    return json_answer(status, {"message": SECONDARY})


def too_deep() -> Answer:
    """The page lies past what an unfiltered list can be paged to."""
    message = "In order to keep the API fast for everyone, pagination is limited for this resource."
    return error(422, message, "/actions/workflow-runs#list-workflow-runs-for-a-repository")


def moved(location: str) -> Answer:
    """The repository is called otherwise now; the address given is the numeric one, which stays."""
    content = {"message": "Moved Permanently", "url": location, "documentation_url": f"{DOCS}/guides"}
    return json_answer(301, content, {"Location": location})
