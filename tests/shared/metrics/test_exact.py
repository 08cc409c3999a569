"""Figures equal a hand count: on windows that cut hours and days, for every filter, in odd zones, on DST nights."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from shared import metrics
from shared.metrics import Bucket, Cut, Grouping, Window
from shared.queries import BuildFilter
from shared.scope import Scope
from tests.factories import NOON
from tests.shared.metrics.hand_count import FIRST, a_history, counted, shown

NOW = NOON + timedelta(days=4)

WINDOWS = {
    "two whole days": (datetime(2026, 11, 10, tzinfo=UTC), datetime(2026, 11, 12, tzinfo=UTC)),
    "whole hours": (datetime(2026, 11, 10, 3, tzinfo=UTC), datetime(2026, 11, 10, 17, tzinfo=UTC)),
    "whole quarters": (datetime(2026, 11, 10, 6, tzinfo=UTC), datetime(2026, 11, 12, 18, tzinfo=UTC)),
    "quarters cut at full hours": (datetime(2026, 11, 8, 5, tzinfo=UTC), datetime(2026, 11, 12, 19, tzinfo=UTC)),
    "quarters cut within hours": (datetime(2026, 11, 8, 5, 59, tzinfo=UTC), datetime(2026, 11, 12, 12, 1, tzinfo=UTC)),
    "a whole week": (datetime(2026, 11, 9, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC)),
    "eight whole weeks": (datetime(2026, 11, 9, tzinfo=UTC), datetime(2027, 1, 4, tzinfo=UTC)),
    "weeks cut within hours": (datetime(2026, 11, 1, 20, 30, tzinfo=UTC), datetime(2026, 11, 23, 1, 10, tzinfo=UTC)),
    "hours and days cut": (datetime(2026, 11, 3, 4, 30, 1, 7, UTC), datetime(2026, 11, 19, 22, 29, 59, 1, UTC)),
    "within one hour": (datetime(2026, 11, 10, 3, 10, tzinfo=UTC), datetime(2026, 11, 10, 3, 50, tzinfo=UTC)),
    "across one full hour's edge": (
        datetime(2026, 11, 10, 3, 10, tzinfo=UTC),
        datetime(2026, 11, 10, 4, 50, tzinfo=UTC),
    ),
    "without an end": (datetime(2026, 11, 14, 9, 15, tzinfo=UTC), None),
    "that ends in years": (datetime(2026, 11, 14, tzinfo=UTC), datetime(2031, 1, 1, 0, 30, tzinfo=UTC)),
    "everything": (datetime(1990, 1, 1, tzinfo=UTC), None),
    "nothing": (datetime(2020, 1, 1, 0, 30, tzinfo=UTC), datetime(2020, 1, 5, tzinfo=UTC)),
}

FILTERS = {
    "everything": {},
    "a provider": {"provider": "jenkins"},
    "an instance": {"instance": "github.com"},
    "a project": {"project": "shop"},
    "a repository": {"repository": "acme/1"},
    "a project of an instance": {"project": "shop", "instance": "ci"},
    "a default branch in a repository": {"repository": "acme/1", "branch": "main"},
    "a branch that is the default of some": {"branch": "trunk"},
    "a branch that is the default of none": {"branch": "feature", "instance": "ci"},
}


@pytest.fixture(scope="module")
def history(shared_connection: Connection) -> Iterator[Session]:
    with shared_connection.begin() as transaction:
        with Session(shared_connection, join_transaction_mode="create_savepoint") as session:
            a_history(session)
            yield session
        transaction.rollback()


def wanted(given: dict[str, str]) -> BuildFilter:
    scope = {name: (value,) for name, value in given.items() if name != "branch"}
    return BuildFilter(scope=Scope(**scope), branch=(given["branch"],) if "branch" in given else ())  # type: ignore[arg-type]


@pytest.mark.parametrize("span", WINDOWS)
@pytest.mark.parametrize("narrowed", FILTERS)
def test_figures_equal_a_hand_count(history: Session, span: str, narrowed: str) -> None:
    since, until = WINDOWS[span]

    found = metrics.overview(history, wanted(FILTERS[narrowed]), Window(since, until, NOW))

    by_hand = counted(history, since, until, **FILTERS[narrowed])
    assert shown(found) == by_hand.figures
    for name, figure in (("duration_seconds", found["duration_seconds"]), ("queued_seconds", found["queued_seconds"])):
        assert isinstance(figure, dict)
        for percent in (50, 90, 95, 99):
            exact = by_hand.percentile(name, percent)
            assert figure[f"p{percent}"] == (None if exact is None else pytest.approx(exact, rel=0.02, abs=0.001))


BUCKETS = [
    (Bucket.DAY, "UTC"),
    (Bucket.HOUR, "UTC"),
    (Bucket.WEEK, "UTC"),
    (Bucket.WEEK, "Europe/Berlin"),
    (Bucket.MONTH, "America/New_York"),
    (Bucket.DAY, "Asia/Kolkata"),
    (Bucket.DAY, "Asia/Kathmandu"),
    (Bucket.HOUR, "Australia/Adelaide"),
]


@pytest.mark.parametrize(("bucket", "zone"), BUCKETS)
def test_buckets_equal_a_hand_count_and_add_up_to_the_window(history: Session, bucket: Bucket, zone: str) -> None:
    since = datetime(2026, 11, 15, 7, 20, tzinfo=UTC) if bucket is Bucket.HOUR else FIRST
    frame = Window(since, NOON - timedelta(days=2, minutes=7), NOW)

    found = metrics.overview(history, BuildFilter(), frame, Cut(bucket, ZoneInfo(zone)))

    series = found["series"]
    assert isinstance(series, list)
    assert (series[0]["starts_at"], series[-1]["ends_at"]) == (frame.since, frame.until)
    for part in series:
        assert shown(part) == counted(history, part["starts_at"], part["ends_at"]).figures
    assert shown(found) == counted(history, frame.since, frame.until).figures
    assert sum(part["builds"] for part in series) == found["builds"]


@pytest.mark.parametrize("by", list(Grouping))
@pytest.mark.parametrize("narrowed", ["everything", "a project of an instance", "a branch that is the default of some"])
def test_groups_equal_a_hand_count(history: Session, by: Grouping, narrowed: str) -> None:
    since, until = WINDOWS["hours and days cut"]
    given = FILTERS[narrowed]

    ranked = metrics.groups(history, wanted(given), Window(since, until, NOW), by, limit=3)
    found, count = ranked.rows, ranked.count

    of_names = {by: by} if by is not Grouping.PIPELINE else {"pipeline_id": "pipeline_id"}
    of_names |= {"repository": "repository"} if by is Grouping.BRANCH else {}
    for group in found:
        names = {name: group[name] for name in of_names.values()}
        assert shown(group) == counted(history, since, until, **{**given, **names}).figures
    every = {
        tuple(getattr(build, name) for name in of_names) for build in counted(history, since, until, **given).builds
    }
    assert count == len(every)
    assert len(found) == min(3, count)
    sizes = [int(str(group["builds"])) for group in found]
    assert sizes == sorted(sizes, reverse=True)


def test_the_period_before_is_counted_as_a_window_of_its_own(history: Session) -> None:
    since, until = WINDOWS["hours and days cut"]
    frame = Window(since, until, NOW)

    found = metrics.overview(history, BuildFilter(), frame)["trend"]

    assert isinstance(found, dict)
    assert frame.before is not None
    former = metrics.overview(history, BuildFilter(), frame.before)
    assert found["builds"] == former["builds"] == len(counted(history, frame.before.since, since).builds)
    assert found["success_rate"]["before"] == former["success_rate"]
