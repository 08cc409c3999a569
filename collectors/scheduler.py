"""The scheduler process: APScheduler is the clock, the tables are the schedule; it also wires the alerts in."""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import FrameType

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

import migrations
from alerts.deliver import deliver_pending
from alerts.plan import catch_up
from alerts.receiver import open_receivers
from collectors import COLLECTORS
from collectors.logs import LogFetcher
from collectors.poll import Poller
from shared import leases, processes, sources
from shared.clock import utc_now
from shared.config.settings import Config
from shared.database import limit_waiting, make_engine
from shared.errors import CannotStart
from shared.log import setup as logs
from shared.outage import Outage

log = structlog.get_logger()

TICK_SECONDS = 0.5
ALERTS_SECONDS = 1.0
LOGS_SECONDS = 0.5
HEARTBEAT_SECONDS = 5.0
STANDSTILL_SECONDS = 120.0
STOP_SECONDS = 8.5
"""Less than a supervisor waits, more than the 8 s that sending one message may take."""
STANDSTILL_EXIT = 70


class Scheduler:
    """One scheduler of possibly several: ticks claim due sources, a bounded pool polls them."""

    def __init__(self, config: Config, engine: Engine) -> None:
        self._config = config
        self._engine = engine
        self._identity = processes.Identity("scheduler")
        self._poller = Poller(
            engine, config.providers, COLLECTORS, config.projects, config.scheduler.poll_floor_seconds
        )
        self._logs = LogFetcher(engine, config.providers, COLLECTORS, self._identity.id)
        self._receivers = open_receivers(config.receivers, config.server.base_url)
        self._instances = [provider.name for provider in config.providers]
        self._pool = ThreadPoolExecutor(config.scheduler.workers, thread_name_prefix="poll")
        self._polling: set[Future[None]] = set()
        self._ticking, self._alerting = threading.Lock(), threading.Lock()
        self._last_tick = time.monotonic()
        self._clock = BackgroundScheduler(
            timezone="UTC", job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )

    def start(self) -> None:
        """Bring the configuration's sources into the tables and start ticking."""
        with Session(self._engine) as session, session.begin():
            sources.sync(session, self._config, utc_now())
        self._beat()
        self._clock.add_listener(_log_trouble, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
        outage = Outage()
        for job, seconds in (
            (self._tick, TICK_SECONDS),
            (self._alert, ALERTS_SECONDS),
            (self._logs.fetch_wanted_logs, LOGS_SECONDS),
            (self._beat, HEARTBEAT_SECONDS),
        ):
            self._clock.add_job(_through_outages(job, outage), "interval", seconds=seconds, id=job.__name__)
        self._clock.start()
        log.info("started", lease_owner=self._identity.id, sources=self._instances, receivers=list(self._receivers))

    def stand_still_seconds(self) -> float:
        """How long ago the last tick came through; the watchdog ends a process that hangs."""
        return time.monotonic() - self._last_tick

    def stop(self) -> None:
        """Claim nothing more, let running requests end for a moment, give everything back."""
        deadline = time.monotonic() + STOP_SECONDS
        self._poller.stop.set()
        self._clock.shutdown(wait=False)
        # A message that is being sent is sent to its end, or it would come again; a claim is not left half made.
        for running in (self._ticking, self._alerting):
            if not running.acquire(timeout=max(0.0, deadline - time.monotonic())):
                log.warning("a job did not end in time and is abandoned")
        for poll in list(self._polling):
            if not poll.done():
                _wait(poll, deadline)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._logs.stop()
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
        """Claim as many due sources as there are free threads."""
        self._polling = {poll for poll in self._polling if not poll.done()}
        free = self._config.scheduler.workers - len(self._polling)
        if free > 0:
            with Session(self._engine) as session, session.begin():
                limit_waiting(session)
                claims = leases.claim(session, self._identity.id, self._instances, free)
            self._polling |= {self._pool.submit(self._poller.poll, claim) for claim in claims}

    def _alert(self) -> None:
        with self._alerting:
            catch_up(self._engine, self._receivers, utc_now())
            deliver_pending(self._engine, self._receivers, utc_now(), stop=self._poller.stop)

    def _beat(self) -> None:
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            processes.beat(session, self._identity)
            freed = processes.free_leases_of_the_dead(session, self._identity)
        if freed:
            log.warning("freed leases of a dead process", sources=freed)


def run(config: Config, *, standstill_seconds: float = STANDSTILL_SECONDS) -> int:
    """Run until SIGTERM or SIGINT; a second signal ends at once, and so does a tick that does not come through."""
    logs.configure(config.logging.level, config.logging.format, "scheduler")
    if config.database.url is None:
        raise CannotStart("No database is configured", "Set DATABASE_URL, or run `observatory up`, which brings one.")
    engine = make_engine(
        config.database.url.get_secret_value(),
        application="scheduler",
        # A poll holds a connection for one short transaction at a time; the ticks need some of their own.
        pool_size=max(config.database.pool_size, config.scheduler.workers // 2 + 3),
        is_pooled=config.database.is_pooled,
    )
    stopping = _signals()
    if not _wait_for_database(engine, stopping):
        return 0
    scheduler = Scheduler(config, engine)
    scheduler.start()
    while not stopping.wait(1.0):
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


def _through_outages(job: Callable[[], None], outage: Outage) -> Callable[[], None]:
    """The same job, but a database that is away is one line in the log and not a trace every half second."""

    def guarded() -> None:
        try:
            job()
            outage.is_over()
        except SQLAlchemyError as error:
            outage.failed("database trouble", error, job=job.__name__)

    return guarded


def _log_trouble(event: JobExecutionEvent) -> None:
    """APScheduler swallows what a job raises; we do not."""
    log.error("job failed", job=event.job_id, error=repr(event.exception), trace=event.traceback)


def _wait(poll: Future[None], deadline: float) -> None:
    try:
        poll.result(timeout=max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        log.warning("a poll did not end in time and is abandoned")
