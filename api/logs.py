"""`/api/builds/{id}/log` and `/api/logs/…`: what a build printed, fetched by the scheduler when somebody wants it."""

import math
import time
from dataclasses import dataclass
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from api.auth import needs
from api.log_text import log_answer
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import Problem, not_found
from api.schemas import LogQuery, ProviderLogQuery
from api.services import read, write
from api.shapes import PendingLogSchema
from shared import build_parts, log_lookup, log_requests, stored_logs
from shared.log_lookup import Meant
from shared.log_requests import Standing, State, Wanted
from shared.rows import as_int
from shared.status import Status
from shared.stored_logs import StoredLog
from shared.wire import encode

blueprint = ApiBlueprint("logs", __name__, url_prefix="/api", description="What builds printed")

RETRY_SECONDS = 2
_FIRST_LOOK_SECONDS = 0.1
_LONGEST_LOOK_SECONDS = 0.5
_TEXT = {"description": "the log as text", "content_type": "text/plain"}


@dataclass(frozen=True, slots=True)
class Found:
    """What there is at this moment: the stored texts, and how the request for them stands."""

    logs: list[StoredLog]
    standing: Standing | None

    @property
    def is_settled(self) -> bool:
        """Whether nothing has to be fetched (any more) before answering."""
        if self.standing is None:
            return bool(self.logs) and all(log.is_complete for log in self.logs)
        return self.standing.state not in (State.REQUESTED, State.FETCHING) and not self.standing.is_over


@blueprint.route("/builds/<id:build_id>/log")
@needs(Permission.LOGS)
@blueprint.arguments(LogQuery, location="query")
@blueprint.response(200, None, **_TEXT)
@blueprint.alt_response(202, schema=PendingLogSchema)
def build_log(query: dict[str, Any], build_id: int) -> Response:
    """Read what a build printed, as text: one job's, or all jobs' of an attempt one after another.

    A log that is not kept here yet is fetched from the provider first. The answer waits for that for up to 8 s, then
    says 202 with `Retry-After`. Secrets are masked. `Range` is honoured, up to 1 MB an answer.
    """
    return _answer(build_id, query.get("attempt"), query.get("job"), query["wait"])


@blueprint.route("/logs/<string:provider>/<path:external_id>")
@needs(Permission.LOGS)
@blueprint.arguments(ProviderLogQuery, location="query")
@blueprint.response(200, None, **_TEXT)
@blueprint.alt_response(202, schema=PendingLogSchema)
def provider_log(query: dict[str, Any], provider: str, external_id: str) -> Response:
    """Read the same log by the id the provider gave the build.

    409 with the `candidates` when several builds bear that id; `instance` tells them apart.
    """
    if "\0" in provider + external_id:
        raise not_found("build", "of that name")
    with read() as opened:
        builds = log_lookup.builds_called(opened.session, provider, external_id, query.get("instance"))
    if not builds:
        raise Problem(404, f"No build of {provider} is called {external_id[:200]}.")
    if len(builds) > 1:
        words = f"{len(builds)} builds bear that id. Name the instance, or ask for /api/builds/{{id}}/log."
        raise Problem(409, words, more={"candidates": builds})
    return _answer(as_int(builds[0]["id"]), query.get("attempt"), query.get("job"), query["wait"])


def _answer(build_id: int, attempt: int | None, job: int | str | None, wait_seconds: int) -> Response:
    with read() as opened:
        meant = _meant(opened.session, build_id, attempt, job)
        found = _look(opened.session, meant.wanted)
    if meant.status == Status.SKIPPED and not found.logs:
        raise Problem(404, "This job was skipped, so it printed nothing.")
    if not found.is_settled:
        _request(meant.wanted)
        found = _wait(meant.wanted, wait_seconds)
    is_whole = meant.wanted.job_external_id == log_requests.WHOLE
    is_stored = found.standing is not None and found.standing.state is State.STORED
    if found.logs and (is_stored or not is_whole):
        # One job's log is shown even when the newest try failed or is not over: the beginning of it beats nothing. Of a
        # whole attempt there may be some jobs' logs only, and nothing would say so.
        return log_answer(meant.wanted, found.logs)
    if not found.is_settled:
        return _pending(found)
    raise _missing(found.standing)


def _meant(session: Session, build_id: int, attempt: int | None, job: int | str | None) -> Meant:
    if not build_parts.build_exists(session, build_id):
        raise not_found("build", build_id)
    if job is not None:
        meant = log_lookup.job_log(session, build_id, attempt, job)
        of = "" if attempt is None else f" in attempt {attempt}"
        if meant is None:
            raise Problem(404, f"Build {build_id} has no job {job}{of}; /api/builds/{build_id}/jobs lists them.")
        return meant
    meant = log_lookup.attempt_log(session, build_id, attempt)
    if meant is None:
        raise Problem(404, f"Build {build_id} has no attempt {attempt}.")
    return meant


def _look(session: Session, wanted: Wanted) -> Found:
    """What is kept, and how the request stands; what one job printed may have come with its whole attempt."""
    standing = log_requests.standing(session, wanted)
    is_whole = wanted.job_external_id == log_requests.WHOLE
    if is_whole and standing is None:
        return Found([], None)
    part = None if is_whole else wanted.job_external_id
    return Found(stored_logs.list_logs(session, wanted.build_id, wanted.attempt, part), standing)


def _request(wanted: Wanted) -> None:
    with write() as session:
        if not log_requests.request(session, wanted):
            words = f"{log_requests.MOST_OPEN} logs are being fetched already. Try again shortly."
            raise Problem(503, words, headers={"Retry-After": "10"})


def _wait(wanted: Wanted, seconds: int) -> Found:
    """Look again and again in short transactions; sleeping lets this worker's other requests go on."""
    until = time.monotonic() + seconds
    pause = _FIRST_LOOK_SECONDS
    while True:
        with read() as opened:
            found = _look(opened.session, wanted)
        left = until - time.monotonic()
        if found.is_settled or left <= 0:
            return found
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_LOOK_SECONDS)


def _pending(found: Found) -> Response:
    standing = found.standing
    payload = {
        "state": State.REQUESTED if standing is None else standing.state,
        "requested_at": None if standing is None else standing.requested_at,
        "retry_after_seconds": RETRY_SECONDS,
    }
    headers = {"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"}
    return Response(encode(payload), 202, headers, content_type="application/json")


def _missing(standing: Standing | None) -> Problem:
    """Why there is no log: the provider has none (404), or it could not be had now (502)."""
    reason = standing.reason if standing is not None and standing.reason else "it printed nothing"
    if standing is None or standing.state is not State.FAILED:
        return Problem(404, f"There is no log: {reason}.")
    retry = {"Retry-After": str(max(1, math.ceil(standing.wait_seconds)))}
    return Problem(502, f"The log could not be fetched: {reason}.", headers=retry)
