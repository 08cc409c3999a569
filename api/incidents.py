"""`/api/incidents`: what is or was broken, one incident, and what lies under it."""

from datetime import datetime
from functools import partial
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from api.answers import answer
from api.auth import needs
from api.exports import exported
from api.fresh import staleness
from api.incident_shapes import (
    IncidentCommitsSchema,
    IncidentEventSchema,
    IncidentEventsSchema,
    IncidentSchema,
    IncidentsQuery,
    IncidentsSchema,
    OneIncidentSchema,
    filter_of,
)
from api.listing import items, keyset, whole
from api.lists import listed
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import not_found
from api.schemas import FileQuery, NoQuery, PageQuery
from api.services import read
from api.shapes import CommitSchema
from shared import incident_queries
from shared.alert_queries import tellings_of
from shared.rows import Row
from shared.scope import Scope

MOST_EVENTS = 100

blueprint = ApiBlueprint(
    "incidents", __name__, url_prefix="/api/incidents", description="What broke, until it was fixed"
)


@blueprint.route("")
@needs(Permission.READ)
@blueprint.arguments(IncidentsQuery, location="query")
@blueprint.response(200, IncidentsSchema)
def list_incidents(query: dict[str, Any]) -> Response:
    """List incidents, newest first; `status=open` for what is broken now.

    Pages neither repeat nor skip an incident while new ones arrive. Every filter takes several values, by comma.
    """
    wanted = filter_of(query)
    fetch = partial(incident_queries.list_incidents, wanted=wanted)
    listing = keyset({"opened_at": datetime, "id": int}, fetch, name="incidents", shape=IncidentSchema)
    if file := exported(listing, query):
        return file
    after = listing.begins_after(query)
    with read() as opened:
        page, next_cursor = listing.page(opened, query["limit"], after)
        stale = staleness(opened.session, wanted.scope)
    payload = {"incidents": page, "next_cursor": next_cursor} | stale
    lasting = payload | {"incidents": [_without_age(row) for row in page]}
    return answer(payload, opened.as_of, next_cursor=next_cursor, lasting=lasting)


@blueprint.route("/<id:incident_id>")
@needs(Permission.READ)
@blueprint.arguments(NoQuery, location="query")
@blueprint.response(200, OneIncidentSchema)
def one_incident(_: dict[str, Any], incident_id: int) -> Response:
    """Show one incident, with its builds, the commits between last good and first bad, and its newest events."""
    with read() as opened:
        incident = incident_queries.incident_detail(opened.session, incident_id, most_events=MOST_EVENTS)
        if incident is None:
            raise not_found("incident", incident_id)
        told = tellings_of(opened.session, incident_id)
        payload = incident | {"told": told} | staleness(opened.session, Scope(instance=(str(incident["instance"]),)))
    return answer(payload, opened.as_of, lasting=_without_age(payload))


@blueprint.route("/<id:incident_id>/commits")
@needs(Permission.READ)
@blueprint.arguments(FileQuery, location="query")
@blueprint.response(200, IncidentCommitsSchema)
def list_incident_commits(query: dict[str, Any], incident_id: int) -> Response:
    """List the commits between the last good build and the first bad one.

    Known where a push told them, and where a branch broke: then the provider is asked to compare the two.
    """

    def fetch(session: Session) -> Row:
        commits = incident_queries.incident_commits(session, incident_id)
        if commits is None:
            raise not_found("incident", incident_id)
        return commits

    if file := exported(
        whole(lambda session: items(fetch(session), "commits"), name="commits", shape=CommitSchema), query
    ):
        return file
    with read() as opened:
        commits = fetch(opened.session)
        stale = staleness(opened.session, _scope_of(opened.session, incident_id))
    return answer(commits | stale, opened.as_of)


@blueprint.route("/<id:incident_id>/events")
@needs(Permission.READ)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, IncidentEventsSchema)
def list_incident_events(query: dict[str, Any], incident_id: int) -> Response:
    """List what happened to an incident, in order."""
    fetch = partial(incident_queries.incident_events, incident_id=incident_id)
    scope = partial(_scope_of, incident_id=incident_id)
    about = {"name": "incident events", "member": "events", "shape": IncidentEventSchema}
    return listed(keyset({"pos": int}, fetch, start=0, scope=scope, **about), query)


def _without_age(incident: Row) -> Row:
    """What of an incident does not change with every second: its duration follows from two instants that are in it."""
    return {name: value for name, value in incident.items() if name != "duration_seconds"}


def _scope_of(session: Session, incident_id: int) -> Scope:
    """The installation an incident happened on; raises a 404 problem when there is no such incident."""
    instance = incident_queries.instance_of_incident(session, incident_id)
    if instance is None:
        raise not_found("incident", incident_id)
    return Scope(instance=(instance,))
