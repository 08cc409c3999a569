"""The contract every registered collector keeps, against its provider on loopback; finds the collectors by itself."""

import importlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from collectors import COLLECTORS
from collectors.base import BaseCollector
from shared.clock import utc_now
from shared.errors import MalformedPayload, NotFound, ProviderError, RateLimited, Unauthorized, Unavailable
from shared.http.client import Client, Limits
from shared.observation import Observation
from simulator.exchange import Answer
from tests.collectors.contract.stand import Identity, Stand, collect
from tests.factories import NOON
from tests.loopback import Heard, Loopback, reply

QUICK = Limits(connect_seconds=2, read_seconds=2, total_seconds=4, pause_seconds=0.001, largest_body=3_000_000)

Spoil = Callable[[Answer], bytes]
Collector = BaseCollector[Any]


@dataclass
class Far:
    """The provider's server: answers well, and from the request on that `after` says, as `spoil` makes of it."""

    stand: Stand
    url: str = ""
    spoil: Spoil | None = None
    after: int = 0
    is_strange: bool = False
    heard: list[Heard] = field(default_factory=list)

    def __call__(self, heard: Heard) -> bytes:
        self.heard.append(heard)
        say = self.stand.strange if self.is_strange else self.stand.answer
        answer = say(heard, self.url)
        return well(answer) if self.spoil is None or len(self.heard) <= self.after else self.spoil(answer)


def well(answer: Answer) -> bytes:
    return reply(answer.body, answer.status, answer.headers)


@pytest.fixture(scope="module", params=sorted(COLLECTORS))
def kind(request: pytest.FixtureRequest) -> type[Collector]:
    return COLLECTORS[request.param]


@pytest.fixture(scope="module")
def stand(kind: type[Collector]) -> Iterator[Stand]:
    """Each kind's own provider, which stands still; a kind without one fails here."""
    module = importlib.import_module(f"tests.collectors.contract.{kind.kind}")
    with module.STAND() as stand:
        yield stand


@pytest.fixture
def far(stand: Stand) -> Iterator[Far]:
    far = Far(stand)
    with Loopback(far) as server:
        far.url = server.url
        yield far


@contextmanager
def collecting(far: Far, kind: type[Collector], **options: Any) -> Iterator[Collector]:
    client: Client = kind.open_client(far.stand.settings(far.url), limits=QUICK, **options)
    with client:
        yield collect(far.stand, kind, far.url, client)


def listed(far: Far, kind: type[Collector]) -> list[Observation]:
    """Everything a list shows, nothing of it unreadable."""
    with collecting(far, kind) as collector:
        pages = list(collector.list_recent_builds(far.stand.since))
    assert [row for page in pages for row in page.unreadable] == []
    return [build for page in pages for build in page.observations]


def refused(far: Far, kind: type[Collector]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        listed(far, kind)
    return caught.value


def statuses(builds: list[Observation]) -> dict[Identity, str]:
    return {(build.external_id, build.attempt): str(build.status) for build in builds}


def test_a_collector_is_registered_under_its_own_kind(kind: type[Collector]) -> None:
    assert COLLECTORS[kind.kind] is kind


def test_a_list_shows_every_build_once_over_several_requests(far: Far, kind: type[Collector]) -> None:
    builds = listed(far, kind)

    shown = statuses(builds)
    assert len(shown) == len(builds)
    assert far.stand.truth.items() <= shown.items()
    assert len(far.stand.truth) > 5
    assert len(far.heard) > 2
    for build in builds:
        assert build.provider == kind.kind
        assert build.pipeline_name
        assert build.problems == ()
        assert build.queued_at.tzinfo is UTC
        assert build.web_url is None or build.web_url.startswith(far.url)


def test_a_page_is_given_out_before_everything_is_asked_for(far: Far, kind: type[Collector]) -> None:
    with collecting(far, kind) as collector:
        next(collector.list_recent_builds(far.stand.since))
        asked = len(far.heard)
    listed(far, kind)

    assert asked < len(far.heard) - asked


def test_listing_twice_shows_the_same(far: Far, kind: type[Collector]) -> None:
    assert listed(far, kind) == listed(far, kind)


def test_a_build_is_fetched_by_the_id_it_was_listed_under(far: Far, kind: type[Collector]) -> None:
    shown = max((build for build in listed(far, kind) if build.external_id == far.stand.build), key=_attempt)

    with collecting(far, kind) as collector:
        build = collector.fetch_build(far.stand.build)
        jobs = collector.fetch_jobs(build.external_id, build.attempt)
        whole = collector.with_jobs(build, jobs)

    assert (build.attempt, build.status, build.pipeline_external_id) == (
        shown.attempt,
        shown.status,
        shown.pipeline_external_id,
    )
    assert whole.jobs == jobs
    assert jobs
    assert len({job.external_id for job in jobs}) == len(jobs)
    assert whole.is_finished
    assert whole.finished_at is not None


@pytest.mark.parametrize("nonsense", ["../../user", "", "1/../../2", "https://evil.example/1", "a b", "\u0661"])
def test_an_id_that_makes_no_sense_is_refused_without_asking_for_it(
    far: Far, kind: type[Collector], nonsense: str
) -> None:
    with collecting(far, kind) as collector, pytest.raises((MalformedPayload, NotFound)):
        collector.fetch_build(nonsense)

    assert [heard.target for heard in far.heard if ".." in heard.target] == []


def test_every_request_is_announced_and_carries_the_credential(far: Far, kind: type[Collector]) -> None:
    announced: list[int] = []
    with collecting(far, kind, before_try=lambda: announced.append(len(far.heard))) as collector:
        list(collector.list_recent_builds(far.stand.since))

    assert len(announced) == len(far.heard)
    assert all(heard.headers.keys() & {"authorization", "private-token"} for heard in far.heard)


def test_a_source_is_tried_in_words(far: Far, kind: type[Collector]) -> None:
    with collecting(far, kind) as collector:
        good = collector.check()
        far.spoil = _status(401)
        bad = collector.check()

    assert (good.is_ok, bad.is_ok) == (True, False)
    assert all(good.words)
    assert "401" in " ".join(bad.words)
    assert far.stand.secret not in repr((good, bad))


def _attempt(build: Observation) -> int:
    return build.attempt


def _status(status: int, **headers: str) -> Spoil:
    told = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda _: reply({"message": "No"}, status, told)


def _torn(answer: Answer) -> bytes:
    whole = reply(answer.body, 200, answer.headers | {"Content-Type": "application/json"})
    return whole[: -len(answer.body) // 2]


def _torn_without_length(answer: Answer) -> bytes:
    return reply(answer.body[: len(answer.body) // 2] or b"{", 200, {"Content-Length": ""})


TROUBLES: dict[str, tuple[Spoil, tuple[type[ProviderError], ...]]] = {
    "401": (_status(401), (Unauthorized,)),
    "403": (_status(403), (Unauthorized,)),
    "404": (_status(404), (NotFound,)),
    "410": (_status(410), (NotFound,)),
    "429": (_status(429), (RateLimited,)),
    "500": (_status(500), (Unavailable,)),
    "502": (lambda _: reply(b"<html>Bad Gateway</html>", 502, {"Content-Type": "text/html"}), (Unavailable,)),
    "503 with a pause": (_status(503, Retry_After="30"), (Unavailable,)),
    "418": (_status(418), (MalformedPayload,)),
    "HTML": (lambda _: reply(b"<!doctype html><form>Sign in", 200, {"Content-Type": "text/html"}), (MalformedPayload,)),
    "nothing": (lambda _: reply(b"", 204), (MalformedPayload,)),
    "another shape": (lambda _: reply(b'"hello"'), (MalformedPayload,)),
    "truncated": (_torn, (Unavailable,)),
    "truncated without a length": (_torn_without_length, (MalformedPayload,)),
    "oversized": (lambda _: reply(b'{"a": "' + b"x" * 3_500_000 + b'"}'), (MalformedPayload,)),
    "hung up": (lambda _: b"", (Unavailable,)),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_trouble_is_told_and_the_next_poll_is_whole_again(far: Far, kind: type[Collector], trouble: str) -> None:
    far.spoil, errors = TROUBLES[trouble]

    error = refused(far, kind)
    far.spoil = None

    assert isinstance(error, errors)
    assert far.stand.truth.items() <= statuses(listed(far, kind)).items()


@pytest.mark.parametrize("trouble", ["401", "403", "429", "500", "HTML", "hung up"])
@pytest.mark.parametrize("after", [1, 2])
def test_a_trouble_in_the_middle_of_a_list_is_told_too(
    far: Far, kind: type[Collector], trouble: str, after: int
) -> None:
    """At once, or, where only a part of the source may be in trouble, as a row that could not be read."""
    far.spoil, errors = TROUBLES[trouble]
    far.after = after
    unreadable = 0

    with collecting(far, kind) as collector:
        try:
            for page in collector.list_recent_builds(far.stand.since):
                unreadable += len(page.unreadable)
        except errors:
            return

    assert trouble not in ("401", "403", "429")
    assert unreadable


@pytest.mark.parametrize("form", ["seconds", "date", "none"])
def test_a_rate_limit_says_until_when_by_our_clock_and_is_not_asked_into(
    far: Far, kind: type[Collector], form: str
) -> None:
    theirs = utc_now() + timedelta(hours=1)  # their clock is wrong by an hour
    date = format_datetime(theirs + timedelta(seconds=90), usegmt=True)
    told = {"seconds": {"Retry_After": "90"}, "date": {"Retry_After": date}, "none": {}}[form]
    far.spoil = _status(429, Date=format_datetime(theirs, usegmt=True), **told)

    error = refused(far, kind)

    assert isinstance(error, RateLimited)
    assert (error.retry_at - utc_now()).total_seconds() == pytest.approx(60 if form == "none" else 90, abs=5)
    assert len(far.heard) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("after", [0, 1])
def test_a_redirect_elsewhere_is_never_given_the_credential(
    far: Far, kind: type[Collector], status: int, after: int
) -> None:
    with Loopback(lambda _: reply({})) as elsewhere:
        far.after = after
        far.spoil = _status(status, Location=f"{elsewhere.url}/stolen")
        try:
            listed(far, kind)
        except (MalformedPayload, AssertionError):
            pass  # told at once, or as rows that could not be read
        else:
            pytest.fail("a list whose answers lead elsewhere looked whole")

    assert elsewhere.heard == []


def test_words_nobody_has_seen_are_unknown_and_said(far: Far, kind: type[Collector]) -> None:
    far.is_strange = True

    with collecting(far, kind) as collector:
        builds = [build for page in collector.list_recent_builds(far.stand.since) for build in page.observations]

    strange = [build for build in builds if build.status == "unknown"]
    assert strange
    for build in strange:
        assert build.raw_status
        assert any("unknown" in words for words in build.problems)


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_wrong_changes_no_build(far: Far, kind: type[Collector], hours: int) -> None:
    def skewed(answer: Answer) -> bytes:
        date = answer.headers.get("Date")
        theirs = (parsedate_to_datetime(date) if date else NOON) + timedelta(hours=hours)
        return well(answer.with_headers(Date=format_datetime(theirs, usegmt=True)))

    right = listed(far, kind)
    far.spoil = skewed

    assert [_standing(build) for build in listed(far, kind)] == [_standing(build) for build in right]


def _standing(build: Observation) -> tuple[object, ...]:
    times = (build.queued_at, build.started_at, build.finished_at, build.duration_seconds)
    return (build.external_id, build.attempt, build.status, *times)


def test_the_credential_shows_in_no_error_and_no_log(
    far: Far, kind: type[Collector], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    with capture_logs() as events:
        for spoil, _ in TROUBLES.values():
            far.spoil = spoil
            error = refused(far, kind)
            shown += [str(error), repr(error)]
        far.spoil = lambda _: reply({"message": f"not with {far.stand.secret}"}, 500)
        with collecting(far, kind) as collector:
            shown += [repr(collector), repr(collector.settings), repr(collector.client)]

    assert len(shown) > 30
    assert far.stand.secret not in "\n".join([*shown, caplog.text, repr(events)])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=6),
    max_leaves=20,
)


@settings(max_examples=60)
@given(payload=JSON)
def test_whatever_is_read_becomes_words_and_never_an_error(kind: type[Collector], payload: object) -> None:
    reading = kind.read(payload)

    held = reading.builds or reading.jobs or reading.unreadable
    assert held or reading.not_a_build or payload == []


def test_an_answer_reads_as_the_builds_it_lists(far: Far, kind: type[Collector]) -> None:
    """What `observatory observe` says of an answer is what a poll makes of it, if the answer says what it is about."""
    polled = {build.external_id for build in listed(far, kind)}
    answers = [far.stand.answer(heard, far.url) for heard in far.heard]

    read = [kind.read(json.loads(answer.body), far.url) for answer in answers if answer.status == 200]

    found = {build.external_id for reading in read for build in reading.builds}
    nameless = [row.reason for reading in read for row in reading.unreadable]
    assert found & polled or nameless
    assert all("does not name" in reason for reason in nameless)
