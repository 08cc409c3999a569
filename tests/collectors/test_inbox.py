"""The inbox against the simulator, recorded into real Postgres: webhooks alone, or half of them and polls."""

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from shared.clock import utc_now
from shared.reconciliation import by_source, window
from shared.scope import Scope
from simulator import Simulator
from tests.api.stand import wait_for
from tests.collectors.receiving import Receiving, an_inbox, end


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    behind = utc_now() - timedelta(minutes=30)
    with Simulator(seed=5, profile="drill", runs=24, seconds=30, now=behind, speed=0) as simulator:
        simulator.clock.advance(600)
        yield simulator


@pytest.fixture
def receiving(database: Engine, simulator: Simulator, tmp_path: Path) -> Iterator[Receiving]:
    receiving = Receiving(database, simulator, tmp_path / "token")
    yield receiving
    end(receiving.inbox)


def test_github_is_known_by_its_webhooks_alone(receiving: Receiving) -> None:
    receiving.store("github", receiving.happened("github", 700))

    receiving.work_off()

    assert receiving.attempts("github.com") == receiving.truth("github")
    assert set(receiving.states()) <= {"done", "ignored"}


def test_shuffled_and_repeated_webhooks_of_github_end_the_same(receiving: Receiving) -> None:
    happened = receiving.happened("github", 700) * 2
    random.Random(3).shuffle(happened)
    receiving.store("github", happened)

    receiving.work_off()

    assert receiving.attempts("github.com") == receiving.truth("github")
    late = receiving.rows("SELECT count(*) AS n FROM receipts WHERE is_late AND kind = 'workflow_run'")
    assert late[0]["n"] > 0
    assert {row["seen"] for row in receiving.rows("SELECT seen FROM receipts")} == {2}


def test_gitlab_is_known_by_fetching_what_its_webhooks_name(receiving: Receiving) -> None:
    receiving.store("gitlab", receiving.happened("gitlab", 700))

    receiving.work_off()

    assert receiving.attempts("gitlab.test") == receiving.truth("gitlab")
    heads = receiving.rows("SELECT count(*) AS n FROM branches WHERE head_sha IS NOT NULL")
    assert heads[0]["n"] > 0


def test_jenkins_is_known_by_fetching_what_its_webhooks_name(receiving: Receiving) -> None:
    receiving.store("jenkins", receiving.happened("jenkins", 700))

    receiving.work_off()

    # Minutes later nobody can fetch a queue item that left, builds of a job made anew, or a record that was damaged.
    truth, held = receiving.truth("jenkins"), receiving.attempts("jenkins.test")
    assert held == {attempt: truth[attempt] for attempt in held}
    lost = {attempt[0].rpartition("/")[0] for attempt in truth.keys() - held.keys()}
    assert lost <= {"records", "team/legacy", "queue"}


def test_polls_make_good_what_webhooks_lost_and_the_reconciliation_says_so(receiving: Receiving) -> None:
    rng = random.Random(7)
    receiving.store("github", [each for each in receiving.happened("github", 700) if rng.random() < 0.5])
    receiving.work_off()

    receiving.poll("github.com", turns=4)

    assert receiving.attempts("github.com") == receiving.truth("github")
    with Session(receiving.engine) as session:
        found = by_source(session, Scope(provider=("github",)), window(utc_now(), None, None), limit=10)
    totals = [source["total"] for source in found]
    assert sum(total["changes"]["webhook"] for total in totals if isinstance(total, dict)) > 0
    assert sum(total["missed"] or 0 for total in totals if isinstance(total, dict)) > 0


def test_two_inboxes_share_the_work_and_end_the_same(receiving: Receiving) -> None:
    receiving.store("github", receiving.happened("github", 700))
    inboxes = [an_inbox(receiving.engine, receiving.providers, owner=owner) for owner in ("one", "two")]

    for inbox in inboxes:
        inbox.start()
    wait_for(lambda: not set(receiving.states()) & {"received", "processing"}, 60)
    end(*inboxes)

    assert receiving.attempts("github.com") == receiving.truth("github")
    assert receiving.rows("SELECT count(*) AS n FROM receipts WHERE tries > 1")[0]["n"] == 0
