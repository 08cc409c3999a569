"""`/api/reconciliation`: what webhooks told, what only polls found, and how late each was."""

from collections.abc import Sequence
from typing import Any

from flask import Response

from api.answers import answer
from api.auth import needs
from api.exports import exported
from api.fresh import staleness
from api.listing import Listing, Part, Position, part_of
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import wrong
from api.reconciliation_shapes import ReconciledSourceSchema, ReconciliationSchema
from api.schemas import ScopedPageQuery, WindowQuery, scope_of
from api.services import read, services
from shared import reconciliation
from shared.config.settings import ProviderSettings
from shared.reading import Reading
from shared.rows import Row
from shared.scope import Scope
from shared.secret import SecretSource

blueprint = ApiBlueprint(
    "reconciliation", __name__, url_prefix="/api/reconciliation", description="Who told of a change first"
)


class ReconciliationQuery(ScopedPageQuery, WindowQuery):
    """A page of sources over a window of 31 days at most; the last seven unless said otherwise."""


@blueprint.route("")
@needs(Permission.READ)
@blueprint.arguments(ReconciliationQuery(exclude=("repo", "repository", "project")), location="query")
@blueprint.response(200, ReconciliationSchema)
def reconcile(query: dict[str, Any]) -> Response:
    """Compare the ways changes were learnt, by source and day.

    First told by a webhook, found by a poll only (a webhook was missed), by a sweep, or collected as the past; webhooks
    that came twice or late; how long each way took.
    """
    scope = scope_of(query)

    def by_source(opened: Reading, limit: int, after: Position | None) -> Part:
        place = after[0] if after else 0
        found = reconciliation.by_source(opened.session, scope, _frame(opened, query), limit=limit + 1, after=place)
        return part_of(found, limit, ("id",))

    listing = Listing(name="reconciliation", shape=ReconciledSourceSchema, position=(int,), read=by_source)
    if file := exported(listing, query):
        return file
    after = listing.begins_after(query)
    with read() as opened:
        frame = _frame(opened, query)
        page, next_cursor = listing.page(opened, query["limit"], after)
        received = reconciliation.by_instance(opened.session, scope, frame)
        stale = staleness(opened.session, scope)
    payload: dict[str, object] = {
        "window": frame.as_row,
        "sources": page,
        "instances": with_configured(received, services().config.providers, scope),
        "formula": reconciliation.FORMULA,
        "next_cursor": next_cursor,
    }
    return answer(payload | stale, opened.as_of, next_cursor=next_cursor)


def _frame(opened: Reading, query: dict[str, Any]) -> reconciliation.Window:
    try:
        return reconciliation.window(opened.as_of, query.get("since"), query.get("until"))
    except ValueError as error:
        raise wrong("query", "since", str(error)) from None


def with_configured(received: Sequence[Row], providers: Sequence[ProviderSettings], scope: Scope) -> list[Row]:
    """Every installation that is configured or sent something, each with whether its webhooks have a secret. Pure."""
    takes = {each.name: each.webhook_secret != SecretSource() for each in providers}
    silent = {"webhooks": 0, "repeated": 0, "late": 0, "known_already": 0, "parked": 0, "ignored": 0, "waiting": 0}
    rows: dict[str, Row] = {
        each.name: {"provider": each.kind, "instance": each.name, "last_webhook_at": None, **silent}
        for each in providers
        if (not scope.instance or each.name in scope.instance) and (not scope.provider or each.kind in scope.provider)
    }
    rows |= {str(row["instance"]): row for row in received}
    return [row | {"is_configured": takes.get(name, False)} for name, row in sorted(rows.items())]
