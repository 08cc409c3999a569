"""Whole polls of GitLab: the real collector against the simulator, recorded into real Postgres, against the truth."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from collectors import COLLECTORS
from collectors.gitlab import GitLabSettings
from collectors.poll import Poller
from shared import leases, sources
from shared.clock import utc_now
from shared.config.settings import Config
from shared.leases import Claim
from shared.secret import SecretSource
from simulator import Simulator
from tests.collectors.watching import Watching


class WatchingGitLab(Watching):
    """Projects of one simulated GitLab on one database."""

    def __init__(self, engine: Engine, simulator: Simulator, token_file: Path) -> None:
        token_file.write_text(simulator.token)
        self.engine = engine
        self.simulator = simulator
        self.gitlab = GitLabSettings(
            kind="gitlab",
            name="gitlab.test",
            base_url=simulator.gitlab_url,
            watch=simulator.gitlab_projects,
            token=SecretSource(file=token_file),
            page_size=10,
        )
        with Session(engine) as session, session.begin():
            sources.sync(session, Config(providers=(self.gitlab,)), utc_now())

    def poller(self) -> Poller:
        return Poller(self.engine, (self.gitlab,), COLLECTORS, (), floor_seconds=1)

    def claim(self, owner: str = "test") -> list[Claim]:
        with Session(self.engine) as session, session.begin():
            return leases.claim(session, owner, [self.gitlab.name], 10)

    def ledger(self) -> list[dict[str, Any]]:
        return self.simulator.ledger(provider="gitlab")

    def truth(self) -> dict[tuple[str, int], str]:
        return {(entry["external_id"], entry["attempt"]): entry["status"] for entry in self.ledger()}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    # A clock that is ahead of ours would hold the watermark back, and every poll would read everything.
    behind = utc_now() - timedelta(minutes=15)
    with Simulator(seed=11, profile="drill", runs=66, seconds=60, now=behind, speed=0) as simulator:
        yield simulator


@pytest.fixture
def watching(database: Engine, simulator: Simulator, tmp_path: Path) -> WatchingGitLab:
    return WatchingGitLab(database, simulator, tmp_path / "token")


def play(watching: Watching, *, step_seconds: float, turns: int) -> None:
    for _ in range(turns):
        watching.turn()
        watching.simulator.clock.advance(step_seconds)
    for _ in range(2):
        watching.turn()


@pytest.mark.parametrize(("step_seconds", "turns"), [(7, 18), (60, 3), (300, 1)])
def test_every_attempt_is_recorded_as_it_truly_stands_however_seldom_we_look(
    watching: WatchingGitLab, step_seconds: float, turns: int
) -> None:
    play(watching, step_seconds=step_seconds, turns=turns)

    truth = watching.truth()
    assert len(truth) > 60
    assert max(attempt for _, attempt in truth) == 3
    assert watching.attempts() == truth
    assert watching.rows("SELECT last_error FROM sources WHERE last_error IS NOT NULL") == []
    assert watching.rows("SELECT * FROM quarantine") == []


def test_a_retry_between_two_polls_gives_two_verdicts_though_nobody_saw_it_run(watching: WatchingGitLab) -> None:
    retried = next(
        entry
        for entry in watching.simulator.ledger(at_end=True, provider="gitlab")
        if entry["attempt"] == 2 and entry["status"] == "failed"
    )
    watching.simulator.clock.advance(200)
    watching.turn()

    verdicts = {
        number: status for (build, number), status in watching.attempts().items() if build == retried["external_id"]
    }
    assert verdicts[1] == verdicts[2] == "failed"
    history = watching.rows(f"""
        SELECT a.number, a.finished_at > a.started_at AS has_times, a.duration_seconds > 0 AS has_duration
        FROM attempts a JOIN builds b ON b.id = a.build_id
        WHERE b.external_id = '{retried["external_id"]}' ORDER BY a.number""")
    assert all(row["has_times"] and row["has_duration"] for row in history)


def test_children_and_downstream_pipelines_know_the_build_that_started_them(watching: WatchingGitLab) -> None:
    play(watching, step_seconds=10, turns=12)

    started = {entry["external_id"]: entry["parent"] for entry in watching.ledger() if entry["parent"]}
    stored = {
        row["external_id"]: [row["parent"]["pipeline_external_id"], row["parent"]["external_id"]]
        for row in watching.rows("""
            SELECT external_id, metadata -> 'parent' AS parent FROM builds WHERE metadata -> 'parent' IS NOT NULL""")
    }
    assert len({tuple(parent) for parent in started.values()}) > 2
    assert stored == started


def test_jobs_are_stored_with_the_attempt_in_which_they_ran(watching: WatchingGitLab) -> None:
    play(watching, step_seconds=20, turns=8)

    stored = {
        (row["external_id"], row["number"], row["job"]): row["status"]
        for row in watching.rows("""
            SELECT b.external_id, j.attempt AS number, j.external_id AS job, j.status
            FROM jobs j JOIN builds b ON b.id = j.build_id""")
    }
    truth = {
        (entry["external_id"], entry["attempt"], job["external_id"]): job["status"]
        for entry in watching.ledger()
        for job in entry["jobs"]
    }
    assert stored == truth


def test_a_second_look_writes_nothing(watching: WatchingGitLab) -> None:
    play(watching, step_seconds=40, turns=6)
    written = (
        "SELECT 'build', xmin::text, id FROM builds UNION ALL SELECT 'job', xmin::text, id FROM jobs ORDER BY 1, 3"
    )
    before = watching.rows(written), watching.rows("SELECT count(*) AS events FROM events")

    watching.turn()

    assert (watching.rows(written), watching.rows("SELECT count(*) AS events FROM events")) == before


def test_an_idle_project_costs_its_two_lists_and_nothing_else(watching: WatchingGitLab) -> None:
    play(watching, step_seconds=40, turns=6)
    watching.simulator.forget_requests()

    watching.turn()

    open_builds = sum(not entry["is_finished"] for entry in watching.ledger())
    asked = [record.target.partition("?")[0].rpartition("/")[2] for record in watching.simulator.requests("gitlab")]
    assert open_builds < 5
    assert asked.count("pipelines") <= 5 * len(watching.gitlab.watch)  # both lists, in windows of ten
    assert len(asked) - asked.count("pipelines") == 4 * open_builds


def test_a_project_that_is_down_is_said_on_its_source_and_heals(watching: WatchingGitLab) -> None:
    watching.turn()
    fault = watching.simulator.fault("server_error", site="gitlab", status=503)
    watching.turn()
    broken = watching.source()
    watching.simulator.faults.remove(fault)
    play(watching, step_seconds=100, turns=2)

    assert "503" in str(broken["last_error"])
    assert watching.source()["last_error"] is None
    assert watching.attempts() == watching.truth()
