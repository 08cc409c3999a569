"""Badges: what they say of a pipeline, as an image that is legible everywhere, and to whom."""

import re
from typing import Any
from xml.dom.minidom import parseString
from xml.etree import ElementTree as ET

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from api.badge_svg import Badge, Color, Style, badge_svg
from api.badge_widths import text_width
from api.badges import duration_words
from shared.keys import Scope
from shared.metrics.brief import MOST_LOOKED_AT
from shared.metrics.fold import fold
from tests.api.serving import World, a_world, serve, statements
from tests.factories import NOON, a_build, minutes

BY_NAME = "/badge/github/acme/web/ci"


def shield(client: FlaskClient, address: str = "/badge/pipeline/1.json", **query: str) -> dict[str, Any]:
    answer = client.get(address, query_string=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def message(client: FlaskClient, **query: str) -> str:
    return str(shield(client, **query)["message"])


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        (["succeeded"], "passing"),
        (["succeeded", "failed"], "failing"),
        (["failed", "timed_out"], "timed out"),
        (["failed", "succeeded"], "passing"),
        (["failed", "running"], "failing"),
        (["succeeded", "cancelled"], "passing"),
        (["failed", "skipped"], "failing"),
        (["running"], "running"),
        (["cancelled"], "unknown"),
    ],
)
def test_a_badge_tells_the_newest_verdict(world: World, client: FlaskClient, statuses: list[str], words: str) -> None:
    world.record(*(a_build(s, external_id=f"{n}", queued_at=NOON + minutes(n)) for n, s in enumerate(statuses)))

    assert message(client) == words


def test_the_default_branch_counts_unless_another_is_named(world: World, client: FlaskClient) -> None:
    world.record(
        a_build("succeeded", external_id="1"),
        a_build("failed", external_id="2", branch="feature/x", queued_at=NOON + minutes(1)),
    )

    assert message(client) == "passing"
    assert message(client, branch="feature/x") == "failing"
    assert message(client, branch="nothing-here") == "unknown"


def test_a_retry_on_its_way_does_not_hide_the_failure_it_repeats(world: World, client: FlaskClient) -> None:
    world.record(a_build("succeeded", external_id="1"))
    world.record(a_build("failed", external_id="2", queued_at=NOON + minutes(1)))
    world.record(a_build("running", external_id="2", attempt=2, queued_at=NOON + minutes(1)))

    assert message(client) == "failing"


def test_a_branch_that_others_pushed_out_of_sight_is_still_known(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed", external_id="main"))
    world.run(
        "INSERT INTO verdicts (pipeline_id, branch, status, build_id, attempt, queued_at, since) "
        "SELECT pipeline_id, branch, status, id, 1, queued_at, queued_at FROM builds"
    )
    world.record(
        *(a_build(external_id=f"{n}", branch=f"pr-{n}", queued_at=NOON + minutes(n)) for n in range(1, 60)),
    )

    assert message(client) == "failing"


def test_where_no_default_branch_is_known_the_newest_verdict_on_any_counts(world: World, client: FlaskClient) -> None:
    world.record(
        a_build("succeeded", external_id="1", default_branch=None),
        a_build("failed", external_id="2", default_branch=None, branch="other", queued_at=NOON + minutes(1)),
    )

    assert message(client) == "failing"


def test_the_rate_never_rounds_up_to_all_and_has_its_colours(world: World, client: FlaskClient) -> None:
    recent = world.ask("SELECT now() - interval '2 hours'")
    world.record(*(a_build(external_id=f"{n}", queued_at=recent) for n in range(1999)))
    world.record(a_build("failed", external_id="bad", queued_at=recent))
    world.record(*(a_build("cancelled", external_id=f"c{n}", queued_at=recent) for n in range(50)))

    badge = shield(client, kind="success_rate")

    assert (badge["message"], badge["label"], badge["color"]) == ("99.9 %", "ci success", Color.GREEN)


def test_the_duration_is_the_median(world: World, client: FlaskClient) -> None:
    recent = world.ask("SELECT now() - interval '2 hours'")
    for number, length in enumerate((1, 4, 60)):
        finished_at = recent + minutes(length)
        world.record(a_build(external_id=f"{number}", queued_at=recent, finished_at=finished_at))

    minutes_told = re.match(r"(\d+) min", message(client, kind="duration"))

    assert minutes_told is not None
    assert int(minutes_told[1]) in {3, 4}


def title(client: FlaskClient, **query: str) -> str:
    image = client.get("/badge/pipeline/1.svg", query_string=query)
    return str(ET.fromstring(image.data).findtext("{*}title"))


def test_a_rate_and_a_duration_say_of_how_many_builds_they_are(world: World, client: FlaskClient) -> None:
    recent = world.ask("SELECT now() - interval '2 hours'")
    world.record(a_build(external_id="1", queued_at=recent))

    assert title(client, kind="success_rate") == "ci success: 100 %, 1 build of the last 30 days"
    assert title(client, kind="duration") == "ci duration: 4 min 59 s, median of 1 build of the last 30 days"
    world.record(a_build(external_id="2", queued_at=recent))
    assert title(client, kind="success_rate") == "ci success: 100 %, 2 builds of the last 30 days"


def test_of_a_busy_pipelines_other_branch_it_is_said_since_when_it_was_counted(
    world: World, client: FlaskClient
) -> None:
    world.record(a_build(queued_at=NOON - minutes(60 * 24 * 90)))
    world.run(
        "INSERT INTO builds (pipeline_id, project_id, external_id, attempt, status, raw_status, is_finished,"
        " pipeline_name, branch, queued_at) "
        "SELECT 1, 1, 'x' || n, 1, 'failed', 'x', true, 'ci', CASE WHEN n % 2 = 0 THEN 'next' ELSE 'a' END,"
        " now() - n * interval '1 minute' FROM generate_series(1, :count) n",
        count=MOST_LOOKED_AT + 100,
    )
    since = world.ask("SELECT now() - :count * interval '1 minute'", count=MOST_LOOKED_AT).strftime("%Y-%m-%d")

    told = title(client, kind="success_rate", branch="next")

    assert re.fullmatch(rf"ci success: 0 %, {MOST_LOOKED_AT // 2} builds since {since} \d\d:\d\d UTC", told)


@pytest.mark.parametrize("kind", ["success_rate", "duration"])
def test_a_number_costs_one_read_of_cells_and_of_no_build(world: World, client: FlaskClient, kind: str) -> None:
    world.record(*(a_build(external_id=f"{n}", queued_at=NOON - minutes(60 * n)) for n in range(60)))
    fold(world.engine)
    with statements(world.engine) as status:
        client.get("/badge/pipeline/1.svg")

    with statements(world.engine) as sent:
        client.get(f"/badge/pipeline/1.svg?kind={kind}")

    assert len(sent) == len(status) + 3


def test_without_builds_a_rate_and_a_duration_are_unknown(world: World, client: FlaskClient) -> None:
    world.record(a_build(queued_at=NOON - minutes(60 * 24 * 90)))

    assert (message(client, kind="success_rate"), message(client, kind="duration")) == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (42, "42 s"), (60, "1 min"), (252.4, "4 min 12 s"), (3600, "1 h"), (3959.9, "1 h 6 min")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


def test_an_unknown_pipeline_is_a_grey_image_that_is_not_kept(world: World, client: FlaskClient) -> None:
    for address in ("/badge/pipeline/7.svg", "/badge/github/acme/web/nothing.svg", "/badge/nowhere/acme/web/ci.svg"):
        answer = client.get(address)

        assert (answer.status_code, answer.mimetype) == (404, "image/svg+xml")
        assert answer.headers["Cache-Control"] == "no-cache"
        assert "unknown" in answer.text
    assert client.get("/badge/pipeline/7.json").get_json()["isError"] is True


def test_a_pipeline_is_found_by_provider_or_installation_and_its_name(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed"))
    world.record(a_build(external_id="2", pipeline_external_id="2/1", pipeline_name="build / test"))

    assert shield(client, "/badge/github/acme/web/ci.json")["message"] == "failing"
    assert shield(client, "/badge/github.com/acme/web/ci.json")["message"] == "failing"
    assert shield(client, "/badge/github/acme/web/build%20/%20test.json")["message"] == "passing"


def test_a_name_that_two_installations_have_needs_the_installation(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed"))
    a_world(world.engine, name="ghe.example.com").record(a_build("succeeded"))

    ambiguous = client.get("/badge/github/acme/web/ci.svg")
    assert (ambiguous.status_code, ambiguous.headers["Cache-Control"]) == (404, "no-cache")
    assert "several pipelines are called so" in ambiguous.text
    assert shield(client, "/badge/github.com/acme/web/ci.json")["message"] == "failing"
    assert shield(client, "/badge/ghe.example.com/acme/web/ci.json")["message"] == "passing"


def test_of_two_workflows_with_one_name_the_id_says_which_is_meant(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed"), a_build("succeeded", external_id="2", pipeline_external_id="1/11"))
    world.record(a_build(external_id="3", pipeline_external_id="1/12", pipeline_name="docs"))

    ambiguous = client.get("/badge/github.com/acme/web/ci.json")

    assert (ambiguous.status_code, ambiguous.get_json()["message"]) == (404, "ambiguous")
    assert ambiguous.get_json()["isError"] is True
    ids = {name: world.ask(f"SELECT id FROM pipelines WHERE external_id = '{name}'") for name in ("1/10", "1/11")}
    assert shield(client, f"{BY_NAME}.json", pipeline_id=str(ids["1/10"]))["message"] == "failing"
    assert shield(client, f"{BY_NAME}.json", pipeline_id=str(ids["1/11"]))["message"] == "passing"
    assert client.get(f"{BY_NAME}.json?pipeline_id=3").status_code == 404  # called otherwise


def test_a_pipeline_without_a_repository_is_called_by_its_name_alone(database: Any) -> None:
    jenkins = a_world(database, name="jenkins", provider="jenkins")
    jenkins.record(a_build(provider="jenkins", repository_external_id=None, repository_name=None, pipeline_name="a/b"))

    assert shield(serve(database), "/badge/jenkins/a/b.json")["message"] == "passing"


def test_the_endpoint_is_what_shields_reads(world: World, client: FlaskClient) -> None:
    world.record(a_build())

    badge = shield(client, label="main build")

    assert badge == {"schemaVersion": 1, "label": "main build", "message": "passing", "color": "#1f7a34"}


def test_a_badge_that_is_known_is_not_sent_again_and_may_be_kept_a_minute(world: World, client: FlaskClient) -> None:
    world.record(a_build())

    first = client.get("/badge/pipeline/1.svg")
    again = client.get("/badge/pipeline/1.svg", headers={"If-None-Match": first.headers["ETag"]})
    head = client.head("/badge/pipeline/1.svg")

    assert first.headers["Cache-Control"] == "private, max-age=60"
    assert (again.status_code, again.data) == (304, b"")
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", first.headers["ETag"])


@pytest.mark.parametrize("opened", ["public_badges", "public_read"])
def test_only_badges_that_everyone_may_see_are_shown_by_pages_elsewhere(world: World, opened: str) -> None:
    world.record(a_build())

    def policies(client: FlaskClient) -> set[str]:
        addresses = (f"{BY_NAME}.svg", f"{BY_NAME}.json", "/badge/github/acme/web/none.svg")
        return {client.get(address).headers["Cross-Origin-Resource-Policy"] for address in addresses}

    published = serve(world.engine, **{opened: True})
    assert policies(serve(world.engine)) == {"same-origin"}
    assert policies(published) == {"cross-origin"}
    assert published.get("/badge/pipeline/1.svg").headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_badge_costs_few_statements_whatever_there_is(world: World, client: FlaskClient) -> None:
    costs = set()
    for count in (1, 40):
        world.record(*(a_build(external_id=f"{count}-{n}", pipeline_external_id=f"{n}") for n in range(count)))
        with statements(world.engine) as sent:
            client.get("/badge/pipeline/1.svg")
        costs.add(len(sent))

    assert costs == {3}


@pytest.mark.parametrize("query", ["kind=x", "style=x", "label=", "branch=", "colour=red"])
def test_a_badge_that_cannot_be_meant_is_refused_in_words(world: World, client: FlaskClient, query: str) -> None:
    answer = client.get(f"/badge/pipeline/1.svg?{query}")

    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == query.partition("=")[0]


def test_elsewhere_badges_need_a_key_like_all_reading(world: World) -> None:
    world.record(a_build())
    reader, collector = world.key(Scope.READ, name="reader"), world.key(Scope.COLLECT, name="collector")
    client = serve(world.engine, host="0.0.0.0")

    for address in ("/badge/pipeline/1.svg", f"{BY_NAME}.svg", f"{BY_NAME}.json", "/cc.xml"):
        assert client.get(address).status_code == 401
        assert client.get(address, headers={"Authorization": f"Bearer {reader}"}).status_code == 200
        assert client.get(address, headers={"Authorization": f"Bearer {collector}"}).status_code == 403


def test_public_badges_open_those_whose_name_is_known_and_nothing_else(world: World) -> None:
    world.record(a_build())
    world.key(Scope.READ)
    client = serve(world.engine, host="0.0.0.0", public_badges=True)

    image = client.get(f"{BY_NAME}.svg")

    assert (image.status_code, image.headers["Cache-Control"]) == (200, "public, max-age=60")
    assert client.get(f"{BY_NAME}.json").status_code == 200
    for closed in ("/badge/pipeline/1.svg", "/badge/pipeline/1.json", "/cc.xml", "/api/builds", "/metrics"):
        assert client.get(closed).status_code == 401


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@given(label=ANY_TEXT, words=ANY_TEXT, more=ANY_TEXT, style=st.sampled_from(Style))
def test_any_text_makes_a_sound_image_that_says_it(label: str, words: str, more: str, style: Style) -> None:
    image = badge_svg(Badge(label, words, Color.GREEN, more), style)

    root = ET.fromstring(image)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == root.findtext("{*}title")
    assert not re.search(r"<(script|style|image|foreignObject)|\son|href|url\(|style=", image.split("<g")[0][:60])
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {"svg", "title", "path", "g", "text"}


def test_both_texts_lie_within_their_fields() -> None:
    root = parseString(badge_svg(Badge("WWWW deploy ééé", "failing", Color.RED))).documentElement
    assert root is not None
    width = float(root.getAttribute("width"))
    first, second = root.getElementsByTagName("text")

    ends = [float(text.getAttribute("x")) + float(text.getAttribute("textLength")) for text in (first, second)]

    assert 6 <= ends[0] <= float(second.getAttribute("x")) - 12
    assert width - 7 <= ends[1] <= width - 6


@pytest.mark.parametrize("color", [*Color, "#444c56"])
def test_white_text_has_contrast_on_every_colour(color: str) -> None:
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in channels(color)]

    luminance = sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))

    assert 1.05 / (luminance + 0.05) >= 4.5


def channels(color: str) -> list[float]:
    return [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]


def test_widths_are_those_of_the_letters() -> None:
    assert text_width("") == 0
    assert text_width("é") == text_width("e") == 6.55
    assert text_width("iiii") < text_width("nnnn") < text_width("mmmm") <= text_width("ビルドを")
