"""What went wrong in a page: logged once, counted always, bounded in everything, and taken from our own pages only."""

from typing import Any

import pytest
import structlog
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families as parse

from api.app import create_app
from api.client_errors import MOST_A_MINUTE, MOST_REMEMBERED
from shared.config.settings import Config
from shared.database import make_engine
from shared.keys import Scope
from shared.log import setup as logs
from tests.api.serving import World, serve
from tests.logging_restored import logging_as_it_was

NOWHERE = make_engine("postgresql://nobody@127.0.0.1:1/nothing", application="test")
ERROR = {
    "message": "TypeError: x is undefined",
    "where": "/app/assets/main-4f2a.js:1:204",
    "view": "/pipelines/:id",
    "kind": "render",
    "stack": "at Strip\n    at Row",
    "user_agent": "Firefox/150",
}


@pytest.fixture
def page() -> FlaskClient:
    return create_app(Config(), NOWHERE).test_client()


def tell(page: FlaskClient, headers: dict[str, str] | None = None, **fields: Any) -> int:
    return page.post("/api/client-errors", json=ERROR | fields, headers=headers).status_code


def failures(log: list[Any]) -> list[dict[str, Any]]:
    return [dict(line) for line in log if line["event"] == "page failed"]


def test_an_error_is_logged_with_what_is_needed_to_find_it(page: FlaskClient) -> None:
    with structlog.testing.capture_logs() as log:
        status = tell(page)

    assert status == 204
    assert failures(log) == [
        ERROR | {"event": "page failed", "log_level": "warning", "stack": "at Strip at Row"},
    ]


def test_the_same_error_again_is_counted_and_not_logged(page: FlaskClient) -> None:
    with structlog.testing.capture_logs() as log:
        tell(page)
        tell(page, view="/triage", stack="elsewhere")
        tell(page, message="RangeError: too deep")

    assert [line["message"] for line in failures(log)] == [ERROR["message"], "RangeError: too deep"]


def test_every_error_is_counted_by_where_it_was_caught(world: World) -> None:
    page = serve(world.engine)
    for kind in ("render", "render", "promise"):
        tell(page, kind=kind)
    page.post("/api/client-errors", json={name: ERROR[name] for name in ("message", "where", "view")})

    found = {
        sample.labels["kind"]: sample.value
        for family in parse(page.get("/metrics").text)
        for sample in family.samples
        if sample.name == "observatory_client_errors_total"
    }

    assert found == {"render": 2, "promise": 1, "other": 1, "script": 0, "request": 0, "stream": 0, "worker": 0}


def test_what_a_page_says_is_cut_and_cannot_move_a_terminals_cursor(page: FlaskClient) -> None:
    with structlog.testing.capture_logs() as log:
        tell(page, message="\x1b[2Jred\r\nline\u202e\0 " + "x" * 5000, stack="y" * 50_000, where="z" * 900)

    (told,) = failures(log)
    assert told["message"].startswith("[2Jred line xxx")
    assert [len(told[name]) for name in ("message", "stack", "where")] == [500, 2000, 200]
    assert all(text.isprintable() for text in told.values())


def test_the_browser_names_itself_where_the_page_does_not(page: FlaskClient) -> None:
    with structlog.testing.capture_logs() as log:
        tell(page, headers={"User-Agent": "Chromium/156"}, user_agent=None)

    assert [line["user_agent"] for line in failures(log)] == ["Chromium/156"]


@pytest.mark.parametrize(
    "wrong", [{"kind": "custom"}, {"message": 7}, {"message": None}, {"surprise": "x"}, {"stack": ["x"]}]
)
def test_what_is_no_such_report_is_refused_and_counted_nowhere(page: FlaskClient, wrong: dict[str, Any]) -> None:
    with structlog.testing.capture_logs() as log:
        status = tell(page, **wrong)

    assert status == 422
    assert failures(log) == []


def test_a_report_larger_than_any_is_refused(page: FlaskClient) -> None:
    assert tell(page, stack="x" * 70_000) == 413


def test_other_sites_pages_may_not_tell_us_anything(page: FlaskClient) -> None:
    assert tell(page, headers={"Origin": "https://evil.example"}) == 403
    assert tell(page, headers={"Sec-Fetch-Site": "cross-site"}) == 403
    assert tell(page, headers={"Origin": "http://localhost"}) == 204


def test_nobody_needs_a_key_to_tell(world: World) -> None:
    world.key(Scope.READ)

    assert tell(serve(world.engine, host="0.0.0.0")) == 204


def test_an_address_that_tells_without_end_is_told_to_wait(page: FlaskClient) -> None:
    statuses = [tell(page, message=f"{number}") for number in range(MOST_A_MINUTE + 1)]
    answer = page.post("/api/client-errors", json=ERROR)

    assert statuses == [204] * MOST_A_MINUTE + [429]
    assert 0 < int(answer.headers["Retry-After"]) <= 60


def test_what_was_logged_is_forgotten_in_time(page: FlaskClient) -> None:
    with structlog.testing.capture_logs() as log:
        for number in range(MOST_REMEMBERED + 1):
            address = f"10.0.{number // MOST_A_MINUTE}.1"
            page.post("/api/client-errors", json=ERROR | {"where": f"{number}"}, environ_base={"REMOTE_ADDR": address})
        tell(page, where="0")
        tell(page, where=f"{MOST_REMEMBERED}")

    assert [line["where"] for line in failures(log)].count("0") == 2
    assert [line["where"] for line in failures(log)].count(f"{MOST_REMEMBERED}") == 1


def test_a_secret_in_an_error_is_in_no_log(page: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    token = "ghp_" + "a1" * 18

    with logging_as_it_was():
        logs.configure("info", "json", "api")
        tell(page, message=f"no answer with {token}", stack=f"Authorization: Bearer {token}")

    said = capsys.readouterr().err
    assert "no answer with [secret]" in said
    assert token not in said
