"""`/livez`, `/readyz`, `/metrics`: alive, ready, and figures for Prometheus."""

from functools import cache
from typing import Any

from flask import Response, request
from sqlalchemy.exc import SQLAlchemyError

import migrations
from api import client_errors
from api.auth import is_anyone, needs
from api.exposition import exposition
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.schemas import NoQuery
from api.services import read, services
from api.shapes import AliveSchema, ReadySchema
from shared.readiness import Check, check_api, check_jobs, check_scheduler, check_schema
from shared.wire import encode

blueprint = ApiBlueprint("health", __name__, description="For load balancers and Prometheus")


@blueprint.route("/livez")
@needs(Permission.PUBLIC)
@blueprint.arguments(NoQuery, location="query")
@blueprint.response(200, AliveSchema)
def livez(_: dict[str, Any]) -> Response:
    """Say that the process answers, whatever the rest of the world does."""
    return _json({"status": "ok"}, 200)


@blueprint.route("/readyz")
@needs(Permission.PUBLIC)
@blueprint.arguments(NoQuery, location="query")
@blueprint.response(200, ReadySchema)
@blueprint.alt_response(503, schema=ReadySchema, description="Something needed is missing; each check says what")
def readyz(_: dict[str, Any]) -> Response:
    """Say whether database, schema and scheduler are there; `degraded` where the scheduler's jobs fail each time.

    That does not refuse readers: what is known can still be read, and says that something is wrong.
    """
    checks = _checks()
    is_ready = all(check.is_ok for name, check in checks.items() if name != "jobs")
    status = "degraded" if not checks["jobs"].is_ok else "ready"
    payload: dict[str, object] = {
        "status": status if is_ready else "not ready",
        "checks": {name: {"is_ok": check.is_ok, "detail": check.detail} for name, check in checks.items()},
    }
    return _json(payload, 200 if is_ready else 503)


@blueprint.route("/metrics")
@needs(Permission.READ)
@blueprint.arguments(NoQuery, location="query")
@blueprint.response(200, content_type="text/plain", description="Prometheus text or OpenMetrics, as asked for")
def metrics(_: dict[str, Any]) -> Response:
    """Show figures of builds, sources, alerts, this process and this host for Prometheus.

    Where only `public_read` opens it, those that name receivers, credentials and processes are left out.
    """
    accept, folder = request.headers.get("Accept", ""), services().config.database.folder
    with read() as opened:
        body, content_type = exposition(
            opened.session, accept, folder=folder, is_for_anyone=is_anyone(), page_errors=client_errors.counts()
        )
    return Response(body, headers={"Cache-Control": "no-store"}, content_type=content_type)


def _checks() -> dict[str, Check]:
    """Each check by name; without a database the others cannot be known."""
    try:
        with read() as opened:
            schema = check_schema(opened.session, _head())
            unseen = Check(is_ok=False, detail="not looked at")
            scheduler = check_scheduler(opened.session) if schema.is_ok else unseen
            jobs = check_jobs(opened.session) if schema.is_ok else unseen
            api = check_api(opened.session) if schema.is_ok else Check(is_ok=True, detail="answers")
    except SQLAlchemyError as error:
        unknown = Check(is_ok=False, detail="cannot be known without the database")
        # The driver's words can hold addresses and users: the log has them, the public does not.
        detail = f"cannot be reached or does not answer ({type(error).__name__})"
        return {
            "database": Check(is_ok=False, detail=detail),
            "schema": unknown,
            "scheduler": unknown,
            "jobs": unknown,
            "api": Check(is_ok=True, detail="answers"),
        }
    answers = Check(is_ok=True, detail="answers")
    return {"database": answers, "schema": schema, "scheduler": scheduler, "jobs": jobs, "api": api}


@cache
def _head() -> str:
    """The revision this code needs; it cannot change while the process lives."""
    return migrations.head()


def _json(payload: dict[str, object], status: int) -> Response:
    return Response(encode(payload), status, {"Cache-Control": "no-store"}, content_type="application/json")
