"""`/api/deliveries`: messages to receivers and all they tell of; and a trial that the scheduler sends."""

from typing import Any

import structlog
from flask import Response

from alerts.notice import NoticeKind, to_row
from alerts.trial import trial_notice
from api.alert_shapes import (
    DeliveriesQuery,
    DeliveriesSchema,
    OneDeliverySchema,
    TrialSchema,
    filter_of,
)
from api.answers import answer
from api.auth import is_anyone, must_not_be_anyone, needs, principal
from api.fresh import staleness
from api.paging import decode_cursor, split_page
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
    limit, (before,) = query["limit"], decode_cursor("deliveries", (int,), query.get("cursor")) or (None,)
    with read() as opened:
        rows = alert_queries.list_deliveries(opened.session, filter_of(query), limit=limit + 1, before=before)
    page, next_cursor = split_page("deliveries", _readable(rows), limit, ("id",))
    return answer({"deliveries": page, "next_cursor": next_cursor}, opened.as_of, next_cursor=next_cursor)


@blueprint.route("/deliveries/<id:delivery_id>")
@needs(Permission.READ)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, OneDeliverySchema)
def one_delivery(query: dict[str, Any], delivery_id: int) -> Response:
    """Show one message as its receiver gets it, and page by page every incident it tells of.

    A message of a storm shows 20 lines; all the others are here.
    """
    limit, (after,) = query["limit"], decode_cursor("delivery items", (int,), query.get("cursor")) or (-1,)
    with read() as opened:
        delivery = alert_queries.delivery(opened.session, delivery_id)
        if delivery is None:
            raise not_found("delivery", delivery_id)
        if delivery["kind"] == NoticeKind.OPERATIONS:
            must_not_be_anyone()  # its words are those of a receiver that refused
        rows = alert_queries.delivery_items(opened.session, delivery_id, limit=limit + 1, after=after)
        stale = staleness(opened.session, Scope())
    page, next_cursor = split_page("delivery items", rows, limit, ("place",))
    payload = _readable([delivery])[0] | {"items": page, "next_cursor": next_cursor} | stale
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


def _readable(rows: list[Row]) -> list[Row]:
    """The deliveries as this caller may see them."""
    return [row | {"last_error": None} for row in rows] if is_anyone() else rows


def _without_age(item: Row) -> Row:
    """An item without what grows with every second: the duration of an incident that is open."""
    incident = item["incident"]
    if not isinstance(incident, dict):
        return item
    return item | {"incident": {name: value for name, value in incident.items() if name != "duration_seconds"}}
