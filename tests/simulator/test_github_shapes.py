"""The fake's JSON has the keys and types of the newest recordings."""

import json
from collections.abc import Iterable

import pytest

from simulator import Simulator
from tests.recorded import Exchange, github_exchanges, recorded
from tests.simulator.caller import Caller

Json = object

# Text that the recordings never show as null and GitHub's description calls nullable.
_NULLABLE = {"conclusion", "completed_at", "previous_attempt_url", "head_repository", "runner_id", "runner_name"}


def differences(recorded_value: Json, ours: Json, path: str = "") -> Iterable[str]:
    """Where our JSON lacks a recorded key or has another type than recorded."""
    if isinstance(recorded_value, dict) and isinstance(ours, dict):
        for key, value in recorded_value.items():
            if key not in ours:
                yield f"{path}.{key} is missing"
            else:
                yield from differences(value, ours[key], f"{path}.{key}")
    elif isinstance(recorded_value, list) and isinstance(ours, list):
        if recorded_value and ours:
            yield from differences(recorded_value[0], ours[0], f"{path}[]")
    elif recorded_value is not None and ours is not None and type(recorded_value) is not type(ours):
        yield f"{path} is {type(ours).__name__}, recorded is {type(recorded_value).__name__}"
    elif (recorded_value is None) != (ours is None) and path.rpartition(".")[2] not in _NULLABLE:
        yield f"{path} is {ours!r}, recorded is {recorded_value!r}"


def surplus(recorded_value: Json, ours: Json, path: str = "") -> Iterable[str]:
    """Which keys we invent."""
    if isinstance(recorded_value, dict) and isinstance(ours, dict):
        for key, value in ours.items():
            if key not in recorded_value:
                yield f"{path}.{key}"
            else:
                yield from surplus(recorded_value[key], value, f"{path}.{key}")


def newest(path_end: str) -> Exchange:
    """The first recorded answer of the newest recordings (2026) whose address ends like this."""
    return next(
        exchange
        for exchange in github_exchanges()
        if exchange.folder == "otel-cicd-action" and exchange.target.partition("?")[0].endswith(path_end)
    )


@pytest.fixture
def finished(github: Caller) -> dict[str, object]:
    rows = github.get("/repos/lumen-shop/checkout/actions/runs?event=pull_request&per_page=100").rows
    return next(row for row in rows if row["pull_requests"] and row["conclusion"] == "failure")


def test_a_run_has_every_recorded_key_with_its_type_and_no_other(github: Caller, finished: dict[str, object]) -> None:
    expected = newest("/actions/runs/21487811823").json

    alone = github.get(str(finished["url"])).json

    for ours in (finished, alone):
        assert list(differences(expected, ours)) == []
        assert list(surplus(expected, ours)) == []
        assert list(ours) == list(expected)  # type: ignore[call-overload]


def test_a_job_has_every_recorded_key_with_its_type_and_no_other(github: Caller, finished: dict[str, object]) -> None:
    expected = json.loads(newest("/actions/runs/21487811823/jobs").body)["jobs"][0]

    ours = github.get(f"{finished['url']}/jobs").rows[0]

    assert list(differences(expected, ours)) == []
    assert list(surplus(expected, ours)) == []
    assert list(ours) == list(expected)


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("1-r_h_ghworkflowruntest", "/repos/lumen-shop/checkout"),
        (
            "2-r_h_g_actions_workflows_startup-failure-workflowyml",
            "/repos/lumen-shop/checkout/actions/workflows/ci.yml",
        ),
    ],
)
def test_a_repository_and_a_workflow_have_every_recorded_key(github: Caller, file: str, path: str) -> None:
    folder = recorded("github") / "hub4j-wiremock" / "GHWorkflowRunTest__testStartupFailureConclusion" / "__files"
    expected = json.loads((folder / f"{file}.json").read_text())

    ours = github.get(path).json

    assert list(differences(expected, ours)) == []


def test_answers_have_the_recorded_headers_and_the_numeric_link(github: Caller, simulator: Simulator) -> None:
    exchanges = github_exchanges()
    listed = next(each for each in exchanges if "Link" in each.headers and each.target.endswith("runs?per_page=1"))
    plain = next(each for each in exchanges if "startup" in each.name.lower() and each.target.endswith("/runs"))

    ours = github.get("/repos/lumen-shop/checkout/actions/runs?per_page=1")

    assert set(listed.headers) | set(plain.headers) <= set(ours.headers) | {"Accept-Ranges"}
    number = simulator.world.repositories[0].id
    address = f"{simulator.url}/repositories/{number}/actions/runs?per_page=1&page="
    expected = listed.headers["Link"].replace("https://api.github.com/repositories/348674220/actions/runs", "")
    last = ours.json["total_count"]
    assert expected.startswith("<?per_page=1&page=2>")
    assert ours.headers["Link"] == f'<{address}2>; rel="next", <{address}{last}>; rel="last"'


def test_errors_have_the_recorded_bodies(github: Caller) -> None:
    expected = newest("/actions/runs/111")

    ours = github.get("/repos/lumen-shop/checkout/actions/runs/111")

    assert (ours.status, ours.json) == (expected.status, expected.json)


def test_a_workflow_that_never_parsed_is_named_by_its_path(github: Caller) -> None:
    rows = github.get("/repos/lumen-shop/checkout/actions/workflows/broken.yml/runs").rows

    assert rows
    assert {row["name"] for row in rows} == {".github/workflows/broken.yml"}
    assert {row["conclusion"] for row in rows} == {"startup_failure"}
