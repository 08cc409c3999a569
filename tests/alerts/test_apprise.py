"""Apprise: its addresses are checked at start, its services cannot keep us, what it says is heard by nobody else."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from alerts import RECEIVERS
from alerts.receivers.apprise_process import ask
from alerts.receivers.apprise_urls import DEADLINE_SECONDS, AppriseReceiver, AppriseSettings
from shared.config.settings import load
from shared.errors import ConfigError, ReceiverGone, RetryLater
from tests.alerts.messages import a_group, a_notice
from tests.alerts.receivers.apprise import BASE_URL, AppriseStand


@pytest.fixture
def service() -> Iterator[AppriseStand]:
    with AppriseStand() as stand:
        yield stand


def configured(tmp_path: Path, url: str) -> AppriseSettings:
    file = tmp_path / "config.toml"
    file.write_text('[[receivers]]\nkind = "apprise"\nname = "any"\nurl_env = "URL"\n')
    (settings,) = load(file, receivers=RECEIVERS, environ={"URL": url}).receivers
    assert isinstance(settings, AppriseSettings)
    return settings


def test_an_address_apprise_understands_opens_a_receiver_that_sends(tmp_path: Path, service: AppriseStand) -> None:
    settings = configured(tmp_path, f"json://127.0.0.1:{service.port}/canary-12345")

    settings.open(BASE_URL).send(a_notice(), is_possible_repeat=False)

    assert "acme/web ci broke on main" in service.taken[0]
    assert "canary-12345" not in repr(settings)


@pytest.mark.parametrize("url", ["https", "nonsense://canary-12345", "tgram://canary-12345"])
def test_an_address_apprise_does_not_understand_is_refused_without_showing_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"receivers\[0\]\.url.*: is no address that apprise understands") as caught:
        configured(tmp_path, url)

    assert "12345" not in str(caught.value)


def test_without_the_extra_the_mistake_says_what_to_install() -> None:
    program = """
import sys
sys.modules["apprise"] = None
from alerts.receivers.apprise_urls import AppriseSettings
AppriseSettings(kind="apprise", name="any", url="json://localhost")
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert "needs apprise, which is not installed: pip install 'build-observatory[apprise]'" in done.stderr


@pytest.mark.parametrize("habit", ["hang", "drip"])
def test_a_service_that_stalls_is_left_and_the_next_message_goes_out(service: AppriseStand, habit: str) -> None:
    service.receiver().send(a_notice(), is_possible_repeat=False)  # a worker is awake, so that what stalls is asked
    getattr(service, habit)()
    began = time.monotonic()

    with pytest.raises(RetryLater, match=r"json by apprise did not take the message within 1\.0 s"):
        service.receiver(deadline_seconds=1.0).send(a_notice(), is_possible_repeat=False)

    assert time.monotonic() - began < 2
    assert service.heard[-1].target.endswith("/stall")
    service.receiver().send(a_group(), is_possible_repeat=False)
    assert "3 pipelines broke" in service.taken[-1]


def test_a_worker_that_is_still_starting_is_not_thrown_away() -> None:
    told = {"url": "json://127.0.0.1:1/x"}
    held = [ask(told, 0.0)]  # takes whichever worker is idle, or starts one

    for _ in range(100):
        held.append(ask(told, 5.0))
        if held[-1] == "sent":
            break

    assert held[-1] == "sent"


def test_a_message_keeps_its_tone_and_follows_no_redirect(service: AppriseStand) -> None:
    service.receiver().send(a_notice(), is_possible_repeat=False)
    service.receiver().send(a_notice("fixed"), is_possible_repeat=False)

    assert ['"type": "failure"' in post.body.decode() for post in service.posts] == [True, False]
    assert '"type": "success"' in service.posts[1].body.decode()


def test_an_address_that_is_understood_no_more_switches_the_receiver_off() -> None:
    with pytest.raises(ReceiverGone, match="does not understand url any more"):
        AppriseReceiver(SecretStr("nonsense://x"), BASE_URL).send(a_notice(), is_possible_repeat=False)


def test_a_message_has_eight_seconds_in_all() -> None:
    assert DEADLINE_SECONDS == 8
