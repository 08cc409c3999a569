"""Lists: pages without gaps, filters, caps."""

from datetime import UTC, datetime, timedelta

import pytest

from simulator import TOKEN, Simulator
from simulator.github.lists import Caps, read_span
from tests.simulator.caller import Caller
from tests.simulator.conftest import NOON

RUNS = "/repos/lumen-shop/checkout/actions/runs"


def ids(rows: list[dict[str, object]]) -> list[object]:
    return [row["id"] for row in rows]


@pytest.mark.parametrize("size", [7, 30, 100])
def test_following_next_gives_every_run_once_and_newest_first(simulator: Simulator, github: Caller, size: int) -> None:
    pages = github.pages(f"{RUNS}?per_page={size}")

    found = [identity for page in pages for identity in ids(page.rows)]
    repository = simulator.world.repositories[0]
    slots = simulator.world.slots(repository, NOON)
    assert found == [simulator.world.run_in(repository, slot).id for slot in slots]
    assert all(page.json["total_count"] == len(found) for page in pages)
    assert all(len(page.rows) == size for page in pages[:-1])
    created = [str(row["created_at"]) for page in pages for row in page.rows]
    assert created == sorted(created, reverse=True)


def test_prev_and_first_lead_back(github: Caller) -> None:
    second = github.get(f"{RUNS}?per_page=10&page=2")

    back = github.get(second.link("prev") or "")

    assert (
        ids(back.rows)
        == ids(github.get(second.link("first") or "").rows)
        == ids(github.get(f"{RUNS}?per_page=10").rows)
    )


@pytest.mark.parametrize(("asked", "given"), [("", 30), ("per_page=500", 100), ("per_page=0", 30), ("per_page=x", 30)])
def test_page_sizes_are_read_as_github_reads_them(github: Caller, asked: str, given: int) -> None:
    assert len(github.get(f"{RUNS}?{asked}").rows) == given


@pytest.mark.parametrize(
    "query",
    ["status=completed", "status=failure", "status=queued", "status=in_progress", "branch=main", "event=schedule"],
)
def test_a_filter_gives_exactly_the_rows_that_the_whole_list_has(github: Caller, query: str) -> None:
    name, _, word = query.partition("=")
    key = {"branch": "head_branch"}.get(name, name)
    everything = [row for page in github.pages(f"{RUNS}?per_page=100") for row in page.rows]

    filtered = [row for page in github.pages(f"{RUNS}?per_page=100&{query}") for row in page.rows]

    keys = ("status", "conclusion") if key == "status" else (key,)
    assert filtered == [row for row in everything if word in {row[each] for each in keys}]
    assert filtered


def test_startup_failure_is_on_runs_but_not_a_filter(github: Caller) -> None:
    assert github.get(f"{RUNS}?status=startup_failure").rows == []


def test_creation_ranges_that_do_not_overlap_cover_everything_once(github: Caller) -> None:
    everything = {row["id"] for page in github.pages(f"{RUNS}?per_page=100") for row in page.rows}

    parts = [
        [row["id"] for page in github.pages(f"{RUNS}?per_page=100&created={span}") for row in page.rows]
        for span in ("<2026-02-10T00:00:00Z", "2026-02-10T00:00:00Z..2026-02-20T11:59:59Z", ">=2026-02-20T12:00:00Z")
    ]

    assert all(parts)
    assert sum(map(len, parts)) == len(everything)
    assert set().union(*parts) == everything


def test_a_creation_range_includes_its_edges(github: Caller) -> None:
    row = github.get(RUNS).rows[4]
    at = row["created_at"]

    for span in (f"{at}..{at}", str(at), f">={at}", f"<={at}"):
        assert row in github.get(f"{RUNS}?per_page=100&created={span}").rows
    for span in (f">{at}", f"<{at}"):
        assert row not in github.get(f"{RUNS}?per_page=100&created={span}").rows


def test_date_searches_are_read_as_github_reads_them() -> None:
    day = datetime(2026, 1, 2, tzinfo=UTC)
    second = timedelta(seconds=1)

    assert read_span("2026-01-02") == (day, day + timedelta(days=1) - second)
    assert read_span("2026-01-02..2026-01-03")[1] == day + timedelta(days=2) - second
    assert read_span(">2026-01-02T00:00:00Z")[0] == day + second
    assert read_span("<2026-01-02T00:00:00Z")[1] == day - second
    assert read_span("2026-01-02T01:00:00 01:00..*")[0] == day
    assert read_span("yesterday") > read_span("*..*")


def test_a_workflow_lists_only_its_own_runs_by_id_and_by_file(github: Caller) -> None:
    workflow = github.get("/repos/lumen-shop/checkout/actions/workflows/deploy.yml").json

    by_file = github.get("/repos/lumen-shop/checkout/actions/workflows/deploy.yml/runs?per_page=100")
    by_id = github.get(f"/repos/lumen-shop/checkout/actions/workflows/{workflow['id']}/runs?per_page=100")

    assert by_file.rows == by_id.rows
    assert {row["workflow_id"] for row in by_file.rows} == {workflow["id"]}
    assert (by_file.link("next") or "").find("/actions/workflows/deploy.yml/runs?") > 0


def test_a_filtered_list_ends_at_its_cap_and_an_unfiltered_one_refuses_beyond_its_own() -> None:
    caps = Caps(filtered=50, unfiltered=200, counted=120)
    with Simulator(now=NOON, speed=0, caps=caps) as simulator:
        github = Caller(simulator.url, TOKEN)

        filtered = github.pages(f"{RUNS}?per_page=20&status=completed")
        beyond = github.get(f"{RUNS}?per_page=20&status=completed&page=4")
        deep = github.get(f"{RUNS}?per_page=20&page=11")

    assert sum(len(page.rows) for page in filtered) == 60  # the page that crosses the cap is the last
    assert filtered[0].json["total_count"] == 120
    assert (beyond.status, beyond.rows) == (200, [])
    assert (deep.status, deep.json["status"]) == (422, "422")


def test_runs_that_arrive_while_paging_push_the_others_down(simulator: Simulator, github: Caller) -> None:
    first = github.get(f"{RUNS}?per_page=10")

    simulator.clock.advance(6 * 3600)
    second = github.get(first.link("next") or "")

    assert set(ids(second.rows)) & set(ids(first.rows))


def test_a_deleted_run_is_gone_everywhere(github: Caller) -> None:
    victim = github.get(f"{RUNS}?per_page=3").rows[1]
    before = github.get(RUNS).json["total_count"]

    assert github.call("DELETE", str(victim["url"])).status == 204

    assert github.get(str(victim["url"])).status == 404
    assert victim["id"] not in ids(github.get(RUNS).rows)
    assert github.get(RUNS).json["total_count"] == int(str(before)) - 1


def test_pull_requests_can_be_left_out(github: Caller) -> None:
    path = f"{RUNS}?event=pull_request&per_page=100"

    assert any(row["pull_requests"] for row in github.get(path).rows)
    assert not any(row["pull_requests"] for row in github.get(f"{path}&exclude_pull_requests=true").rows)
