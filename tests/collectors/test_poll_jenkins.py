"""Whole polls of the simulated Jenkins, recorded into real Postgres, held against the truth ledger."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from collectors import COLLECTORS
from collectors.jenkins import JenkinsSettings
from collectors.poll import Poller
from shared import leases, sources
from shared.clock import utc_now
from shared.config.settings import Config
from shared.secret import SecretSource
from simulator import TOKEN, Simulator

INSTANCE = "jenkins"


class JenkinsWatching:
    """One source of the simulated Jenkins on one database; a `turn` polls it once."""

    def __init__(self, engine: Engine, simulator: Simulator, scope: str, token_file: Path) -> None:
        token_file.write_text(TOKEN)
        self.engine, self.simulator = engine, simulator
        self.provider = JenkinsSettings(
            kind="jenkins",
            name=INSTANCE,
            base_url=simulator.jenkins_url,
            username=simulator.jenkins_user,
            token=SecretSource(file=token_file),
            watch=(scope,),
        )
        with Session(engine) as session, session.begin():
            sources.sync(session, Config(providers=(self.provider,)), utc_now())

    def turn(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE sources SET next_poll_at = clock_timestamp() - interval '1 second'"))
        with Session(self.engine) as session, session.begin():
            claims = leases.claim(session, "test", [INSTANCE], 10)
        for claim in claims:
            Poller(self.engine, (self.provider,), COLLECTORS, (), floor_seconds=1).poll(claim)

    def play(self, *, seconds: float, step: float) -> None:
        for _ in range(round(seconds / step)):
            self.turn()
            self.simulator.clock.advance(step)
        self.turn()
        self.turn()

    def play_to_the_end(self) -> None:
        """Everything is over after three minutes; what comes after the first is the job that was made anew."""
        self.play(seconds=70, step=5)
        self.play(seconds=140, step=20)

    def truth(self) -> dict[str, dict[str, Any]]:
        return {str(entry["external_id"]): entry for entry in self.simulator.ledger(provider="jenkins")}

    def rows(self, statement: str) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement)).mappings()]

    def builds(self) -> dict[str, dict[str, Any]]:
        stored = self.rows("""
            SELECT b.*, p.external_id AS pipeline, a.has_jobs FROM builds b JOIN pipelines p ON p.id = b.pipeline_id
            JOIN attempts a ON a.build_id = b.id AND a.number = b.attempt""")
        return {row["external_id"]: row for row in stored}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=11, profile="drill", runs=60, seconds=60, speed=0) as simulator:
        yield simulator


@pytest.fixture
def watching(database: Engine, simulator: Simulator, tmp_path: Path) -> JenkinsWatching:
    return JenkinsWatching(database, simulator, "/", tmp_path / "token")


COMPARED = ("pipeline", "status", "is_finished", "is_unstable", "number", "branch", "commit_sha")


def test_every_build_is_recorded_as_it_truly_ended(watching: JenkinsWatching) -> None:
    watching.play_to_the_end()

    truth, stored = watching.truth(), watching.builds()

    begun = {key: entry for key, entry in truth.items() if entry["number"] is not None}
    assert len(begun) > 45
    assert begun.keys() <= stored.keys() <= truth.keys()
    told = {key: [stored[key][name] for name in COMPARED] for key in stored}
    assert told == {key: [truth[key][name] for name in COMPARED] for key in stored}
    finish = {
        key: row["finished_at"].isoformat() for key, row in stored.items() if row["number"] and row["finished_at"]
    }
    assert finish == {key: truth[key]["finished_at"] for key in finish}
    assert {"succeeded", "failed", "cancelled", "skipped", "unknown"} <= {row["status"] for row in stored.values()}
    assert any(
        "/feature%2Fcheckout-v2/" in key and row["branch"] == "feature/checkout-v2" for key, row in stored.items()
    )


def test_a_queued_build_keeps_its_row_when_it_gets_its_number(watching: JenkinsWatching) -> None:
    watching.play(seconds=70, step=3)

    trails = watching.rows("""
        SELECT b.external_id, b.formerly, array_agg(e.to_status ORDER BY e.pos) AS trail
        FROM builds b JOIN events e ON e.subject_kind = 'build' AND e.subject_id = b.id GROUP BY 1, 2""")
    rekeyed = [row for row in trails if row["trail"][0] == "queued" and "@" in row["external_id"]]
    assert len(rekeyed) > 10
    assert all(row["formerly"] == watching.truth()[row["external_id"]]["formerly"] for row in rekeyed)
    assert [row for row in trails if row["external_id"].startswith("queue/") and row["trail"][-1] != "cancelled"] == []
    left = [row for row in trails if row["external_id"].startswith("queue/")]
    assert left != []


def test_a_job_made_anew_begins_new_builds_under_old_numbers(watching: JenkinsWatching) -> None:
    watching.play_to_the_end()

    legacy = [key for key, row in watching.builds().items() if row["pipeline"] == "team/legacy" and row["number"] == 1]
    assert len(legacy) == 2
    deleted = [key for key in legacy if watching.truth()[key]["is_deleted"]]
    assert len(deleted) == 1
    assert watching.builds()[deleted[0]]["status"] == watching.truth()[deleted[0]]["status"]


def test_a_damaged_record_is_put_aside_and_the_good_row_stays(watching: JenkinsWatching) -> None:
    watching.play(seconds=90, step=10)
    before = {key: row["status"] for key, row in watching.builds().items() if row["pipeline"] == "records"}
    watching.simulator.clock.advance(600)
    watching.turn()

    damaged = [key for key, entry in watching.truth().items() if entry["is_corrupt"]]
    assert damaged != []
    assert {key: row["status"] for key, row in watching.builds().items() if row["pipeline"] == "records"} == before
    assert [key for key in watching.builds() if key.endswith("@0")] == []


def test_a_second_look_asks_once_and_writes_nothing(watching: JenkinsWatching) -> None:
    watching.play_to_the_end()
    written = "SELECT xmin::text, id FROM builds ORDER BY id"
    before = watching.rows(written)
    watching.simulator.forget_requests()

    watching.turn()

    assert len(watching.simulator.requests("jenkins")) == 1
    assert watching.rows(written) == before


def test_stages_are_jobs_and_a_downstream_build_knows_its_parent(watching: JenkinsWatching) -> None:
    watching.play_to_the_end()

    truth = watching.truth()
    stages = {
        row["external_id"]: row["stages"]
        for row in watching.rows("""
            SELECT b.external_id, array_agg(j.external_id ORDER BY j.external_id::int) AS stages
            FROM builds b JOIN jobs j ON j.build_id = b.id GROUP BY 1""")
    }
    wanted = {key: entry["stages"] for key, entry in truth.items() if entry["stages"] and not entry["is_deleted"]}
    assert stages == wanted
    assert all(row["has_jobs"] for row in watching.builds().values() if row["number"] and row["is_finished"])
    parents = {
        key: (row["metadata"] or {}).get("parent", {}).get("external_id") for key, row in watching.builds().items()
    }
    assert {key: parents[key] for key in stages if parents[key]} == {
        key: entry["upstream"] for key, entry in truth.items() if entry["upstream"] and entry["number"] is not None
    }


def test_a_build_that_waits_for_a_person_is_blocked(watching: JenkinsWatching) -> None:
    watching.play(seconds=70, step=3)

    trails = watching.rows("""
        SELECT b.external_id, array_agg(e.to_status ORDER BY e.pos) AS trail
        FROM builds b JOIN events e ON e.subject_kind = 'build' AND e.subject_id = b.id
        JOIN pipelines p ON p.id = b.pipeline_id WHERE p.external_id = 'team/tools/Deploy to staging' GROUP BY 1""")
    assert any("blocked" in row["trail"] and row["trail"][-1] == "succeeded" for row in trails)


def test_a_job_whose_page_breaks_hides_no_other(watching: JenkinsWatching) -> None:
    watching.simulator.clock.advance(60)
    fault = watching.simulator.fault("html", site="jenkins", path="^/job/nightly/")
    watching.turn()
    without = set(watching.builds())
    watching.simulator.faults.remove(fault)
    watching.simulator.clock.advance(100)
    watching.turn()

    assert without != set()
    assert not any(key.startswith("nightly/") for key in without)
    nightly = {key for key, entry in watching.truth().items() if entry["job"] == "nightly" and entry["number"]}
    assert nightly <= watching.builds().keys()
    assert watching.rows("SELECT kind, external_id FROM quarantine")[0] == {"kind": "job", "external_id": "nightly"}
