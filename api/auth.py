"""The gate every request passes: host, origin, principal, permission; deny by default."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from flask import Flask, current_app, g, request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api.origins import is_host_allowed, is_origin_allowed, is_published
from api.principal import Permission, Principal, anonymous, holder_of
from api.problems import Problem
from api.services import services, write
from shared.clock import utc_now
from shared.config.settings import ServerSettings
from shared.errors import CannotStart
from shared.keys import LiveKey, Scope, authenticate, has_usable_key

COOKIE = "observatory_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

View = TypeVar("View", bound=Callable[..., object])


def needs(permission: Permission) -> Callable[[View], View]:
    """Declare what a view asks of its caller."""

    def declare(view: View) -> View:
        view.__dict__["permission"] = permission
        return view

    return declare


def register(app: Flask) -> None:
    """Put the gate before every request."""
    app.before_request(_pass_gate)


def require_permissions(app: Flask) -> None:
    """Refuse to start while any route has not said who may use it."""
    silent = sorted(str(rule) for rule in app.url_map.iter_rules() if _permission(app, rule.endpoint) is None)
    if silent:
        raise CannotStart(f"no permission is declared for {', '.join(silent)}", "Put @needs(Permission.…) on the view")


def require_key(server: ServerSettings, engine: Engine) -> None:
    """Refuse to serve the world when nobody could present a key and reading is not free."""
    if not is_published(server) or server.public_read:
        return
    try:
        with Session(engine) as session:
            has_key = has_usable_key(session, utc_now())
    except SQLAlchemyError as error:
        cure = "Start the database and migrate it (observatory migrate), then start the API again"
        raise CannotStart("the database does not say whether there is a key", cure) from error
    if not has_key:
        raise CannotStart(
            f"the API would be reachable from elsewhere ({server.host}, {server.base_url}) and there is no key",
            "Make one with: observatory key create NAME; or let everybody read with public_read = true; "
            "or bind to 127.0.0.1",
        )


def principal() -> Principal:
    """The caller of this request; a public route has none."""
    found = g.principal
    assert isinstance(found, Principal)  # noqa: S101 (put there by the gate)
    return found


def anyone(server: ServerSettings) -> Principal:
    """The caller who presented nothing, with what this server lets everybody do."""
    is_local = not is_published(server)
    return anonymous(
        is_reading_free=server.public_read or is_local, are_logs_free=is_local, are_badges_free=server.public_badges
    )


def caller(server: ServerSettings) -> Principal:
    """Who asks, with what everybody may besides: whoever shows a key may never do less than without it."""
    found, free = identify(), anyone(server)
    return free if found is None else replace(found, scopes=found.scopes | free.scopes)


def is_anyone() -> bool:
    """Whether this caller reads only because the server lets the whole world read."""
    key = principal().key
    return is_published(services().config.server) and (key is None or Scope.READ not in key.scopes)


def must_not_be_anyone() -> None:
    """Refuse what `public_read` does not open: it opens what was built, not how we reach people."""
    if is_anyone():
        raise refusal(principal(), Permission.READ)


def authenticate_key(presented: str) -> LiveKey | None:
    """The live key behind what was presented, looked up in a transaction of its own."""
    with write() as session:
        return authenticate(session, presented, utc_now())


def _pass_gate() -> None:
    server = services().config.server
    _check_host()
    if request.method not in SAFE_METHODS:
        _check_origin()
    if request.endpoint is None:
        return  # Flask answers 404 or 405 by itself
    permission = _permission(current_app, request.endpoint)
    if permission is Permission.PUBLIC:
        return  # and no look at the database: /livez answers without one
    # Looked up before the permission, so that a wrong key is told so even where none is needed.
    g.principal = caller(server)
    if permission is None or not g.principal.may(permission):
        raise refusal(g.principal, permission)


def identify() -> Principal | None:
    """The holder of the key or session presented; a request with `Authorization` ignores cookies.

    None when nothing was presented, or a session that has ended; raises a 401 problem for a key that is not valid.
    """
    header = request.headers.get("Authorization")
    if header is not None:
        presented = _presented(header)
        key = authenticate_key(presented) if presented is not None else None
        if key is None or key.is_session:
            raise _unauthorized("The key presented is not valid: malformed, unknown, revoked or expired.")
        return holder_of(key)
    cookie = request.cookies.get(COOKIE)
    key = authenticate_key(cookie) if cookie else None
    return holder_of(key) if key is not None and key.is_session else None


def _presented(header: str) -> str | None:
    """What stands for the key in `Authorization`: a bearer token, or the password of those who can send no other.

    Browsers are never asked for a password, and what changes something is bound to its origin besides.
    """
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(rest, validate=True).decode("ascii").partition(":")[2]
    except ValueError:
        return None


def refusal(who: Principal, permission: Permission | None) -> Problem:
    """Why this caller may not do it: 401 without a key, 403 with one that does not allow it."""
    if who.key is None:
        return _unauthorized(f"This needs a key with the scope {permission}: send Authorization: Bearer bo_live_…")
    scopes = ", ".join(sorted(who.key.scopes)) or "nothing"
    return Problem(403, f"The key {who.name} may {scopes}; this needs {permission}.")


def _unauthorized(detail: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": 'Bearer realm="build-observatory"'})


def _check_host() -> None:
    if not is_host_allowed(services().config.server, request.headers.get("Host", "")):
        raise Problem(421, "This server does not go by that name. Add it to allowed_hosts under [server] if it should.")


def _check_origin() -> None:
    """A browser says where a request comes from; other clients say nothing and bring a key."""
    origin = request.headers.get("Origin")
    server = services().config.server
    if origin is not None:
        if not is_origin_allowed(server, origin, request.host, request.scheme):
            raise Problem(403, "Pages of that origin may not act here. Add it to allowed_origins under [server].")
    elif request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
        raise Problem(403, "Another site's page may not act here.")


def _permission(app: Flask, endpoint: str) -> Permission | None:
    found = getattr(app.view_functions.get(endpoint), "permission", None)
    return found if isinstance(found, Permission) else None
