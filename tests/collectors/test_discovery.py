"""Patterns at a simulated GitHub: everything is found once, renamed, archived and back; no trouble loses anything."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from collectors.discovery import LOOK_SECONDS
from collectors.github import GitHubSettings
from shared import credentials, watches
from shared.config.settings import ProjectSettings
from shared.secret import SecretSource, fingerprint
from simulator import Simulator
from tests.collectors.discovering import Discovering
from tests.factories import NOON

ORG = "northwind"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=7, now=NOON, speed=0) as simulator:
        yield simulator


def github(simulator: Simulator, *watch: str) -> GitHubSettings:
    return GitHubSettings(
        kind="github",
        name="github.com",
        base_url=simulator.url,
        watch=watch,
        token=SecretSource(env="TOKEN", environ={"TOKEN": simulator.token}),
    )


def populate(simulator: Simulator, *names: str) -> list[int]:
    return [simulator.github.estate.add(ORG, name) for name in names]


def test_an_organisation_of_many_pages_is_found_completely_and_once(database: Engine, simulator: Simulator) -> None:
    names = [f"service-{number:03}" for number in range(120)]
    populate(simulator, *names)
    discovering = Discovering(database, github(simulator, f"{ORG}/*"))

    discovering.look()
    discovering.look()

    assert discovering.active() == [f"{ORG}/{name}" for name in names]
    found = discovering.source(f"{ORG}/service-000")
    assert (found["origin"], found["pattern"], found["external_id"]) == ("found", f"{ORG}/*", "800000001")
    watch = discovering.watch()
    assert (watch["found"], watch["failures"], watch["last_error"], watch["lease_owner"]) == (120, 0, None, None)
    wait = "SELECT extract(epoch FROM next_look_at - clock_timestamp()) AS seconds FROM watches"
    assert LOOK_SECONDS - 20 < discovering.rows(wait)[0]["seconds"] <= LOOK_SECONDS


def test_a_user_is_looked_through_where_there_is_no_organisation_of_that_name(
    database: Engine, simulator: Simulator
) -> None:
    simulator.github.estate.add("grace", "notes", is_user=True)
    discovering = Discovering(database, github(simulator, "grace/*"))

    discovering.look()

    assert discovering.active() == ["grace/notes"]


def test_private_repositories_are_found_with_a_token_and_polled_like_any_other(
    database: Engine, simulator: Simulator
) -> None:
    owner = simulator.repositories[0].partition("/")[0]
    discovering = Discovering(database, github(simulator, f"{owner}/*"))

    discovering.look()

    assert discovering.active() == sorted(simulator.repositories)
    assert discovering.rows("SELECT 1 FROM sources WHERE next_poll_at <= clock_timestamp()") != []


def test_exclusions_and_narrow_patterns_leave_out_the_rest(database: Engine, simulator: Simulator) -> None:
    populate(simulator, "web-shop", "web-old", "api", "web-archived-2019")
    discovering = Discovering(database, github(simulator, f"{ORG}/web-*", f"!{ORG}/*-archived-*", f"!{ORG}/web-old"))

    discovering.look()

    assert discovering.active() == [f"{ORG}/web-shop"]


def test_an_archived_repository_is_left_out_and_one_that_becomes_so_rests(
    database: Engine, simulator: Simulator
) -> None:
    first, second, _ = populate(simulator, "web", "api", "tools")
    simulator.github.estate.archive(first)
    discovering = Discovering(database, github(simulator, f"{ORG}/*"))
    discovering.look()

    simulator.github.estate.archive(second)
    discovering.look()

    assert (discovering.active(), discovering.archived()) == ([f"{ORG}/tools"], [f"{ORG}/api"])


def test_a_rename_keeps_the_source_its_cursor_and_its_baseline(database: Engine, simulator: Simulator) -> None:
    repository, _ = populate(simulator, "web", "api")
    discovering = Discovering(
        database, github(simulator, f"{ORG}/*"), ProjectSettings(key="shop", sources=(f"github.com:{ORG}/storefront",))
    )
    discovering.look()
    with database.begin() as connection:
        connection.execute(text("""UPDATE sources SET cursor = '{"turn": 3}', baseline_at = '2026-11-01T00:00Z'"""))
    before = discovering.source(f"{ORG}/web")

    simulator.github.estate.rename(repository, "storefront", simulator.clock.now())
    discovering.look()

    after = discovering.source(f"{ORG}/storefront")
    kept = ("id", "cursor", "baseline_at", "next_poll_at", "is_active", "external_id", "created_at")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert after["project_id"] != before["project_id"]
    assert discovering.active() == [f"{ORG}/api", f"{ORG}/storefront"]


@pytest.mark.parametrize("patterns", [("web-*", "shop-*"), ("shop-*", "web-*")])
def test_a_rename_into_another_pattern_keeps_the_source_whichever_is_looked_through_first(
    database: Engine, simulator: Simulator, patterns: tuple[str, str]
) -> None:
    repository, *_ = populate(simulator, "web-one", "web-two", "shop-two")
    discovering = Discovering(database, github(simulator, *(f"{ORG}/{pattern}" for pattern in patterns)))
    discovering.look()
    with database.begin() as connection:
        connection.execute(text("""UPDATE sources SET cursor = '{"turn": 3}', baseline_at = '2026-11-01T00:00Z'"""))
    before = discovering.source(f"{ORG}/web-one")

    simulator.github.estate.rename(repository, "shop-one", simulator.clock.now())
    discovering.look()
    discovering.look()

    after = discovering.source(f"{ORG}/shop-one")
    kept = ("id", "cursor", "baseline_at", "is_active", "archived_at")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert after["pattern"] == f"{ORG}/shop-*"


def test_one_that_was_away_for_longer_begins_anew(database: Engine, simulator: Simulator) -> None:
    populate(simulator, "web", "api")
    discovering = Discovering(database, github(simulator, f"{ORG}/*"))
    discovering.look()
    with database.begin() as connection:
        connection.execute(
            text("""UPDATE sources SET cursor = '{"turn": 3}', baseline_at = '2026-11-01T00:00Z', is_active = false,
                    archived_at = clock_timestamp() - interval '2 hours' WHERE scope LIKE '%web'""")
        )

    discovering.look()

    back = discovering.source(f"{ORG}/web")
    assert (back["is_active"], back["cursor"], back["baseline_at"]) == (True, {}, None)


def test_two_repositories_that_swap_their_names_stay_who_they_are(database: Engine, simulator: Simulator) -> None:
    one, two = populate(simulator, "one", "two")
    discovering = Discovering(database, github(simulator, f"{ORG}/*"))
    discovering.look()
    ids = {row["external_id"]: row["id"] for row in discovering.rows("SELECT id, external_id FROM sources")}

    simulator.github.estate.rename(one, "two", simulator.clock.now())
    simulator.github.estate.rename(two, "one", simulator.clock.now())
    discovering.look()

    assert discovering.source(f"{ORG}/two")["id"] == ids[str(one)]
    assert discovering.source(f"{ORG}/one")["id"] == ids[str(two)]


def test_what_vanished_is_archived_and_begins_anew_when_it_is_back(database: Engine, simulator: Simulator) -> None:
    repository, _ = populate(simulator, "web", "api")
    discovering = Discovering(database, github(simulator, f"{ORG}/*"))
    discovering.look()
    with database.begin() as connection:
        connection.execute(text("""UPDATE sources SET cursor = '{"turn": 3}', baseline_at = '2026-11-01T00:00Z'"""))

    simulator.github.estate.remove(repository)
    discovering.look()
    gone = discovering.archived()
    simulator.github.estate.add(ORG, "web")
    discovering.look()

    assert gone == [f"{ORG}/web"]
    assert discovering.active() == [f"{ORG}/api", f"{ORG}/web"]
    back = discovering.source(f"{ORG}/web")
    assert (back["cursor"], back["baseline_at"], back["archived_at"]) == ({}, None, None)
    # A repository of the same name is another repository; the history of the first stays with the first.
    assert discovering.archived() == [f"{ORG}/web~{repository}"]
    assert discovering.source(f"{ORG}/api")["cursor"] == {"turn": 3}


def test_what_is_missing_is_looked_for_twice_before_it_is_archived(database: Engine, simulator: Simulator) -> None:
    repository, _ = populate(simulator, "web", "api")
    discovering = Discovering(database, github(simulator, f"{ORG}/*"))
    discovering.look()
    simulator.github.estate.remove(repository)
    simulator.forget_requests()

    discovering.look()

    assert len(simulator.requests("github")) == 2
    assert discovering.archived() == [f"{ORG}/web"]


@pytest.mark.parametrize(
    ("fault", "settings"),
    [
        ("server_error", {"count": 100}),
        ("not_found", {"count": 100}),
        ("forbidden", {"count": 100}),
        ("html", {"count": 100}),
    ],
)
def test_a_list_that_fails_archives_nobody_and_says_why(
    database: Engine, simulator: Simulator, fault: str, settings: dict[str, int]
) -> None:
    populate(simulator, "web", "api")
    discovering = Discovering(database, github(simulator, f"{ORG}/*"))
    discovering.look()

    simulator.fault(fault, path="/repos", **settings)
    discovering.look()

    assert discovering.active() == [f"{ORG}/api", f"{ORG}/web"]
    watch = discovering.watch()
    assert (watch["failures"], watch["found"], watch["lease_owner"]) == (1, 2, None)
    assert watch["last_error"]


def test_a_list_that_breaks_off_adds_what_it_showed_and_archives_nobody(database: Engine, simulator: Simulator) -> None:
    ids = populate(simulator, *(f"service-{number:03}" for number in range(100)))
    discovering = Discovering(database, github(simulator, f"{ORG}/*"))
    discovering.look()
    simulator.github.estate.remove(ids[0])
    populate(simulator, "new", "newer")

    simulator.fault("server_error", path="page=2", count=100)
    discovering.look()

    assert len(discovering.active()) == 101
    assert f"{ORG}/new" in discovering.active()
    assert discovering.archived() == []


def test_a_list_that_is_suddenly_empty_archives_nobody(database: Engine, simulator: Simulator) -> None:
    repository = simulator.github.estate.add(ORG, "web")
    simulator.github.estate.add(ORG, "secret", is_private=True)
    discovering = Discovering(database, github(simulator, f"{ORG}/web*"))
    discovering.look()

    simulator.github.estate.remove(repository)
    discovering.look()

    assert discovering.active() == [f"{ORG}/web"]
    assert "lists nothing for northwind/web* any more, where it listed 1" in discovering.watch()["last_error"]


def test_an_owner_nobody_knows_is_said_in_words(database: Engine, simulator: Simulator) -> None:
    discovering = Discovering(database, github(simulator, "nobody/*"))

    discovering.look()

    assert "no organisation or user called nobody" in discovering.watch()["last_error"]


def test_a_credential_that_rests_is_not_used(database: Engine, simulator: Simulator) -> None:
    populate(simulator, "web")
    discovering = Discovering(database, github(simulator, f"{ORG}/*"))
    simulator.fault("primary_limit", path="/repos", count=1)
    discovering.look()
    simulator.forget_requests()

    discovering.look()

    assert simulator.requests("github") == []
    assert discovering.active() == []
    wait = "SELECT next_look_at > clock_timestamp() AS rests FROM watches"
    assert discovering.rows(wait) == [{"rests": True}]


def test_a_configured_source_is_found_once_and_stays_when_its_entry_is_taken_out(
    database: Engine, simulator: Simulator
) -> None:
    populate(simulator, "web", "api")
    discovering = Discovering(database, github(simulator, f"{ORG}/web", f"{ORG}/*"))
    discovering.look()
    named = discovering.source(f"{ORG}/web")

    discovering.configure(f"{ORG}/*")

    adopted = discovering.source(f"{ORG}/web")
    assert (named["origin"], named["external_id"]) == ("config", "800000001")
    assert (adopted["id"], adopted["origin"], adopted["is_active"]) == (named["id"], "found", True)
    assert discovering.active() == [f"{ORG}/api", f"{ORG}/web"]


def test_a_pattern_that_is_taken_out_archives_what_no_other_stands_for(database: Engine, simulator: Simulator) -> None:
    populate(simulator, "web", "api", "tools")
    discovering = Discovering(database, github(simulator, f"{ORG}/*"))
    discovering.look()

    discovering.configure(f"{ORG}/web*", f"{ORG}/tools")

    assert discovering.active() == [f"{ORG}/tools", f"{ORG}/web"]
    assert discovering.archived() == [f"{ORG}/api"]
    assert discovering.source(f"{ORG}/web")["pattern"] == f"{ORG}/web*"


def test_a_changed_exclusion_holds_at_once_and_its_end_is_looked_up_at_once(
    database: Engine, simulator: Simulator
) -> None:
    populate(simulator, "web", "api")
    discovering = Discovering(database, github(simulator, f"{ORG}/*"))
    discovering.look()

    discovering.configure(f"{ORG}/*", f"!{ORG}/api")
    excluded = discovering.active()
    discovering.configure(f"{ORG}/*")
    discovering.discoverer().find_sources()

    assert excluded == [f"{ORG}/web"]
    assert discovering.active() == [f"{ORG}/api", f"{ORG}/web"]


def test_a_repeat_of_the_configuration_changes_nothing(database: Engine, simulator: Simulator) -> None:
    populate(simulator, "web")
    discovering = Discovering(database, github(simulator, f"{ORG}/*"))
    discovering.look()
    rows = "SELECT ctid, * FROM sources UNION ALL SELECT NULL, * FROM sources WHERE false"
    before = (discovering.rows(rows), discovering.watch())

    discovering.sync()

    assert (discovering.rows(rows), discovering.watch()) == before


def test_a_pattern_held_by_another_process_is_left_to_it(database: Engine, simulator: Simulator) -> None:
    populate(simulator, "web")
    discovering = Discovering(database, github(simulator, f"{ORG}/*"))
    with database.begin() as connection:
        connection.execute(
            text("UPDATE watches SET lease_owner = 'other', lease_until = clock_timestamp() + interval '1 minute'")
        )

    discovering.look()

    assert (discovering.active(), simulator.requests("github")) == ([], [])


def test_a_stopping_process_asks_nothing_and_gives_the_pattern_back(database: Engine, simulator: Simulator) -> None:
    populate(simulator, "web")
    discovering = Discovering(database, github(simulator, f"{ORG}/*"))
    discoverer = discovering.discoverer()

    discovering.stop.set()
    discoverer.find_sources()
    discoverer.stop()

    assert simulator.requests("github") == []
    assert discovering.watch()["lease_owner"] is None


def test_a_credential_that_a_poll_uses_is_waited_for(database: Engine, simulator: Simulator) -> None:
    populate(simulator, "web")
    discovering = Discovering(database, github(simulator, f"{ORG}/*"))
    secret = fingerprint(SecretStr(simulator.token))
    with Session(database) as session, session.begin():
        (instance,) = session.execute(text("SELECT id FROM instances")).scalars()
        assert watches.take_credential(session, credentials.name_of("github.com", secret), instance, "a poll")

    with ThreadPoolExecutor(1) as pool:
        look = pool.submit(discovering.look)
        with pytest.raises(TimeoutError):
            look.result(timeout=1)
        asked_meanwhile = simulator.requests("github")
        with Session(database) as session, session.begin():
            credentials.let_go(session, "a poll")
        look.result(timeout=20)

    assert asked_meanwhile == []
    assert discovering.active() == [f"{ORG}/web"]
    assert discovering.rows("SELECT lease_owner FROM credentials") == [{"lease_owner": None}]


def test_without_a_token_the_few_requests_are_left_to_polls(database: Engine, simulator: Simulator) -> None:
    populate(simulator, "web")
    settings = github(simulator, f"{ORG}/*").model_copy(update={"token": SecretSource()})
    discovering = Discovering(database, settings)

    discovering.look()

    wait = "SELECT next_look_at > clock_timestamp() + interval '55 minutes' AS rests FROM watches"
    assert discovering.rows(wait) == [{"rests": True}]
    assert discovering.active() == [f"{ORG}/web"]
