"""`/api/receivers`: the places messages go to, and how each stands; never a secret."""

from collections.abc import Sequence
from typing import Any

import structlog
from flask import Response
from marshmallow import INCLUDE
from sqlalchemy.orm import Session

from alerts import RECEIVERS
from alerts.receiver_tables import read_table, to_store
from api.answers import answer
from api.auth import must_not_be_anyone, needs, principal
from api.exports import exported
from api.listing import whole
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import Problem
from api.rule_changes import find, must_not_be_the_files, named, put_answer, removed_answer
from api.rule_shapes import RECEIVER_BODY, AnyReceiverSchema, OneReceiverSchema, ReceiversSchema
from api.schemas import FileQuery, NoQuery
from api.services import read, write
from api.settings_fields import complete, refused
from shared import alert_rules
from shared.alert_rules import Origin, StoredRule, Table
from shared.alert_trials import hurry
from shared.clock import utc_now
from shared.config.settings import ReceiverSettings
from shared.rows import Row

log = structlog.get_logger()

blueprint = ApiBlueprint("receivers", __name__, url_prefix="/api/receivers", description="Where messages go")


@blueprint.route("")
@needs(Permission.READ)
@blueprint.arguments(FileQuery, location="query")
@blueprint.response(200, ReceiversSchema)
def list_receivers(query: dict[str, Any]) -> Response:
    """List the receivers in force and how they stand: those of the file, then those of the API by name.

    Of a secret only the variable or the file is told that holds it. `public_read` does not open these: they hold mail
    addresses and names of hosts.
    """
    must_not_be_anyone()
    if file := exported(whole(_receivers, name="receivers", shape=AnyReceiverSchema), query):
        return file
    with read() as opened:
        receivers = _receivers(opened.session)
    return answer({"receivers": receivers}, opened.as_of)


@blueprint.route("/<string:name>")
@needs(Permission.READ)
@blueprint.arguments(NoQuery, location="query")
@blueprint.response(200, OneReceiverSchema)
def one_receiver(_: dict[str, Any], name: str) -> Response:
    """Show one receiver and how it stands."""
    must_not_be_anyone()
    with read() as opened:
        rule = find(alert_rules.in_force(opened.session, Table.RECEIVERS), Table.RECEIVERS, name)
        (receiver,) = _shown(opened.session, [rule])
    return answer(receiver, opened.as_of)


@blueprint.route("/<string:name>", methods=["PUT"])
@needs(Permission.CONFIG)
@blueprint.arguments(NoQuery, location="query")
@blueprint.arguments(RECEIVER_BODY, unknown=INCLUDE)
@blueprint.response(200, OneReceiverSchema)
@blueprint.alt_response(201, schema=OneReceiverSchema)
def put_receiver(_: dict[str, Any], body: dict[str, Any], name: str) -> Response:
    """Make a receiver or replace it whole; the same keys as `[[receivers]]` in the file, where its name is the address.

    A secret is named by a variable of the scheduler that begins with `OBSERVATORY_RECEIVER_`. A repeat changes nothing.
    409 when the file has one of this name.
    """
    table = named(body, name)
    if mistakes := read_table(table).mistakes:
        raise refused(list(mistakes))
    with write() as session:
        alert_rules.lock(session)
        must_not_be_the_files(alert_rules.in_force(session, Table.RECEIVERS), Table.RECEIVERS, name)
        is_new = alert_rules.put(session, Table.RECEIVERS, name, to_store(table), principal().name)
        hurry(session, name, utc_now())
        rule = find(alert_rules.in_force(session, Table.RECEIVERS), Table.RECEIVERS, name)
        (receiver,) = _shown(session, [rule])
    log.info("put receiver", receiver=name, kind=table["kind"], by=principal().name)
    return put_answer(receiver, f"/api/receivers/{name}", is_new=is_new)


@blueprint.route("/<string:name>", methods=["DELETE"])
@needs(Permission.CONFIG)
@blueprint.arguments(NoQuery, location="query")
@blueprint.response(204)
def delete_receiver(_: dict[str, Any], name: str) -> Response:
    """Take a receiver away. 409 when the file has it, or while a route made by API leads to it."""
    with write() as session:
        alert_rules.lock(session)
        receivers = alert_rules.in_force(session, Table.RECEIVERS)
        find(receivers, Table.RECEIVERS, name)
        must_not_be_the_files(receivers, Table.RECEIVERS, name)
        _must_not_be_led_to(name, alert_rules.in_force(session, Table.ROUTES))
        alert_rules.remove(session, Table.RECEIVERS, name)
    log.info("deleted receiver", receiver=name, by=principal().name)
    return removed_answer()


def _must_not_be_led_to(name: str, routes: Sequence[StoredRule]) -> None:
    leading = [route.name for route in routes if route.origin is Origin.API and name in route.settings["receivers"]]
    if leading:
        words = ", ".join(leading)
        raise Problem(409, f"The receiver {name} is led to by {words}; change or delete that first.")


def _receivers(session: Session) -> list[dict[str, Any]]:
    return _shown(session, alert_rules.in_force(session, Table.RECEIVERS))


def _shown(session: Session, rules: Sequence[StoredRule]) -> list[dict[str, Any]]:
    standing = alert_rules.standing(session)
    return [_one(rule, standing.get(rule.name, {})) for rule in rules]


def _one(rule: StoredRule, standing: Row) -> dict[str, Any]:
    model = RECEIVERS.get(str(rule.settings.get("kind")), ReceiverSettings)
    return {
        **complete(model, rule.settings),
        "origin": rule.origin,
        "author": rule.author,
        "changed_at": rule.changed_at,
        "is_openable": rule.problem is None,
        "problem": rule.problem,
        "last_sent_at": standing.get("last_sent_at"),
        "off_since": standing.get("off_since"),
        "off_reason": standing.get("off_reason"),
    }
