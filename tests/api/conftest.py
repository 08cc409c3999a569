"""A small world and a client on loopback, for tests of the API."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from tests.api.serving import World, a_world, serve


@pytest.fixture
def world(database: Engine) -> World:
    return a_world(database)


@pytest.fixture
def client(world: World) -> FlaskClient:
    return serve(world.engine)
