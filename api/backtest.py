"""`/api/alerts/backtest`: what rules would have told, worked out by a process of its own beside the server."""

import os
import subprocess
import sys
from threading import Lock
from typing import Any

import structlog
from flask import Response

from api.auth import needs, principal
from api.backtest_shapes import LONGEST, BacktestBody, BacktestSchema
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import Problem, wrong
from api.schemas import NoQuery
from api.services import read, services
from shared.alert_rules import Table, in_force
from shared.clock import utc_now
from shared.config.mistakes import did_you_mean
from shared.log.redaction import redact
from shared.wire import encode

log = structlog.get_logger()

DEADLINE_SECONDS = 30
RETRY_SECONDS = 10

_BUSY_CODE = 75
_BUSY = Lock()
"""Held while one is worked out for this process; that others' processes wait, too, the database sees to."""

blueprint = ApiBlueprint("backtest", __name__, url_prefix="/api/alerts", description="What rules would have told")


@blueprint.route("/backtest", methods=["POST"])
@needs(Permission.CONFIG)
@blueprint.arguments(NoQuery, location="query")
@blueprint.arguments(BacktestBody)
@blueprint.response(200, BacktestSchema)
def back_test(_: dict[str, Any], body: dict[str, Any]) -> Response:
    """Show what rules would have told whom over a span, and what would have been hidden; nothing is sent or written.

    One at a time: 429 while another is worked out. At most 500,000 events are looked at.
    """
    question = _question(body)
    _know_receivers(body)
    if not _BUSY.acquire(blocking=False):
        raise _busy()
    try:
        answer = _worked_out(question)
    finally:
        _BUSY.release()
    log.info("back-tested", since=question["since"], by=principal().name)
    return Response(answer, headers={"Cache-Control": "no-store"}, content_type="application/json")


def _question(body: dict[str, Any]) -> dict[str, Any]:
    until = body.get("until") or utc_now()
    if not body["since"] < until or until - body["since"] > LONGEST:
        raise wrong("json", "since", f"must lie before until, and at most {LONGEST.days} days before it")
    return {
        "since": body["since"],
        "until": until,
        "routes": body.get("routes"),
        "receivers": body.get("receivers"),
        "is_with_silences": body["with_silences"],
        "most_sent": body["most_sent"],
    }


def _know_receivers(body: dict[str, Any]) -> None:
    """Raises a 422 problem where a route leads to a receiver that is neither in force nor sent along."""
    with read() as opened:
        known = {rule.name for rule in in_force(opened.session, Table.RECEIVERS)}
    known |= {str(each["name"]) for each in body.get("receivers", [])}
    for place, route in enumerate(body.get("routes", [])):
        named = route["receivers"]
        for name in [named] if isinstance(named, str) else named:
            if name not in known:
                words = f"no receiver is called {name}; {did_you_mean(name, known)}"
                raise wrong("json", f"routes[{place}].receivers", words)


def _worked_out(question: dict[str, Any]) -> bytes:
    """The answer of a process of its own: it takes a processor for seconds, in which this server answers others."""
    url = services().engine.url.render_as_string(hide_password=False)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "alerts.backtest"],
            input=encode(question),
            capture_output=True,
            timeout=DEADLINE_SECONDS,
            check=False,
            env={**os.environ, "DATABASE_URL": url},
        )
    except subprocess.TimeoutExpired:
        words = f"This span took longer than {DEADLINE_SECONDS} s. Ask for a later since."
        raise Problem(503, words, headers={"Retry-After": str(RETRY_SECONDS)}) from None
    if done.returncode == _BUSY_CODE:
        raise _busy()
    if done.returncode != 0:
        last_words = redact(done.stderr[-500:].decode(errors="replace"))
        log.error("back-test failed", code=done.returncode, last_words=last_words)
        raise Problem(503, "The back-test could not be worked out; the server's log says why.")
    return done.stdout


def _busy() -> Problem:
    words = "Another back-test is being worked out. Try again shortly."
    return Problem(429, words, headers={"Retry-After": str(RETRY_SECONDS)})
