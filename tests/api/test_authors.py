"""Who caused builds lately: to pick who one is."""

from datetime import timedelta

from flask.testing import FlaskClient

from api.authors import AuthorsSchema
from shared import authors
from shared.clock import utc_now
from tests.api.serving import World, serve, statements
from tests.factories import a_build


def builds_of(world: World, *names: str, days_ago: int = 1) -> None:
    at = utc_now() - timedelta(days=days_ago)
    world.record(*(a_build(external_id=f"{name} {days_ago}", author=name, queued_at=at) for name in names))


def names(client: FlaskClient, query: str = "") -> list[str]:
    answer = client.get(f"/api/authors{query}")
    assert answer.status_code == 200, answer.text
    assert AuthorsSchema().validate(answer.get_json()) == {}
    return [author["name"] for author in answer.get_json()["authors"]]


def test_each_author_is_named_once_with_the_newest_build(world: World, client: FlaskClient) -> None:
    builds_of(world, "ada", "eve", days_ago=9)
    builds_of(world, "ada", days_ago=2)

    found = client.get("/api/authors").get_json()["authors"]

    assert [author["name"] for author in found] == ["ada", "eve"]
    assert found[0]["last_queued_at"] > found[1]["last_queued_at"]


def test_who_has_long_not_built_is_not_named(world: World, client: FlaskClient) -> None:
    builds_of(world, "ada", days_ago=authors.LATELY_DAYS - 1)
    builds_of(world, "eve", days_ago=authors.LATELY_DAYS + 1)

    assert names(client) == ["ada"]


def test_a_part_of_the_name_finds_them_whatever_its_case(world: World, client: FlaskClient) -> None:
    builds_of(world, "Ada Lovelace", "ada@acme.test", "Grace Hopper", "100%_sure")

    assert sorted(names(client, "?q=ADA")) == ["Ada Lovelace", "ada@acme.test"]
    assert names(client, "?q=hop") == ["Grace Hopper"]
    assert names(client, "?q=%25_") == ["100%_sure"]


def test_pages_of_authors_neither_repeat_nor_skip_one(world: World, client: FlaskClient) -> None:
    builds_of(world, *(f"author {at:02}" for at in range(7)))
    first = client.get("/api/authors?limit=3")

    assert first.get_json()["next_cursor"]
    rest = names(client, f"?limit=50&cursor={first.get_json()['next_cursor']}")
    assert [author["name"] for author in first.get_json()["authors"]] + rest == [f"author {at:02}" for at in range(7)]


def test_among_many_authors_a_page_says_how_far_it_looked(world: World, client: FlaskClient) -> None:
    builds_of(world, *(f"author {at:05}" for at in range(authors.EXAMINED + 5)), "zoe")

    first = client.get("/api/authors?q=zoe").get_json()

    assert first["authors"] == []
    assert names(client, f"?q=zoe&cursor={first['next_cursor']}") == ["zoe"]


def test_all_authors_are_there_as_a_file(world: World, client: FlaskClient) -> None:
    builds_of(world, *(f"author {at:02}" for at in range(60)))

    lines = client.get("/api/authors?format=csv").text.splitlines()

    assert lines[0] == "name,last_queued_at"
    assert [line.split(",")[0] for line in lines[1:]] == [f"author {at:02}" for at in range(60)]


def test_it_costs_the_same_statements_however_many_there_are(world: World) -> None:
    client = serve(world.engine)
    costs = []
    for count in (1, 30):
        builds_of(world, *(f"author {at}" for at in range(count)), days_ago=count)
        with statements(world.engine) as sent:
            client.get("/api/authors")
        costs.append(len(sent))

    assert costs == [3, 3]
