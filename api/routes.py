"""`/api/routes`: which incidents are told to which receivers, and when not."""

from collections.abc import Iterable
from typing import Any

import structlog
from flask import Response
from marshmallow import INCLUDE
from pydantic import ValidationError
from sqlalchemy.orm import Session

from alerts.rules import DEFAULT_ROUTE
from api.answers import answer
from api.auth import needs, principal
from api.exports import exported
from api.listing import whole
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import not_found
from api.rule_changes import find, must_not_be_the_files, named, put_answer, removed_answer
from api.rule_shapes import BUILT_IN, ROUTE_BODY, OneRouteSchema, RouteSchema, RoutesSchema
from api.schemas import FileQuery, NoQuery
from api.services import read, write
from api.settings_fields import complete, judged, refused
from shared import alert_rules
from shared.alert_rules import StoredRule, Table
from shared.config.mistakes import did_you_mean
from shared.config.routes import RouteSettings
from shared.config.settings import unknown_names

log = structlog.get_logger()

blueprint = ApiBlueprint("routes", __name__, url_prefix="/api/routes", description="Who is told of which incidents")


@blueprint.route("")
@needs(Permission.READ)
@blueprint.arguments(FileQuery, location="query")
@blueprint.response(200, RoutesSchema)
def list_routes(query: dict[str, Any]) -> Response:
    """List the routes in force in the order they are asked: those of the file, then those of the API by name.

    Where there is none, the one called `default` stands in: to every receiver, what broke and was fixed.
    """
    if file := exported(whole(_routes, name="routes", shape=RouteSchema), query):
        return file
    with read() as opened:
        routes = _routes(opened.session)
    return answer({"routes": routes}, opened.as_of)


@blueprint.route("/<string:name>")
@needs(Permission.READ)
@blueprint.arguments(NoQuery, location="query")
@blueprint.response(200, OneRouteSchema)
def one_route(_: dict[str, Any], name: str) -> Response:
    """Show one route."""
    with read() as opened:
        found = next((route for route in _routes(opened.session) if route["name"] == name), None)
    if found is None:
        raise not_found("route", name[:200])
    return answer(found, opened.as_of)


@blueprint.route("/<string:name>", methods=["PUT"])
@needs(Permission.CONFIG)
@blueprint.arguments(NoQuery, location="query")
@blueprint.arguments(ROUTE_BODY, unknown=INCLUDE)
@blueprint.response(200, OneRouteSchema)
@blueprint.alt_response(201, schema=OneRouteSchema)
def put_route(_: dict[str, Any], body: dict[str, Any], name: str) -> Response:
    """Make a route or replace it whole; the same keys as `[[routes]]` in the file, where its name is the address.

    A repeat changes nothing. With the first route the one called `default` no longer stands in. 409 when the file has
    one of this name.
    """
    settings = judged(RouteSettings, named(body, name))
    with write() as session:
        alert_rules.lock(session)
        must_not_be_the_files(alert_rules.in_force(session, Table.ROUTES), Table.ROUTES, name)
        _know_receivers(settings, alert_rules.in_force(session, Table.RECEIVERS))
        if mistakes := unknown_names(settings, *alert_rules.known_names(session)):
            raise refused(mistakes)
        is_new = alert_rules.put(session, Table.ROUTES, name, alert_rules.written(settings), principal().name)
        shown = _shown(find(alert_rules.in_force(session, Table.ROUTES), Table.ROUTES, name))
    log.info("put route", route=name, receivers=list(settings.receivers), by=principal().name)
    return put_answer(shown, f"/api/routes/{name}", is_new=is_new)


@blueprint.route("/<string:name>", methods=["DELETE"])
@needs(Permission.CONFIG)
@blueprint.arguments(NoQuery, location="query")
@blueprint.response(204)
def delete_route(_: dict[str, Any], name: str) -> Response:
    """Take a route away. 409 when the file has it."""
    with write() as session:
        alert_rules.lock(session)
        routes = alert_rules.in_force(session, Table.ROUTES)
        find(routes, Table.ROUTES, name)
        must_not_be_the_files(routes, Table.ROUTES, name)
        alert_rules.remove(session, Table.ROUTES, name)
    log.info("deleted route", route=name, by=principal().name)
    return removed_answer()


def _routes(session: Session) -> list[dict[str, Any]]:
    routes = [_shown(rule) for rule in alert_rules.in_force(session, Table.ROUTES)]
    receivers = [] if routes else [rule.name for rule in alert_rules.in_force(session, Table.RECEIVERS)]
    if not receivers:
        return routes
    stand_in = RouteSettings(name=DEFAULT_ROUTE, receivers=tuple(receivers)).model_dump(mode="json")
    return [stand_in | {"origin": BUILT_IN, "author": None, "changed_at": None}]


def _shown(rule: StoredRule) -> dict[str, Any]:
    try:
        settings = RouteSettings.model_validate(rule.settings).model_dump(mode="json")
    except ValidationError:
        settings = complete(RouteSettings, rule.settings)  # an older version's, which is passed over
    return settings | {"origin": rule.origin, "author": rule.author, "changed_at": rule.changed_at}


def _know_receivers(route: RouteSettings, receivers: Iterable[StoredRule]) -> None:
    known = [receiver.name for receiver in receivers]
    mistakes = [
        (f"receivers[{place}]", f"no receiver is called {name}; {did_you_mean(name, known)}")
        for place, name in enumerate(route.receivers)
        if name not in known
    ]
    if mistakes:
        raise refused(mistakes)
