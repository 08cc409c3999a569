"""Alerts as a receiver on loopback sees them: how soon, how many in a storm, and what kills leave of 3,000."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import orjson
import structlog
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from alerts import by_time
from alerts.deliver import deliver_pending
from alerts.plan import catch_up
from alerts.receivers.webhook import OutgoingWebhookSettings, WebhookReceiver
from alerts.rules import Rules
from benchmarks.figure import Figure, percentile
from shared.clock import utc_now
from shared.config.settings import ReceiverSettings
from shared.database import make_engine
from tests.alerts.crew import Ledger, drill, wait_for
from tests.alerts.history import History, a_run

TICK_SECONDS = 1.0
"""As often as the scheduler looks after alerts."""

SINGLES = 60
STORM = 1_000
ALERTS, KILLS = 3_000, 36

_LINES = text("SELECT count(DISTINCT incident_id) FROM delivery_items")


def run(database: Callable[[str], str]) -> list[Figure]:
    """Measure on migrated, empty databases, each made by its name."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    figures = []
    for name, measure in (("alert_latency", _latency), ("alert_storm", _storm), ("alert_kills", _kills)):
        url = database(name)
        engine = make_engine(url, application="bench", pool_size=12)
        try:
            figures += measure(engine, url)
        finally:
            engine.dispose()
    return figures


def _latency(engine: Engine, _url: str) -> list[Figure]:
    """One pipeline after the other breaks; the time from the event's commit to the message's arrival."""
    history, committed = _history(engine), dict[str, float]()
    ended = threading.Event()
    with Ledger(engine) as ledger:
        ticking = threading.Thread(target=_tick, args=(engine, ledger, ended))
        ticking.start()
        for n in range(SINGLES):
            _break(engine, history, [f"p{n}"])
            committed[f"p{n}"] = time.time()
            time.sleep(0.37)
        wait_for(lambda: len(_arrivals(ledger)) == SINGLES, 10)
        ended.set()
        ticking.join()
    arrived = _arrivals(ledger)
    seconds = [arrived[name] - at for name, at in committed.items()]
    return [
        Figure(
            name="event committed to message accepted, p99",
            value=percentile(seconds, 99),
            unit="s",
            bound=2,
            compared=f"beyond the group wait; {SINGLES} alerts, a tick a second; p50 {percentile(seconds, 50):.2f} s",
        )
    ]


def _storm(engine: Engine, _url: str) -> list[Figure]:
    """A thousand pipelines break within a minute, by the receiver's settings as they come; the clock is simulated."""
    history, rules, began = _history(engine), _rules(), utc_now()
    composing = 0.0
    with Ledger(engine) as ledger:
        receivers = {"ops": _receiver(ledger)}
        for second in range(330):
            now = began + timedelta(seconds=second)
            if second < 60 and second % 3 == 0:
                _break(engine, history, [f"p{second}-{n}" for n in range(STORM // 20)])
            catch_up(engine, rules, now)
            at = time.perf_counter()
            deliver_pending(engine, receivers, rules, now)
            composing = max(composing, time.perf_counter() - at)
            if second == 300:
                messages = len(ledger.entries)
    with Session(engine) as session:
        lines = session.scalar(_LINES) or 0
    return [
        Figure(
            name=f"{STORM:,} break in a minute: messages in 5 min",
            value=messages,
            unit="messages",
            bound=2,
            compared=f"{len(ledger.entries)} in 330 s; the longest took {composing:.2f} s to compose and send",
        ),
        Figure(name="lines behind their links", value=lines, unit="incidents", bound=STORM, at_least=True),
    ]


def _kills(engine: Engine, url: str) -> list[Figure]:
    """Two real workers, one of which is killed every few tenths of a second."""
    verdict, retries = drill(engine, url, alerts=ALERTS, kills=KILLS)
    told = f"{ALERTS:,} alerts, {KILLS} kills, {retries} messages begun again, {verdict.repeats} arrived again"
    return [
        Figure(name="alerts lost under kill -9", value=verdict.lost, unit="alerts", bound=0, compared=told),
        Figure(name="repeats over the bound", value=max(0, verdict.repeats - retries), unit="messages", bound=0),
        Figure(name="repeats without the label", value=verdict.unlabelled, unit="messages", bound=0),
    ]


def _tick(engine: Engine, ledger: Ledger, ended: threading.Event) -> None:
    """What a scheduler does about alerts, as often as it does it."""
    rules, receivers = _rules(group_wait=0, group_interval=0), {"ops": _receiver(ledger)}
    while not ended.wait(TICK_SECONDS):
        catch_up(engine, rules, utc_now())
        by_time.act(engine, rules, utc_now())
        deliver_pending(engine, receivers, rules, utc_now())


def _rules(**waits: float) -> Rules:
    return Rules.default({"ops": ReceiverSettings(kind="webhook", name="ops", **waits)})


def _receiver(ledger: Ledger) -> WebhookReceiver:
    settings = OutgoingWebhookSettings(kind="webhook", name="ops", url=SecretStr(ledger.url))
    return WebhookReceiver(settings, "http://127.0.0.1")


def _history(engine: Engine) -> History:
    with Session(engine) as session, session.begin():
        return History(session, baseline_at=utc_now() - timedelta(hours=1))


def _break(engine: Engine, history: History, pipelines: list[str]) -> None:
    queued_at = utc_now() - timedelta(minutes=6)
    runs = [
        a_run(1, "failed", pipeline_external_id=name, pipeline_name=name, queued_at=queued_at) for name in pipelines
    ]
    with Session(engine) as session, session.begin():
        history.session = session
        history.see(*runs)


def _arrivals(ledger: Ledger) -> dict[str, float]:
    """When each pipeline was first told of."""
    found: dict[str, float] = {}
    for post, at in zip(list(ledger.heard), list(ledger.taken_at), strict=False):
        for message in orjson.loads(post.body)["messages"]:
            found.setdefault(message["pipeline"], at)
    return found
