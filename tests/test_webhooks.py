"""Webhooks from end to end: posted and signed by the simulated providers, taken by a real API, worked off."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from simulator import Simulator
from simulator.hooks import Manner, Target
from tests.api.stand import Api, running_api, wait_for
from tests.collectors.receiving import Receiving

GITHUB_SECRET = "the-secret-of-the-simulated-github"
GITLAB_SECRET = f"whsec_{base64.b64encode(b'0123456789abcdef0123456789abcdef').decode()}"
JENKINS_SECRET = "the-end-of-the-address"

CONFIG = """
[[providers]]
kind = "github"
name = "github.com"
base_url = "{url}"
watch = {watch}
webhook_secret_env = "GITHUB_WEBHOOKS"
[[providers]]
kind = "gitlab"
name = "gitlab.test"
base_url = "{gitlab}"
webhook_secret_env = "GITLAB_WEBHOOKS"
[[providers]]
kind = "jenkins"
name = "jenkins.test"
base_url = "{jenkins}"
webhook_secret_env = "JENKINS_WEBHOOKS"
"""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=9, profile="drill", runs=9, seconds=5, speed=0) as simulator:
        yield simulator


@pytest.fixture
def receiving(database: Engine, simulator: Simulator, tmp_path: Path) -> Iterator[Receiving]:
    receiving = Receiving(database, simulator, tmp_path / "token")
    yield receiving
    receiving.inbox.stop()


@pytest.fixture
def api(database_url: str, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    config = tmp_path / "config.toml"
    places = {"url": simulator.url, "gitlab": simulator.gitlab_url, "jenkins": simulator.jenkins_url}
    config.write_text(CONFIG.format(watch=json.dumps(simulator.repositories), **places))
    for name, secret in (("GITHUB", GITHUB_SECRET), ("GITLAB", GITLAB_SECRET), ("JENKINS", JENKINS_SECRET)):
        monkeypatch.setenv(f"{name}_WEBHOOKS", secret)
    with running_api(database_url, {"config": config}) as api:
        yield api


def send_hooks(simulator: Simulator, api: Api, **manner: Any) -> None:
    """Have every site post to the API, and let everything happen that ever will."""
    inbox = f"http://{api.address}/webhooks"
    targets = {
        "github": Target(f"{inbox}/github/github.com", GITHUB_SECRET),
        "gitlab": Target(f"{inbox}/gitlab/gitlab.test", GITLAB_SECRET),
        "jenkins": Target(f"{inbox}/jenkins/jenkins.test/{JENKINS_SECRET}"),
    }
    simulator.hooks.send_to(targets, Manner(**manner))
    simulator.clock.advance(150)
    now = simulator.clock.now()
    wait_for(lambda: simulator.hooks.report()["told_until"] == now and not simulator.hooks.report()["waiting"], 60)


def is_worked_off(receiving: Receiving) -> bool:
    return not set(receiving.states()) & {"received", "processing"}


def test_every_build_of_every_provider_is_known_though_webhooks_come_twice_and_in_any_order(
    receiving: Receiving, api: Api, simulator: Simulator
) -> None:
    receiving.inbox.start()

    send_hooks(simulator, api, copies=2, shuffled_seconds=1.0)
    wait_for(lambda: is_worked_off(receiving), 60)

    counts = simulator.hooks.report()["counts"]
    assert isinstance(counts, dict)
    assert counts == {"made": counts["made"], "202": 2 * counts["made"]}
    assert receiving.attempts("github.com") == receiving.truth("github")
    assert receiving.attempts("gitlab.test") == receiving.truth("gitlab")
    assert set(receiving.states()) <= {"done", "ignored"}
    assert receiving.rows("SELECT count(*) AS n FROM receipts WHERE body IS NOT NULL")[0]["n"] == 0
    assert {row["via"] for row in receiving.rows("SELECT DISTINCT via FROM events")} == {"webhook"}


def test_a_lost_share_is_the_same_share_for_the_same_seed_and_nothing_else_is_harmed(
    receiving: Receiving, api: Api, simulator: Simulator
) -> None:
    receiving.inbox.start()

    send_hooks(simulator, api, lost=0.3)
    wait_for(lambda: is_worked_off(receiving), 60)

    counts = simulator.hooks.report()["counts"]
    assert isinstance(counts, dict)
    assert 0.2 < counts["lost"] / counts["made"] < 0.4
    assert counts["202"] == counts["made"] - counts["lost"]
    truth = receiving.truth("github")
    assert {attempt for attempt in receiving.attempts("github.com") if attempt not in truth} == set()
