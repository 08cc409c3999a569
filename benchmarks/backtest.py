"""The back-test over a log of 100,000 verdicts: seconds from the question to the answer, beside other rules."""

import logging
import time
from datetime import timedelta

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from alerts.backtest import Answer, Question, back_test
from benchmarks.figure import Figure
from benchmarks.world import PIPELINES, SPACING, START, fill
from shared import alert_rules
from shared.config.routes import RouteSettings, Told
from shared.config.settings import Config, ReceiverSettings
from shared.database import make_engine
from shared.reading import reading

EVENTS = 100_000

# Two builds of ten fail one after the other, on the default branch of each pipeline at its own time, and the log has
# each verdict when its build finished.
_VERDICTS = [
    """UPDATE builds SET branch = 'main',
           status = CASE WHEN (number + pipeline_id) % 10 IN (3, 4) THEN 'failed' ELSE 'succeeded' END""",
    "UPDATE attempts a SET status = b.status FROM builds b WHERE b.id = a.build_id",
    "TRUNCATE events",
    """INSERT INTO events (pos, kind, subject_kind, subject_id, project_id, attempt, version, to_status, at,
                           recorded_at)
       SELECT row_number() OVER (ORDER BY queued_at, id), 'transition', 'build', id, 1, 1, 1, status, finished_at,
              finished_at + interval '5 s'
       FROM builds ORDER BY queued_at, id""",
    "UPDATE sources SET baseline_at = :start",
]

_RECEIVERS = tuple(ReceiverSettings(kind="slack", name=name) for name in ("ops", "web", "mail"))
_IN_FORCE = (
    RouteSettings(name="default", receivers=("ops",)),
    RouteSettings(name="web", receivers=("web",), pipeline=("pipeline 1*",), repeat_every=14_400),
    RouteSettings(name="mail", receivers=("mail",), on=(Told.BROKE, Told.STILL_FAILING, Told.FIXED)),
)
_TRIED = tuple(route.model_copy(update={"confirm": 2}) for route in _IN_FORCE)


def run(url: str) -> list[Figure]:
    """Measure on a migrated, empty database; it is full afterwards."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    engine = make_engine(url, application="bench", pool_size=1)
    try:
        _prepare(engine)
        began = time.perf_counter()
        answer = _ask(engine)
        seconds = time.perf_counter() - began
    finally:
        engine.dispose()
    if answer.events != EVENTS:
        raise RuntimeError(f"{answer.events} events were looked at where {EVENTS} are")
    messages = sum(each.messages for each in answer.receivers)
    return [
        Figure(
            name=f"back-test of {EVENTS:,} events",
            value=seconds,
            unit="s",
            bound=10,
            compared=f"{PIPELINES} pipelines; {len(_TRIED)} routes beside {len(_IN_FORCE)} in force; "
            f"{messages:,} messages",
        )
    ]


def _prepare(engine: Engine) -> None:
    fill(engine, EVENTS)
    with Session(engine) as session, session.begin():
        for statement in _VERDICTS:
            session.execute(text(statement), {"start": START} if ":start" in statement else {})
        alert_rules.sync_rules(session, Config(routes=_IN_FORCE, receivers=_RECEIVERS))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _ask(engine: Engine) -> Answer:
    question = Question(since=START, until=START + EVENTS * SPACING + timedelta(hours=1), routes=_TRIED)
    with reading(engine) as opened:
        return back_test(opened.session, question, opened.as_of)
