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
from alerts.notice import Notice
from alerts.receiver import Receiver
from shared.clock import utc_now
from shared.errors import ObservatoryError, ReceiverGone, Rejected, RetryLater
from shared.status import Status
from tests.alerts.messages import a_digest, a_group, a_notice, a_trial, every_kind, operations
from tests.alerts.stand import Said, Stand

HOSTILE = (
    "<!channel> <@U1> @everyone <https://evil.example|ci> &amp; \u202egnp.exe\r\nBcc: x@y.z \x00\x1b[31m \ud800</b>"
)
DEAD = ("\u202e", "\0", "\r", "\x1b", "\ud800", "javascript:")
"""What arrives in no channel, whatever it is made of."""


@pytest.fixture(params=sorted(RECEIVERS))
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    """Each kind's own far side; a kind without one fails here."""
    module = importlib.import_module(f"tests.alerts.receivers.{request.param.replace('-', '_')}")
    with module.STAND() as stand:
        yield stand


def fail(receiver: Receiver, notice: Notice | None = None) -> ObservatoryError:
    with pytest.raises((RetryLater, Rejected)) as caught:
        receiver.send(notice or a_notice(), is_possible_repeat=False)
    return caught.value


def test_news_says_what_broke_where_by_which_commit_and_links_to_it(stand: Stand) -> None:
    stand.receiver().send(a_notice(), is_possible_repeat=False)

    [sent] = stand.taken
    for wanted in ("acme/web", "ci", "broke", "failed", "main", "a1b2c3d4e5", "Fix the login form", "ada", "5 min"):
        assert wanted in sent
    assert "https://builds.example.com/api/builds/7" in sent
    assert "https://github.com/acme/web/actions/runs/100" in sent
    assert "possible repeat" not in sent


def test_a_storm_is_one_message_with_twenty_lines_and_the_rest_behind_a_link(stand: Stand) -> None:
    stand.receiver().send(a_group(broke=980, fixed=20), is_possible_repeat=False)

    [sent] = stand.taken
    assert "980 pipelines broke, 20 are fixed" in sent
    for number in range(1, 21):
        assert f"acme/web ci-{number} on main" in sent
    assert "acme/web ci-21 on main" not in sent
    assert "and 980 more" in sent
    assert "https://builds.example.com/api/deliveries/12" in sent


def test_a_line_of_the_raw_feed_says_what_the_build_came_to(stand: Stand) -> None:
    stand.receiver().send(a_notice("transition", status=Status.RUNNING), is_possible_repeat=False)

    [sent] = stand.taken
    assert "acme/web ci is running on main" in sent


def test_a_digest_keeps_its_titles_and_says_how_much_is_left_out(stand: Stand) -> None:
    stand.receiver().send(a_digest(), is_possible_repeat=False)

    [sent] = stand.taken
    for wanted in ("Daily digest: 2 pipelines are broken", "Still broken", "and 4 more", "Not told", "silenced by ada"):
        assert wanted in sent
    assert "https://builds.example.com/api/builds/7" in sent


def test_our_own_trouble_and_a_trial_arrive_as_well(stand: Stand) -> None:
    stand.receiver().send(operations(), is_possible_repeat=False)
    stand.receiver().send(a_trial(), is_possible_repeat=False)

    trouble, trial = stand.taken
    assert "github.com answers nothing since 10:02" in trouble
    assert "look at its status page" in trouble
    assert "This is a test of Build Observatory" in trial


def test_a_possible_repeat_says_so_first(stand: Stand) -> None:
    for kind, notice in every_kind().items():
        stand.receiver().send(notice, is_possible_repeat=True)

        assert f"possible repeat: {notice.title}" in stand.taken[-1], kind


def test_answers_that_pass_are_worth_another_try(stand: Stand) -> None:
    assert stand.later
    for said in stand.later:
        stand.say(said)

        assert isinstance(fail(stand.receiver()), RetryLater), said


def test_answers_that_refuse_one_message_for_good_leave_the_receiver_on(stand: Stand) -> None:
    assert stand.never or not stand.gone  # a channel that says only yes or no has neither
    for conversation in stand.never:
        stand.say(*conversation)

        error = fail(stand.receiver())

        assert isinstance(error, Rejected), conversation
        assert not isinstance(error, ReceiverGone), conversation


def test_answers_that_say_nobody_is_there_any_more_switch_the_receiver_off(stand: Stand) -> None:
    assert stand.gone or not stand.never
    for said in stand.gone:
        stand.say(said)

        assert isinstance(fail(stand.receiver()), ReceiverGone), said


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
        told = [[said] for said in (*stand.later, *stand.gone, Said(500, stand.secret))]
        for conversation in (
            *told,
            *stand.never,
            [Said(400, f"bad {stand.secret}")] * max(map(len, stand.never), default=1),
        ):
            stand.say(*conversation)
            shown += _everything(fail(stand.receiver()))
        stand.take_and_reset()
        shown += _everything(fail(stand.receiver()))
        stand.hang()
        shown += _everything(fail(stand.receiver(deadline_seconds=0.2)))
        stand.receiver().send(a_notice(), is_possible_repeat=False)
        receiver = stand.receiver()
        stand.__exit__()
        shown += _everything(fail(receiver))

    assert len(shown) > 20
    assert stand.secret not in "\n".join([*shown, caplog.text, repr(events)])


def test_hostile_text_arrives_and_is_inert(stand: Stand) -> None:
    hostile = dict.fromkeys(("repository", "pipeline", "branch", "commit_message", "author", "instance"), HOSTILE)
    for kind, notice in every_kind(**hostile, web_url="javascript:alert(1)").items():
        stand.receiver().send(notice, is_possible_repeat=True)

        sent = stand.taken[-1]
        assert "evil.example" in sent or kind == "a trial"
        for live in (*DEAD, *stand.live):
            assert live not in sent, (kind, live)


def test_text_without_end_still_arrives(stand: Stand) -> None:
    for endless in ("&<>" * 5_000, "release/" * 1_250, "*_~`:" * 2_000, "\u202e\ud800" * 5_000):
        long = dict.fromkeys(("pipeline", "branch", "commit_message", "author", "instance"), endless)
        for kind, notice in every_kind(**long, web_url="x" * 9_000).items():
            stand.receiver().send(notice, is_possible_repeat=False)

            assert len(stand.taken[-1]) < 100_000, kind  # where Gmail cuts a mail


def _everything(error: BaseException) -> list[str]:
    """Whatever of an error a log could show, and everything it came from."""
    shown: list[str] = []
    chain: BaseException | None = error
    while chain is not None:
        shown += [str(chain), repr(chain), repr(vars(chain))]
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    return shown
