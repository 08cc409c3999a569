"""`/api/silences`: for a while nothing is told of what somebody works on; with a reason, an author and an end."""

from datetime import datetime
from typing import Any

import structlog
from flask import Response
from marshmallow import INCLUDE
from sqlalchemy.orm import Session

from api.answers import answer
from api.auth import needs, principal
from api.listing import Listing, Part, Position, part_of
from api.lists import listed
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import Problem, not_found
from api.rule_changes import put_answer, removed_answer
from api.schemas import NoQuery
from api.services import read, write
from api.settings_fields import judged, refused
from api.silence_shapes import CHANGE_BODY, NEW_BODY, OneSilenceSchema, SilenceSchema, SilencesQuery, SilencesSchema
from shared import silences
from shared.clock import utc_now
from shared.reading import Reading
from shared.rows import Row
from shared.silence_requests import MistakenSilence, SilenceChange, SilenceRequest, changed, is_over, new_silence
from shared.silences import State

log = structlog.get_logger()

blueprint = ApiBlueprint(
    "silences", __name__, url_prefix="/api/silences", description="What nobody is told for a while"
)


@blueprint.route("")
@needs(Permission.READ)
@blueprint.arguments(SilencesQuery, location="query")
@blueprint.response(200, SilencesSchema)
def list_silences(query: dict[str, Any]) -> Response:
    """List silences, the one that ends last first; `state=active` for what is silent now."""
    states = tuple(State(word) for word in query.get("state", ()))

    def read_part(opened: Reading, limit: int, after: Position | None) -> Part:
        found = silences.list_silences(opened.session, states, opened.as_of, limit=limit + 1, after=after)
        return part_of(found, limit, ("ends_at", "id"))

    return listed(Listing(name="silences", shape=SilenceSchema, position=(datetime, int), read=read_part), query)


@blueprint.route("", methods=["POST"])
@needs(Permission.SILENCE)
@blueprint.arguments(NoQuery, location="query")
@blueprint.arguments(NEW_BODY, unknown=INCLUDE)
@blueprint.response(201, SilenceSchema)
def add_silence(_: dict[str, Any], body: dict[str, Any]) -> Response:
    """Silence what the matchers fit, for 90 days at most.

    It holds through recoveries and new failures. When it ends while something is still broken, that is told once.
    """
    request, now = judged(SilenceRequest, body), utc_now()
    try:
        wanted = new_silence(request, principal().name, now)
    except MistakenSilence as error:
        raise refused(error.mistakes) from None
    with write() as session:
        silence_id = silences.add(session, wanted)
        silence = _find(session, silence_id, now)
    log.info("added silence", silence=silence_id, ends_at=wanted.ends_at.isoformat(), by=wanted.author)
    return put_answer(silence, f"/api/silences/{silence_id}", is_new=True)


@blueprint.route("/<id:silence_id>")
@needs(Permission.READ)
@blueprint.arguments(NoQuery, location="query")
@blueprint.response(200, OneSilenceSchema)
def one_silence(_: dict[str, Any], silence_id: int) -> Response:
    """Show one silence."""
    with read() as opened:
        silence = _find(opened.session, silence_id, opened.as_of)
    return answer(silence, opened.as_of)


@blueprint.route("/<id:silence_id>", methods=["PUT"])
@needs(Permission.SILENCE)
@blueprint.arguments(NoQuery, location="query")
@blueprint.arguments(CHANGE_BODY, unknown=INCLUDE)
@blueprint.response(200, SilenceSchema)
def change_silence(_: dict[str, Any], body: dict[str, Any], silence_id: int) -> Response:
    """Give a silence another end or reason; what is left out stays. 409 when it is over."""
    change, now = judged(SilenceChange, body), utc_now()
    with write() as session:
        silence = _find_open(session, silence_id, now)
        try:
            silences.change(session, silence_id, now, **changed(silence, change, now))
        except MistakenSilence as error:
            raise refused(error.mistakes) from None
        silence = _find(session, silence_id, now)
    log.info("changed silence", silence=silence_id, by=principal().name)
    return put_answer(silence, f"/api/silences/{silence_id}", is_new=False)


@blueprint.route("/<id:silence_id>", methods=["DELETE"])
@needs(Permission.SILENCE)
@blueprint.arguments(NoQuery, location="query")
@blueprint.response(204)
def end_silence(_: dict[str, Any], silence_id: int) -> Response:
    """End a silence now; one that has not begun leaves nothing behind. 409 when it is over."""
    now = utc_now()
    with write() as session:
        _find_open(session, silence_id, now)
        silences.end(session, silence_id, now)
    log.info("ended silence", silence=silence_id, by=principal().name)
    return removed_answer()


def _find(session: Session, silence_id: int, now: datetime) -> Row:
    silence = silences.one(session, silence_id, now)
    if silence is None:
        raise not_found("silence", silence_id)
    return silence


def _find_open(session: Session, silence_id: int, now: datetime) -> Row:
    silence = _find(session, silence_id, now)
    if is_over(silence):
        raise Problem(409, f"The silence {silence_id} is over. Make a new one.")
    return silence
