"""`/api/deliveries`: messages to receivers and all they tell of; and a trial that the scheduler sends."""

from functools import partial
from typing import Any

import structlog
from flask import Response
from sqlalchemy.orm import Session

from alerts.notice import NoticeKind, to_row
from alerts.trial import trial_notice
from api.alert_shapes import (
    DeliveriesQuery,
    DeliveriesSchema,
    DeliveryItemSchema,
    DeliverySchema,
    OneDeliverySchema,
    TrialSchema,
    filter_of,
)
from api.answers import answer
from api.auth import is_anyone, must_not_be_anyone, needs, principal
from api.exports import exported
from api.fresh import staleness
from api.listing import keyset
from api.lists import listed
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import not_found
from api.schemas import NoQuery, PageQuery
from api.services import read, write
from shared import alert_queries, alert_trials
from shared.clock import utc_now
from shared.rows import Row
from shared.scope import Scope
from shared.wire import encode

log = structlog.get_logger()

blueprint = ApiBlueprint("deliveries", __name__, url_prefix="/api", description="Messages to receivers")


@blueprint.route("/deliveries")
@needs(Permission.READ)
@blueprint.arguments(DeliveriesQuery, location="query")
@blueprint.response(200, DeliveriesSchema)
def list_deliveries(query: dict[str, Any]) -> Response:
    """List messages to receivers, newest first: sent, waiting, refused or given up.

    Without a key `public_read` shows all but what receivers answered, which may hold mail addresses and names of hosts.
    """
    wanted, is_for_anyone = filter_of(query), is_anyone()

    def fetch(session: Session, *, limit: int, after: int | None) -> list[Row]:
        found = alert_queries.list_deliveries(session, wanted, limit=limit, before=after)
        return [_readable(row) for row in found] if is_for_anyone else found

    return listed(keyset({"id": int}, fetch, name="deliveries", shape=DeliverySchema), query)


@blueprint.route("/deliveries/<id:delivery_id>")
@needs(Permission.READ)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, OneDeliverySchema)
def one_delivery(query: dict[str, Any], delivery_id: int) -> Response:
    """Show one message as its receiver gets it, and page by page every incident it tells of.

    A message of a storm shows 20 lines; all the others are here.
    """

    def scope(session: Session) -> Scope:
        _find(session, delivery_id)
        return Scope()

    fetch = partial(alert_queries.delivery_items, delivery_id=delivery_id)
    listing = keyset({"place": int}, fetch, start=-1, name="delivery items", shape=DeliveryItemSchema, scope=scope)
    if file := exported(listing, query):
        return file
    after = listing.begins_after(query)
    with read() as opened:
        delivery = _find(opened.session, delivery_id)
        page, next_cursor = listing.page(opened, query["limit"], after)
        stale = staleness(opened.session, Scope())
    shown = _readable(delivery) if is_anyone() else delivery
    payload = shown | {"items": page, "next_cursor": next_cursor} | stale
    lasting = payload | {"items": [_without_age(item) for item in page]}
    return answer(payload, opened.as_of, next_cursor=next_cursor, lasting=lasting)


@blueprint.route("/receivers/<string:name>/test", methods=["POST"])
@needs(Permission.CONFIG)
@blueprint.arguments(NoQuery, location="query")
@blueprint.response(202, TrialSchema)
def request_test(_: dict[str, Any], name: str) -> Response:
    """Have the scheduler send a test message, even to a receiver that is switched off; if it arrives, it is on again.

    `Location` is where to see what becomes of it. While one waits, asking again has that tried now.
    """
    if "\0" in name:
        raise not_found("receiver", "of that name")
    now = utc_now()
    with write() as session:
        if not alert_trials.is_receiver(session, name):
            raise not_found("receiver", name[:200])
        message = to_row(trial_notice(name, principal().name, now))
        delivery_id = alert_trials.plan_trial(session, name, message, now)
    log.info("requested test", receiver=name, delivery=delivery_id, by=principal().name)
    url = f"/api/deliveries/{delivery_id}"
    payload = encode({"id": delivery_id, "receiver": name, "url": url})
    headers = {"Location": url, "Cache-Control": "no-store"}
    return Response(payload, 202, headers, content_type="application/json")


def _find(session: Session, delivery_id: int) -> Row:
    delivery = alert_queries.delivery(session, delivery_id)
    if delivery is None:
        raise not_found("delivery", delivery_id)
    if delivery["kind"] == NoticeKind.OPERATIONS:
        must_not_be_anyone()  # its words are those of a receiver that refused
    return delivery


def _readable(row: Row) -> Row:
    """A delivery as a caller without a key may see it."""
    return row | {"last_error": None}


def _without_age(item: Row) -> Row:
    """An item without what grows with every second: the duration of an incident that is open."""
    incident = item["incident"]
    if not isinstance(incident, dict):
        return item
    return item | {"incident": {name: value for name, value in incident.items() if name != "duration_seconds"}}
