"""What every answer carries whatever it says: a request id, security headers, a line in the log."""

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

from api.auth import SAFE_METHODS
from api.services import services

log = structlog.get_logger()

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

# Nothing is loaded from anywhere else, nothing runs inline, nobody frames us.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'"
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}

# Asked for every few seconds by machines: their red is news to the one who asks, not to our log.
QUIET = frozenset({"/livez", "/readyz", "/metrics"})


def register(app: Flask) -> None:
    """Wrap every request."""
    app.before_request(_open)
    app.after_request(_close)


def _open() -> None:
    presented = request.headers.get("X-Request-Id", "")
    g.request_id = presented if _REQUEST_ID.fullmatch(presented) else uuid.uuid4().hex
    g.began = time.monotonic()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _close(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)  # a log's own policy is stricter
    if services().config.server.base_url.startswith("https://"):
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    response.headers.setdefault("Vary", "Authorization, Cookie, Accept")  # a file is the same for everybody
    _log_answer(response.status_code)
    return response


def _log_answer(status: int) -> None:
    """Changes and refusals are news; a read that went well is not, nor a webhook: there are thousands of them."""
    is_plain_read = request.method in SAFE_METHODS and status < 400
    is_routine = request.blueprint == "webhooks" and status in {202, 429}
    say = log.debug if is_plain_read or is_routine or request.path in QUIET else log.info
    seconds = round(time.monotonic() - g.began, 4)
    say("answered", method=request.method, path=request.path, status=status, seconds=seconds)
