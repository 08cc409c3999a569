"""The recorder on top of many builds, page by page, beside COPY of the very rows it wrote into the same database."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from benchmarks.copied import Copying
from benchmarks.dataset_live import observation
from benchmarks.dataset_sql import SPACING_SECONDS
from benchmarks.figure import Figure
from benchmarks.stage import Stage, name_of
from shared.database import limit_waiting, make_engine
from shared.observation import Observation
from shared.recorder import record
from shared.status import Status

ROUNDS = 5
PAGES_A_ROUND = 40
PAGE_ROWS = 100
LASTS = timedelta(minutes=5)

Page = Sequence[Observation]


@dataclass(slots=True)
class Rates:
    """Builds a second of each round, which are transitions a second; and the rows that a repeated page wrote."""

    new: list[float] = field(default_factory=list)
    new_copied: list[float] = field(default_factory=list)
    finished: list[float] = field(default_factory=list)
    finished_copied: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    rows_again: int = 0


def run(stage: Stage, builds: int) -> list[Figure]:
    """Measure on three copies of the data set of `builds`: one is recorded into, two take the copies of its rows."""
    _, dataset = stage.dataset(builds)
    rates = Rates()
    names = ("recorder", "copied_new", "copied_finished")
    with ExitStack() as copies:
        recorded, *targets = (copies.enter_context(_copy_of(stage, name, dataset.builds)) for name in names)
        engine = copies.enter_context(_engine(recorded))
        new = copies.enter_context(Copying.between(recorded, targets[0]))
        finished = copies.enter_context(Copying.between(recorded, targets[1]))
        for number in range(ROUNDS):
            first = number * PAGES_A_ROUND * PAGE_ROWS
            _round(engine, new, finished, range(first, first + PAGES_A_ROUND * PAGE_ROWS), dataset.newest, rates)
    return _figures(rates, dataset.builds)


@contextmanager
def _copy_of(stage: Stage, name: str, builds: int) -> Iterator[str]:
    """Thrown away afterwards: what was recorded would lie in the way of the next run."""
    try:
        yield stage.database(name, template=name_of(builds))
    finally:
        stage.drop(name)


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    engine = make_engine(url, application="bench")
    try:
        yield engine
    finally:
        engine.dispose()


def _round(engine: Engine, new: Copying, finished: Copying, numbers: range, newest: datetime, rates: Rates) -> None:
    """The recorder and COPY in turns, each while nothing else writes."""
    new.mark()
    rates.new.append(_rate(engine, _pages(numbers, Status.RUNNING, newest), expected=len(numbers)))
    finished.mark_as(new)
    rates.new_copied.append(len(numbers) / new.seconds(PAGES_A_ROUND, len(numbers)))
    pages = _pages(numbers, Status.FAILED, newest)
    rates.finished.append(_rate(engine, pages, expected=len(numbers)))
    rates.finished_copied.append(len(numbers) / finished.seconds(PAGES_A_ROUND, len(numbers)))
    rates.again.append(_rate(engine, pages, expected=0))
    rates.rows_again += sum(_rows_written(engine, page) for page in pages)


def _pages(numbers: range, status: Status, newest: datetime) -> list[Page]:
    """Builds that go on where the data set ends, as dense as its own."""
    later = LASTS if status is Status.FAILED else timedelta()
    seen = [
        observation(one, status, newest + (one + 1) * timedelta(seconds=SPACING_SECONDS) + later) for one in numbers
    ]
    return [seen[first : first + PAGE_ROWS] for first in range(0, len(seen), PAGE_ROWS)]


def _rate(engine: Engine, pages: Sequence[Page], *, expected: int) -> float:
    """Observations a second, each page in a transaction of its own as the scheduler writes it."""
    transitions = new_pipelines = 0
    began = time.perf_counter()
    for page in pages:
        with Session(engine) as session, session.begin():
            limit_waiting(session)
            recorded = record(session, page, instance_id=1, source_id=1, is_backfill=False)
        transitions, new_pipelines = transitions + recorded.transitions, new_pipelines + recorded.new_pipelines
    seconds = time.perf_counter() - began
    if (transitions, new_pipelines) != (expected, 0):
        raise RuntimeError(f"{transitions} transitions where {expected} were made; {new_pipelines} pipelines are new")
    return sum(map(len, pages)) / seconds


def _rows_written(engine: Engine, page: Page) -> int:
    """Rows that recording the page inserts, updates or deletes, by Postgres' own count of the transaction."""
    count = text("SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_xact_user_tables")
    with Session(engine) as session, session.begin():
        before = session.execute(count).scalar_one()
        record(session, page, instance_id=1, source_id=1, is_backfill=False)
        return int(session.execute(count).scalar_one() - before)


def _figures(rates: Rates, builds: int) -> list[Figure]:
    shares = {
        "new builds": _share(rates.new, rates.new_copied),
        "builds that finish": _share(rates.finished, rates.finished_copied),
    }
    worse = min(shares, key=lambda name: shares[name])
    slower = [min(pair) for pair in zip(rates.new, rates.finished, strict=True)]
    pages = f"on top of {builds:,}, pages of {PAGE_ROWS}"
    return [
        _rate_figure("recorder, new builds", rates.new, pages),
        _rate_figure("recorder, builds that finish", rates.finished, pages),
        _rate_figure("recorder, the slower of both", slower, pages, bound=3000),
        _share_figure("recorder ÷ COPY, new builds", shares["new builds"], _beside(rates.new, rates.new_copied)),
        _share_figure(
            "recorder ÷ COPY, builds that finish",
            shares["builds that finish"],
            _beside(rates.finished, rates.finished_copied),
        ),
        _share_figure(
            "recorder ÷ COPY, the worse of both",
            shares[worse],
            f"{worse}; the rows it wrote, a commit a page",
            bound=0.35,
        ),
        _rate_figure("recorder, the same page again", rates.again, "of builds that finished", bound=20_000),
        Figure(name="rows written by the same page again", value=rates.rows_again, unit="rows", bound=0),
    ]


def _rate_figure(name: str, rates: Sequence[float], compared: str, bound: float | None = None) -> Figure:
    return Figure(name=name, value=median(rates), unit="builds/s", bound=bound, at_least=True, compared=compared)


def _share_figure(name: str, share: float, compared: str, bound: float | None = None) -> Figure:
    return Figure(name=name, value=share, unit="ratio", bound=bound, at_least=True, compared=compared)


def _share(ours: Sequence[float], copied: Sequence[float]) -> float:
    return median(one / other for one, other in zip(ours, copied, strict=True))


def _beside(ours: Sequence[float], copied: Sequence[float]) -> str:
    return f"{median(ours):,.0f} and {median(copied):,.0f} builds/s, median of {len(ours)} rounds in turns"
