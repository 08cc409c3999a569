"""What a request needs from the process that serves it: the configuration and the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import Flask, current_app
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from shared.config.settings import Config
from shared.reading import Planning, Reading, reading
from shared.writing import writing

_NAME = "observatory"


@dataclass(frozen=True, slots=True)
class Services:
    """Held by one Flask application; there is no other state."""

    config: Config
    engine: Engine


def provide(app: Flask, services: Services) -> None:
    """Give an application its services."""
    app.extensions[_NAME] = services


def services() -> Services:
    """The services of the application that handles this request."""
    found = current_app.extensions[_NAME]
    assert isinstance(found, Services)  # noqa: S101 (put there by `provide`, above)
    return found


@contextmanager
def read(*, is_one_snapshot: bool = False, planning: Planning = Planning.AS_IT_SEEMS) -> Iterator[Reading]:
    """One read-only transaction for this request; all of it sees one instant where `is_one_snapshot`."""
    with reading(services().engine, is_one_snapshot=is_one_snapshot, planning=planning) as opened:
        yield opened


@contextmanager
def write() -> Iterator[Session]:
    """One writing transaction for this request, committed at the end."""
    with writing(services().engine) as session:
        yield session
