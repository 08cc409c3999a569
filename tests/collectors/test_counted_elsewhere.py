"""What goes wrong outside polls is counted too: looking through patterns, fetching logs, fetching for webhooks."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from collectors.github import GitHubSettings
from collectors.gitlab import GitLabSettings
from shared.secret import SecretSource
from simulator import Simulator
from tests.api.serving import serve
from tests.api.stand import wait_for
from tests.api.test_exposition import samples
from tests.collectors.discovering import Discovering
from tests.collectors.log_stand import LogStand, a_zip, github, plain
from tests.collectors.receiving import end
from tests.collectors.test_inbox_receipts import Desk, a_pipeline
from tests.factories import NOON
from tests.loopback import Heard, Loopback, reply

ORG = "northwind"
PATTERN = f"{ORG}/web*"


def counted(engine: Engine) -> dict[str, int]:
    """How often what was counted, by kind."""
    with engine.connect() as connection:
        return {row.kind: row.seen for row in connection.execute(text("SELECT kind, seen FROM collector_errors"))}


def example(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.execute(text("SELECT example FROM collector_errors")).scalar_one())


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=7, now=NOON, speed=0) as simulator:
        simulator.github.estate.add(ORG, "other")
        yield simulator


@pytest.fixture
def repository(simulator: Simulator) -> int:
    return simulator.github.estate.add(ORG, "web")


@pytest.fixture
def discovering(database: Engine, simulator: Simulator, repository: int, tmp_path: Path) -> Discovering:
    """A pattern that was looked through once and found `northwind/web`; the token is in a file."""
    (tmp_path / "token").write_text(simulator.token)
    settings = GitHubSettings(
        kind="github",
        name="github.com",
        base_url=simulator.url,
        watch=(PATTERN,),
        token=SecretSource(file=tmp_path / "token"),
    )
    discovering = Discovering(database, settings)
    discovering.look()
    return discovering


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("html", "malformed_payload"),
        ("forbidden", "unauthorized"),
        ("unauthorized", "credential_refused"),
        ("primary_limit", "rate_limited"),
    ],
)
def test_what_ends_a_look_is_counted_by_its_kind_with_what_the_pattern_found(
    discovering: Discovering, simulator: Simulator, fault: str, kind: str
) -> None:
    simulator.fault(fault)

    discovering.look()

    (error,) = serve(discovering.engine).get("/api/errors").get_json()["errors"]
    assert (error["instance"], error["scope"], error["kind"]) == ("github.com", f"{ORG}/web", kind)
    assert error["count"] == 1
    assert error["example"] == f"looking through {PATTERN}: {discovering.watch()['last_error']}"


def test_prometheus_has_the_errors_of_looks(discovering: Discovering, simulator: Simulator) -> None:
    simulator.fault("html")

    discovering.look()
    discovering.look()

    found = samples(serve(discovering.engine).get("/metrics").text)
    labels = (("instance", "github.com"), ("kind", "malformed_payload"))
    assert found["observatory_collector_errors_total", labels] == 2


def test_a_look_that_waits_for_its_credential_is_not_counted_again(
    discovering: Discovering, simulator: Simulator
) -> None:
    simulator.fault("unauthorized")

    discovering.look()
    discovering.look()

    assert counted(discovering.engine) == {"credential_refused": 1}


def test_a_token_that_cannot_be_read_for_a_look_is_counted(discovering: Discovering, tmp_path: Path) -> None:
    (tmp_path / "token").unlink()

    discovering.look()

    assert counted(discovering.engine) == {"secret_unavailable": 1}


def test_a_list_that_is_suddenly_empty_is_counted(
    discovering: Discovering, simulator: Simulator, repository: int
) -> None:
    simulator.github.estate.remove(repository)

    discovering.look()

    assert counted(discovering.engine) == {"malformed_payload": 1}
    assert "lists nothing for" in example(discovering.engine)


def test_a_pattern_that_never_found_anything_says_what_is_wrong_itself(database: Engine, simulator: Simulator) -> None:
    simulator.fault("html")
    token = SecretSource(env="TOKEN", environ={"TOKEN": simulator.token})
    discovering = Discovering(
        database,
        GitHubSettings(kind="github", name="github.com", base_url=simulator.url, watch=(PATTERN,), token=token),
    )

    discovering.look()

    assert counted(database) == {}
    assert "instead of JSON" in discovering.watch()["last_error"]


def ask_for_a_log(engine: Engine, answer: Callable[[Heard, str], bytes]) -> LogStand:
    with github(engine, lambda _: plain("never asked"), answer) as (stand, _, _):
        stand.job_log()
    return stand


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply({}, 429, {"Retry-After": "120"}), "rate_limited"),
        (reply({"message": "Bad credentials"}, 401), "credential_refused"),
        (reply({"message": "Must have admin rights"}, 403), "unauthorized"),
        (plain("<h1>Sign in</h1>", content_type="text/html"), "malformed_payload"),
    ],
)
def test_a_log_that_could_not_be_fetched_is_counted_with_its_source(database: Engine, answer: bytes, kind: str) -> None:
    stand = ask_for_a_log(database, lambda *_: answer)

    (error,) = stand.client.get("/api/errors").get_json()["errors"]

    assert (error["source_id"], error["kind"], error["count"]) == (stand.world.source_id, kind, 1)
    assert error["example"].startswith("the log of 100: ")


def test_a_log_that_is_refused_when_it_is_unpacked_is_counted(database: Engine) -> None:
    bomb = a_zip({"0_test.txt": b"\0" * 30_000_000})
    with github(database, lambda _: plain(bomb, content_type="application/zip")) as (stand, _, _):
        stand.whole_log()

    assert counted(database) == {"malformed_payload": 1}
    assert "inflates more than 200 times" in example(database)


def test_a_log_that_is_not_there_is_an_answer_and_no_error(database: Engine) -> None:
    stand = ask_for_a_log(database, lambda *_: reply({"message": "the logs for this run have expired"}, 410))

    assert stand.state() == "gone"
    assert counted(database) == {}


def test_a_log_of_a_credential_that_rests_is_not_counted_again(database: Engine) -> None:
    with github(database, lambda _: b"", lambda *_: reply({}, 429, {"Retry-After": "120"})) as (stand, _, _):
        stand.job_log()
        stand.whole_log()

    assert counted(database) == {"rate_limited": 1}


def test_a_log_of_a_build_of_no_source_is_counted_with_its_installation(database: Engine) -> None:
    html = plain("<h1>Sign in</h1>", content_type="text/html")
    with github(database, lambda _: b"", lambda *_: html) as (stand, _, _):
        stand.world.run("UPDATE pipelines SET source_id = NULL")
        stand.job_log()

    assert counted(database) == {"malformed_payload": 1}


def test_a_request_for_a_log_that_its_schedulers_died_of_is_counted(database: Engine) -> None:
    with github(database, lambda _: plain("text")) as (stand, _, _):
        stand.job_log()
        stand.world.run("UPDATE log_requests SET state = 'requested', tries = 3, settled_at = NULL")
        wait_for(lambda: stand.state() == "failed", 30)

    assert counted(database) == {"broke_off": 1}


def a_desk(engine: Engine, server: Loopback, token: SecretSource | None = None) -> Desk:
    settings = {"kind": "gitlab", "name": "gitlab.test", "base_url": server.url, "watch": ("acme/app",)}
    return Desk(engine, (GitLabSettings(**settings, token=token or SecretSource()),))


def told_of(desk: Desk, *bodies: dict[str, Any], state: str = "received") -> None:
    """Webhooks that name builds, worked off until all stand so."""
    for body in bodies:
        desk.receive(body, provider="gitlab")
    while desk.inbox.work():
        pass
    wait_for(lambda: {row[0] for row in desk.rows("state")} == {state}, 30)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply({"message": "slow down"}, 429, {"Retry-After": "120"}), "rate_limited"),
        (reply({"message": "no"}, 403), "unauthorized"),
        (plain("<h1>Sign in</h1>", content_type="text/html"), "malformed_payload"),
    ],
)
def test_a_fetch_for_a_webhook_is_counted_with_the_source_it_is_about(
    database: Engine, answer: bytes, kind: str
) -> None:
    with Loopback(lambda _: answer) as server:
        desk = a_desk(database, server)
        told_of(desk, a_pipeline(5))
        end(desk.inbox)

    (error,) = serve(database).get("/api/errors").get_json()["errors"]
    assert (error["instance"], error["scope"], error["kind"]) == ("gitlab.test", "acme/app", kind)
    assert error["count"] == 1
    assert error["example"].startswith("5, which a webhook told of: ")


def test_one_fetch_for_many_webhooks_is_one_error(database: Engine) -> None:
    with Loopback(lambda _: plain("<h1>Sign in</h1>", content_type="text/html")) as server:
        desk = a_desk(database, server)
        told_of(desk, *(a_pipeline(5) | {"repeat": number} for number in range(5)))
        end(desk.inbox)

    assert counted(database) == {"malformed_payload": len(server.heard)}
    assert len(server.heard) < 5


def test_a_build_that_is_not_there_yet_is_no_error_and_one_that_never_comes_is_given_up(database: Engine) -> None:
    with Loopback(lambda _: reply({"message": "404 Not found"}, 404)) as server:
        desk = a_desk(database, server)
        told_of(desk, a_pipeline(5))
        at_first = counted(database)
        desk.run("UPDATE receipts SET next_try_at = clock_timestamp()")
        told_of(desk, state="ignored")
        end(desk.inbox)

    assert at_first == {}
    assert counted(database) == {"given_up": 1}


def test_a_token_that_cannot_be_read_for_a_webhook_is_counted(database: Engine, tmp_path: Path) -> None:
    with Loopback(lambda _: b"") as server:
        desk = a_desk(database, server, SecretSource(file=tmp_path / "no token"))
        told_of(desk, a_pipeline(5))
        end(desk.inbox)

    assert counted(database) == {"secret_unavailable": 1}
    assert server.heard == []


def test_a_build_that_was_fetched_and_cannot_be_stored_is_counted(database: Engine, tmp_path: Path) -> None:
    with Simulator(seed=7, profile="demo", speed=0) as simulator:
        (tmp_path / "token").write_text(simulator.token)
        settings = GitLabSettings(
            kind="gitlab",
            name="gitlab.test",
            base_url=simulator.gitlab_url,
            watch=simulator.gitlab_projects,
            token=SecretSource(file=tmp_path / "token"),
        )
        desk = Desk(database, (settings,))
        desk.run("ALTER TABLE builds ADD CONSTRAINT no_builds CHECK (id < 0)")
        pipeline = next(entry for entry in simulator.ledger(provider="gitlab"))
        project = {"id": pipeline["repository_id"], "path_with_namespace": pipeline["repository"]}
        body = {"object_kind": "pipeline", "object_attributes": {"id": int(str(pipeline["external_id"]))}}
        told_of(desk, body | {"project": project})
        end(desk.inbox)

    assert counted(database) == {"quarantined_build": 1}
    assert "it could not be stored" in example(database)
