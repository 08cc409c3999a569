"""The figures over HTTP: each with its formula, and with a link to exactly the builds behind it."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from marshmallow import RAISE, Schema
from sqlalchemy import text
from sqlalchemy.orm import Session

from api import figure_shapes
from migrations.versions.r0007_numbers import COUNT_WHAT_IS_THERE
from shared import metrics
from shared.metrics import Window
from shared.metrics.fold import fold_once
from shared.queries import BuildFilter
from shared.reading import reading
from tests.api.serving import World, many_builds, serve, statements
from tests.factories import NOON, a_build, minutes
from tests.incidents import an_incident

SPAN = "since=2026-11-19T23:30:00Z&until=2026-11-21T12:10:00Z"


def a_day(world: World) -> None:
    """Builds of every kind, some flaky, some open, some outside the window."""
    told: dict[str, Any] = {"finished_at": NOON + minutes(9), "queued_seconds": 4.0}
    world.record(
        *(a_build("succeeded", external_id=f"s{n}", commit_sha=f"{n:040x}", **told) for n in range(4)),
        a_build("failed", external_id="f", **told),
        a_build("timed_out", external_id="t", commit_sha="b" * 40, finished_at=NOON + minutes(3)),
        a_build("failed", external_id="r", commit_sha="c" * 40, **told),
        a_build("succeeded", external_id="r", commit_sha="c" * 40, attempt=2, finished_at=NOON + minutes(20)),
        *(
            a_build("cancelled", external_id=f"c{reason}", cancel_reason=reason, finished_at=NOON + minutes(1))
            for reason in ("superseded", "person", "timeout", None)
        ),
        a_build("skipped", external_id="k", finished_at=NOON),
        a_build("unknown", external_id="u", is_finished=True, finished_at=NOON + minutes(1)),
        a_build("running", external_id="open"),
        a_build("queued", external_id="waits", branch="feature"),
        a_build("failed", external_id="old", queued_at=NOON - timedelta(days=9)),
        a_build("running", external_id="ghost", queued_at=NOON - timedelta(days=400)),
        a_build("succeeded", external_id="d1", commit_sha="d" * 40, event="deployment", finished_at=NOON + minutes(2)),
        a_build("timed_out", external_id="d2", commit_sha="e" * 40, event="deployment", finished_at=NOON + minutes(2)),
        a_build("running", external_id="d3", commit_sha="9" * 40, event="deployment"),
    )
    with Session(world.engine) as session, session.begin():
        fold_once(session)


def followed(client: FlaskClient, address: str, what: str = "builds") -> list[dict[str, Any]]:
    """All builds or incidents of a list, page by page; pages may be short."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = client.get(f"{address}{'&' if '?' in address else '?'}limit=3{cursor}")
        assert answer.status_code == 200, answer.get_data(as_text=True)
        found += answer.get_json()[what]
        if answer.get_json()["next_cursor"] is None:
            return found
        cursor = f"&cursor={answer.get_json()['next_cursor']}"


def counted(figures: dict[str, Any]) -> dict[str, int]:
    """How many builds each link has to lead to."""
    counts = figures["counts"]
    broken = counts["failed"] + counts["timed_out"]
    return {
        "builds": figures["builds"],
        "builds_per_hour": figures["builds"],
        "verdicts": figures["verdicts"],
        "success_rate": counts["succeeded"],
        "failure_rate": broken,
        "error_rate": broken,
        "duration_seconds": figures["duration_seconds"]["builds"],
        "queued_seconds": figures["queued_seconds"]["builds"],
        "first_try": figures["first_try"]["succeeded"],
        "first_verdicts": figures["first_try"]["verdicts"],
        "flaky": figures["flaky"]["builds"],
        "active": figures["active"]["builds"],
        "active.stale": figures["active"]["stale"],
        "dora.change_failure_rate": figures["dora"]["change_failure_rate"]["failed"],
        "dora.deployments": figures["dora"]["change_failure_rate"]["deployments"],
        **{f"counts.{status}": count for status, count in counts.items()},
        **{f"exclusions.{reason}": count for reason, count in figures["exclusions"].items()},
    }


@pytest.mark.parametrize("path", ["overview", "overview?branch=main&", "overview?repository=acme/web&", "pipeline/1"])
def test_every_link_leads_to_exactly_the_builds_behind_its_figure(world: World, client: FlaskClient, path: str) -> None:
    a_day(world)

    figures = client.get(f"/api/metrics/{path}{'' if '?' in path else '?'}{SPAN}").get_json()

    links = {name: link for name, link in figures["links"].items() if link.startswith("/api/builds")}
    assert {name: len(followed(client, link)) for name, link in links.items()} == counted(figures)
    assert min(counted(figures)[name] for name in ("success_rate", "flaky", "queued_seconds", "first_try")) > 0


@pytest.mark.parametrize("branch", ["", "branch=feature&"])
def test_links_of_incidents_lead_to_exactly_those_behind_the_figure(
    world: World, client: FlaskClient, branch: str
) -> None:
    a_day(world)
    day = timedelta(days=1)
    for name in ("main", "feature"):
        long_over = an_incident(world.engine, branch=name, opened_at=NOON - 9 * day, fixed_at=NOON - 8 * day)
        begun_before = an_incident(world.engine, branch=name, opened_at=NOON - 7 * day, fixed_at=NOON)
        within = an_incident(world.engine, branch=name, opened_at=NOON, fixed_at=NOON + minutes(30))
        over_later = an_incident(world.engine, branch=name, opened_at=NOON, fixed_at=NOON + 2 * day)
        still_open = an_incident(world.engine, branch=name, opened_at=NOON + minutes(40))
        opened_later = an_incident(world.engine, branch=name, opened_at=NOON + 2 * day, fixed_at=NOON + 3 * day)
        if name == ("feature" if branch else "main"):
            expected = {
                "recovery.fixed": [begun_before, within],
                "recovery.red_seconds": [begun_before, within, over_later, still_open],
                "recovery.open": [over_later, still_open],
            }
            assert long_over < opened_later
    expected |= dict.fromkeys(("recovery.average", "recovery.p50", "dora.recovery_time"), expected["recovery.fixed"])
    world.run("UPDATE pipelines SET default_branch = 'main'")

    figures = client.get(f"/api/metrics/overview?{branch}{SPAN}").get_json()

    links = {name: link for name, link in figures["links"].items() if link.startswith("/api/incidents")}
    found = {name: sorted(row["id"] for row in followed(client, link, "incidents")) for name, link in links.items()}
    assert found == expected
    assert (figures["recovery"]["fixed"], figures["recovery"]["open"]) == (2, 2)
    before = figures["trend"]["links"]["recovery.red_seconds"]
    assert len(followed(client, before, "incidents")) == 1


def test_what_was_before_and_every_bucket_lead_to_their_builds(world: World, client: FlaskClient) -> None:
    a_day(world)
    world.record(a_build("failed", external_id="before", queued_at=NOON - timedelta(days=2), finished_at=NOON))

    figures = client.get(f"/api/metrics/overview?bucket=day&{SPAN}").get_json()

    assert [len(followed(client, part["link"])) for part in figures["series"]] == [
        part["builds"] for part in figures["series"]
    ]
    before = figures["trend"]["links"]
    assert len(followed(client, before["builds"])) == figures["trend"]["builds"] == 1
    assert len(followed(client, before["failure_rate"])) == 1


def test_a_branch_with_a_comma_is_asked_for_and_linked_to(world: World, client: FlaskClient) -> None:
    world.record(*(a_build(external_id=name, branch=name, author="Doe, John") for name in ("a,b", "a", "b", "c\\,d")))

    for address in ("?branch=a%5C,b,c%5C%5C%5C,d&", "?branch=a%5C,b&branch=c%5C%5C%5C,d&"):
        figures = client.get(f"/api/metrics/overview{address}{SPAN}").get_json()
        listed = followed(client, figures["links"]["builds"])

        assert figures["builds"] == 2
        assert {build["branch"] for build in listed} == {"a,b", "c\\,d"}
    groups = client.get(f"/api/metrics?by=branch&{SPAN}").get_json()["groups"]
    assert {group["branch"]: len(followed(client, group["link"])) for group in groups} == dict.fromkeys(
        ("a,b", "a", "b", "c\\,d"), 1
    )
    assert len(followed(client, "/api/builds?author=Doe%5C,%20John")) == 4


def test_a_refused_value_says_how_a_comma_is_written(client: FlaskClient) -> None:
    answer = client.get("/api/metrics/overview?branch=a,,b")

    assert answer.status_code == 422
    assert r"a comma within a value is written \," in answer.get_json()["errors"][0]["message"]


def test_every_figure_has_its_formula(world: World, client: FlaskClient) -> None:
    a_day(world)

    figures = client.get(f"/api/metrics/pipeline/1?{SPAN}").get_json()

    without = {"formula", "links", "pipeline", "series", "stale_sources", "as_of", "counts", "left_out"}
    assert figures.keys() - without <= figures["formula"].keys()


SHAPES: dict[str, type[Schema]] = {
    "overview?bucket=day&timezone=Asia/Kolkata&": figure_shapes.OverviewSchema,
    "overview?branch=feature&": figure_shapes.OverviewSchema,
    "pipeline/1?bucket=hour&": figure_shapes.PipelineFiguresSchema,
    "flaky?": figure_shapes.FlakySchema,
    "slowdowns?": figure_shapes.SlowdownsSchema,
    "../projects/default/analytics?": figure_shapes.ProjectFiguresSchema,
}


@pytest.mark.parametrize("path", SHAPES)
def test_an_answer_equals_what_its_documented_shape_would_write(world: World, client: FlaskClient, path: str) -> None:
    a_day(world)
    world.record(*slow(1, 0), *slow(2, 36))
    shape = SHAPES[path]()

    answer = client.get(f"/api/metrics/{path}{SPAN}".replace("/metrics/..", ""))

    assert answer.status_code == 200
    assert shape.dump(shape.load(answer.get_json(), unknown=RAISE)) == answer.get_json()


def slow(minutes_each: int, hours_later: int) -> list[Any]:
    """Twenty builds of another pipeline, of about so many minutes."""
    queued_at = NOON - timedelta(hours=36 - hours_later)
    return [
        a_build(
            external_id=f"{hours_later}-{number}",
            pipeline_external_id="2/20",
            pipeline_name="slow",
            queued_at=queued_at + minutes(number),
            finished_at=queued_at + minutes(number) + minutes(minutes_each) + timedelta(seconds=number),
        )
        for number in range(20)
    ]


def test_rankings_name_what_is_flaky_and_what_became_slower(world: World, client: FlaskClient) -> None:
    a_day(world)
    world.record(*slow(1, 0), *slow(2, 36))

    flaky = client.get(f"/api/metrics/flaky?{SPAN}").get_json()["pipelines"]
    slower = client.get(f"/api/metrics/slowdowns?{SPAN}").get_json()["pipelines"]

    assert [(row["pipeline_name"], row["builds"], row["last_flake"]["passed_attempt"]) for row in flaky] == [
        ("ci", 1, 2)
    ]
    assert len(followed(client, flaky[0]["link"])) == 1
    assert [(row["pipeline_name"], row["builds_before"], row["builds"]) for row in slower] == [("slow", 20, 20)]
    assert slower[0]["growth"] > 0.5
    assert [len(followed(client, slower[0][link])) for link in ("link", "link_before")] == [20, 20]
    assert client.get("/api/metrics/pipeline/2?" + SPAN).get_json()["slowdown"]["is_slower"]


def test_a_project_has_the_same_figures(world: World, client: FlaskClient) -> None:
    a_day(world)
    world.run("INSERT INTO projects (key, name, team) VALUES ('shop', 'Shop', 'payments')")
    world.run("UPDATE pipelines SET project_id = (SELECT id FROM projects WHERE key = 'shop')")
    with Session(world.engine) as session, session.begin():
        fold_once(session)

    found = client.get(f"/api/projects/shop/analytics?{SPAN}").get_json()

    assert (found["project"]["name"], found["project"]["team"]) == ("Shop", "payments")
    assert found["builds"] == client.get(f"/api/metrics/overview?{SPAN}").get_json()["builds"] > 0
    assert client.get(f"/api/projects/default/analytics?{SPAN}").get_json()["builds"] == 0
    assert client.get("/api/projects/none/analytics").status_code == 404


REFUSED = {
    "overview?timezone=Berlin": ("timezone", "must be a time zone such as Europe/Berlin or UTC"),
    "overview?bucket=minute": ("bucket", "must be one of hour, day, week, month"),
    "overview?bucket=hour&since=2020-01-01T00:00:00Z": ("bucket", "more than 500 buckets"),
    "overview?bucket=hour&timezone=Asia/Kolkata&since=2026-11-01T00:00:00Z&until=2026-11-20T00:00:00Z": (
        "bucket",
        "cut more than 100 hours",
    ),
}


@pytest.mark.parametrize("path", REFUSED)
def test_what_cannot_be_meant_or_cut_is_refused_in_words(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/api/metrics/{path}")

    field, words = REFUSED[path]
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == field
    assert words in answer.get_json()["errors"][0]["message"]


def test_what_is_not_counted_yet_is_said(world: World, client: FlaskClient) -> None:
    world.record(a_build())
    world.run("DELETE FROM metric_changes")
    world.run(COUNT_WHAT_IS_THERE)

    before = client.get(f"/api/metrics/overview?{SPAN}").get_json()
    with Session(world.engine) as session, session.begin():
        fold_once(session)

    assert (before["counting"], before["builds"]) == (1, 0)
    assert client.get(f"/api/metrics/overview?{SPAN}").get_json()["counting"] == 0


@pytest.mark.parametrize("count", [1, 80])
def test_figures_cost_the_same_statements_however_much_there_is(world: World, count: int) -> None:
    for place in range(1 + count // 20):
        world.record(*many_builds(count // 4 + 1, pipeline_external_id=f"1/{place}"))
    client = serve(world.engine)
    paths = ("overview", "overview?bucket=hour", "overview?branch=feature", "?by=pipeline", "flaky", "slowdowns")
    sent = {}

    for path in paths:
        with statements(world.engine) as sent[path]:
            assert client.get(f"/api/metrics/{path}".replace("/?", "?")).status_code == 200

    assert {path: len(found) for path, found in sent.items()} == {
        "overview": 8, "overview?bucket=hour": 8, "overview?branch=feature": 10, "?by=pipeline": 12,
        "flaky": 6, "slowdowns": 6,
    }  # fmt: skip


def test_figures_read_no_builds_but_those_of_hours_that_the_window_cuts(world: World, client: FlaskClient) -> None:
    world.record(*many_builds(300))
    with Session(world.engine) as session, session.begin():
        fold_once(session)
    world.run("ANALYZE")
    address = "/api/metrics/overview?since=2026-11-20T12:30:00Z&until=2026-11-20T16:00:00Z"

    before = reads(world)
    found = client.get(address).get_json()

    assert found["builds"] == 210
    assert reads(world) - before < 100


def test_a_build_that_finishes_while_figures_are_read_is_counted_once(world: World) -> None:
    world.record(a_build("running"))
    with reading(world.engine, is_one_snapshot=True) as opened:
        opened.session.scalar(text("SELECT count(*) FROM builds"))
        world.record(a_build("succeeded"))
        with Session(world.engine) as session, session.begin():
            fold_once(session)

        found = metrics.overview(opened.session, BuildFilter(), Window(NOON, NOON + minutes(1), NOON))

    assert (found["builds"], found["verdicts"], found["active"]) == (
        1, 0, {"builds": 1, "by_status": {"running": 1}, "stale": 0},
    )  # fmt: skip


def reads(world: World) -> int:
    """How many rows of `builds` were fetched so far, by whoever."""
    with world.engine.begin() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
    with world.engine.begin() as connection:
        found = connection.scalar(
            text("SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = 'builds'")
        )
    return int(found or 0)
