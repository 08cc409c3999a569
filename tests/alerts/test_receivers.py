"""The contract every registered receiver keeps, against a real server on loopback; finds the receivers by itself."""

import importlib
import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime

import pytest
from structlog.testing import capture_logs

from alerts import RECEIVERS
from alerts.message import Message
from alerts.receiver import Receiver
from shared.clock import utc_now
from shared.errors import ObservatoryError, Rejected, RetryLater
from tests.alerts.messages import a_message
from tests.alerts.stand import Said, Stand

HOSTILE = "<!channel> <@U1> @everyone <https://evil.example|ci> &amp; \u202egnp.exe\r\nBcc: x@y.z \x00\x1b[31m </b>"


@pytest.fixture(params=sorted(RECEIVERS))
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    """Each kind's own far side; a kind without one fails here."""
    module = importlib.import_module(f"tests.alerts.receivers.{request.param}")
    with module.STAND() as stand:
        yield stand


def fail(receiver: Receiver, message: Message | None = None) -> ObservatoryError:
    with pytest.raises((RetryLater, Rejected)) as caught:
        receiver.send(message or a_message(), is_possible_repeat=False)
    return caught.value


def test_a_message_says_what_broke_where_by_which_commit_and_links_to_it(stand: Stand) -> None:
    stand.receiver().send(a_message(), is_possible_repeat=False)

    [sent] = stand.taken
    for wanted in ("acme/web", "ci", "broke", "failed", "main", "a1b2c3d4e5", "Fix the login form", "ada", "5 min"):
        assert wanted in sent
    assert "https://builds.example.com/api/builds/7" in sent
    assert "https://github.com/acme/web/actions/runs/100" in sent
    assert "possible repeat" not in sent


def test_a_possible_repeat_says_so_first(stand: Stand) -> None:
    stand.receiver().send(a_message("fixed"), is_possible_repeat=True)

    [sent] = stand.taken
    assert "possible repeat: acme/web ci is fixed on main" in sent


def test_answers_that_pass_are_worth_another_try(stand: Stand) -> None:
    assert stand.later
    for said in stand.later:
        stand.say(said)

        assert isinstance(fail(stand.receiver()), RetryLater), said


def test_answers_that_are_final_are_rejections(stand: Stand) -> None:
    assert stand.never
    for said in stand.never:
        stand.say(said)

        assert isinstance(fail(stand.receiver()), Rejected), said


def test_a_pause_asked_for_in_seconds_or_as_a_date_is_passed_on(stand: Stand) -> None:
    # A channel without words for a pause (SMTP) has none to pass on; then it must not invent one either.
    if not stand.pauses:
        stand.say(stand.later[0])
        error = fail(stand.receiver())
        assert isinstance(error, RetryLater)
        assert error.retry_after_seconds is None
    for said in stand.pauses:
        date = format_datetime(utc_now() + timedelta(seconds=90), usegmt=True)
        stand.say(
            Said(said.status, said.body, {"Retry-After": "30"}), Said(said.status, said.body, {"Retry-After": date})
        )

        in_seconds, as_date = fail(stand.receiver()), fail(stand.receiver())

        assert isinstance(in_seconds, RetryLater)
        assert isinstance(as_date, RetryLater)
        assert in_seconds.retry_after_seconds == 30
        assert as_date.retry_after_seconds == pytest.approx(90, abs=5)


@pytest.mark.parametrize("habit", ["hang", "drip"])
def test_a_peer_that_stalls_is_cut_at_the_deadline(stand: Stand, habit: str) -> None:
    getattr(stand, habit)()
    began = time.monotonic()

    error = fail(stand.receiver(deadline_seconds=0.4))

    assert isinstance(error, RetryLater)
    assert 0.3 < time.monotonic() - began < 2


def test_a_message_that_was_taken_without_an_answer_is_sent_again(stand: Stand) -> None:
    stand.take_and_reset()

    assert isinstance(fail(stand.receiver()), RetryLater)
    assert len(stand.taken) == 1


def test_a_far_side_that_is_gone_is_worth_another_try(stand: Stand) -> None:
    receiver = stand.receiver()
    stand.__exit__()

    assert isinstance(fail(receiver), RetryLater)


def test_the_secret_shows_in_no_error_log_or_repr(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown = [repr(stand.receiver()), str(stand.receiver())]
    with capture_logs() as events:
        for said in (*stand.later, *stand.never, Said(500, stand.secret)):
            stand.say(said)
            shown += _everything(fail(stand.receiver()))
        stand.say(*[Said(400, f"bad {stand.secret}")] * 2)
        shown += _everything(fail(stand.receiver()))
        stand.take_and_reset()
        shown += _everything(fail(stand.receiver()))
        stand.hang()
        shown += _everything(fail(stand.receiver(deadline_seconds=0.2)))
        stand.receiver().send(a_message(), is_possible_repeat=False)
        receiver = stand.receiver()
        stand.__exit__()
        shown += _everything(fail(receiver))

    assert len(shown) > 20
    assert stand.secret not in "\n".join([*shown, caplog.text, repr(events)])


def test_hostile_text_arrives_and_is_inert(stand: Stand) -> None:
    message = a_message(
        repository=HOSTILE,
        pipeline=HOSTILE,
        branch=HOSTILE,
        commit_message=HOSTILE,
        author=HOSTILE,
        instance=HOSTILE,
        web_url="javascript:alert(1)",
    )

    stand.receiver().send(message, is_possible_repeat=True)

    [sent] = stand.taken
    assert "evil.example" in sent
    for live in ("\u202e", "\0", "\r", "\x1b", "javascript:", *stand.live):
        assert live not in sent, live


def test_text_without_end_still_arrives(stand: Stand) -> None:
    endless = "&<>" * 5_000

    message = a_message(pipeline=endless, branch=endless, commit_message=endless, author=endless, web_url="x" * 9_000)
    stand.receiver().send(message, is_possible_repeat=False)

    [sent] = stand.taken
    assert "…" in sent
    assert len(sent) < 10_000


def _everything(error: BaseException) -> list[str]:
    """Whatever of an error a log could show, and everything it came from."""
    shown: list[str] = []
    chain: BaseException | None = error
    while chain is not None:
        shown += [str(chain), repr(chain), repr(vars(chain))]
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    return shown
