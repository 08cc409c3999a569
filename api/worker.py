"""What one API worker is made of: engine, hub and application, created after the fork."""

import gc

import gevent
import structlog
from flask import Flask, request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api import stream
from api.app import create_app
from api.auth import require_permissions
from api.hub import Hub, Limits
from api.problems import Problem
from shared import health, processes
from shared.clock import utc_now
from shared.config.settings import Config
from shared.database import limit_waiting, make_engine
from shared.errors import CannotStart
from shared.keys import still_live
from shared.listener import Listener

HEARTBEAT_SECONDS = 10

log = structlog.get_logger()


def build(config: Config) -> tuple[Flask, Hub]:
    """The application with its stream running; raises CannotStart."""
    database, server = config.database, config.server
    if database.url is None:
        raise CannotStart("the API was given no database", "Set DATABASE_URL, or start everything with: observatory up")
    url = database.url.get_secret_value()
    engine = make_engine(url, application="api", pool_size=database.pool_size, is_pooled=database.is_pooled)
    direct_url = database.direct_url.get_secret_value() if database.direct_url else url

    def live_keys(ids: set[str]) -> set[str]:
        with Session(engine) as session:
            return still_live(session, ids, utc_now())

    limits = Limits(sockets=server.max_sockets, sockets_per_address=server.max_sockets_per_address)
    hub = Hub(engine, Listener(direct_url, application="api"), limits, live_keys)
    app = create_app(config, engine)
    stream.register(app, hub)
    require_permissions(app)
    _tell_when_draining(app, hub)
    hub.start()
    gevent.spawn(_tell_of_life, engine)
    # What was made up to here lives as long as the worker; the collector need not walk it in the middle of a request.
    gc.collect()
    gc.freeze()
    return app, hub


def _tell_when_draining(app: Flask, hub: Hub) -> None:
    """A process that is stopping is not ready, whatever its parts say; a load balancer then sends nobody here."""

    def refuse() -> None:
        if hub.is_draining and request.path == "/readyz":
            raise Problem(503, "This process is stopping.")

    app.before_request(refuse)


def _tell_of_life(engine: Engine) -> None:
    """One row of `processes` for this worker, beaten until it ends; a worker may be killed, so the next one tidies.

    With each beat it looks whether a scheduler still lives, and tells those who read the stream when none does.
    """
    identity = processes.Identity("api")
    while True:
        try:
            with Session(engine) as session, session.begin():
                processes.beat(session, identity)
                processes.forget_the_dead(session, identity)
            with Session(engine) as session, session.begin():
                limit_waiting(session)
                turns = health.look(session)
            for turn in turns:
                log.warning("schedulers are silent", reason=turn.reason)
        except SQLAlchemyError as error:
            # Without the database there is nobody to tell; everything else that needs it says so.
            log.info("missed heartbeat", error=type(error).__name__)
        gevent.sleep(HEARTBEAT_SECONDS)
