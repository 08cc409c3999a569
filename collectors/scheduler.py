"""The scheduler process: APScheduler is the clock, the tables are the schedule; it also wires the alerts in."""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

import migrations
from alerts import RECEIVERS, by_time
from alerts.deliver import Deliverer
from alerts.plan import catch_up
from alerts.rule_book import RuleBook
from collectors import COLLECTORS
from collectors.discovery import Discoverer
from collectors.inbox import Inbox
from collectors.lanes import Lanes
from collectors.logs import LogFetcher
from collectors.poll import Poller
from shared import alert_trials, health, leases, processes, reloads, sources
from shared.alert_rules import sync_rules
from shared.clock import utc_now
from shared.config.settings import Config, load
from shared.config.telemetry import TelemetrySettings
from shared.database import limit_waiting, make_engine
from shared.errors import CannotStart, ConfigError
from shared.jobs import Job, Jobs
from shared.listener import Listener
from shared.log import setup as logs
from shared.metrics.fold import Folder
from shared.outage import Outage
from shared.receipts import CHANNEL as RECEIPTS

if TYPE_CHECKING:
    from telemetry.sender import Sender

log = structlog.get_logger()

TICK_SECONDS = 0.5
ALERTS_SECONDS = 1.0
FIGURES_SECONDS = 1.0
DISCOVERY_SECONDS = 1.0
LOGS_SECONDS = 0.5
TELEMETRY_SECONDS = 2.0
PURGE_SECONDS = 60.0
HEARTBEAT_SECONDS = 5.0
STANDSTILL_SECONDS = 120.0
STOP_SECONDS = 8.5
"""Less than a supervisor waits, more than the 8 s that sending one message may take."""
STANDSTILL_EXIT = 70


class Scheduler:
    """One scheduler of possibly several: ticks claim due sources, a bounded pool polls them."""

    def __init__(self, config: Config, engine: Engine) -> None:
        self._engine = engine
        self._identity = processes.Identity("scheduler")
        self._stop = threading.Event()
        self._jobs = Jobs()
        self._use(config)
        self._is_changed = threading.Event()
        self._deliverer = Deliverer(engine, stop=self._stop)
        self._pool = ThreadPoolExecutor(config.scheduler.workers, thread_name_prefix="poll")
        self._polling: set[Future[None]] = set()
        self._lanes = Lanes(engine, self._identity.id)
        self._folder = Folder(engine)
        self._ticking, self._alerting, self._claiming_logs = (threading.Lock() for _ in range(3))
        self._last_tick = time.monotonic()
        self._clock = BackgroundScheduler(
            timezone="UTC", job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )

    def _use(self, config: Config) -> None:
        """Everything that knows the configuration, for what begins from now on."""
        engine, providers, projects = self._engine, config.providers, config.projects
        owner = self._identity.id
        self._config = config
        self._poller = Poller(engine, providers, COLLECTORS, projects, config.scheduler.poll_floor_seconds)
        self._poller.stop = self._stop
        self._discoverer = Discoverer(engine, providers, COLLECTORS, projects, owner=owner, stop=self._stop)
        self._logs = LogFetcher(engine, providers, COLLECTORS, owner)
        self._inbox = Inbox(
            engine,
            providers,
            COLLECTORS,
            projects,
            owner=owner,
            jobs=self._jobs,
            listener=Listener(_direct_url(config, engine), application="inbox", channel=RECEIPTS),
        )
        self._rule_book = RuleBook(config)
        self._instances = [provider.name for provider in providers]
        self._telemetry = _sender(engine, config.telemetry)

    def start(self) -> None:
        """Bring the configuration's sources, routes and receivers into the tables and start ticking."""
        with Session(self._engine) as session, session.begin():
            sources.sync(session, self._config, utc_now())
            sync_rules(session, self._config)
        self._beat()
        for name, job, seconds in (
            (Job.POLL, self._tick, TICK_SECONDS),
            (Job.ALERTS, self._alert, ALERTS_SECONDS),
            (Job.FIGURES, self._add_up, FIGURES_SECONDS),
            (Job.DISCOVERY, self._discover, DISCOVERY_SECONDS),
            (Job.LOGS, self._fetch_logs, LOGS_SECONDS),
            (Job.TELEMETRY, self._send_telemetry, TELEMETRY_SECONDS),
            (Job.PURGE, self._purge, PURGE_SECONDS),
            (Job.HEARTBEAT, self._beat, HEARTBEAT_SECONDS),
        ):
            self._clock.add_job(self._jobs.run, "interval", (name, job), seconds=seconds, id=name)
        self._clock.start()
        self._inbox.start()
        receivers = [each.name for each in self._config.receivers]
        log.info("started", lease_owner=self._identity.id, sources=self._instances, receivers=receivers)

    def stand_still_seconds(self) -> float:
        """How long ago the last tick came through; the watchdog ends a process that hangs."""
        return time.monotonic() - self._last_tick

    def read_again(self) -> None:
        """Have `take_changes` read the configuration's file again. Safe in a signal's handler."""
        self._is_changed.set()

    def take_changes(self) -> None:
        """If asked to, go on with what the file says now; a wrong one leaves the old in force, and that is told."""
        if self._is_changed.is_set():
            self._jobs.run(Job.CONFIGURATION, self._take_changes)

    def _take_changes(self) -> None:
        self._is_changed.clear()
        try:
            outcome = self._take_file()
            with Session(self._engine) as session, session.begin():
                reloads.note(session, self._identity.id, outcome)
        except Exception:
            self._is_changed.set()  # once more, when the database is back
            raise

    def _take_file(self) -> reloads.Outcome:
        path = None if self._config.path is None else str(self._config.path)
        try:
            fresh = _read_again(self._config)
        except ConfigError as error:
            log.error("wrong configuration, the old one stays in force", mistakes=error.mistakes)  # noqa: TRY400
            return reloads.Outcome(path, mistakes=tuple(error.mistakes))
        waits = _waits_for_restart(self._config, fresh)
        self.reload(fresh)
        log.info("reloaded", sources=self._instances, waits_for_restart=list(waits))
        return reloads.Outcome(path, waits_for_restart=waits)

    def reload(self, config: Config) -> None:
        """Go on with another configuration; a poll that runs ends as it began.

        A log, a webhook or a pattern that is being worked on is given back and begun again. What only a restart changes
        stays.
        """
        with Session(self._engine) as session, session.begin():
            sources.sync(session, config, utc_now())
            sync_rules(session, config)
            for receiver in config.receivers:
                alert_trials.hurry(session, receiver.name, utc_now())
        with self._ticking, self._alerting, self._claiming_logs:
            self._discoverer.stop()
            self._logs.stop()
            self._inbox.stop()
            self._use(_with_what_stays(self._config, config))
            self._inbox.start()

    def stop(self) -> None:
        """Claim nothing more, let running requests end for a moment, give everything back."""
        deadline = time.monotonic() + STOP_SECONDS
        self._stop.set()
        self._clock.shutdown(wait=False)
        # A message that is being sent is sent to its end, or it would come again; a claim is not left half made.
        for running in (self._ticking, self._alerting):
            if not running.acquire(timeout=max(0.0, deadline - time.monotonic())):
                log.warning("a job did not end in time and is abandoned")
        self._deliverer.finish(max(0.0, deadline - time.monotonic()))
        for poll in list(self._polling):
            if not poll.done():
                _wait(poll, deadline)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._discoverer.stop()
        self._logs.stop()
        self._inbox.stop()
        with Session(self._engine) as session, session.begin():
            abandoned = leases.abandon(session, self._identity.id)
            processes.leave(session, self._identity)
        log.info("stopped", abandoned=abandoned)

    def _tick(self) -> None:
        """Poll what is due. A database that fails is no standstill; one that hangs is."""
        with self._ticking:
            try:
                self._claim_and_poll()
            finally:
                self._last_tick = time.monotonic()

    def _claim_and_poll(self) -> None:
        """Begin as many polls of due sources as there are free threads, lanes in half of them at most."""
        self._polling = {poll for poll in self._polling if not poll.done()}
        workers, poller = self._config.scheduler.workers, self._poller
        named = {instance: poller.lane(instance) for instance in self._instances}
        if len(self._polling) < workers:
            lanes = {instance: name for instance, name in named.items() if name is not None}
            most = min(max(1, workers // 2), workers - len(self._polling) + self._lanes.running)
            self._polling |= self._lanes.start_due(poller, lanes, most, self._pool.submit)
        free = workers - len(self._polling)
        others = [instance for instance, name in named.items() if name is None]
        if free > 0:  # also with nothing to claim: a database that hangs has to be noticed
            with Session(self._engine) as session, session.begin():
                limit_waiting(session)
                claims = leases.claim(session, self._identity.id, others, free)
            self._polling |= {self._pool.submit(poller.poll, claim) for claim in claims}

    def _alert(self) -> None:
        with self._alerting:
            with Session(self._engine) as session, session.begin():
                limit_waiting(session)
                rules = self._rule_book.read(session)
            receivers = self._rule_book.receivers()
            try:
                catch_up(self._engine, rules, utc_now())
                by_time.act(self._engine, rules, utc_now())
            finally:
                # What is planned goes out, whatever is wrong with planning more.
                self._deliverer.begin(receivers, rules, utc_now())

    def _add_up(self) -> None:
        self._folder.catch_up(self._stop)

    def _discover(self) -> None:
        self._discoverer.find_sources()

    def _fetch_logs(self) -> None:
        with self._claiming_logs:
            self._logs.fetch_wanted_logs()

    def _send_telemetry(self) -> None:
        if self._telemetry is not None:
            self._telemetry.catch_up(utc_now())
            self._telemetry.tell_active(utc_now())

    def _purge(self) -> None:
        self._inbox.purge()

    def _beat(self) -> None:
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            processes.beat(session, self._identity, self._jobs.troubles())
            freed = processes.free_leases_of_the_dead(session, self._identity)
            turns = health.beat(session)
            if reloads.is_asked(session, self._identity.id):
                self._is_changed.set()
        if freed:
            log.warning("freed leases of a dead process", sources=freed)
        for turn in turns:
            log.warning("schedulers changed", status=turn.to_status.value, reason=turn.reason)


def _sender(engine: Engine, settings: TelemetrySettings) -> "Sender | None":
    """What sends telemetry, where it is asked for: whoever sends none need not have protobuf."""
    if settings.endpoint is None:
        return None
    from telemetry.sender import Sender  # noqa: PLC0415

    return Sender(engine, settings, settings.endpoint)


def run(config: Config, *, standstill_seconds: float = STANDSTILL_SECONDS) -> int:
    """Run until SIGTERM or SIGINT; a second signal ends at once, and so does a tick that does not come through."""
    logs.configure(config.logging.level, config.logging.format, "scheduler")
    if config.database.url is None:
        raise CannotStart("No database is configured", "Set DATABASE_URL, or run `observatory up`, which brings one.")
    engine = make_engine(
        config.database.url.get_secret_value(),
        application="scheduler",
        # A poll holds a connection for one short transaction at a time; the ticks need some of their own.
        pool_size=max(config.database.pool_size, config.scheduler.workers // 2 + 5),
        is_pooled=config.database.is_pooled,
    )
    stopping = _signals()
    if not _wait_for_database(engine, stopping):
        return 0
    scheduler = Scheduler(config, engine)
    _on_hangup(scheduler.read_again, stopping)
    scheduler.start()
    while not stopping.wait(1.0):
        scheduler.take_changes()
        if scheduler.stand_still_seconds() > standstill_seconds:
            log.critical("stood still, ending", seconds=round(scheduler.stand_still_seconds()))
            os._exit(STANDSTILL_EXIT)
    try:
        scheduler.stop()
    except SQLAlchemyError as error:
        log.warning("could not say goodbye to the database", error=str(error).partition("\n")[0])
    engine.dispose()
    # A thread may still wait for a provider; it holds no lease any more and what it would write is refused.
    os._exit(0)


def _read_again(config: Config) -> Config:
    """The configuration as its file says it now, on the same database. Raises ConfigError with every mistake."""
    kinds = {kind: collector.settings_class for kind, collector in COLLECTORS.items()}
    fresh = load(config.path, providers=kinds, receivers=RECEIVERS)
    return replace(fresh, database=fresh.database.model_copy(update={"url": config.database.url}))


_RESTART = ("server", "database", "logging")
"""The sections that a running process does not take anew."""


def _waits_for_restart(old: Config, fresh: Config) -> tuple[str, ...]:
    """What was changed and a running process does not take."""
    changed = [section for section in _RESTART if getattr(old, section) != getattr(fresh, section)]
    return (*changed, *(["scheduler.workers"] if old.scheduler.workers != fresh.scheduler.workers else []))


def _with_what_stays(old: Config, fresh: Config) -> Config:
    scheduler = fresh.scheduler.model_copy(update={"workers": old.scheduler.workers})
    return replace(fresh, server=old.server, database=old.database, logging=old.logging, scheduler=scheduler)


def _direct_url(config: Config, engine: Engine) -> str:
    """Past a transaction-pooling proxy, which would swallow what is listened for."""
    direct_url = config.database.direct_url
    return direct_url.get_secret_value() if direct_url else engine.url.render_as_string(hide_password=False)


def _signals() -> threading.Event:
    """An event that the first SIGTERM or SIGINT sets; the second ends the process at once."""
    stopping = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stopping.is_set():
            os._exit(130)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    return stopping


def _on_hangup(reload: Callable[[], None], stopping: threading.Event) -> None:
    """SIGHUP is a wish to reload, and also what a terminal that closes sends: then nobody would be left to stop us."""
    had_terminal = _has_terminal()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if had_terminal and not _has_terminal():
            stopping.set()
        else:
            reload()

    signal.signal(signal.SIGHUP, on_signal)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _wait_for_database(engine: Engine, stopping: threading.Event) -> bool:
    """Wait until the database answers and is migrated; False when told to stop before."""
    outage = Outage()
    while not stopping.is_set():
        try:
            at, newest = migrations.current(engine), migrations.head()
        except OperationalError as error:
            outage.failed("waiting for the database", error)
            stopping.wait(2.0)
            continue
        outage.is_over()
        if at != newest:
            raise CannotStart(
                f"The database's schema is at {at or 'nothing'}, this version needs {newest}",
                "Run `observatory migrate`.",
            )
        return True
    return False


def _wait(poll: Future[None], deadline: float) -> None:
    try:
        poll.result(timeout=max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        log.warning("a poll did not end in time and is abandoned")
