"""What every answer carries: security headers, a request id, no secret of ours."""

import pytest

from shared.database import make_engine
from tests.api.serving import serve

NOWHERE = make_engine("postgresql://nobody:hunter2@127.0.0.1:1/nothing", application="test")
PATHS = ["/livez", "/api/docs", "/nowhere", "/api/builds", "/api/builds?limit=x", "/api/openapi.json"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_security_headers(path: str) -> None:
    headers = serve(NOWHERE).get(path).headers

    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Cookie" in headers["Vary"]
    assert "Authorization" in headers["Vary"]
    assert headers["Cache-Control"] in {"no-store", "no-cache", "private, no-cache"}
    assert "Access-Control-Allow-Origin" not in headers


def test_https_is_insisted_on_only_where_it_is_spoken() -> None:
    assert "Strict-Transport-Security" not in serve(NOWHERE).get("/livez").headers
    assert "Strict-Transport-Security" in serve(NOWHERE, base_url="https://localhost").get("/livez").headers


def test_a_request_id_is_echoed_when_it_is_one_and_made_when_it_is_not() -> None:
    client = serve(NOWHERE)

    assert client.get("/livez", headers={"X-Request-Id": "abc-1.2_3"}).headers["X-Request-Id"] == "abc-1.2_3"
    for odd in ("a b", "x" * 65, "<script>", "é", ""):
        made = client.get("/livez", headers={"X-Request-Id": odd}).headers["X-Request-Id"]
        assert len(made) == 32


@pytest.mark.parametrize("path", PATHS)
def test_the_password_of_the_database_is_in_no_answer(path: str) -> None:
    answer = serve(NOWHERE).get(path)

    assert "hunter2" not in answer.text + str(answer.headers)


def test_a_foreign_origin_is_never_told_that_it_may_read() -> None:
    answer = serve(NOWHERE).get("/livez", headers={"Origin": "https://evil.example"})

    assert not [name for name, _ in answer.headers if name.lower().startswith("access-control")]
