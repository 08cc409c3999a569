"""`/api/session`: a browser trades a key for a cookie that scripts cannot read, and gives it back."""

from typing import Any

from flask import Response, request

from api.auth import COOKIE, authenticate_key, caller, identify, needs, refusal
from api.origins import is_published
from api.parameters import ApiBlueprint
from api.principal import Permission, holder_of
from api.problems import Problem
from api.schemas import KeyBody, NoQuery
from api.services import services, write
from api.shapes import CallerSchema, SessionSchema
from shared.clock import utc_now
from shared.keys import create_session, revoke_key
from shared.wire import encode

blueprint = ApiBlueprint("session", __name__, url_prefix="/api/session", description="A key as a cookie")


@blueprint.route("", methods=["GET"])
@needs(Permission.PUBLIC)
@blueprint.arguments(NoQuery, location="query")
@blueprint.response(200, CallerSchema)
def show_caller(_: dict[str, Any]) -> Response:
    """Say who asks: signed in or not, what that allows, and until when.

    A session that has ended is none: this answers 200 where another route would say 401.
    """
    server = services().config.server
    who = caller(server)
    payload = {
        "is_signed_in": who.key is not None,
        "name": who.key.name if who.key is not None else None,
        "scopes": sorted(who.scopes),
        "expires_at": who.key.expires_at if who.key is not None else None,
        "is_reading_free": not is_published(server),
    }
    return Response(encode(payload), headers={"Cache-Control": "no-store"}, content_type="application/json")


@blueprint.route("", methods=["POST"])
@needs(Permission.PUBLIC)
@blueprint.arguments(NoQuery, location="query")
@blueprint.arguments(KeyBody)
@blueprint.response(201, SessionSchema)
def open_session(_: dict[str, Any], body: dict[str, Any]) -> Response:
    """Trade a key for a session cookie of 12 hours.

    The cookie is a reference known to the server alone: it ends with `DELETE`, and at once when its key is revoked.
    """
    key = authenticate_key(body["key"])
    if key is None or key.is_session:
        raise Problem(401, "The key is not valid: malformed, unknown, revoked or expired.")
    if body["scope"] is not None and body["scope"] not in key.scopes:
        # The session of before stays: a key that is of no use takes nobody's place.
        raise refusal(holder_of(key), Permission(body["scope"]))
    now = utc_now()
    with write() as session:
        value, end = create_session(session, key, now)
    payload = {"name": key.name, "scopes": sorted(key.scopes), "expires_at": end}
    response = Response(encode(payload), 201, {"Cache-Control": "no-store"}, content_type="application/json")
    lasts = int((end - now).total_seconds())
    response.set_cookie(COOKIE, value, max_age=lasts, secure=_is_https(), httponly=True, samesite="Lax", path="/")
    return response


@blueprint.route("", methods=["DELETE"])
@needs(Permission.PUBLIC)
@blueprint.arguments(NoQuery, location="query")
@blueprint.response(204)
def end_session(_: dict[str, Any]) -> Response:
    """End the session, here and not only in this browser."""
    who = identify()
    key = who.key if who is not None else None
    if key is not None and key.is_session:
        with write() as session:
            revoke_key(session, key.id, utc_now())
    response = Response(status=204, headers={"Cache-Control": "no-store"})
    response.delete_cookie(COOKIE, secure=_is_https(), httponly=True, samesite="Lax", path="/")
    return response


def _is_https() -> bool:
    return request.is_secure or services().config.server.base_url.startswith("https://")
