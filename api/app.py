"""`create_app(config, engine)`: the whole HTTP side of one process, with no state outside it."""

from pathlib import Path

from flask import Flask
from flask_compress import Compress
from sqlalchemy import Engine
from werkzeug.middleware.proxy_fix import ProxyFix

from api import (
    auth,
    authors,
    backtest,
    badges,
    builds,
    cctray,
    changes,
    client_errors,
    dashboard,
    decisions,
    deliveries,
    docs,
    envelope,
    errors,
    export_room,
    health,
    incidents,
    log_text,
    logs,
    metrics,
    pipelines,
    problems,
    receivers,
    reconciliation,
    routes,
    session,
    silences,
    sources,
    triage,
    waterfall,
    webhooks,
)
from api.converters import IdConverter, describe
from api.problems import ProblemApi
from api.services import Services, provide
from shared.config.settings import Config

MAX_BODY_BYTES = 64 * 1024

SETTINGS = {
    "MAX_CONTENT_LENGTH": MAX_BODY_BYTES,
    "MAX_FORM_MEMORY_SIZE": MAX_BODY_BYTES,
    "API_TITLE": "Build Observatory",
    "API_VERSION": "1",
    "OPENAPI_VERSION": "3.1.0",
    "COMPRESS_MIMETYPES": [
        "application/json",
        "application/xml",
        "application/problem+json",
        "application/jsonl",
        "application/openmetrics-text",
        "text/plain",
        "text/html",
        "text/css",
        "text/csv",
        "text/javascript",
        "image/svg+xml",
    ],
    "COMPRESS_LEVEL": 4,
    # Our ETags are compared before compression and stand for the content, whatever its encoding.
    "COMPRESS_EVALUATE_CONDITIONAL_REQUEST": False,
}

BLUEPRINTS = (
    builds.blueprint,
    badges.blueprint,
    cctray.blueprint,
    changes.blueprint,
    incidents.blueprint,
    routes.blueprint,
    receivers.blueprint,
    silences.blueprint,
    decisions.blueprint,
    deliveries.blueprint,
    backtest.blueprint,
    logs.blueprint,
    pipelines.blueprint,
    waterfall.blueprint,
    triage.blueprint,
    authors.blueprint,
    metrics.blueprint,
    metrics.analytics,
    sources.blueprint,
    session.blueprint,
    health.blueprint,
    errors.blueprint,
    client_errors.blueprint,
    webhooks.blueprint,
    reconciliation.blueprint,
)


def create_app(config: Config, engine: Engine, *, bundle: Path = dashboard.BUNDLE) -> Flask:
    """The application with the dashboard that was built into `bundle`; the caller disposes of the engine.

    Raises CannotStart when it would be open to the world without a key, or when a route names no permission.
    """
    services = Services(config, engine)
    auth.require_key(services.config.server, services.engine)
    app = Flask("api", static_url_path="/static")
    app.config.update(SETTINGS)
    app.url_map.strict_slashes = False
    app.url_map.converters["id"] = IdConverter
    provide(app, services)
    webhooks.register(app, engine)
    client_errors.register(app)
    log_text.register(app)
    export_room.register(app)
    Compress(app)
    envelope.register(app)
    auth.register(app)
    problems.register(app)
    api = ProblemApi(app)
    api.register_converter(IdConverter, describe)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    docs.register(app, api)
    dashboard.register(app, bundle)
    auth.require_permissions(app)
    if hops := config.server.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app
