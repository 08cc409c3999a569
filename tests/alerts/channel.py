"""A database with receivers that keep what they hear: what is recorded is planned and told at instants of choice."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from alerts import by_time
from alerts.deliver import Delivered, deliver_pending
from alerts.deliveries import LEASE
from alerts.notice import Notice
from alerts.plan import catch_up
from alerts.receiver import Receiver, Reference
from alerts.rules import Rules, Silence, with_default
from shared import silences
from shared.config.routes import Matchers, RouteSettings
from shared.config.settings import ReceiverSettings
from shared.observation import Observation
from tests.alerts.history import History
from tests.factories import NOON, minutes

NOW = NOON + minutes(10)


@dataclass(frozen=True)
class Heard:
    """One message a receiver took."""

    notice: Notice
    is_possible_repeat: bool
    thread: Reference | None

    @property
    def title(self) -> str:
        return f"possible repeat: {self.notice.title}" if self.is_possible_repeat else self.notice.title


@dataclass
class Ear:
    """A receiver in memory; `answers` are what it raises next, None where it takes the message.

    With `takes_what_it_refuses` it is one whose answers get lost: it has the message all the same.
    """

    has_threads: bool = False
    heard: list[Heard] = field(default_factory=list)
    answers: deque[BaseException | None] = field(default_factory=deque)
    before: Callable[[], object] | None = None
    takes_what_it_refuses: bool = False

    def send(self, notice: Notice, *, is_possible_repeat: bool, thread: Reference | None = None) -> Reference | None:
        if self.before is not None:
            self.before()
        answer = self.answers.popleft() if self.answers else None
        if answer is None or self.takes_what_it_refuses:
            self.heard.append(Heard(notice, is_possible_repeat, thread))
        if answer is not None:
            raise answer
        return {"ts": str(len(self.heard))} if self.has_threads and thread is None else None

    def say(self, *answers: BaseException | None) -> None:
        self.answers.extend(answers)

    @property
    def titles(self) -> list[str]:
        return [each.title for each in self.heard]


def settings(name: str, **overrides: Any) -> ReceiverSettings:
    """A receiver that hears everything at once, unless a test says otherwise."""
    values: dict[str, Any] = {"kind": "slack", "name": name, "group_wait": 0, "group_interval": 0, "digest": "never"}
    return ReceiverSettings(**(values | overrides))


class Channel:
    """One receiver called `ops`, and whatever else a test adds."""

    def __init__(self, engine: Engine, ear: Receiver) -> None:
        self.engine = engine
        self.now = NOW
        self.receivers: dict[str, Receiver] = {"ops": ear}
        self.settings = {"ops": settings("ops")}
        self.routes: dict[str, RouteSettings] = {}
        self.silences: tuple[Silence, ...] = ()
        self.version = 0
        with Session(engine) as session, session.begin():
            self.history = History(session)

    @property
    def rules(self) -> Rules:
        return Rules(
            version=self.version,
            routes=with_default(self.routes, self.settings),
            receivers=self.settings,
            silences=self.silences,
        )

    def set(self, name: str = "ops", **overrides: Any) -> None:
        """Give a receiver other settings."""
        self.settings[name] = settings(name, **overrides)
        self.version += 1

    def route(self, name: str = "all", **overrides: Any) -> None:
        """Have this route in force, under its name."""
        values: dict[str, Any] = {"name": name, "receivers": ("ops",)} | overrides
        self.routes = self.routes | {name: RouteSettings.model_validate(values)}
        self.version += 1

    def silence(self, ends_at: datetime, **matchers: Any) -> None:
        """Make a silence, as the API does."""
        with Session(self.engine) as session, session.begin():
            given = silences.NewSilence(
                matchers=Matchers(**matchers), reason="the move", author="ada", starts_at=self.now, ends_at=ends_at
            )
            made = silences.add(session, given)
        self.silences = (
            *self.silences,
            Silence(id=made, **{each.name: getattr(given, each.name) for each in fields(given)}),
        )
        self.version += 1

    def finish(self, status: str, number: int = 1, **overrides: Any) -> None:
        """A build finishes and is planned for."""
        self.record(status, number, **overrides)
        self.plan()

    def record(self, status: str, number: int = 1, **overrides: Any) -> None:
        with Session(self.engine) as session, session.begin():
            self.history.session = session
            self.history.finish(status, number, **overrides)

    def record_all(self, *runs: Observation) -> None:
        with Session(self.engine) as session, session.begin():
            self.history.session = session
            self.history.see(*runs)

    def plan(self) -> None:
        catch_up(self.engine, self.rules, self.now)

    def deliver(self, after: float = 1.0, *, lease: timedelta = LEASE) -> Delivered:
        """So many seconds later what is due goes out."""
        self.now += timedelta(seconds=after)
        return deliver_pending(self.engine, self.receivers, self.rules, self.now, lease=lease)

    def tick(self, after: float = 1.0) -> Delivered:
        """So many seconds later a scheduler does all it does about alerts."""
        self.now += timedelta(seconds=after)
        self.plan()
        by_time.act(self.engine, self.rules, self.now)
        return deliver_pending(self.engine, self.receivers, self.rules, self.now)

    def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        with Session(self.engine) as session:
            return [tuple(row) for row in session.execute(text(query))]

    def change(self, statement: str) -> None:
        with Session(self.engine) as session, session.begin():
            session.execute(text(statement))
