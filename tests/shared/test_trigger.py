"""A poll on request: due at once, once a minute, whoever asks and however often."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.trigger import Triggered, trigger
from tests.api.serving import World, a_world
from tests.factories import a_build


def ask(engine: Engine, **target: object) -> Triggered:
    with Session(engine) as session, session.begin():
        return trigger(session, **target)  # type: ignore[arg-type]


def test_a_source_asked_for_is_due_now(database: Engine) -> None:
    world = a_world(database)

    done = ask(database, source_id=world.source_id)

    assert (done.sources, done.targets) == ([world.source_id], 1)
    assert world.ask("SELECT next_poll_at <= now() AND requested_at IS NOT NULL FROM sources")


def test_a_source_is_found_by_its_provider_its_pipeline_and_its_build(database: Engine) -> None:
    github = a_world(database)
    jenkins = a_world(database, name="jenkins", provider="jenkins", scope="folder")
    github.record(a_build())
    jenkins.record(a_build(provider="jenkins"))

    assert ask(database, provider="jenkins").sources == [jenkins.source_id]
    assert ask(database, pipeline_id=1).sources == [github.source_id]
    forget(github)
    assert ask(database, build_id=2).sources == [jenkins.source_id]
    forget(github)
    assert ask(database).sources == [github.source_id, jenkins.source_id]
    assert ask(database, build_id=1, provider="jenkins").targets == 0


def forget(world: World) -> None:
    world.run("UPDATE sources SET requested_at = NULL, next_poll_at = now() + interval '1 minute'")


def test_a_thousand_clicks_are_one_poll(database: Engine) -> None:
    a_world(database)
    a_world(database, name="jenkins", provider="jenkins", scope="folder")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(database), range(1000)))

    assert sorted(source for answer in answers for source in answer.sources) == [1, 2]
    assert all(answer.targets == 2 for answer in answers)


def test_the_minute_is_counted_from_the_last_request_that_was_granted(database: Engine) -> None:
    world = a_world(database)
    world.run("UPDATE sources SET requested_at = now() - interval '45 seconds'")

    refused = ask(database)
    assert (refused.sources, refused.rest_seconds) == ([], 15)

    world.run("UPDATE sources SET requested_at = now() - interval '61 seconds'")
    assert ask(database).sources == [world.source_id]


def test_a_source_already_due_sooner_stays_due_sooner(database: Engine) -> None:
    world = a_world(database)
    world.run("UPDATE sources SET next_poll_at = now() - interval '1 hour'")

    ask(database)

    assert world.ask("SELECT next_poll_at < now() - interval '59 minutes' FROM sources")


def test_a_source_that_is_switched_off_is_not_polled(database: Engine) -> None:
    world = a_world(database)
    with database.begin() as connection:
        connection.execute(text("UPDATE sources SET is_active = false"))

    assert ask(database, source_id=world.source_id).targets == 0
