"""What is asked of the API: figures, lists by each filter and each pair of filters, searches."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

import psycopg

from benchmarks import vocabulary as words
from benchmarks.clients import Questions
from benchmarks.datasets import DataSet
from shared.database import libpq_url
from shared.metrics.groups import Grouping

_EXAMPLES = """
    (SELECT id, pipeline_id, branch, commit_sha FROM builds ORDER BY queued_at DESC, id DESC OFFSET 100 LIMIT 1)
    UNION ALL
    (SELECT id, pipeline_id, branch, commit_sha FROM builds WHERE branch LIKE 'feature/%' ORDER BY id LIMIT 1)
"""

Values = dict[str, tuple[str, str]]
"""Of each filter a value that many builds have and one that few have."""


@dataclass(frozen=True, slots=True)
class Examples:
    """What the data set holds, to ask for."""

    dataset: DataSet
    first_id: int
    values: Values


def examples(url: str, dataset: DataSet) -> Examples:
    """Common and rare values of every filter, from the database at `url`."""
    with psycopg.connect(libpq_url(url)) as connection:
        (_, _, _, sha), (_, _, old_branch, old_sha) = connection.execute(_EXAMPLES).fetchall()
        names = [row[0] for row in connection.execute("SELECT name FROM repositories WHERE id IN (1, 300) ORDER BY id")]
        (first_id,) = connection.execute("SELECT min(id) FROM builds").fetchone() or (1,)
    recent = (dataset.newest - timedelta(hours=1)).isoformat()
    past = (dataset.oldest + timedelta(hours=1)).isoformat()
    return Examples(
        dataset,
        int(first_id),
        {
            "provider": ("github", "jenkins"),
            "instance": ("github.com", "jenkins.acme.test"),
            "project": ("default", "team-12"),
            "repository": (names[0], names[1]),
            "pipeline_id": ("1", "2000"),
            "branch": ("main", old_branch),
            "status": ("succeeded", "timed_out"),
            "author": (
                f"{words.FIRST_NAMES[0]}.{words.LAST_NAMES[0]}",
                f"{words.FIRST_NAMES[-1]}.{words.LAST_NAMES[-1]}",
            ),
            "event": ("push", "deployment"),
            "q": ("fix", words.RARE),
            "since": (past, recent),
            "until": (recent, past),
            "commit_sha": (sha, old_sha),
            "cancel_reason": ("superseded", "timeout"),
            "first_status": ("succeeded", "timed_out"),
            "is_flaky": ("false", "true"),
            "is_active": ("false", "true"),
            "has_duration": ("true", "false"),
            "has_wait": ("true", "false"),
            "is_stale": ("false", "true"),
        },
    )


SEARCHES = {
    "common": "fix",
    "medium": words.UNCOMMON,
    "rare": words.RARE,
    "prefix": "check",
    "two words": f"login {words.UNCOMMON}",
    "absent": words.ABSENT,
}


def figures(given: Examples, times: int, seed: int) -> Questions:
    """Overviews of everything and of each scope, and a pipeline's; windows cut at any second."""
    chance = random.Random(seed)
    scopes = ("provider", "instance", "project", "repository", "pipeline_id")
    found = []
    for _ in range(times):
        found.append(("overview, everything", _path("/api/metrics/overview", _window(given, chance))))
        for name in scopes:
            narrowed = {name: chance.choice(given.values[name])} | _window(given, chance)
            found.append((f"overview, one {name}", _path("/api/metrics/overview", narrowed)))
        pipeline = int(2000 * chance.random() ** 3) + 1
        found.append(("pipeline", _path(f"/api/metrics/pipeline/{pipeline}", _window(given, chance))))
    chance.shuffle(found)
    return found


def groups(given: Examples, times: int, seed: int) -> Questions:
    """Figures by everything that they can be told apart by."""
    chance = random.Random(seed)
    found = [
        (f"groups, by {by}", _path("/api/metrics", {"by": str(by)} | _window(given, chance)))
        for _ in range(times)
        for by in Grouping
    ]
    chance.shuffle(found)
    return found


def lists(given: Examples, times: int, seed: int) -> Questions:
    """The list without a filter and with each, common and rare."""
    chance = random.Random(seed)
    found = []
    for _ in range(times):
        found.append(("list, all", _list(given, chance, {})))
        for name, both in given.values.items():
            for kind, value in zip(("common", "rare"), both, strict=True):
                found.append((f"list, {name} {kind}", _list(given, chance, {name: value})))
    chance.shuffle(found)
    return found


def pairs(given: Examples, times: int, seed: int) -> Questions:
    """The list with each pair of filters, each of the two common and rare."""
    chance = random.Random(seed)
    found = [
        (f"pair, {name}", _list(given, chance, asked)) for _ in range(times) for name, asked in _pairs(given.values)
    ]
    chance.shuffle(found)
    return found


def single(given: Examples, times: int, seed: int) -> Questions:
    """One build each, anywhere in the set."""
    chance = random.Random(seed)
    return [("build", f"/api/builds/{given.first_id + chance.randrange(given.dataset.builds)}") for _ in range(times)]


def searches(given: Examples, times: int, seed: int) -> Questions:
    """Common, uncommon and rare words, a beginning, two words, and one that no build has."""
    chance = random.Random(seed)
    found = [
        (f"search, {name}", _list(given, chance, {"q": asked}))
        for _ in range(times)
        for name, asked in SEARCHES.items()
    ]
    chance.shuffle(found)
    return found


def plain_lists(given: Examples, times: int, seed: int) -> Questions:
    """The unfiltered list of 50, each time from elsewhere in the newest days."""
    chance = random.Random(seed)
    found = []
    for _ in range(times):
        until = given.dataset.newest - timedelta(seconds=chance.uniform(0, _span(given).total_seconds() * 0.9))
        found.append(("plain", _path("/api/builds", {"limit": "50", "until": until.isoformat()})))
    return found


def _pairs(values: Values) -> Iterator[tuple[str, dict[str, str]]]:
    for one, other in itertools.combinations(values, 2):
        for first, second in itertools.product((0, 1), repeat=2):
            if (one, other) == ("since", "until") and (first, second) != (0, 0):
                continue  # of the four only this one is a window with anything in it
            kinds = ("common", "rare")
            name = f"{one} {kinds[first]} and {other} {kinds[second]}"
            yield name, {one: values[one][first], other: values[other][second]}


def _list(given: Examples, chance: random.Random, asked: dict[str, str]) -> str:
    """A page of 40 to 60; half of them from anywhere in the last days on."""
    asked = {"limit": str(chance.randint(40, 60))} | asked
    if "until" not in asked and "since" not in asked and chance.random() < 0.5:
        asked["until"] = _instant(given, chance).isoformat()
    return _path("/api/builds", asked)


def _window(given: Examples, chance: random.Random) -> dict[str, str]:
    """A window of a day, a week, a month or all there is, cut at any second."""
    until = _instant(given, chance)
    since = until - chance.choice([timedelta(days=1), timedelta(days=7), timedelta(days=30), timedelta(days=300)])
    return {"since": since.isoformat(), "until": until.isoformat()}


def _instant(given: Examples, chance: random.Random) -> datetime:
    """Any second of the last thirty days, or of the set where it has fewer."""
    return given.dataset.newest - timedelta(seconds=int(chance.uniform(0, _span(given).total_seconds() / 2)))


def _span(given: Examples) -> timedelta:
    return min(given.dataset.newest - given.dataset.oldest, timedelta(days=30))


def _path(path: str, asked: dict[str, str]) -> str:
    return f"{path}?{urlencode(asked)}" if asked else path
