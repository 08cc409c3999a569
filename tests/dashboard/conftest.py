"""The dashboard as a person meets it: the real API on a filled database, and a real browser that forgives nothing."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import Engine

from shared.database import make_engine
from tests.api.stand import Api, running_api
from tests.conftest import Databases
from tests.dashboard.looking import Looking, chromium
from tests.dashboard.world import freshen, make_world

DAYS = 4


@pytest.fixture(scope="session")
def filled(databases: Databases) -> Iterator[str]:
    """A database with the world in it, to be copied."""
    url = databases.clone()
    engine = make_engine(url, application="test", pool_size=4)
    make_world(engine, days=DAYS)
    engine.dispose()
    yield url
    databases.drop(url)


# Playwright runs an event loop in this thread for as long as it lives, and tests of other folders have their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def stand_url(databases: Databases, filled: str) -> Iterator[str]:
    url = databases.create(f"stand_{id(object()):x}", filled)
    yield url
    databases.drop(url)


@pytest.fixture(scope="module")
def engine(stand_url: str) -> Iterator[Engine]:
    """The database behind the page; what a test commits there happens for the page."""
    engine = make_engine(stand_url, application="test", pool_size=4)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def api(stand_url: str, engine: Engine) -> Iterator[Api]:
    freshen(engine)
    with running_api(stand_url) as api:
        yield api


@pytest.fixture
def looking(browser: Browser, api: Api, engine: Engine) -> Iterator[Looking]:
    """Opens pages; in the end nothing may have gone wrong in any of them."""
    freshen(engine)
    looking = Looking(browser, f"http://{api.address}")
    yield looking
    looking.close()
    assert looking.wrongs == []


@pytest.fixture
def visit(looking: Looking) -> Callable[..., Page]:
    return looking.visit
